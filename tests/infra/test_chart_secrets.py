"""No secret is a value or in a ConfigMap or written into a pod; each goes to whom it is for."""

import base64
import json
import re

import pytest
import yaml

from tests.infra.chart import (
    CHART,
    PROFILES,
    containers,
    environment,
    of_kind,
    one,
    profile,
    render,
    templates,
)

SECRET = {
    *("ALLOY_SECRET_KEY", "ALLOY_METRICS_TOKEN", "ALLOY_DATABASE_URL", "ALLOY_DATABASE_OWNER_URL"),
    *("ALLOY_BROKER_URL", "ALLOY_S3_ACCESS_KEY", "ALLOY_S3_SECRET_KEY", "ALLOY_EMAIL_URL"),
    "ALLOY_OIDC_CLIENT_SECRET",
}
SUSPICIOUS = re.compile(
    r"pass(word|phrase)|secret|token|private|credential|api_?key", re.IGNORECASE
)
ALL_SECRETS = {"mail": {"existingSecret": "mail"}, "oidc": {"existingSecret": "oidc"}}


@pytest.fixture(params=PROFILES)
def objects(request):
    return render(profile(request.param))


def keys(tree, path=()):
    for key, value in tree.items():
        yield (*path, key), value
        if isinstance(value, dict):
            yield from keys(value, (*path, key))


@pytest.mark.parametrize("name", PROFILES)
def test_values_name_secrets_and_hold_none(name):
    for path, value in keys(yaml.safe_load((CHART / f"{name}.yaml").read_text())):
        if SUSPICIOUS.search(path[-1]) and not isinstance(value, dict | list):
            assert path[-1] in ("existingSecret", "ownerSecret", "tlsSecret", "pullSecret"), path


def test_every_setting_that_config_calls_secret_is_one_here():
    from alloyworks.config import Config

    fields = Config.model_fields.items()
    secret = {
        f"ALLOY_{name.upper()}" for name, field in fields if "SecretStr" in str(field.annotation)
    }

    assert secret <= SECRET


def test_secret_settings_are_read_from_secrets_alone(objects):
    for template in templates(objects).values():
        for container in containers(template):
            for name, entry in environment(container).items():
                if name in SECRET:
                    assert entry["valueFrom"]["secretKeyRef"]["key"] == name
                else:
                    assert "value" in entry


def test_no_configmap_holds_a_secret():
    objects = render(profile("values-trial"))
    generated = [
        base64.b64decode(value).decode()
        for secret in of_kind(objects, "Secret")
        for value in secret["data"].values()
    ]
    told = json.dumps([found for found in objects if found["kind"] != "Secret"])

    assert len(generated) >= 10
    assert [value for value in generated if value in told] == []


def test_only_migrations_know_the_owner_of_the_tables(objects):
    knowing = {
        name
        for name, template in templates(objects).items()
        if any("ALLOY_DATABASE_OWNER_URL" in environment(c) for c in containers(template))
    }

    assert {name.rpartition("-")[0] for name in knowing} == {"alloyworks-migrate"}


def test_no_pod_takes_in_a_whole_secret_as_its_environment(objects):
    for template in templates(objects).values():
        assert not any("envFrom" in container for container in containers(template))


def test_every_secret_that_is_given_arrives():
    [web] = templates(render(ALL_SECRETS))["alloyworks-web"]["spec"]["containers"]

    told = environment(web)

    assert told["ALLOY_EMAIL_URL"]["valueFrom"]["secretKeyRef"]["name"] == "mail"
    assert told["ALLOY_OIDC_CLIENT_SECRET"]["valueFrom"]["secretKeyRef"]["name"] == "oidc"
    assert "ALLOY_EMAIL_DIR" not in told


def test_generated_secrets_are_long_and_never_the_same():
    first, second = (one(render(), "Secret", "alloyworks")["data"] for _ in range(2))

    for name, value in first.items():
        assert len(base64.b64decode(value)) >= 32
        assert value != second[name]


def test_a_named_secret_is_not_generated():
    objects = render({"app": {"existingSecret": "mine"}})
    [web] = templates(objects)["alloyworks-web"]["spec"]["containers"]

    assert of_kind(objects, "Secret") == []
    assert environment(web)["ALLOY_SECRET_KEY"]["valueFrom"]["secretKeyRef"]["name"] == "mine"


def test_generated_secrets_outlive_the_release():
    for secret in of_kind(render(profile("values-trial")), "Secret"):
        assert secret["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_addresses_of_a_trials_stores_fit_their_passwords():
    objects = render(profile("values-trial"))

    data = {
        key: base64.b64decode(value).decode()
        for key, value in one(objects, "Secret", "alloyworks-postgresql")["data"].items()
    }

    assert data["ALLOY_DATABASE_URL"] == (
        f"postgresql://alloy_app:{data['password']}"
        "@alloyworks-postgresql.tenant.svc:5432/alloyworks"
    )
