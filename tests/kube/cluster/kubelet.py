"""One machine for all pods. By its plan it leaves a pod alone (a test moves it by hand), pretends to run
it, or really runs its command, as a process with the pod's variables, its Secret, and folders for volumes.
"""

import base64
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.kube.cluster.store import Change, Missing, Object, Store, now

Plan = Literal["leave", "pretend", "run"]
_INHERITED = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG", "ALLOY_CPU_DTYPE")


@dataclass
class _Running:
    process: subprocess.Popen[bytes]
    killed_at: float = float("inf")


class Kubelet:
    def __init__(self, store: Store, folder: Path, plan: Plan) -> None:
        self.store, self.folder, self.plan = store, folder, plan
        self._running: dict[str, _Running] = {}
        self._waiting: set[str] = set()  # for their Secret, and the Service that gives them names
        self._ports: dict[str, str] = {}  # of those Services

    def hear(self, change: Change) -> None:
        if change.kind in ("secrets", "services"):
            for name in list(self._waiting):
                self._begin(name)
        if change.kind != "pods":
            return
        pod, name = change.found, change.found["metadata"]["name"]
        if change.type == "DELETED":
            self._kill(name)
        elif pod["metadata"].get("deletionTimestamp"):
            self._end(pod)
        elif change.type == "ADDED" and self.plan != "leave":
            self._waiting.add(name)
            self._begin(name)

    def tick(self) -> None:
        """What has ended, and what does not end."""
        for name, running in list(self._running.items()):
            code = running.process.poll()
            if code is not None:
                self._ended(name, code)
            elif time.monotonic() > running.killed_at:
                os.killpg(running.process.pid, signal.SIGKILL)

    def stop(self) -> None:
        for name in list(self._running):
            self._kill(name)

    def log(self, pod: str) -> str:
        path = self.folder / pod / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def process_of(self, pod: str) -> subprocess.Popen[bytes]:
        return self._running[pod].process

    def _begin(self, name: str) -> None:
        try:
            pod = self.store.get("pods", name)
            secret = self.store.get("secrets", _secret_of(pod))
            if "subdomain" in pod["spec"]:
                self.store.get("services", pod["spec"]["subdomain"])
        except Missing:
            return
        if name not in self._waiting or pod["metadata"].get("deletionTimestamp"):
            return
        self._waiting.discard(name)
        if self.plan == "run":
            self._running[name] = _Running(self._start(pod, secret))
        set_status(self.store, name, "Running", {"running": {"startedAt": now()}})

    def _start(self, pod: Object, secret: Object) -> subprocess.Popen[bytes]:
        container, home = pod["spec"]["containers"][0], self.folder / pod["metadata"]["name"]
        places = {}
        for mount in container["volumeMounts"]:
            place = home / mount["name"]
            place.mkdir(parents=True)
            places[mount["mountPath"]] = str(place)
            if mount["name"] == "token":
                for file, content in secret["data"].items():
                    (place / file).write_bytes(base64.b64decode(content))
        words = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        for entry in container["env"]:
            words[entry["name"]] = _moved(_value(entry, pod), places)
        if service := pod["spec"].get("subdomain"):
            words |= self._names(service, words)
        command = [sys.executable if word == "python" else word for word in container["command"]]
        with (home / "log").open("wb") as log:
            return subprocess.Popen(
                command, env=words, cwd=home, stdout=log, stderr=log, start_new_session=True
            )

    def _names(self, service: str, words: dict[str, str]) -> dict[str, str]:
        """The first pod's address, as the cluster's DNS would tell it. They are all on one machine, so
        each Service has a port of its own.
        """
        assert words["PET_MASTER_ADDR"] == f"{service}-0.{service}"
        if service not in self._ports:
            with socket.create_server(("127.0.0.1", 0)) as free:
                self._ports[service] = str(free.getsockname()[1])
        return {"PET_MASTER_ADDR": "127.0.0.1", "PET_MASTER_PORT": self._ports[service]}

    def _end(self, pod: Object) -> None:
        """SIGTERM, then SIGKILL; a pod that is over goes at once."""
        name = pod["metadata"]["name"]
        running = self._running.get(name)
        if running is None:
            self._waiting.discard(name)
            self._remove(name)
        elif running.killed_at == float("inf"):
            running.process.terminate()
            running.killed_at = time.monotonic() + pod["spec"]["terminationGracePeriodSeconds"]

    def _ended(self, name: str, code: int) -> None:
        self._kill(name)
        exit_code = 128 - code if code < 0 else code
        ended = {"exitCode": exit_code, "reason": "Error" if code else "Completed"}
        phase = "Failed" if code else "Succeeded"
        try:
            pod = set_status(self.store, name, phase, {"terminated": ended | {"finishedAt": now()}})
        except Missing:
            return
        if pod["metadata"].get("deletionTimestamp"):
            self._remove(name)

    def _kill(self, name: str) -> None:
        running = self._running.pop(name, None)
        if running:
            with suppress(ProcessLookupError):
                os.killpg(running.process.pid, signal.SIGKILL)
            running.process.wait()
            shutil.rmtree(self.folder / name / "scratch", ignore_errors=True)

    def _remove(self, name: str) -> None:
        try:
            self.store.delete("pods", name)
        except Missing:
            return


def set_status(store: Store, name: str, phase: str, state: Object, **more: object) -> Object:
    """Of a pod and its only container."""

    def alter(pod: Object) -> None:
        container = pod["spec"]["containers"][0]["name"]
        pod["status"] |= {"phase": phase, **more}
        pod["status"]["containerStatuses"] = [{"name": container, "state": state}]

    return store.change("pods", name, alter)


def _secret_of(pod: Object) -> str:
    volumes = pod["spec"]["volumes"]
    return str(next(v["secret"]["secretName"] for v in volumes if "secret" in v))


def _value(entry: Object, pod: Object) -> str:
    if "value" in entry:
        return str(entry["value"])
    path = entry["valueFrom"]["fieldRef"]["fieldPath"]
    key = path.removeprefix("metadata.annotations['").removesuffix("']")
    return str(pod["metadata"]["annotations"][key])


def _moved(text: str, places: dict[str, str]) -> str:
    """Paths of the pod become those of this machine."""
    for inside in sorted(places, key=len, reverse=True):
        if text == inside or text.startswith(f"{inside}/"):
            return places[inside] + text.removeprefix(inside)
    return text
