"""What an API server keeps: objects by kind and name, a version for every change, and a history of changes."""

import copy
import itertools
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Condition
from typing import Any

Object = dict[str, Any]
NAMESPACE = "alloyworks"  # the only one


class Conflict(Exception):
    """409"""


class Missing(Exception):
    """404"""


class TooOld(Exception):
    """410"""


@dataclass(frozen=True)
class Change:
    version: int
    kind: str
    type: str  # ADDED, MODIFIED, DELETED
    found: Object


class Store:
    """Safe to use from several threads. What goes in and comes out are copies."""

    def __init__(self) -> None:
        self.version = 100
        self.changed = Condition()
        self._objects: dict[str, dict[str, Object]] = defaultdict(dict)
        self._history: list[Change] = []
        self._oldest = self.version
        self._uids = itertools.count(1)

    def create(self, kind: str, body: Object) -> Object:
        with self.changed:
            name = body["metadata"]["name"]
            if name in self._objects[kind]:
                raise Conflict(f'{kind} "{name}" already exists')
            made = copy.deepcopy(body)
            made["metadata"] |= {
                "uid": f"00000000-0000-4000-8000-{next(self._uids):012x}",
                "creationTimestamp": now(),
            }
            return self._note(kind, "ADDED", made)

    def get(self, kind: str, name: str) -> Object:
        with self.changed:
            if name not in self._objects[kind]:
                raise Missing(f'{kind} "{name}" not found')
            return copy.deepcopy(self._objects[kind][name])

    def replace(self, kind: str, body: Object) -> Object:
        with self.changed:
            before = self.get(kind, body["metadata"]["name"])["metadata"]
            told = body["metadata"].get("resourceVersion")
            if told not in (None, before["resourceVersion"]):
                raise Conflict("the object has been modified")
            made = copy.deepcopy(body)
            made["metadata"] |= {key: before[key] for key in ("uid", "creationTimestamp")}
            return self._note(kind, "MODIFIED", made)

    def change(self, kind: str, name: str, how: Callable[[Object], Any]) -> Object:
        """`how` alters the object in place."""
        with self.changed:
            found = self.get(kind, name)
            how(found)
            return self._note(kind, "MODIFIED", found)

    def delete(self, kind: str, name: str) -> Object:
        with self.changed:
            found = self.get(kind, name)
            del self._objects[kind][name]
            return self._note(kind, "DELETED", found)

    def all(self, kind: str, selector: str = "") -> tuple[list[Object], int]:
        with self.changed:
            found = [item for item in self._objects[kind].values() if matches(item, selector)]
            return copy.deepcopy(found), self.version

    def count(self, kind: str) -> int:
        with self.changed:
            return len(self._objects[kind])

    def after(self, version: int, kind: str = "") -> tuple[list[Change], int]:
        """Changes since, and the version that they lead to."""
        with self.changed:
            if version < self._oldest:
                raise TooOld(f"too old resource version: {version} ({self._oldest})")
            newer = self._history[version - self._oldest :]
            return [c for c in newer if kind in ("", c.kind)], self.version

    def forget(self) -> None:
        """The history so far, as etcd does after some minutes."""
        with self.changed:
            self._history.clear()
            self._oldest = self.version

    def _note(self, kind: str, what: str, found: Object) -> Object:
        self.version += 1
        found["metadata"]["resourceVersion"] = str(self.version)
        if what != "DELETED":
            self._objects[kind][found["metadata"]["name"]] = found
        self._history.append(Change(self.version, kind, what, copy.deepcopy(found)))
        self.changed.notify_all()
        return copy.deepcopy(found)


def matches(found: Object, selector: str) -> bool:
    labels = found["metadata"].get("labels") or {}
    wanted = [part.split("=", 1) for part in selector.split(",") if part]
    return all(labels.get(key) == value for key, value in wanted)


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
