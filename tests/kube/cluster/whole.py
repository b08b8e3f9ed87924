"""A whole cluster: an API server, Kubernetes' own controllers, and one machine."""

import json
import time
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

from tests.kube.cluster.faults import Script
from tests.kube.cluster.jobs import JobController
from tests.kube.cluster.kubelet import Kubelet, Plan, set_status
from tests.kube.cluster.server import TOKEN, Server
from tests.kube.cluster.store import NAMESPACE, Conflict, Missing, Object, Store, TooOld, now

_TICK = 0.05  # seconds


class Cluster:
    """Runs until `stop`. `kubeconfig` is all that a client needs."""

    def __init__(self, folder: Path, plan: Plan = "leave") -> None:
        self.store = Store()
        self.kubelet = Kubelet(self.store, folder / "pods", plan)
        self.jobs = JobController(self.store)
        self.server = Server(self.store, NAMESPACE, self.kubelet.log)
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text(json.dumps(_kubeconfig(self.server.url)))
        self._over = Event()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def script(self) -> Script:
        return self.server.script

    def stop(self) -> None:
        self._over.set()
        self._thread.join()
        self.server.stop()
        self.kubelet.stop()

    def pod(self, job: str, seconds: float = 5.0) -> str:
        """The name of the Job's latest pod, once there is one."""
        deadline = time.monotonic() + seconds
        while not (found := self.pods(job)):
            assert time.monotonic() < deadline, f"{job} gets no pod"
            time.sleep(0.01)
        return str(found[-1]["metadata"]["name"])

    def pods(self, job: str) -> list[Object]:
        return self.store.all("pods", f"batch.kubernetes.io/job-name={job}")[0]

    def running(self, pod: str) -> None:
        set_status(self.store, pod, "Running", {"running": {"startedAt": now()}})

    def waiting(self, pod: str, reason: str, message: str = "") -> None:
        state = {"waiting": {"reason": reason, "message": message}}
        set_status(self.store, pod, "Pending", state, conditions=[])

    def unschedulable(self, pod: str, message: str) -> None:
        told = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
        set_status(self.store, pod, "Pending", {}, conditions=[told | {"message": message}])

    def failed(self, pod: str, code: int = 1, how: str = "Error", **status: object) -> None:
        """The container has ended with this code; `status` is the pod's own, such as its reason."""
        ended = {"exitCode": code, "reason": how, "finishedAt": now()}
        set_status(self.store, pod, "Failed", {"terminated": ended}, **status)

    def disrupted(self, pod: str, reason: str, code: int = 143) -> None:
        told = {"type": "DisruptionTarget", "status": "True", "reason": reason, "message": "told"}
        self.failed(pod, code, conditions=[told])

    def succeeded(self, pod: str) -> None:
        ended = {"exitCode": 0, "reason": "Completed", "finishedAt": now()}
        set_status(self.store, pod, "Succeeded", {"terminated": ended})

    def complains(self, job: str, message: str) -> None:
        """That it can't make a pod; there is none then."""
        event = {
            "metadata": {"name": f"{job}.{self.store.version}"},
            "involvedObject": {"kind": "Job", "name": job},
            "reason": "FailedCreate",
            "message": message,
            "lastTimestamp": now(),
        }
        self.store.create("events", event)

    def says(self, pod: str, text: str) -> None:
        """In the pod's log."""
        home = self.kubelet.folder / pod
        home.mkdir(parents=True, exist_ok=True)
        (home / "log").write_text(text)

    def _run(self) -> None:
        version = self.store.version
        while not self._over.is_set():
            with self.store.changed:
                self.store.changed.wait_for(lambda seen=version: self.store.version > seen, _TICK)
                try:
                    news, version = self.store.after(version)
                except TooOld:  # a test had the history forgotten
                    news, version = [], self.store.version
            for change in news:
                for hear in (self.jobs.hear, self.kubelet.hear):
                    with suppress(Missing, Conflict):  # a request came between
                        hear(change)
            self.jobs.tick()
            self.kubelet.tick()


def _kubeconfig(url: str) -> Object:
    name = "stand-in"
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": url}}],
        "users": [{"name": name, "user": {"token": TOKEN}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
