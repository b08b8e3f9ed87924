"""Scores: written when a job ends, found by model and by dataset."""

from collections.abc import Iterator

import pytest

from alloyworks.accounts.principal import Principal
from alloyworks.catalog import evaluations
from alloyworks.catalog.evaluations import scores_of
from alloyworks.catalog.models import Dataset, ModelVersion
from alloyworks.tenancy import scope
from tests.platform.catalog_cast import make_dataset, make_job, make_model, score, task_score


@pytest.fixture
def acme(alice: Principal) -> Iterator[Principal]:
    with scope(alice.organisation.id, alice.user.id):
        yield alice


@pytest.fixture
def models(acme: Principal) -> dict[str, ModelVersion]:
    return {"m": make_model(acme), "n": make_model(acme)}


@pytest.fixture
def datasets(acme: Principal) -> dict[str, Dataset]:
    return {"d": make_dataset(acme), "e": make_dataset(acme)}


Things = tuple[dict[str, ModelVersion], dict[str, Dataset]]


@pytest.fixture
def recorded(
    acme: Principal, models: dict[str, ModelVersion], datasets: dict[str, Dataset]
) -> Things:
    """Both models on both datasets, worth 1 to 4."""
    pairs = [(model, dataset) for model in models for dataset in datasets]
    scores = [score(*pair, value=n) for n, pair in enumerate(pairs, start=1)]
    evaluations.record(make_job(acme), scores, models, datasets)
    return models, datasets


def test_scores_come_back_as_they_were_recorded_newest_last(
    acme: Principal, recorded: Things
) -> None:
    models, datasets = recorded

    found = list(scores_of(acme))

    assert [row.value for row in found] == [1, 2, 3, 4]
    assert (found[1].model_version, found[1].dataset) == (models["m"], datasets["e"])
    assert (found[0].metric, found[0].examples, found[0].stderr) == ("exact_match", 10, None)


def test_scores_are_found_by_model_and_by_dataset(acme: Principal, recorded: Things) -> None:
    models, datasets = recorded
    of_m, on_e = {"models": [models["m"].id]}, {"datasets": [datasets["e"].id]}

    assert [row.value for row in scores_of(acme, **of_m)] == [1, 2]
    assert [row.value for row in scores_of(acme, **on_e)] == [2, 4]
    assert [row.value for row in scores_of(acme, **of_m, **on_e)] == [2]


def test_what_the_job_was_not_asked_about_is_left_out(acme: Principal, recorded: Things) -> None:
    models, datasets = recorded

    evaluations.record(make_job(acme), [score("other"), score("m", "other")], models, datasets)

    assert scores_of(acme).count() == 4


def test_another_organisation_sees_no_scores(
    acme: Principal, recorded: Things, charlie: Principal
) -> None:
    models, _ = recorded

    with scope(charlie.organisation.id):
        assert not scores_of(charlie, models=[models["m"].id]).exists()


def test_scores_on_tasks_have_a_name_instead_of_a_dataset(
    acme: Principal, models: dict[str, ModelVersion]
) -> None:
    told = [
        task_score("m"),
        task_score("m", metric="perplexity", filter="strict", value=7.0, lower_is_better=True),
        task_score("unknown"),
    ]
    evaluations.record(make_job(acme), [], models, {}, told)

    found = [(row.asked, row.metric, row.lower_is_better) for row in scores_of(acme)]

    assert found == [
        ("task:arc_easy", "acc", False),
        ("task:arc_easy", "perplexity,strict", True),
    ]
