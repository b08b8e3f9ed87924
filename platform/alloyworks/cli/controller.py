"""`alloy controller`: watches the attempts of a Kubernetes cluster and tells the platform.

Run two: one leads, the other takes over within seconds. Neither is needed for jobs to run; they make
that endings are told at once and in words, and that what can't start is given up.
"""

import logging
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

from alloyengine.spec.protocol import Failure
from alloykube.names import Runner
from alloyworks.cli.deployment import set_up
from alloyworks.cli.stack import StateOption


def controller(state: StateOption = None) -> None:
    """Watch the attempts of a Kubernetes cluster, and tell the platform how they fare."""
    set_up(state, os.environ.get("ALLOY_LOG_FORMAT", "json"))
    stopping = Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stopping.set())
    serve(stopping)


def serve(stopping: Event) -> None:
    """Until told to stop. Django is set up."""
    from alloykube.controller import Controller
    from alloykube.errors import ClusterError
    from alloykube.lease import Lease, lead
    from alloyworks.config import config
    from alloyworks.errors import Conflict
    from alloyworks.jobs.executors.kube import cluster_of_settings, connect, lease_name

    if config.executor != "kubernetes":
        raise Conflict(f"ALLOY_EXECUTOR is {config.executor}: there is no cluster to watch.")
    try:
        cluster, api = cluster_of_settings(), connect()
    except ClusterError as error:
        raise Conflict(str(error)) from None
    holder = f"{socket.gethostname()}-{os.getpid()}"
    lease = Lease(api, lease_name(), holder)
    logging.getLogger(__name__).info("The controller of %s stands ready.", cluster.namespace)
    lead(lease, lambda over: Controller(api, cluster.deployment, Teller()).run(over), stopping)


class Teller:
    """alloykube's `Platform`: passes on what the controller sees, each time with a fresh connection."""

    def waits(self, runner: Runner, code: str, words: str) -> bool:
        from alloyworks.jobs import sightings

        with _connection():
            return sightings.waits(runner.organisation, runner.job, runner.number, code, words)

    def lost(self, runner: Runner, failure: Failure) -> bool:
        from alloyworks.jobs import sightings

        with _connection():
            return sightings.lost(runner.organisation, runner.job, runner.number, failure)


@contextmanager
def _connection() -> Iterator[None]:
    """Given back at the end: the database may restart between two tellings."""
    from django.db import connection

    try:
        yield
    finally:
        connection.close()
