"""Attempts as objects: whole manifests, compared, and what must hold of each."""

from dataclasses import replace
from typing import Any

import pytest
import yaml

from alloykube import manifest, names
from tests.kube.cast import DEPLOYMENT, RUNNER, SETTINGS, runner, task
from tests.kube.cluster import rules
from tests.kube.manifests import CASES, GOLDEN, GPUS, SERVED
from tests.policy import violations


def job_of(case: str) -> dict[str, Any]:
    return CASES[case][0]


def pod_of(case: str) -> dict[str, Any]:
    found: dict[str, Any] = job_of(case)["spec"]["template"]["spec"]
    return found


@pytest.mark.parametrize("case", CASES)
def test_the_objects_are_those_of_the_golden_file(case: str) -> None:
    """`python -m tests.kube.manifests` writes the files anew."""
    assert list(yaml.safe_load_all((GOLDEN / f"{case}.yaml").read_text())) == CASES[case]


def test_every_golden_file_is_a_case() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == CASES.keys() | SERVED.keys()


@pytest.mark.parametrize("version", rules.VERSIONS)
@pytest.mark.parametrize("case", CASES)
def test_kubernetes_takes_them(case: str, version: str) -> None:
    for found in CASES[case]:
        rules.check(found, version)


@pytest.mark.parametrize("case", CASES)
def test_an_attempt_runs_once(case: str) -> None:
    spec = job_of(case)["spec"]

    assert spec["backoffLimit"] == 0
    assert spec["podReplacementPolicy"] == "Failed"
    assert {rule["action"] for rule in spec["podFailurePolicy"]["rules"]} == {"FailJob"}
    assert spec["template"]["spec"]["restartPolicy"] == "Never"


@pytest.mark.parametrize("case", CASES)
def test_an_attempt_ends_and_goes_by_itself(case: str) -> None:
    spec = job_of(case)["spec"]

    assert 0 < spec["template"]["spec"]["activeDeadlineSeconds"] < spec["activeDeadlineSeconds"]
    assert spec["ttlSecondsAfterFinished"] > 0


def test_the_policy_tells_eviction_and_memory_from_the_runners_own_end() -> None:
    kinds = job_of("cpu")["spec"]["podFailurePolicy"]["rules"]

    assert kinds[manifest.DISRUPTED]["onPodConditions"][0]["type"] == "DisruptionTarget"
    assert kinds[manifest.OUT_OF_MEMORY]["onExitCodes"]["values"] == [137]
    assert kinds[manifest.OTHERWISE]["onExitCodes"]["operator"] == "NotIn"


@pytest.mark.parametrize("case", CASES)
def test_pods_pass_the_restricted_standard(case: str) -> None:
    assert violations(pod_of(case), own_account=False) == []


@pytest.mark.parametrize("case", CASES)
def test_the_token_is_in_the_secret_and_nowhere_else(case: str) -> None:
    token = task().token
    with_token = [found["kind"] for found in CASES[case] if token in str(found)]

    assert with_token == ["Secret"]
    assert token not in repr(task())


@pytest.mark.parametrize("case", CASES)
def test_everything_belongs_to_the_job_and_leads_back_to_the_attempt(case: str) -> None:
    job, *others = CASES[case]

    assert names.runner_of(job) == RUNNER
    for found in others:
        assert found["metadata"]["ownerReferences"][0]["name"] == job["metadata"]["name"]
        assert names.is_of(found, RUNNER, DEPLOYMENT)
    assert names.is_of(job["spec"]["template"], RUNNER, DEPLOYMENT)


def test_another_deployments_objects_are_not_ours() -> None:
    assert not names.is_of(job_of("cpu"), RUNNER, "fedcba9876543210")
    assert names.runner_of({"metadata": {"labels": {"alloyworks/job": "no id"}}}) is None
    assert names.runner_of({"metadata": {}}) is None


def test_names_of_hosts_stay_short_enough() -> None:
    late = replace(runner(2**128 - 1), number=9999)

    assert len(f"{late.name}-{1023}") <= 63
    rules.check(manifest.job(task(late, nodes=1024), SETTINGS))


def test_gpus_ask_for_their_image_and_are_counted() -> None:
    container = pod_of("queued-spot-a100")["containers"][0]

    assert container["image"] == GPUS.image_cuda
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "8"
    assert "nvidia.com/gpu" not in pod_of("cpu")["containers"][0]["resources"]["limits"]


def test_with_kueue_a_job_begins_suspended() -> None:
    job = job_of("queued-spot-a100")

    assert job["spec"]["suspend"] is True
    assert job["metadata"]["labels"][manifest.QUEUE] == "tenants"
    assert "suspend" not in job_of("cpu")["spec"]


def test_nodes_meet_at_the_first_by_the_services_name() -> None:
    job, _, service = CASES["two-nodes"]
    pod, name = pod_of("two-nodes"), job["metadata"]["name"]
    words = {entry["name"]: entry.get("value") for entry in pod["containers"][0]["env"]}

    assert (job["spec"]["completionMode"], job["spec"]["parallelism"]) == ("Indexed", 2)
    assert (words["PET_NNODES"], words["PET_NPROC_PER_NODE"]) == ("2", "4")
    assert words["PET_MASTER_ADDR"] == f"{name}-0.{pod['subdomain']}"
    assert service["metadata"]["name"] == pod["subdomain"]
    assert str(service["spec"]["ports"][0]["port"]) == words["PET_MASTER_PORT"]
    assert "PET_NNODES" not in str(job_of("cpu"))
