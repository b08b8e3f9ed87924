"""What is in the cluster now: a list, then a watch that keeps it up to date.

    list                      everything, as of version v
    watch from v              ADDED, MODIFIED, DELETED; a BOOKMARK moves v on when nothing happens
      the watch ends          as it does every few minutes, or is cut off: again from v
      410 Gone                v is too old: a list again; what is missing there was deleted
      no answer, 429, 5xx     a longer and longer pause, then again; what is known stays

So a reader may find what was true a moment ago: whoever ends something because of it asks the cluster
once more.
"""

import logging
import random
import time
from collections.abc import Callable
from threading import Event, Lock

from alloykube.api import Api
from alloykube.errors import Away, ClusterError, Gone
from alloykube.names import Manifest
from alloykube.reading import trimmed

Changed = Callable[[Manifest], None]
_LONGEST = 30.0  # seconds between two tries
_PATIENCE = 30.0  # seconds of trouble after which nobody should rely on what is known
_logger = logging.getLogger(__name__)


class Reflector:
    """Objects of one kind by name. `changed` is called in `run`'s thread with each one that did."""

    def __init__(
        self, api: Api, kind: str, selector: str, changed: Changed = lambda _found: None
    ) -> None:
        self._api, self._kind, self._selector, self._changed = api, kind, selector, changed
        self._known: dict[str, Manifest] = {}
        self._version = ""
        self._lock, self._asked, self._listed = Lock(), Event(), False
        self._trouble: ClusterError | None = None
        self._since = 0.0  # when the trouble began

    def run(self, stopping: Event) -> None:
        """Until told to stop; never for a fault of the cluster's."""
        pause = 0.0
        while not stopping.wait(pause):
            try:
                self._follow(stopping)
                pause = 0.1  # a server that ends every watch at once is not to be hammered
            except Gone:
                self._version, pause = "", min(5.0, max(0.1, 2 * pause))
            except ClusterError as error:
                pause = self._after(error, pause)

    def ready(self, seconds: float) -> None:
        """Waits for the first list. Raises the trouble there is with the cluster."""
        self._asked.wait(seconds)
        trouble, lasts = self._trouble, time.monotonic() - self._since
        if trouble and (lasts > _PATIENCE or not self._listed):
            raise trouble
        if not self._listed:
            raise Away(f"The cluster has not told its {self._kind} in {seconds:.0f} seconds.")

    def get(self, name: str) -> Manifest | None:
        with self._lock:
            return self._known.get(name)

    def all(self) -> list[Manifest]:
        with self._lock:
            return list(self._known.values())

    def _follow(self, stopping: Event) -> None:
        if not self._version:
            self._list()
        for event in self._api.watch(self._kind, self._selector, self._version):
            self._well()
            self._take(event["type"], event["object"])
            if stopping.is_set():
                return
        self._well()

    def _list(self) -> None:
        found, version = self._api.all(self._kind, self._selector)
        now = {item["metadata"]["name"]: trimmed(item) for item in found}
        with self._lock:
            gone = [item for name, item in self._known.items() if name not in now]
            self._known = now
        self._version = version
        self._well()
        self._listed = True
        self._asked.set()
        for item in [*now.values(), *gone]:
            self._changed(item)

    def _take(self, kind: str, found: Manifest) -> None:
        if kind != "BOOKMARK":
            item = trimmed(found)
            with self._lock:
                if kind == "DELETED":
                    self._known.pop(item["metadata"]["name"], None)
                else:
                    self._known[item["metadata"]["name"]] = item
            self._changed(item)
        self._version = found["metadata"]["resourceVersion"]

    def _well(self) -> None:
        if self._trouble:
            _logger.info("The cluster answers again (%s).", self._kind)
        self._trouble = None

    def _after(self, error: ClusterError, pause: float) -> float:
        """Notes the trouble; seconds until the next try."""
        if self._trouble is None:
            self._since = time.monotonic()
            _logger.warning("The cluster can't be asked for %s: %s", self._kind, error)
        self._trouble = error
        self._asked.set()
        longer = min(_LONGEST, max(0.5, pause * 2)) * random.uniform(0.7, 1.0)  # noqa: S311
        return max(longer, error.wait) if isinstance(error, Away) else longer
