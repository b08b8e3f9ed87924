"""What is told of a job before it is submitted."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from alloyworks.accounts.principal import Principal
from alloyworks.jobs.models import Job
from tests.platform.catalog_cast import make_model
from tests.platform.test_api_core import assert_problem
from tests.platform.world import SMALL, World

Api = Callable[[Principal], Client]
EXAMINE = "/api/v1/jobs/examine"
MODELS = [("recipe", "models", i, "model") for i in range(2)]


@pytest.fixture
def client(api: Api, world: World) -> Client:
    return api(world.owner)


def examined(client: Client, spec: Any) -> dict[str, Any]:
    answer = client.post(EXAMINE, spec, "application/json")
    assert answer.status_code == 200, answer.content
    return answer.json()


def told(report: dict[str, Any], level: str) -> dict[tuple[str | int, ...], str]:
    found = [finding for finding in report["findings"] if finding["level"] == level]
    assert all(finding["what"] and finding["remedy"] for finding in found)
    return {tuple(finding["loc"]): finding["code"] for finding in found}


def test_a_merge_has_findings_licence_and_estimate(client: Client, world: World) -> None:
    with world.scope():
        free = world.model(licence="apache-2.0", dtype="bfloat16")
        tied = world.model(licence="llama3.2", dtype="bfloat16", context=2048)

    report = examined(client, world.merge("linear", str(free.id), str(tied.id)))

    assert told(report, "error") == {}
    assert report["licence"] == {"name": "llama3.2", "kind": "community"}
    assert report["estimate"]["parameters"] == SMALL["parameters"]
    assert report["estimate"]["output_bytes"] == 2 * 134_515_008
    assert 0 < report["estimate"]["seconds"] < 60
    assert "licence_community" in [finding["code"] for finding in report["findings"]]


def test_an_examination_stores_nothing(client: Client, world: World) -> None:
    examined(client, world.merge())

    with world.scope():
        assert not Job.objects.exists()


def test_errors_are_those_that_a_submission_is_refused_for(client: Client, world: World) -> None:
    with world.scope():
        other = world.model(hidden_size=960)
    spec = world.merge("linear", str(world.base.id), str(other.id), parameters={"wieght": 1})

    report, refusal = (
        client.post(path, spec, "application/json").json() for path in (EXAMINE, "/api/v1/jobs")
    )

    errors = [finding for finding in report["findings"] if finding["level"] == "error"]
    assert [(e["loc"], e["what"], e["remedy"]) for e in errors] == [
        (e["loc"], e["msg"], e["remedy"]) for e in refusal["errors"]
    ]
    assert len(errors) == 4


@pytest.mark.parametrize("kind", ["train", "evaluate"])
def test_of_other_jobs_there_is_nothing_to_find(client: Client, world: World, kind: str) -> None:
    assert examined(client, world.spec(kind)) == {
        "findings": [],
        "licence": None,
        "estimate": None,
        "family": None,
    }


def test_faults_of_other_jobs_are_told_all_the_same(client: Client, world: World) -> None:
    report = examined(client, world.train(dataset="none"))

    assert told(report, "error") == {("dataset",): "invalid"}


def test_a_spec_that_can_not_be_read_is_refused(client: Client, world: World) -> None:
    answer = client.post(EXAMINE, world.merge("lineal"), "application/json")

    (fault,) = assert_problem(answer, 422)["errors"]
    assert fault["msg"] == "merge_method can't be 'lineal'."
    assert fault["remedy"] == "Did you mean 'linear'?"


def test_another_organisations_models_are_like_unknown_ones(
    client: Client, world: World, charlie: Principal
) -> None:
    theirs = World(charlie)
    with theirs.scope():
        foreign = make_model(charlie, name="secret", facts=SMALL | {"licence": "gpl-3.0"})
    spec = world.merge("linear", str(world.base.id), str(foreign.id))

    report = examined(client, spec)

    assert told(report, "error") == {MODELS[1]: "invalid"}
    (finding,) = [f for f in report["findings"] if f["level"] == "error"]
    assert finding["what"] == f"There is no model '{foreign.id}'."
    assert report["licence"] is None
    assert report["estimate"] is None


def test_who_may_not_submit_may_not_examine(api: Api, world: World, vera: Principal) -> None:
    assert_problem(api(vera).post(EXAMINE, world.merge(), "application/json"), 403)


class TestKin:
    """What the catalogue knows of where models come from."""

    def test_the_model_that_all_were_made_from(self, client: Client, world: World) -> None:
        with world.scope():
            one, two = (make_model(world.owner, world.base, facts=SMALL) for _ in range(2))

        report = examined(client, world.merge("linear", str(one.id), str(two.id)))

        assert report["family"] == "base v1"

    def test_models_made_from_different_ones(self, client: Client, world: World) -> None:
        with world.scope():
            one = make_model(world.owner, world.base, facts=SMALL)
            two = make_model(world.owner, world.tuned, facts=SMALL)

        report = examined(client, world.merge("linear", str(one.id), str(two.id)))

        assert "no_ancestor" in [finding["code"] for finding in report["findings"]]

    def test_of_models_from_elsewhere_it_is_not_known(self, client: Client, world: World) -> None:
        report = examined(client, world.merge())

        assert "no_ancestor" not in [finding["code"] for finding in report["findings"]]
        assert report["family"] is None
