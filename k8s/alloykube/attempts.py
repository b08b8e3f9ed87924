"""An attempt's objects in the cluster: made, found again, asked about, removed."""

from alloyengine.spec.protocol import Failure
from alloykube import ending, manifest
from alloykube.api import Api
from alloykube.errors import Away, Refused, Taken
from alloykube.facts import Cluster, Task
from alloykube.names import ATTEMPT, JOB, Manifest, Runner, is_of, selector
from alloykube.pod import CONTAINER
from alloykube.reading import has_failed

LINES = 60  # of the runner's log, kept when it dies


def launch(api: Api, cluster: Cluster, task: Task) -> Manifest:
    """The attempt's Job, made now or before: whoever was cut off begins again. Raises ClusterError."""
    job = _job(api, cluster, task)
    for kind, body in manifest.owned(task, cluster, job["metadata"]["uid"]).items():
        try:
            api.create(kind, body)
        except Taken:
            api.replace(kind, body)  # it may be an earlier Job's, and about to go with that one
    return job


def end(api: Api, runner: Runner) -> None:
    """The Job, and with it its pods, Secret and Service. Raises ClusterError."""
    api.delete("jobs", runner.name)


def failure(api: Api, deployment: str, runner: Runner) -> Failure:
    """Why nothing of the attempt runs any more, asked afresh. Raises ClusterError."""
    mine = f"{selector(deployment)},{JOB}={runner.job},{ATTEMPT}={runner.number}"
    job = api.get("jobs", runner.name)
    pods, _ = api.all("pods", mine)
    return ending.of(job, pods, log_of(api, pods))


def log_of(api: Api, pods: list[Manifest]) -> str:
    """The last lines of the pod that failed; empty without one."""
    failed = next(filter(has_failed, pods), None)
    return api.log(failed["metadata"]["name"], CONTAINER, LINES) if failed else ""


def _job(api: Api, cluster: Cluster, task: Task) -> Manifest:
    name = task.runner.name
    try:
        return api.create("jobs", manifest.job(task, cluster))
    except Taken:
        found = api.get("jobs", name)
    if found is None:
        raise Away(f"The Job {name} is just being removed.")
    if not is_of(found, task.runner, cluster.deployment):
        raise Refused(f"There is a Job {name} that is not this deployment's.", 409)
    return found
