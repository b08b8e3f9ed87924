"""Wrong values are refused before anything is made, in a sentence that names the key."""

import helm_python as helm
import pytest

from tests.infra.chart import NAMESPACE, merged, profile, render

WRONG_TYPE_OR_KEY = {
    "web.replicas": {"web": {"replicas": "two"}},
    "web.replica": {"web": {"replica": 2}},
    "worker.concurrency": {"worker": {"concurrency": 0}},
    "publicUrl": {"publicUrl": "alloyworks.example.com"},
    "storage.endpointUrl": {"storage": {"endpointUrl": "https://key:secret@s3.example.com"}},
    "storage.bucket": {"storage": {"bucket": "My_Bucket"}},
    "database.password": {"database": {"password": "hunter2"}},
    "database.sslMode": {"database": {"sslMode": "yes"}},
    "images.platform.tag": {"images": {"platform": {"tag": "latest"}}},
    "images.platform.digest": {"images": {"platform": {"digest": "sha256:abc"}}},
    "web.resources.limits": {"web": {"resources": {"limits": {"memory": None}}}},
    "settings.ALLOY_SECRET_KEY": {"settings": {"ALLOY_SECRET_KEY": "x" * 40}},
    "settings.ALLOY_DEBUG": {"settings": {"ALLOY_DEBUG": True}},
    "settings.ALLOY_MAX_ATTEMPTS": {"settings": {"ALLOY_MAX_ATTEMPTS": 99}},
    "network.database.ports": {"network": {"database": {"ports": [0]}}},
    "network.storage.cidrs": {"network": {"storage": {"cidrs": ["everywhere"]}}},
    "jobs.quota": {"jobs": {"quota": {"pods": [1]}}},
    "postgresql.size": {"postgresql": {"size": "20GB"}},
    "ingres": {"ingres": {"enabled": True}},
}
CONTRARY = {
    "jobs.namespace": {"jobs": {"namespace": NAMESPACE}},
    "storage.endpointUrl": {
        "objectStore": {"enabled": True},
        "storage": {"endpointUrl": "https://s3.example.com"},
    },
    "publicUrl": {"ingress": {"enabled": True}},
    "trust.configMap": {"database": {"sslMode": "verify-full"}},
    "web.autoscaling.maxReplicas": {"web": {"autoscaling": {"minReplicas": 9, "maxReplicas": 3}}},
    "worker.autoscaling.maxReplicas": {"worker": {"autoscaling": {"minReplicas": 9}}},
    "settings.ALLOY_OIDC_CLIENT_ID": {
        "settings": {"ALLOY_OIDC_ISSUER": "https://login.example.com"}
    },
}


@pytest.mark.parametrize("key", WRONG_TYPE_OR_KEY)
def test_the_schema_names_the_key(key):
    with pytest.raises(helm.HelmError) as refused:
        render(WRONG_TYPE_OR_KEY[key])

    words = str(refused.value)
    assert all(part in words for part in key.split(".")), words


@pytest.mark.parametrize("key", CONTRARY)
def test_two_values_that_contradict_each_other_are_refused_by_the_key(key):
    with pytest.raises(helm.HelmRenderError, match=rf"{key}: "):
        render(CONTRARY[key])


def test_nothing_of_a_refused_value_is_secret():
    """What was written by mistake is not repeated in logs of pipelines."""
    with pytest.raises(helm.HelmError) as refused:
        render({"database": {"password": "hunter2"}})

    assert "hunter2" not in str(refused.value)


def test_several_files_may_say_what_one_says():
    both = merged(profile("values-trial"), {"web": {"replicas": 3}})

    assert both["web"] == {"replicas": 3}
    assert render(both)
