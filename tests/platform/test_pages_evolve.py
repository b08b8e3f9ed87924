"""Evolutions in the browser: the form that makes one, and the page that shows it."""

import re
from typing import Any

import pytest
from django.test import Client

from alloyworks.jobs import submission
from alloyworks.jobs.models import Job
from tests.platform.job_forms import made, refused, shown
from tests.platform.test_jobs_evolve import RESULT
from tests.platform.test_pages_compare import rows_of
from tests.platform.world import World

RECIPE = """\
merge_method: linear
models:
  - model: base
    parameters: {{weight: {weight}}}
  - model: tuned v1
    parameters: {{weight: 0.5}}
"""


def fields(world: World, weight: str = "{low: 0, high: 1}", **changes: str) -> dict[str, Any]:
    return {
        "yaml": RECIPE.format(weight=weight),
        "tasks.0.dataset": str(world.chats.id),
        "tasks.0.metric": "exact_match",
        "tasks.0.weight": "2",
        "budget.evaluations": "30",
        "aim": "sum",
    } | changes


class TestForm:
    def test_it_makes_a_search(self, world: World, browser: Client) -> None:
        with world.scope():
            job = made(browser, "evolve", fields(world, **{"budget.minutes": "", "seed": "7"}))

        assert job.name == "Evolved merge of 2 models"
        [found] = job.spec["search"]
        assert (found["at"], found["high"]) == (["models", 0, "parameters", "weight"], 1)
        assert [m["model"] for m in job.spec["recipe"]["models"]] == [
            str(world.base.id), str(world.tuned.id),
        ]  # fmt: skip
        assert job.spec["tasks"][0]["weight"] == 2
        assert job.spec["budget"] == {"evaluations": 30, "minutes": None, "patience": None}
        assert job.spec["seed"] == 7

    def test_it_is_filled_in_from_another(self, world: World, browser: Client) -> None:
        ranges = "{low: 0, high: 1, start: 0.25, points: 3}"
        with world.scope():
            job = made(browser, "evolve", fields(world, ranges))
            again = made(browser, "evolve", shown(browser, f"/jobs/new/evolve/?from={job.id}"))

        assert job.spec["recipe"]["models"][0]["parameters"] == {"weight": [0.25] * 3}
        assert again.spec == job.spec

    def test_faults_stand_where_they_belong(self, world: World, browser: Client) -> None:
        with world.scope():
            upside_down = refused(browser, "evolve", fields(world, "{low: 1, high: 0}"))
            nothing = refused(browser, "evolve", fields(world, "0.5"))
            endless = refused(browser, "evolve", fields(world, **{"budget.evaluations": ""}))
            unknown = refused(
                browser, "evolve", fields(world) | {"yaml": "merge_method: linear\nmodels: [{model: none}]"}
            )  # fmt: skip

        assert "upside down" in str(upside_down)
        assert "nothing to search" in str(nothing)
        assert "nothing would end the search" in str(endless)
        assert "none" in str(unknown)

    def test_another_test_set_is_a_row_more(self, world: World, browser: Client) -> None:
        page = browser.post("/jobs/new/evolve/", fields(world) | {"do": "add.tasks"})

        assert 'name="tasks.1.dataset"' in page.content.decode()

    def test_models_of_the_address_are_in_its_recipe(self, world: World, browser: Client) -> None:
        query = f"?model={world.base.id}&model={world.tuned.id}&dataset={world.chats.id}"
        page = browser.get(f"/jobs/new/evolve/{query}").content.decode()

        text = re.search(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)[1]
        assert "base v1" in text and "tuned v1" in text and "low: 0, high: 1" in text
        assert re.search(rf'<option value="{world.chats.id}"[^>]* selected', page)


def candidate(number: int, generation: int, *worths: float, whole: bool = True) -> dict[str, Any]:
    score = sum(worths) / len(worths)
    return {"number": number, "generation": generation, "score": score, "whole": whole,
            "worths": list(worths)}  # fmt: skip


@pytest.fixture
def ended(world: World) -> Job:
    base, tuned = str(world.base.id), str(world.tuned.id)
    with world.scope():
        other = world.dataset("chat", name="capitals")
        spec = world.evolve({"dataset": str(world.chats.id)}, {"dataset": str(other.id)})
        job = submission.submit(world.owner, spec)
        weight = {"parameters": {"weight": 0.7}}
        found = {
            "merge_method": "linear",
            "models": [{"model": base} | weight, {"model": tuned} | weight],
        }
        score = {"dataset": str(world.chats.id), "metric": "exact_match", "examples": 40}
        scores = [
            score | {"model": name, "value": value, "stderr": 0.01}
            for name, value in (("result", 0.9), ("start", 0.6), (tuned, 0.7))
        ]
        rows = [
            candidate(0, 0, 0.5, 0.5),
            candidate(1, 1, 0.9, 0.2),
            candidate(2, 1, 0.3, 0.8),
            candidate(3, 2, 0.1, 0.1, whole=False),
        ]
        Job.objects.filter(id=job.id).update(
            result=RESULT | {"recipe": found, "scores": scores},
            reports={"candidates": {"tried": 5, "failed": 1, "rows": rows}},
        )
        return Job.objects.get(id=job.id)


class TestPage:
    def test_what_was_found_stands_beside_where_it_began(self, ended: Job, browser: Client) -> None:
        page = browser.get(f"/jobs/{ended.id}/").content.decode()

        assert "90.0%" in rows_of(page)["The"]  # best that was found: the last line of those
        assert "+30.0 pp" in page
        assert "has not seen" in page

    def test_the_recipe_is_the_one_that_was_found(self, ended: Job, browser: Client) -> None:
        page = browser.get(f"/jobs/{ended.id}/").content.decode()
        text = page.partition('id="recipe-text"')[2].partition("</pre>")[0]

        assert "tuned v1" in text and "weight: 0.7" in text

    def test_candidates_are_drawn_one_task_against_the_other(
        self, ended: Job, browser: Client
    ) -> None:
        page = browser.get(f"/jobs/{ended.id}/").content.decode()
        dots = re.findall(r'<circle class="([^"]*)" cx="([\d.]+)" cy="([\d.]+)"', page)

        assert "5 tried, 1 failed" in page
        assert len(dots) == 4
        looks = [look.split() for look, _, _ in dots]
        assert [look for look in looks if "early" in look] == [["dot", "age3", "early"]]
        assert sum("front" in look for look in looks) == 3
        assert sum("best" in look for look in looks) == 1
        assert 'class="front-line"' in page
        assert "elements →" in page and "capitals ↑" in page

    def test_before_the_first_generation_it_says_so(self, world: World, browser: Client) -> None:
        with world.scope():
            job = submission.submit(world.owner, world.evolve())

        page = browser.get(f"/jobs/{job.id}/").content.decode()
        assert "when the first generation is scored" in page
