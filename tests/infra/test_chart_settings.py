"""The chart and config.py know the same settings."""

import json

import helm_python as helm

from tests.infra.chart import CHART, environment, profile, render, templates

LEFT_OUT = {
    "ALLOY_DEBUG",  # never on a server that others reach
    *("ALLOY_LOCAL_SLOTS", "ALLOY_LOCAL_ENDPOINTS"),  # of the other executor
    *("ALLOY_ENGINE_MEMORY_GB", "ALLOY_ENGINE_FILE_GB", "ALLOY_ENGINE_PROCESSES"),  # likewise
    "ALLOY_WEB_PROCESSES",  # of one machine: here pods are counted
    "ALLOY_DATABASE_BACKUP_URL",  # of a command that is run by hand
    "ALLOY_FRONTEND_DIR",  # the image says it
    "ALLOY_METRICS_DIR",  # below the state folder
    "ALLOY_KUBE_CONFIG",  # pods have an account
}
FULL = {
    "images": {"serveCuda": {"repository": "registry.example/serve-cuda"}},
    "mail": {"existingSecret": "mail"},
    "oidc": {"existingSecret": "oidc"},
    "storage": {"existingSecret": "storage", "endpointUrl": "https://s3.example.com"},
    "jobs": {
        "multiNode": True,
        "gpus": True,
        "queue": "gpu",
        "priorityClass": "low",
        "runtimeClass": "nvidia",
        "pullSecret": "registry",
        "nodeSelector": {"pool": "gpu"},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
    },
}


def known():
    """Every variable that config.py reads."""
    from alloyworks.config import Config

    return {f"ALLOY_{name.upper()}" for name in Config.model_fields}


def told(values, part="alloyworks-web"):
    [container] = templates(render(values))[part]["spec"]["containers"]
    return environment(container)


def free():
    schema = json.loads((CHART / "values.schema.json").read_text())
    return set(schema["properties"]["settings"]["properties"])


def written():
    """By the chart itself, in whichever pod."""
    parts = ["web", "worker", "beat", "controller"]
    names = {name for part in parts for name in told(FULL, f"alloyworks-{part}")}
    [migrate] = [name for name in templates(render(FULL)) if "migrate" in name]
    return {name for name in names | set(told(FULL, migrate)) if name.startswith("ALLOY_")}


def test_every_setting_can_be_set():
    mails = {"ALLOY_EMAIL_DIR"}  # instead of a server

    assert known() - written() - free() - LEFT_OUT - mails == set()
    assert "ALLOY_EMAIL_DIR" in told({})


def test_nothing_is_set_in_two_ways():
    assert written() & free() == set()


def test_there_is_no_setting_that_nobody_reads():
    assert (written() | free()) - known() == set()


def test_numbers_stay_what_they_are():
    values = {"ALLOY_UPLOAD_MAX_BYTES": 2**41, "ALLOY_JOB_HOURS": 1.5, "ALLOY_API_RATE": 0}

    found = told({"settings": values})

    assert {name: found[name]["value"] for name in values} == {
        "ALLOY_UPLOAD_MAX_BYTES": str(2**41),
        "ALLOY_JOB_HOURS": "1.5",
        "ALLOY_API_RATE": "0",
    }


def test_where_jobs_run_is_told_as_json():
    found = told(FULL)

    assert json.loads(found["ALLOY_KUBE_NODE_SELECTOR"]["value"]) == {"pool": "gpu"}
    assert json.loads(found["ALLOY_KUBE_TOLERATIONS"]["value"]) == [
        {"key": "nvidia.com/gpu", "operator": "Exists"}
    ]


def test_jobs_take_several_machines_where_their_pods_may_meet():
    assert "ALLOY_KUBE_MULTI_NODE" not in told({})
    assert told({"jobs": {"multiNode": True}})["ALLOY_KUBE_MULTI_NODE"]["value"] == "true"


def test_without_gpus_there_is_no_image_for_them():
    assert "ALLOY_KUBE_IMAGE_CUDA" not in told({})
    assert told(FULL)["ALLOY_KUBE_IMAGE_CUDA"]["value"] == "alloyworks/engine-cuda:0.1.0"


def test_the_platform_answers_to_its_names_and_runners_know_one():
    found = told({"publicUrl": "https://alloy.example.com:8443"})

    hosts = found["ALLOY_ALLOWED_HOSTS"]["value"].split(",")

    assert hosts == ["alloy.example.com", "alloyworks-web", "alloyworks-web.tenant.svc"]
    assert found["ALLOY_RUNNER_URL"]["value"] == "http://alloyworks-web.tenant.svc:8000"


def test_proxies_are_trusted_when_they_are_named():
    values = {"ingress": {"trustedProxies": ["10.42.0.0/16"]}}

    assert told({})["FORWARDED_ALLOW_IPS"]["value"] == "127.0.0.1"
    assert told(values)["FORWARDED_ALLOW_IPS"]["value"] == "127.0.0.1,10.42.0.0/16"


def test_a_private_authority_is_trusted_by_every_library():
    found = told(profile("values-airgapped"))

    paths = {found[name]["value"] for name in ("PGSSLROOTCERT", "SSL_CERT_FILE", "AWS_CA_BUNDLE")}

    assert paths == {"/etc/alloyworks/trust/ca.crt"}
    assert found["PGSSLMODE"]["value"] == "verify-full"


def test_a_release_of_another_name_keeps_the_word():
    with helm.Chart.load(CHART) as chart:
        texts = chart.render(profile("values-trial"), name="prod", namespace="tenant")

    assert "name: prod-alloyworks-web\n" in texts["alloyworks/templates/web.yaml"]
