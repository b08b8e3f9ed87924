"""Every pod of every profile passes the judge, and is looked after."""

import pytest

from tests.infra.chart import (
    PROFILES,
    WITH_TOKEN,
    containers,
    of_kind,
    one,
    profile,
    render,
    templates,
)
from tests.policy import violations


@pytest.fixture(params=PROFILES)
def objects(request):
    return render(profile(request.param))


@pytest.mark.parametrize("upgrade", [False, True])
@pytest.mark.parametrize("name", PROFILES)
def test_every_pod_is_restricted(name, upgrade):
    pods = templates(render(profile(name), upgrade=upgrade))

    found = {
        pod: violations(template["spec"], tokens=pod in WITH_TOKEN)
        for pod, template in pods.items()
    }

    assert len(found) >= 5
    assert {pod: words for pod, words in found.items() if words} == {}


def test_every_server_has_probes_and_an_end_that_it_is_given_time_for(objects):
    for name, template in templates(objects).items():
        [container] = template["spec"]["containers"]
        if container["name"] not in ("migrate", "controller"):  # those end when they can't go on
            assert {"startupProbe", "livenessProbe"} <= container.keys(), name
        assert 10 <= template["spec"]["terminationGracePeriodSeconds"] <= 60, name


def test_whoever_is_reached_by_a_service_says_when_it_is_ready(objects):
    for service in of_kind(objects, "Service"):
        chosen = service["spec"]["selector"].items()
        behind = [
            template
            for template in templates(objects).values()
            if chosen <= template["metadata"]["labels"].items()
        ]
        assert len(behind) == 1
        [container] = behind[0]["spec"]["containers"]
        assert "readinessProbe" in container
        names = {port["name"] for port in container["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= names


def test_pods_are_spread_over_zones_and_machines(objects):
    for template in templates(objects).values():
        keys = [rule["topologyKey"] for rule in template["spec"]["topologySpreadConstraints"]]
        assert keys == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]


def test_platform_pods_wait_for_the_tables(objects):
    for part in ("web", "worker", "beat", "controller"):
        spec = one(objects, "Deployment", f"alloyworks-{part}")["spec"]["template"]["spec"]
        [first] = spec["initContainers"]
        assert "migrate --check" in first["args"][0]


def test_a_web_pod_is_told_late_enough_and_waited_for_long_enough():
    from alloyworks.serve import GRACE

    spec = templates(render())["alloyworks-web"]["spec"]
    [web] = spec["containers"]

    pause = web["lifecycle"]["preStop"]["sleep"]["seconds"]

    assert pause + GRACE < spec["terminationGracePeriodSeconds"] <= 30


def test_there_is_one_beat_and_never_two():
    spec = one(render(), "Deployment", "alloyworks-beat")["spec"]

    assert spec["replicas"] == 1
    assert spec["strategy"] == {"type": "Recreate"}


def test_migrations_are_a_hook_of_upgrades_alone():
    [installed] = of_kind(render(), "Job")
    [upgraded] = of_kind(render(upgrade=True), "Job")

    assert "annotations" not in installed["metadata"]
    assert upgraded["metadata"]["annotations"]["helm.sh/hook"] == "pre-upgrade"


def test_migrations_hold_nobody_up():
    [job] = of_kind(render(), "Job")
    [container] = job["spec"]["template"]["spec"]["containers"]

    assert {"name": "PGOPTIONS", "value": "-c lock_timeout=5s"} in container["env"]
    assert job["spec"]["backoffLimit"] >= 5


def test_another_image_is_another_job():
    [first] = of_kind(render(), "Job")
    [second] = of_kind(render({"images": {"platform": {"tag": "0.2.0"}}}), "Job")

    assert first["metadata"]["name"] != second["metadata"]["name"]


def test_a_digest_wins_over_a_tag_and_the_registry_stands_before():
    digest = f"sha256:{'a' * 64}"
    images = {"registry": "registry.internal:5000/mirror", "platform": {"digest": digest}}

    found = {
        c["image"] for t in templates(render({"images": images})).values() for c in containers(t)
    }

    assert found == {f"registry.internal:5000/mirror/alloyworks/platform@{digest}"}


def test_autoscaling_takes_the_replicas_over():
    scaling = {"autoscaling": {"enabled": True, "minReplicas": 3, "maxReplicas": 9}}
    objects = render({"web": scaling, "worker": scaling})

    for part in ("web", "worker"):
        name = f"alloyworks-{part}"
        scaler = one(objects, "HorizontalPodAutoscaler", name)["spec"]
        assert "replicas" not in one(objects, "Deployment", name)["spec"]
        assert (scaler["minReplicas"], scaler["maxReplicas"]) == (3, 9)
        assert scaler["scaleTargetRef"]["name"] == name


def test_a_drain_takes_one_pod_at_a_time():
    budgets = of_kind(render(), "PodDisruptionBudget")

    assert {
        found["spec"]["selector"]["matchLabels"]["app.kubernetes.io/component"] for found in budgets
    } == {*("web", "worker", "controller")}
    assert all(found["spec"]["maxUnavailable"] == 1 for found in budgets)
