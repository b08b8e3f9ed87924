"""What an attempt's objects are called, and the labels that lead back to the attempt."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

Manifest = dict[str, Any]
"""An object of the cluster, as its JSON has it."""

DEPLOYMENT, ORGANISATION, JOB, ATTEMPT = (
    f"alloyworks/{word}" for word in ("deployment", "organisation", "job", "attempt")
)
_OF_ALL = {
    "app.kubernetes.io/name": "alloyworks",
    "app.kubernetes.io/component": "runner",
}


@dataclass(frozen=True)
class Runner:
    """Which attempt an object of the cluster is of."""

    organisation: UUID
    job: UUID
    number: int

    @property
    def name(self) -> str:
        """Of its Job, Secret and Service: the same at every try, and no other attempt's.

        With the index that pods of several nodes get it stays within the 63 characters of a host name.
        """
        return f"alloy-{self.job}-{self.number}"


def labels(runner: Runner, deployment: str) -> dict[str, str]:
    """`deployment` keeps apart two that share a namespace."""
    return _OF_ALL | {
        DEPLOYMENT: deployment,
        ORGANISATION: str(runner.organisation),
        JOB: str(runner.job),
        ATTEMPT: str(runner.number),
    }


def selector(deployment: str) -> str:
    """Everything of all attempts of this deployment."""
    return f"app.kubernetes.io/component=runner,{DEPLOYMENT}={deployment}"


def runner_of(found: Manifest) -> Runner | None:
    """None for what has not our labels."""
    told = found["metadata"].get("labels") or {}
    try:
        return Runner(UUID(told[ORGANISATION]), UUID(told[JOB]), int(told[ATTEMPT]))
    except (KeyError, ValueError):
        return None


def is_of(found: Manifest, runner: Runner, deployment: str) -> bool:
    """Whether the object is this attempt's, and of this deployment."""
    told = found["metadata"].get("labels") or {}
    return labels(runner, deployment).items() <= told.items()
