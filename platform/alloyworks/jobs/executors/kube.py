"""Runs each attempt as a Job of a Kubernetes cluster. The objects themselves are alloykube's.

What runs is known from a watch in each process that asks, so that looking at a thousand jobs asks the
cluster nothing. What a watch does not know is asked for: it may be a moment behind.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from threading import Event, Thread
from time import monotonic

from alloyengine.spec.protocol import Failure
from alloykube import attempts, ending
from alloykube.api import Api
from alloykube.errors import ClusterError, Refused
from alloykube.facts import Cluster, Task
from alloykube.names import Runner, runner_of, selector
from alloykube.reading import is_over
from alloykube.reflector import Reflector
from alloyworks import deployment
from alloyworks.config import config
from alloyworks.jobs import sightings
from alloyworks.jobs.executors import Handle, NotLaunched
from alloyworks.jobs.executors.needs import needs_of, refuse_spread
from alloyworks.jobs.models import Attempt, Job
from alloyworks.jobs.tokens import token_of
from alloyworks.tenancy import scope

PATIENCE = 10.0  # seconds for the first list
LATELY = 5.0  # seconds within which a watch tells of what was made


class KubernetesExecutor:
    """As many attempts at once as ALLOY_KUBE_SLOTS says; dispatchers that look at once may start a few more."""

    queues = True

    def __init__(self, api: Api | None = None, cluster: Cluster | None = None) -> None:
        self.cluster = cluster or cluster_of_settings()
        self._given, self._over = api, Event()
        self._launched: dict[str, float] = {}  # when, of those that the watch may not have told of

    @contextmanager
    def turn(self) -> Iterator[bool]:
        yield self._has_room()

    def launch(self, attempt: Attempt) -> Handle:
        with scope(attempt.organisation_id):
            job = Job.objects.get(id=attempt.job_id)
            if not config.kube_multi_node:
                refuse_spread(job)
            needs = needs_of(job)
        runner = _runner(attempt)
        token = token_of(attempt.job_id, attempt.number)
        task = Task(runner, needs, config.runner_url or config.public_url, token)
        try:
            attempts.launch(self.api, self.cluster, task)
        except Refused as refused:
            if refused.of_the_object:
                raise NotLaunched(ending.refused(str(refused))) from None
            raise
        self._launched[runner.name] = monotonic()
        return {"name": runner.name, "gpus": needs.gpus * needs.nodes}

    def alive(self, attempt: Attempt) -> bool:
        """Raises ClusterError while that can't be known."""
        name = _runner(attempt).name
        job = self._jobs.get(name)
        if job is None:
            self._jobs.ready(PATIENCE)
            job = self._jobs.get(name) or self.api.get("jobs", name)
        return job is not None and not is_over(job)

    def why_gone(self, attempt: Attempt) -> Failure:
        found = attempts.failure(self.api, self.cluster.deployment, _runner(attempt))
        return sightings.settled(attempt, found)

    def runners(self) -> list[Attempt]:
        """None while the cluster can't be asked: of what is not seen nothing follows."""
        try:
            found = self._running()
        except ClusterError:
            return []  # the watch has told why
        return [
            Attempt(organisation_id=one.organisation, job_id=one.job, number=one.number)
            for one in found
        ]

    def end(self, attempt: Attempt) -> None:
        attempts.end(self.api, _runner(attempt))

    def _has_room(self) -> bool:
        """Not while the cluster can't be asked: what was not begun waits best in our own queue."""
        try:
            running = len(self._running())
        except ClusterError:
            return False  # the watch has told why
        lately = monotonic() - LATELY
        self._launched = {
            name: when
            for name, when in self._launched.items()
            if when > lately and self._jobs.get(name) is None
        }
        return config.kube_slots is None or running + len(self._launched) < config.kube_slots

    def _running(self) -> list[Runner]:
        """Raises ClusterError while it can't be known."""
        self._jobs.ready(PATIENCE)
        found = [job for job in self._jobs.all() if not is_over(job)]
        return [runner for job in found if (runner := runner_of(job))]

    @cached_property
    def api(self) -> Api:
        return self._given or connect()

    @cached_property
    def _jobs(self) -> Reflector:
        """Of this process: its thread ends with it."""
        reflector = Reflector(self.api, "jobs", selector(self.cluster.deployment))
        Thread(target=reflector.run, args=(self._over,), name="jobs", daemon=True).start()
        return reflector


def connect() -> Api:
    """The cluster of the settings. Raises ClusterError."""
    return Api.connect(config.kube_namespace, config.kube_config)


def lease_name() -> str:
    """Of the controllers of this deployment, of which one leads."""
    return f"alloyworks-controller-{cluster_of_settings().deployment}"


def cluster_of_settings() -> Cluster:
    return Cluster(
        namespace=config.kube_namespace,
        deployment=deployment.name(config.secret_key.get_secret_value()),
        image_cpu=config.kube_image_cpu,
        image_cuda=config.kube_image_cuda,
        pull_secret=config.kube_pull_secret,
        queue=config.kube_queue,
        priority_class=config.kube_priority_class,
        runtime_class=config.kube_runtime_class,
        node_selector=config.kube_node_selector,
        tolerations=tuple(config.kube_tolerations),
        gpu_resource=config.kube_gpu_resource,
        gpu_type=config.kube_gpu_type,
        gpu_type_label=config.kube_gpu_type_label,
        capacity=config.kube_capacity,
        capacity_label=config.kube_capacity_label,
        scratch_class=config.kube_scratch_class,
        wait_seconds=int(config.kube_wait_hours * 3600),
    )


def _runner(attempt: Attempt) -> Runner:
    return Runner(attempt.organisation_id, attempt.job_id, attempt.number)
