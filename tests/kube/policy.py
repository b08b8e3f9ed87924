"""The Pod Security Standard "restricted", and more that holds for pods which run a tenant's job.

https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from typing import Any

_VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "secret", "projected"}
_HOST = ("hostNetwork", "hostPID", "hostIPC", "hostUsers")


def faults(pod: dict[str, Any]) -> list[str]:
    """What the spec of a pod violates."""
    found = [name for name in _HOST if pod.get(name)]
    kinds = {kind for volume in pod.get("volumes", []) for kind in volume if kind != "name"}
    found += sorted(kinds - _VOLUMES)
    common = pod.get("securityContext", {})
    if not common.get("runAsNonRoot") or not common.get("runAsUser"):
        found.append("may run as root")
    if common.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
        found.append("seccomp")
    if pod.get("automountServiceAccountToken") is not False:
        found.append("service account token")
    for container in pod["containers"] + pod.get("initContainers", []):
        found += _of_container(container)
    return found


def _of_container(container: dict[str, Any]) -> list[str]:
    context = container.get("securityContext", {})
    limits = container.get("resources", {}).get("limits", {})
    checks = {
        "privileged": not context.get("privileged"),
        "privilege escalation": context.get("allowPrivilegeEscalation") is False,
        "capabilities": context.get("capabilities") == {"drop": ["ALL"]},
        "writable root": context.get("readOnlyRootFilesystem") is True,
        "limits": {"cpu", "memory", "ephemeral-storage"} <= limits.keys(),
        "host ports": not any("hostPort" in port for port in container.get("ports", [])),
    }
    return [name for name, fine in checks.items() if not fine]
