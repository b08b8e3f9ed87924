"""The API's models: own and base ones, their files, family and scores."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from alloyworks.accounts.principal import Principal
from alloyworks.catalog import evaluations
from alloyworks.catalog.models import ModelVersion
from alloyworks.ids import new_id
from alloyworks.storage import objects
from alloyworks.tenancy import scope
from tests.platform import nobodys
from tests.platform.catalog_cast import base_model, make_dataset, make_job, make_model, score

Api = Callable[[Principal], Client]
Commits = Callable[..., AbstractContextManager[object]]
MODELS = "/api/v1/models"
FILES = [{"path": "model.safetensors", "size": 3, "sha256": "0" * 64}]


@pytest.fixture
def model(bob: Principal) -> ModelVersion:
    """Made from another one, with a file."""
    with scope(bob.organisation.id):
        facts = {"architecture": "LlamaForCausalLM", "parameters": 7}
        made = make_model(bob, make_model(bob), name="elements", files=FILES, facts=facts)
    objects.put_bytes(made.storage_prefix + "model.safetensors", b"abc")
    return made


def test_a_model_is_shown_with_files_facts_and_parents(
    api: Api, vera: Principal, model: ModelVersion
) -> None:
    shown = api(vera).get(f"{MODELS}/{model.id}").json()

    with scope(vera.organisation.id):
        parents = [str(edge.parent_id) for edge in model.parent_edges.all()]
    assert (shown["name"], shown["version"], shown["origin"]) == ("elements", 1, "train")
    assert (shown["size"], shown["files"], shown["parents"]) == (3, FILES, parents)
    assert (shown["base"], shown["job_id"], shown["facts"]["parameters"]) == (False, None, 7)


@pytest.mark.usefixtures("committed_db")
def test_base_models_are_everyones_and_can_be_asked_for(api: Api, bob: Principal) -> None:
    base = base_model()
    with scope(bob.organisation.id):
        mine = make_model(bob, base, origin="merge")
    client = api(bob)

    def ids(query: str) -> list[str]:
        return [item["id"] for item in client.get(MODELS + query).json()["items"]]

    assert ids("") == [str(mine.id), str(base.id)]
    assert (ids("?origin=base"), ids("?origin=merge")) == ([str(base.id)], [str(mine.id)])
    assert client.get(f"{MODELS}/{base.id}").json()["base"] is True
    assert client.delete(f"{MODELS}/{base.id}").status_code == 403


def test_an_unknown_origin_is_refused(api: Api, bob: Principal) -> None:
    answer = api(bob).get(f"{MODELS}?origin=stolen")

    assert (answer.status_code, answer.json()["errors"][0]["loc"]) == (422, ["origin"])


def test_models_are_listed_page_by_page_with_few_queries(api: Api, bob: Principal) -> None:
    client, counts = api(bob), []
    for number in (2, 20):
        with scope(bob.organisation.id):
            parent = make_model(bob)
            made = [make_model(bob, parent) for _ in range(number)]
        client.get(MODELS)  # notes when the key was last used, once a minute
        with CaptureQueriesContext(connection) as queries:
            page = client.get(f"{MODELS}?limit={number}").json()
        assert [item["id"] for item in page["items"]] == [str(m.id) for m in reversed(made)]
        assert page["next"] == page["items"][-1]["id"]
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_files_can_be_fetched_by_a_member(api: Api, bob: Principal, model: ModelVersion) -> None:
    (file,) = api(bob).get(f"{MODELS}/{model.id}/files").json()

    answer = httpx.get(file["url"])

    assert (file["path"], answer.content) == ("model.safetensors", b"abc")


def test_a_viewer_neither_fetches_nor_deletes(
    api: Api, vera: Principal, model: ModelVersion
) -> None:
    viewer, url = api(vera), f"{MODELS}/{model.id}"

    refused = [viewer.get(f"{url}/files"), viewer.delete(url)]

    assert [answer.status_code for answer in refused] == [403, 403]


def test_the_family_is_told_as_nodes_and_edges(
    api: Api, vera: Principal, model: ModelVersion
) -> None:
    told = api(vera).get(f"{MODELS}/{model.id}/lineage").json()

    nodes = [node["id"] for node in told["nodes"]]
    assert told["edges"] == [nodes]
    assert (nodes[1], told["nodes"][1]["name"], told["complete"]) == (
        str(model.id),
        "elements",
        True,
    )


def test_scores_are_listed_newest_first(api: Api, vera: Principal, model: ModelVersion) -> None:
    with scope(vera.organisation.id):
        dataset = make_dataset(vera, name="sums")
        for value in (0.25, 0.75):
            scores = [score(value=value)]
            evaluations.record(make_job(vera), scores, {"m": model}, {"d": dataset})

    items = api(vera).get(f"{MODELS}/{model.id}/scores").json()["items"]

    assert [item["value"] for item in items] == [0.75, 0.25]
    assert {item["dataset_name"] for item in items} == {"sums"}
    assert {item["metric"] for item in items} == {"exact_match"}


def test_deleting_removes_row_and_files(
    api: Api,
    bob: Principal,
    model: ModelVersion,
    django_capture_on_commit_callbacks: Commits,
) -> None:
    client = api(bob)

    with django_capture_on_commit_callbacks(execute=True):
        assert client.delete(f"{MODELS}/{model.id}").status_code == 204

    assert client.get(f"{MODELS}/{model.id}").status_code == 404
    assert objects.stat(model.storage_prefix + "model.safetensors") is None


PATHS = ["", "/files", "/lineage", "/scores"]


@pytest.mark.parametrize(("method", "path"), [("delete", ""), *(("get", path) for path in PATHS)])
def test_another_organisations_model_is_not_found(
    api: Api, charlie: Principal, model: ModelVersion, method: str, path: str
) -> None:
    client, ids = api(charlie), [model.id, new_id()]

    answers: list[Any] = [getattr(client, method)(f"{MODELS}/{made}{path}") for made in ids]

    assert [answer.status_code for answer in answers] == [404, 404]
    words = [a.text.replace(str(made), "…") for a, made in zip(answers, ids, strict=True)]
    assert words[0] == words[1]
    assert client.get(MODELS).json()["items"] == []


@pytest.mark.parametrize("path", ["", *(f"/{nobodys.ID}{path}" for path in PATHS)])
def test_nobody_sees_nothing(client: Client, db: None, path: str) -> None:
    assert client.get(MODELS + path).status_code == 401
