"""Servers of endpoints as Deployments of a cluster. The objects themselves are alloykube's."""

from functools import cached_property
from uuid import UUID

from alloykube import serving
from alloykube.api import Api
from alloykube.errors import Away, Taken
from alloykube.facts import Cluster
from alloykube.names import Manifest
from alloykube.serving import CONTAINER, Server, Serving
from alloyworks.config import config
from alloyworks.jobs.executors.kube import cluster_of_settings, connect
from alloyworks.serving.launchers import Full, Handle, Running
from alloyworks.serving.models import Endpoint
from alloyworks.serving.tokens import token_of
from alloyworks.tenancy import scope

GIB = 1 << 30
LINES = 5


class KubernetesLauncher:
    """As many servers at once as ALLOY_KUBE_ENDPOINTS says."""

    def __init__(self, api: Api | None = None, cluster: Cluster | None = None) -> None:
        self.cluster, self._given = cluster or cluster_of_settings(), api

    def launch(self, endpoint: Endpoint) -> tuple[Handle, str]:
        wanted = _serving(endpoint)
        found = self.api.get("deployments", wanted.server.name)
        if found is None:
            if len(self.running()) >= config.kube_endpoints:
                raise Full
            found = self._made(serving.deployment(wanted, self.cluster))
        uid = found["metadata"]["uid"]
        for kind, body in serving.owned(wanted, self.cluster, uid).items():
            try:
                self.api.create(kind, body)
            except Taken:  # a launch that was cut off
                continue
        address = serving.address(wanted.server, self.cluster.namespace)
        return {"name": wanted.server.name}, address

    def alive(self, endpoint: Endpoint) -> bool:
        """A pod that dies comes back by itself; one that dies again and again is given up."""
        name = _server(endpoint).name
        if self.api.get("deployments", name) is None:
            return False
        return not any(map(_crashes, self._pods(endpoint)))

    def why_gone(self, endpoint: Endpoint) -> str:
        for pod in filter(_crashes, self._pods(endpoint)):
            log = self.api.log(pod["metadata"]["name"], CONTAINER, LINES)
            reason = _waiting(pod).get("reason", "")
            last = f" It said last: {log.strip()}" if log.strip() else ""
            return f"The server's pod does not run ({reason}).{last}"
        return "Its Deployment is gone: somebody removed it."

    def running(self) -> list[Running]:
        rows, _ = self.api.all("deployments", serving.selector_of(self.cluster.deployment))
        found = filter(None, map(serving.server_of, rows))
        return [(each.endpoint, each.launch) for each in found]

    def end(self, endpoint_id: UUID, launch: int) -> None:
        """The Deployment, and with it everything that it owns."""
        self.api.delete("deployments", Server(UUID(int=0), endpoint_id, launch).name)

    def _made(self, body: Manifest) -> Manifest:
        try:
            return self.api.create("deployments", body)
        except Taken:
            found = self.api.get("deployments", body["metadata"]["name"])
        if found is None:
            raise Away("The Deployment is just being removed.")
        return found

    def _pods(self, endpoint: Endpoint) -> list[Manifest]:
        mine = f"{serving.ENDPOINT}={endpoint.id},{serving.LAUNCH}={endpoint.launch}"
        return self.api.all("pods", mine)[0]

    @cached_property
    def api(self) -> Api:
        return self._given or connect()


def _server(endpoint: Endpoint) -> Server:
    return Server(endpoint.organisation_id, endpoint.id, endpoint.launch)


def _serving(endpoint: Endpoint) -> Serving:
    with scope(endpoint.organisation_id):
        row = Endpoint.objects.select_related("model_version").get(id=endpoint.id)
        files = row.model_version.files if row.model_version else []
    weights = sum(file["size"] for file in files)
    gpus = 1 if config.kube_image_serve_cuda else 0
    held = (
        weights if gpus else 3 * weights
    )  # on GPUs the memory of the machine is only passed through
    return Serving(
        server=_server(endpoint),
        url=config.runner_url or config.public_url,
        image=config.kube_image_serve_cuda or config.kube_image_cpu,
        engine="vllm" if gpus else "transformers",
        cpus=config.kube_cpus,
        memory=max(int(config.kube_memory_gb * GIB), 4 * GIB + held),
        scratch=max(int(config.kube_scratch_gb * GIB), GIB + 2 * weights),
        shared_memory=int(config.kube_shared_memory_gb * GIB),
        gpus=gpus,
        most=config.kube_endpoint_replicas,
        token=token_of(endpoint.id, endpoint.launch),
    )


def _waiting(pod: Manifest) -> Manifest:
    """Of the server's container."""
    statuses = pod["status"].get("containerStatuses") or []
    states = [s.get("state") or {} for s in statuses if s["name"] == CONTAINER]
    found: Manifest = states[0].get("waiting") or {} if states else {}
    return found


def _crashes(pod: Manifest) -> bool:
    return _waiting(pod).get("reason") in (
        *("CrashLoopBackOff", "ErrImagePull", "ImagePullBackOff", "InvalidImageName"),
        *("CreateContainerConfigError", "CreateContainerError", "RunContainerError"),
    )
