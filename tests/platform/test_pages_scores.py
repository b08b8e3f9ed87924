"""Scores of an evaluation on its job's page, and of tasks wherever scores are shown."""

from typing import Any

import pytest
from django.test import Client

from alloyengine.spec.result import Compared, EvaluateResult, Score
from alloyworks.catalog import evaluations
from alloyworks.jobs.models import Job, JobInput, JobState
from tests.platform.catalog_cast import task_score
from tests.platform.test_pages_compare import rows_of
from tests.platform.world import World


def compared(world: World, asked: str, difference: float, verdict: Any, **more: Any) -> Compared:
    return Compared(
        model=str(world.tuned.id),
        baseline=str(world.base.id),
        asked=asked,
        metric=more.pop("metric", "exact_match"),
        difference=difference,
        low=difference - 0.04,
        high=difference + 0.04,
        p=0.012,
        examples=40,
        verdict=verdict,
    )


@pytest.fixture
def ended(world: World) -> Job:
    """The tuned model is better on the test set, by less than both errors, and worse on the task."""
    base, tuned, chats = (str(thing.id) for thing in (world.base, world.tuned, world.chats))
    scores = [
        Score(model=m, dataset=chats, metric="exact_match", value=v, stderr=0.05, examples=40)
        for m, v in ((base, 0.5), (tuned, 0.55))
    ]
    result = EvaluateResult(
        scores=scores,
        tasks=[task_score(base, value=0.4), task_score(tuned, value=0.3)],
        comparisons=[
            compared(world, chats, 0.05, "better"),
            compared(world, "arc_easy", -0.1, "worse", metric="acc"),
        ],
    )
    with world.scope():
        spec = world.evaluate(base, tuned) | {"tasks": [{"name": "arc_easy"}]}
        job = world.job("evaluate", JobState.SUCCEEDED, result=result.model_dump(mode="json"))
        job.spec = spec
        job.save()
        things = {base: {"model_version": world.base}, tuned: {"model_version": world.tuned}}
        for name, thing in (things | {chats: {"dataset": world.chats}}).items():
            JobInput.objects.create(organisation=job.organisation, job=job, reference=name, **thing)
        models = {base: world.base, tuned: world.tuned}
        evaluations.record(job, result.scores, models, {chats: world.chats}, result.tasks)
    return job


def test_differences_are_those_of_the_paired_comparison(ended: Job, browser: Client) -> None:
    page = browser.get(f"/jobs/{ended.id}/").content.decode()
    tuned = rows_of(page)["tuned"]

    assert "55.0%" in tuned and "+5.0 pp" in tuned
    assert "30.0%" in tuned and "−10.0 pp" in tuned
    assert 'class="difference better" title="exact_match +0.050' in page  # unsure by both errors
    assert 'class="difference worse" title="acc -0.100' in page


def test_what_got_worse_is_said_first(ended: Job, browser: Client) -> None:
    page = browser.get(f"/jobs/{ended.id}/").content.decode()

    notice = page.partition("Worse than the first model")[2].partition("<table")[0]
    assert "tuned v1 on arc_easy: acc -0.100" in notice
    assert "p = 0.012" in notice
    assert "elements" not in notice


def test_tasks_are_compared_and_chosen(ended: Job, world: World, browser: Client) -> None:
    page = browser.get("/compare/").content.decode()
    assert "arc_easy" in page and "30.0%" in rows_of(page)["tuned"]
    assert 'name="datasets" value="task:arc_easy" checked' in page

    alone = browser.get("/compare/?datasets=task:arc_easy").content.decode()
    assert "55.0%" not in alone and "30.0%" in rows_of(alone)["tuned"]
    assert browser.get("/compare/?datasets=task:none").status_code == 404


def test_tasks_are_on_a_models_page_and_in_the_api(
    ended: Job, world: World, browser: Client, api: Any
) -> None:
    assert "arc_easy" in browser.get(f"/models/{world.tuned.id}/").content.decode()

    items = api(world.owner).get(f"/api/v1/models/{world.tuned.id}/scores").json()["items"]
    [told] = [item for item in items if item["task"]]
    assert (told["task"], told["dataset_id"], told["metric"]) == ("arc_easy", None, "acc")
