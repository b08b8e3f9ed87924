"""What a pod may not be, of the chart or of a job: the Pod Security Standard "restricted", and what CIS asks
of workloads.

Every control of the standard's documentation; of the CIS benchmark for Kubernetes what is the
chart's to decide (5.1.5, 5.1.6, 5.2, 5.7.2, 5.7.3). Beyond both: a read-only root, and requests
and limits on everything.
"""

from collections.abc import Iterator
from typing import Any

Spec = dict[str, Any]
VOLUMES = {
    *("configMap", "csi", "downwardAPI", "emptyDir"),
    *("ephemeral", "persistentVolumeClaim", "projected", "secret"),
}
SECCOMP = {"RuntimeDefault", "Localhost"}
PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
AMOUNTS = {"cpu", "memory", "ephemeral-storage"}


def violations(pod: Spec, tokens: bool = False, own_account: bool = True) -> list[str]:
    """Of a pod's spec; `tokens`: it may have one of the cluster's API; `own_account`: it has one, and
    not that of all in the namespace.
    """
    found = [*_host(pod), *_identity(pod, tokens, own_account), *_volumes(pod)]
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        for container in pod.get(kind, []):
            name = container["name"]
            words = [*_walls(pod, container), *_ports(container), *_amounts(container)]
            found += [f"{name}: {word}" for word in words]
    return found


def _host(pod: Spec) -> Iterator[str]:
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(name):
            yield name
    if pod.get("securityContext", {}).get("sysctls"):
        yield "sysctls"
    if pod.get("hostUsers") is True:
        yield "hostUsers"


def _identity(pod: Spec, tokens: bool, own_account: bool) -> Iterator[str]:
    if own_account and pod.get("serviceAccountName", "default") == "default":
        yield "serviceAccountName: the namespace's default"
    if pod.get("automountServiceAccountToken", True) and not tokens:
        yield "automountServiceAccountToken"


def _volumes(pod: Spec) -> Iterator[str]:
    for volume in pod.get("volumes", []):
        kinds = set(volume) - {"name"}
        if not kinds <= VOLUMES:
            yield f"volume {volume['name']}: {', '.join(kinds - VOLUMES)}"
        if "emptyDir" in volume and not (volume["emptyDir"] or {}).get("sizeLimit"):
            yield f"volume {volume['name']}: no sizeLimit"


def _walls(pod: Spec, container: Spec) -> Iterator[str]:
    outer, inner = pod.get("securityContext", {}), container.get("securityContext", {})
    both = outer | inner
    if both.get("runAsNonRoot") is not True:
        yield "runAsNonRoot"
    if both.get("runAsUser", 0) == 0:
        yield "runAsUser"
    if both.get("seccompProfile", {}).get("type") not in SECCOMP:
        yield "seccompProfile"
    if inner.get("privileged"):
        yield "privileged"
    if inner.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation"
    if inner.get("readOnlyRootFilesystem") is not True:
        yield "readOnlyRootFilesystem"
    if inner.get("procMount", "Default") != "Default":
        yield "procMount"
    capabilities = inner.get("capabilities", {})
    if capabilities.get("drop") != ["ALL"]:
        yield "capabilities.drop"
    if set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        yield "capabilities.add"
    if both.get("seLinuxOptions", {}).keys() & {"user", "role"}:
        yield "seLinuxOptions"
    if both.get("windowsOptions", {}).get("hostProcess"):
        yield "hostProcess"
    if both.get("appArmorProfile", {}).get("type", "RuntimeDefault") == "Unconfined":
        yield "appArmorProfile"


def _ports(container: Spec) -> Iterator[str]:
    if any(port.get("hostPort") for port in container.get("ports", [])):
        yield "hostPort"
    hooks = container.get("lifecycle", {})
    asked = {name: container.get(name, {}) for name in PROBES} | {
        name: hooks.get(name, {}) for name in ("preStop", "postStart")
    }
    for name, action in asked.items():
        if any(action.get(way, {}).get("host") for way in ("httpGet", "tcpSocket")):
            yield f"{name}.host"


def _amounts(container: Spec) -> Iterator[str]:
    resources = container.get("resources", {})
    for kind in ("requests", "limits"):
        if missing := AMOUNTS - resources.get(kind, {}).keys():
            yield f"resources.{kind}: no {', '.join(sorted(missing))}"
    image = container["image"]
    if image.endswith(":latest") or not ("@sha256:" in image or ":" in image.rpartition("/")[2]):
        yield f"image {image}: not pinned"
