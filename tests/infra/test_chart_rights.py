"""Row by row what the release may do in the cluster: as little as jobs need (CIS 5.1)."""

import pytest

from tests.infra.chart import NAMESPACE, PROFILES, WITH_TOKEN, of_kind, profile, render, templates
from tests.kube.cluster.server import RIGHTS


@pytest.fixture(params=PROFILES)
def objects(request):
    return render(profile(request.param))


def rules(objects):
    return [
        (role["metadata"]["name"], rule)
        for role in of_kind(objects, "Role", "ClusterRole")
        for rule in role["rules"]
    ]


def test_there_are_no_rights_over_the_whole_cluster(objects):
    assert of_kind(objects, "ClusterRole", "ClusterRoleBinding") == []


def test_rights_end_at_the_namespace_of_the_jobs(objects):
    for found in of_kind(objects, "Role", "RoleBinding"):
        assert found["metadata"]["namespace"] != NAMESPACE


def test_there_is_no_wildcard(objects):
    for name, rule in rules(objects):
        for key in ("apiGroups", "resources", "verbs"):
            assert not any("*" in word for word in rule[key]), name


def test_secrets_are_written_and_never_read(objects):
    for name, rule in rules(objects):
        if "secrets" in rule["resources"]:
            assert set(rule["verbs"]) == {"create", "update"}, name


def test_nobody_enters_a_pod_and_nobody_makes_one_past_its_job(objects):
    resources = {word for _, rule in rules(objects) for word in rule["resources"]}
    pods = [rule["verbs"] for _, rule in rules(objects) if "pods" in rule["resources"]]

    assert resources == {
        *("jobs", "pods", "pods/log", "secrets", "services", "events", "leases"),
        *("deployments", "horizontalpodautoscalers"),
    }
    assert all(set(verbs) <= {"list", "watch"} for verbs in pods)


def test_they_are_those_that_our_code_was_tested_with(objects):
    """The stand-in for a cluster refuses everything else (tests/kube)."""
    given = {
        (verb, resource)
        for _, rule in rules(objects)
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }

    assert given == RIGHTS


def test_nobody_gives_rights_or_acts_as_others(objects):
    verbs = {verb for _, rule in rules(objects) for verb in rule["verbs"]}

    assert not verbs & {"impersonate", "bind", "escalate", "deletecollection"}


def test_rights_go_to_accounts_of_the_release_that_launch_and_watch(objects):
    subjects = {
        (subject["kind"], subject["namespace"], subject["name"])
        for binding in of_kind(objects, "RoleBinding")
        for subject in binding["subjects"]
    }

    assert subjects == {("ServiceAccount", NAMESPACE, name) for name in WITH_TOKEN}


def test_every_pod_has_an_account_of_its_own_that_mounts_nothing_by_itself(objects):
    accounts = {found["metadata"]["name"]: found for found in of_kind(objects, "ServiceAccount")}
    used = {name: pod["spec"]["serviceAccountName"] for name, pod in templates(objects).items()}

    assert len(set(used.values())) == len(used)
    assert set(used.values()) == set(accounts)
    assert all(found["automountServiceAccountToken"] is False for found in accounts.values())


def test_only_those_with_rights_have_a_token(objects):
    mounting = {
        name
        for name, pod in templates(objects).items()
        if pod["spec"]["automountServiceAccountToken"]
    }

    assert mounting == set(WITH_TOKEN)


def test_the_namespace_of_jobs_takes_restricted_pods_alone():
    [namespace] = of_kind(render(), "Namespace")

    assert namespace["metadata"]["name"] == f"{NAMESPACE}-jobs"
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_bucket_is_open_to_those_who_use_it():
    accounts = of_kind(render(profile("values-aws")), "ServiceAccount")
    role = "eks.amazonaws.com/role-arn"

    having = {
        found["metadata"]["name"]
        for found in accounts
        if role in found["metadata"].get("annotations", {})
    }

    assert having == {f"alloyworks-{part}" for part in ("web", "worker", "beat")}
