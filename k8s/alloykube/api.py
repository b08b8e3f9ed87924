"""The cluster's API, as far as we use it: one namespace, objects as their JSON.

The official client finds the cluster, its credentials and its addresses; its models are left aside,
as a list of a thousand pods takes them a second. Safe to use from several threads.
"""

import json
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self, TypeVar

from alloykube.errors import Away, ClusterError, Gone, Refused, of_answer
from alloykube.names import Manifest

T = TypeVar("T")
KINDS = {
    "jobs": ("BatchV1Api", "job"),
    "pods": ("CoreV1Api", "pod"),
    "secrets": ("CoreV1Api", "secret"),
    "services": ("CoreV1Api", "service"),
    "events": ("CoreV1Api", "event"),
    "leases": ("CoordinationV1Api", "lease"),
    "deployments": ("AppsV1Api", "deployment"),
    "autoscalers": ("AutoscalingV2Api", "horizontal_pod_autoscaler"),
}
CONNECT, ANSWER = 5.0, 20.0  # seconds
SILENCE = 90.0  # seconds without a word on a watch; bookmarks come every minute
_PAUSES = (0.3, 1.0)  # seconds between tries
_PAGE = 500


class Api:
    """Every call raises ClusterError."""

    def __init__(self, namespace: str, client: Any) -> None:
        from kubernetes import client as official

        self.namespace = namespace
        self._groups = {group: getattr(official, group)(client) for group, _ in KINDS.values()}

    @classmethod
    def connect(cls, namespace: str, kubeconfig: Path | None = None) -> Self:
        """By the kubeconfig; without one by the pod's own account, or the user's kubeconfig."""
        from kubernetes import client, config

        settings = client.Configuration()
        try:
            if kubeconfig is None and "KUBERNETES_SERVICE_HOST" in os.environ:
                config.load_incluster_config(client_configuration=settings)
            else:
                file = str(kubeconfig) if kubeconfig else None
                config.load_kube_config(file, client_configuration=settings)
        except (config.ConfigException, OSError) as error:
            message = f"No cluster can be found: {error} Set ALLOY_KUBE_CONFIG to a kubeconfig."
            raise Refused(message) from None
        settings.retries = 0  # ours are below
        return cls(namespace, client.ApiClient(settings))

    def get(self, kind: str, name: str) -> Manifest | None:
        """None for what is not there."""
        try:
            return self._patiently(lambda: self._json("read", kind, name=name))
        except Refused as refused:
            if refused.status == 404:
                return None
            raise

    def create(self, kind: str, body: Manifest) -> Manifest:
        """Raises Taken, also when an earlier try did its work and only the answer was lost."""
        return self._patiently(lambda: self._json("create", kind, body=body))

    def replace(self, kind: str, body: Manifest) -> Manifest:
        """Raises Taken when the body is of another version than the cluster's."""
        name = body["metadata"]["name"]
        return self._patiently(lambda: self._json("replace", kind, name=name, body=body))

    def delete(self, kind: str, name: str) -> None:
        """With what it owns, which the cluster removes after it. What is not there is deleted."""
        policy = {"propagation_policy": "Background"}
        try:
            self._patiently(lambda: self._json("delete", kind, name=name, **policy))
        except Refused as refused:
            if refused.status != 404:
                raise

    def all(self, kind: str, selector: str) -> tuple[list[Manifest], str]:
        """Everything, and the version from which a watch goes on."""
        found: list[Manifest] = []
        more = ""
        while True:
            words: dict[str, Any] = {"label_selector": selector, "limit": _PAGE}
            page = self._json("list", kind, **words, **({"_continue": more} if more else {}))
            found += page["items"]
            more = page["metadata"].get("continue", "")
            if not more:
                return found, page["metadata"]["resourceVersion"]

    def watch(self, kind: str, selector: str, since: str) -> Iterator[Manifest]:
        """Events after a version, until the cluster ends the watch, after some minutes. Raises Gone."""
        answer = self._call(
            "list",
            kind,
            timeout=(CONNECT, SILENCE),
            label_selector=selector,
            watch=True,
            resource_version=since,
            allow_watch_bookmarks=True,
            timeout_seconds=random.randint(240, 300),  # noqa: S311  # not all at once
        )
        try:
            for event in map(json.loads, _lines(answer)):
                if event["type"] == "ERROR":
                    raise _of_event(event["object"])
                yield event
        finally:
            answer.close()

    def log(self, pod: str, container: str, lines: int) -> str:
        """The last lines that it wrote; empty when they are not to be had any more."""
        words: dict[str, Any] = {"container": container, "tail_lines": lines}
        words["limit_bytes"] = lines * 400
        try:
            found: bytes = self._call("read", "pods", "_log", name=pod, **words).data
        except Refused:
            return ""
        return found.decode(errors="replace")

    def complaint(self, job: str) -> str:
        """Why the cluster makes no pod for a Job, as it said last; empty while it has not complained."""
        mine = f"involvedObject.kind=Job,involvedObject.name={job},reason=FailedCreate"
        found = self._json("list", "events", field_selector=mine)["items"]
        found.sort(key=lambda event: event.get("lastTimestamp") or "")
        return str(found[-1].get("message", "")) if found else ""

    def _json(self, verb: str, kind: str, **words: Any) -> Manifest:
        answer = self._call(verb, kind, **words)
        try:
            found: Manifest = json.loads(answer.data)
        except ValueError:
            raise Away("The cluster's answer is not JSON.") from None
        return found

    def _call(
        self,
        verb: str,
        kind: str,
        what: str = "",
        timeout: tuple[float, float] = (CONNECT, ANSWER),
        **words: Any,
    ) -> Any:
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        group, noun = KINDS[kind]
        call = getattr(self._groups[group], f"{verb}_namespaced_{noun}{what}")
        try:
            return call(
                namespace=self.namespace, _preload_content=False, _request_timeout=timeout, **words
            )
        except ApiException as error:
            if not error.status:
                raise Away(f"The cluster does not answer: {error.reason}") from None
            raise of_answer(error.status, error.body, error.headers or {}) from None
        except (HTTPError, OSError) as error:
            raise Away(f"The cluster does not answer: {type(error).__name__}") from None

    def _patiently(self, call: Callable[[], T]) -> T:
        """All that we ask may be asked again: objects have names, and deleting twice deletes once."""
        for pause in _PAUSES:
            try:
                return call()
            except Away as away:
                time.sleep(max(pause, min(away.wait, ANSWER)))
        return call()


def _lines(answer: Any) -> Iterator[bytes]:
    from urllib3.exceptions import HTTPError

    rest = b""
    try:
        for piece in answer.stream(1 << 16, decode_content=True):
            *lines, rest = (rest + piece).split(b"\n")
            yield from filter(None, lines)
    except (HTTPError, OSError) as error:
        raise Away(f"The watch was cut off: {type(error).__name__}") from None


def _of_event(status: Manifest) -> ClusterError:
    code, told = status.get("code"), status.get("message", "")
    return Gone(told) if code == 410 else Away(f"The watch failed: {told}")
