"""Default deny, then exact openings: who may talk to whom is the whole table below."""

import pytest

from tests.infra.chart import NAMESPACE, PROFILES, merged, of_kind, one, profile, render, templates

JOBS = f"{NAMESPACE}-jobs"
REACHED = {
    "web": {"database", "broker", "storage", "dns", "model-server"},
    "worker": {"database", "broker", "storage", "dns", "api", "public", "model-server"},
    "beat": {"database", "broker", "storage", "dns", "api", "model-server"},
    "controller": {"database", "broker", "dns", "api"},
    "migrate": {"database", "dns"},
    "runners": {"web", "storage", "dns"},
    "model-servers": {"web", "storage", "dns"},
}
OF_JOBS = {"runners": "runner", "model-servers": "model-server"}  # in their own namespace
PLACES = {
    "database": {"cidrs": ["10.1.0.1/32"], "ports": [5432]},
    "broker": {"cidrs": ["10.1.0.2/32"], "ports": [6379]},
    "storage": {"cidrs": ["10.1.0.3/32"], "ports": [443]},
    "apiServer": {"cidrs": ["10.1.0.4/32"], "ports": [443]},
}
NAMES = {
    "10.1.0.1/32": "database",
    "10.1.0.2/32": "broker",
    "10.1.0.3/32": "storage",
    "10.1.0.4/32": "api",
    "0.0.0.0/0": "public",
}


@pytest.fixture(params=PROFILES)
def objects(request):
    return render(profile(request.param))


def policies(objects):
    return of_kind(objects, "NetworkPolicy")


def peers(policy, direction, key):
    return [peer for rule in policy["spec"].get(direction, []) for peer in rule[key]]


def place(peer):
    """A peer's name in the table."""
    if "ipBlock" in peer:
        return NAMES[peer["ipBlock"]["cidr"]]
    labels = peer["podSelector"]["matchLabels"]
    return "dns" if "k8s-app" in labels else labels["app.kubernetes.io/component"]


def components(peer):
    """All that a peer's selector lets in."""
    chosen = peer["podSelector"]
    if "matchLabels" in chosen:
        return [chosen["matchLabels"]["app.kubernetes.io/component"]]
    [one_of] = chosen["matchExpressions"]
    assert (one_of["key"], one_of["operator"]) == ("app.kubernetes.io/component", "In")
    return one_of["values"]


def test_every_pod_is_denied_everything_first(objects):
    nothing = one(objects, "NetworkPolicy", "alloyworks-nothing")["spec"]
    chosen = nothing["podSelector"]["matchLabels"].items()

    assert nothing["policyTypes"] == ["Ingress", "Egress"]
    assert not nothing.keys() & {"ingress", "egress"}
    for template in templates(objects).values():
        assert chosen <= template["metadata"]["labels"].items()


def test_every_job_is_denied_everything_first(objects):
    nothing = one(objects, "NetworkPolicy", "nothing")

    assert nothing["metadata"]["namespace"] == JOBS
    assert nothing["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


@pytest.mark.parametrize("part", REACHED)
def test_each_reaches_what_it_needs_and_no_more(part):
    objects = render({"network": PLACES})
    name = part if part in OF_JOBS else f"alloyworks-{part}"

    found = peers(one(objects, "NetworkPolicy", name), "egress", "to")

    assert {place(peer) for peer in found} == REACHED[part]


@pytest.mark.parametrize("part", sorted(REACHED.keys() - OF_JOBS))
def test_in_a_trial_the_same_are_reached_as_pods(part):
    objects = render(merged(profile("values-trial"), {"network": PLACES}))
    stores = {"database": "postgresql", "broker": "valkey", "storage": "object-store"}

    found = peers(one(objects, "NetworkPolicy", f"alloyworks-{part}"), "egress", "to")

    assert {place(peer) for peer in found} == {stores.get(name, name) for name in REACHED[part]}


def test_a_trials_stores_are_open_to_exactly_those_who_use_them():
    objects = render(profile("values-trial"))
    tables = {"postgresql": "database", "valkey": "broker", "object-store": "storage"}

    for store, what in tables.items():
        policy = one(objects, "NetworkPolicy", f"alloyworks-{store}")
        users = {name for peer in peers(policy, "ingress", "from") for name in components(peer)}
        expected = {part for part, reached in REACHED.items() if what in reached}
        assert users == {OF_JOBS.get(part, part) for part in expected}
        assert "egress" not in policy["spec"]


def test_nothing_is_open_to_everybody(objects):
    for policy in policies(objects):
        for direction, key in (("ingress", "from"), ("egress", "to")):
            for rule in policy["spec"].get(direction, []):
                assert rule[key], policy["metadata"]["name"]
                assert rule.get("ports"), policy["metadata"]["name"]


def test_no_pod_reaches_the_clouds_own_credentials(objects):
    for policy in policies(objects):
        for peer in peers(policy, "egress", "to"):
            block = peer.get("ipBlock", {})
            if block.get("cidr") == "0.0.0.0/0":
                assert {"169.254.0.0/16", "10.0.0.0/8"} <= set(block["except"])


def test_jobs_reach_no_public_address(objects):
    blocks = [
        peer["ipBlock"]["cidr"]
        for peer in peers(one(objects, "NetworkPolicy", "runners"), "egress", "to")
        if "ipBlock" in peer
    ]

    assert "0.0.0.0/0" not in blocks


def test_an_airgapped_site_opens_no_public_address():
    for policy in policies(render(profile("values-airgapped"))):
        cidrs = [peer.get("ipBlock", {}).get("cidr") for peer in peers(policy, "egress", "to")]
        assert "0.0.0.0/0" not in cidrs


def test_nodes_of_a_job_meet_only_where_that_is_wanted():
    together = render({"jobs": {"multiNode": True}})
    names = {found["metadata"]["name"] for found in policies(render())}

    [policy] = [f for f in policies(together) if f["metadata"]["name"] == "nodes-of-a-job"]

    assert "nodes-of-a-job" not in names
    assert peers(policy, "ingress", "from") == [{"podSelector": policy["spec"]["podSelector"]}]


def test_metrics_are_open_to_the_monitoring_namespace_alone():
    objects = render({"monitoring": {"enabled": True}})

    worker = peers(one(objects, "NetworkPolicy", "alloyworks-worker"), "ingress", "from")

    assert [peer["namespaceSelector"]["matchLabels"] for peer in worker] == [
        {"kubernetes.io/metadata.name": "monitoring"}
    ]


def test_policies_can_be_left_to_the_operator():
    assert policies(render({"network": {"policies": False}})) == []
