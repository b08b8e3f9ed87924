"""How the cluster refuses.

ClusterError
├── Away       nobody answers, or not now; the same may work later
├── Taken      409: the name is in use, or the object has changed meanwhile
├── Gone       410: what was read is too old to go on from
└── Refused    rights, credentials, or the object itself; the same will be refused again
"""

import json
from collections.abc import Mapping
from typing import Any

_LATER = frozenset({408, 429, 500, 502, 503, 504})
_ADMISSION = ("denied the request", "violates PodSecurity")


class ClusterError(Exception):
    """A sentence for the operator."""


class Away(ClusterError):
    """`wait`: for so many seconds the cluster asks; 0: it said nothing."""

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


class Taken(ClusterError):
    pass


class Gone(ClusterError):
    pass


class Refused(ClusterError):
    """`status` is HTTP's; 0: it never came to a request."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status

    @property
    def of_the_object(self) -> bool:
        """Whether it is the object that is wrong, and not the operator's rights or a full quota."""
        return self.status in (400, 422) or any(words in str(self) for words in _ADMISSION)


_REMEDIES = {
    401: "The credentials are wrong or have expired: renew the kubeconfig or the service account.",
    403: "Give the service account the rights that docs/kubernetes.md lists.",
    404: "Create the namespace, or correct ALLOY_KUBE_NAMESPACE.",
}


def of_answer(status: int, body: Any, headers: Mapping[str, str]) -> ClusterError:
    """What an answer of 400 or more means. Its body is a Status object, or a proxy's page."""
    told = _message(body) or f"HTTP {status}"
    if status in _LATER:
        return Away(f"The cluster answers {status}: {told}", _seconds(headers.get("Retry-After")))
    if status == 409:
        return Taken(told)
    if status == 410:
        return Gone(told)
    remedy = _REMEDIES.get(status, "")
    return Refused(f"The cluster refuses ({status}): {told} {remedy}".strip(), status)


def _message(body: Any) -> str:
    try:
        told = json.loads(body)
    except (TypeError, ValueError):
        return ""
    return str(told.get("message", "")) if isinstance(told, dict) else ""


def _seconds(told: str | None) -> float:
    return float(told) if told and told.isdigit() else 0.0
