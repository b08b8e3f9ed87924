"""The Kubernetes cluster, where attempts run in one."""

from datetime import UTC, datetime, timedelta

from alloykube.api import Api
from alloykube.errors import ClusterError, Refused
from alloykube.names import selector
from alloyworks.config import config
from alloyworks.doctor.findings import Findings, ok, problem, warning
from alloyworks.jobs.executors.kube import cluster_of_settings, connect, lease_name

LATE = timedelta(minutes=2)  # clocks may differ a little


def cluster() -> Findings:
    """Nothing, where attempts run elsewhere."""
    if config.executor != "kubernetes":
        return
    try:
        api = connect()
        for kind in ("jobs", "pods"):
            api.all(kind, selector(cluster_of_settings().deployment))
        led = _is_led(api)
    except ClusterError as error:
        yield problem("cluster", str(error), "docs/kubernetes.md lists rights and settings.")
        return
    yield ok("cluster", f"answers in the namespace {config.kube_namespace}")
    if led is False:
        yield warning(
            "cluster",
            "No controller leads: endings are told late, and nobody gives up what can't start.",
            "Start `alloy controller` with the same settings, twice.",
        )


def _is_led(api: Api) -> bool | None:
    """None where the account may not know, as the worker's."""
    try:
        found = api.get("leases", lease_name())
    except Refused:
        return None
    spec = found["spec"] if found else {}
    if not spec.get("holderIdentity") or not spec.get("renewTime"):
        return False
    return datetime.now(UTC) - datetime.fromisoformat(spec["renewTime"]) < LATE
