"""The judge of pods must itself see each fault."""

from copy import deepcopy

import pytest

from tests.policy import violations

GOOD = {
    "serviceAccountName": "web",
    "automountServiceAccountToken": False,
    "securityContext": {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
    "volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": "1Gi"}}],
    "containers": [
        {
            "name": "web",
            "image": "alloyworks/platform:1",
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
            "resources": {
                "requests": {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Gi"},
                "limits": {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Gi"},
            },
        }
    ],
}
OF_POD = {
    "hostNetwork": {"hostNetwork": True},
    "hostPID": {"hostPID": True},
    "hostIPC": {"hostIPC": True},
    "hostUsers": {"hostUsers": True},
    "serviceAccountName": {"serviceAccountName": "default"},
    "automountServiceAccountToken": {"automountServiceAccountToken": True},
    "hostPath": {"volumes": [{"name": "root", "hostPath": {"path": "/"}}]},
    "sizeLimit": {"volumes": [{"name": "scratch", "emptyDir": {}}]},
    "sysctls": {"securityContext": {"sysctls": [{"name": "kernel.shm_rmid_forced"}]}},
    "runAsUser": {"securityContext": {"runAsNonRoot": True, "runAsUser": 0}},
    "runAsNonRoot": {"securityContext": {"runAsUser": 10001}},
    "seccompProfile": {"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
}
OF_CONTAINER = {
    "privileged": {"securityContext": {"privileged": True}},
    "allowPrivilegeEscalation": {"securityContext": {"readOnlyRootFilesystem": True}},
    "readOnlyRootFilesystem": {"securityContext": {"allowPrivilegeEscalation": False}},
    "procMount": {"securityContext": {"procMount": "Unmasked"}},
    "capabilities.drop": {"securityContext": {"capabilities": {"drop": ["NET_RAW"]}}},
    "capabilities.add": {"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}},
    "seLinuxOptions": {"securityContext": {"seLinuxOptions": {"user": "root"}}},
    "hostProcess": {"securityContext": {"windowsOptions": {"hostProcess": True}}},
    "appArmorProfile": {"securityContext": {"appArmorProfile": {"type": "Unconfined"}}},
    "hostPort": {"ports": [{"containerPort": 80, "hostPort": 80}]},
    "livenessProbe.host": {"livenessProbe": {"httpGet": {"host": "169.254.169.254"}}},
    "preStop.host": {"lifecycle": {"preStop": {"tcpSocket": {"host": "10.0.0.1"}}}},
    "resources.limits": {"resources": {"requests": {}}},
    "not pinned": {"image": "alloyworks/platform"},
}


def test_a_good_pod_has_no_fault():
    assert violations(GOOD) == []


@pytest.mark.parametrize("fault", OF_POD)
def test_a_fault_of_a_pod_is_seen(fault):
    assert any(fault in word for word in violations(GOOD | OF_POD[fault]))


@pytest.mark.parametrize("kind", ["containers", "initContainers"])
@pytest.mark.parametrize("fault", OF_CONTAINER)
def test_a_fault_of_a_container_is_seen(fault, kind):
    pod = deepcopy(GOOD)
    pod[kind] = [pod["containers"][0] | OF_CONTAINER[fault]]

    assert any(fault in word for word in violations(pod))


def test_a_token_is_no_fault_where_it_is_needed():
    assert violations(GOOD | {"automountServiceAccountToken": True}, tokens=True) == []
