"""The form of an upcycling: YAML with models named as people name them."""

import re

import yaml
from django.test import Client

from alloyworks.jobs import submission
from alloyworks.jobs.models import Job
from tests.platform.job_forms import made, refused, shown
from tests.platform.world import World

RECIPE = """
base_model: base
experts:
  - {source_model: base, positive_prompts: [the capital of France]}
  - {source_model: tuned v1, positive_prompts: [the symbol of gold]}
"""


def test_names_become_models(world: World, browser: Client) -> None:
    with world.scope():
        job = made(browser, "moe", {"yaml": RECIPE, "name": "two experts"})

    assert (job.kind, job.name) == ("moe", "two experts")
    recipe = job.spec["recipe"]
    assert recipe["base_model"] == str(world.base.id)
    assert [expert["source_model"] for expert in recipe["experts"]] == [
        str(world.base.id),
        str(world.tuned.id),
    ]


def test_a_name_that_no_model_has_is_told(world: World, browser: Client) -> None:
    with world.scope():
        found = refused(browser, "moe", {"yaml": RECIPE.replace("tuned v1", "tunes v1")})

    assert "There is no model 'tunes v1'." in found["yaml"]


def test_what_is_wrong_with_a_recipe_is_told(world: World, browser: Client) -> None:
    with world.scope():
        found = refused(browser, "moe", {"yaml": f"{RECIPE}experts_per_token: 5"})

    assert "5 experts are asked for each token" in found["yaml"]


def test_the_form_begins_with_the_models_that_were_chosen(world: World, browser: Client) -> None:
    query = f"model={world.base.id}&model={world.tuned.id}"

    text = shown(browser, f"/jobs/new/moe/?{query}")["yaml"]

    told = yaml.safe_load(text)
    assert told["base_model"] == "base v1"
    assert [expert["source_model"] for expert in told["experts"]] == ["base v1", "tuned v1"]


def test_a_job_can_be_changed_and_run_again(world: World, browser: Client) -> None:
    with world.scope():
        job = submission.submit(world.owner, world.moe(experts_per_token=1))

    text = shown(browser, f"/jobs/new/moe/?from={job.id}")["yaml"]

    assert yaml.safe_load(text)["experts_per_token"] == 1


def test_the_balance_of_its_experts_is_drawn(world: World, browser: Client) -> None:
    told = {
        "experts": [str(world.base.id), str(world.tuned.id)],
        "tokens": 40,
        "layers": [{"asked": [30, 10], "weight": [0.7, 0.3]}, {"asked": [0, 40], "weight": [0, 1]}],
    }
    with world.scope():
        job = submission.submit(world.owner, world.moe())
        page = browser.get(f"/jobs/{job.id}/").content.decode()
        assert "when the routers are made" in page
        Job.objects.filter(id=job.id).update(reports={"balance": told})
    page = browser.get(f"/jobs/{job.id}/").content.decode()

    assert "Layer 0, base v1: 75%" in page and "Layer 1, base v1: 0%" in page
    assert re.search(r'tuned v1 <span class="muted num">62%</span>', page)  # 25% and 100%
