"""Which of several controllers leads: the one that holds a Lease and renews it in time.

Whether another's Lease has run out is judged by how long it has stood still before our own eyes, so
that clocks need not agree. Two leaders at once, for a moment, do no harm: the platform takes
each ending once.
"""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Event, Thread

from alloykube.api import Api
from alloykube.errors import ClusterError, Taken
from alloykube.names import Manifest

_logger = logging.getLogger(__name__)


class Lease:
    """`take` gets it or keeps it. It runs out after `seconds`."""

    def __init__(self, api: Api, name: str, holder: str, seconds: int = 15) -> None:
        self._api, self._name, self._holder, self.seconds = api, name, holder, seconds
        self._seen, self._seen_at = "", 0.0  # the other's last sign of life

    def take(self) -> bool:
        """Whether it is ours now. Raises ClusterError."""
        found = self._api.get("leases", self._name)
        try:
            if found is None:
                self._api.create("leases", self._body(None))
            elif self._may_take(found["spec"]):
                self._api.replace("leases", self._body(found))
            else:
                return False
        except Taken:  # another was quicker
            return False
        return True

    def release(self) -> None:
        """The next one need not wait. Raises ClusterError."""
        found = self._api.get("leases", self._name)
        if found and found["spec"].get("holderIdentity") == self._holder:
            found["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
            self._api.replace("leases", found)

    def _may_take(self, spec: Manifest) -> bool:
        holder = spec.get("holderIdentity")
        if holder in ("", None, self._holder):
            return True
        sign, now = f"{holder} {spec.get('renewTime')}", time.monotonic()
        if sign != self._seen:
            self._seen, self._seen_at = sign, now
        seconds: float = spec.get("leaseDurationSeconds", self.seconds)
        return now - self._seen_at > seconds

    def _body(self, found: Manifest | None) -> Manifest:
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        before = found["spec"] if found else {}
        ours = before.get("holderIdentity") == self._holder
        spec = {
            "holderIdentity": self._holder,
            "leaseDurationSeconds": self.seconds,
            "renewTime": now,
            "acquireTime": before.get("acquireTime", now) if ours else now,
            "leaseTransitions": before.get("leaseTransitions", -1) + (0 if ours else 1),
        }
        metadata: Manifest = {"name": self._name, "namespace": self._api.namespace}
        if found:
            metadata["resourceVersion"] = found["metadata"]["resourceVersion"]
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": spec,
        }


def lead(lease: Lease, work: Callable[[Event], None], stopping: Event) -> None:
    """Runs the work, which ends when its event is set, for as long as and whenever we lead.

    Returns when told to stop. What the work raises is raised.
    """
    pause = lease.seconds / 3
    while not stopping.is_set():
        if _holds(lease):
            _logger.info("This controller leads now.")
            _work(lease, work, stopping, pause)
        stopping.wait(pause)


def _work(lease: Lease, work: Callable[[Event], None], stopping: Event, pause: float) -> None:
    over, raised = Event(), list[Exception]()

    def guarded() -> None:
        try:
            work(over)
        except Exception as error:  # noqa: BLE001  # raised again below, in the caller's thread
            raised.append(error)

    thread = Thread(target=guarded, name="controller")
    thread.start()
    kept = time.monotonic()
    while thread.is_alive() and not stopping.wait(pause):
        if _holds(lease):
            kept = time.monotonic()
        elif time.monotonic() - kept > lease.seconds - pause:
            _logger.warning("This controller does not lead any more.")
            break
    over.set()
    thread.join()
    if raised:
        raise raised[0]
    if stopping.is_set():
        _leave(lease)


def _holds(lease: Lease) -> bool:
    try:
        return lease.take()
    except ClusterError as error:
        _logger.warning("The Lease can't be had: %s", error)
        return False


def _leave(lease: Lease) -> None:
    try:
        lease.release()
    except ClusterError as error:
        _logger.warning("The Lease can't be given back, and runs out by itself: %s", error)
