"""Forms that open filled in: by another job, by models, by a dataset."""

import re
from html import unescape

import pytest
import yaml
from django.test import Client

from alloyworks.accounts.principal import Principal
from alloyworks.catalog import versions
from alloyworks.jobs import submission
from alloyworks.jobs.models import Job, JobState
from tests.platform import nobodys
from tests.platform.job_forms import (
    made,
    shown,
    values_of,
)
from tests.platform.world import World


class TestPrefilled:
    @pytest.mark.parametrize("kind", ["train", "merge", "evaluate", "evolve"])
    def test_by_a_job_and_sent_off_unchanged_it_is_the_same_spec(
        self, world: World, browser: Client, kind: str
    ) -> None:
        with world.scope():
            source = submission.submit(world.owner, world.spec(kind))
        values = shown(browser, f"/jobs/new/{kind}/?from={source.id}")
        with world.scope():
            job = made(browser, kind, values)

        recipe = source.spec.get("recipe")
        if recipe and kind == "merge":  # one weight for all models is given for each
            weight = recipe["parameters"].pop("weight")
            recipe["models"] = [{**m, "parameters": {"weight": weight}} for m in recipe["models"]]
        assert job.id != source.id and job.spec == source.spec

    def test_filters_of_a_recipe_stay_yaml(self, world: World, browser: Client) -> None:
        filtered = [{"filter": "mlp", "value": 0.25}, {"value": 0.5}]
        spec = world.merge()
        spec["recipe"]["models"][0]["parameters"] = {"weight": filtered}
        with world.scope():
            source = submission.submit(world.owner, spec)
        page = browser.get(f"/jobs/new/merge/?from={source.id}").content.decode()
        text = unescape(re.search(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)[1])

        assert yaml.safe_load(text)["models"][0]["parameters"] == {"weight": filtered}

    def test_a_recipe_that_rows_can_not_show_opens_as_yaml(
        self, world: World, browser: Client
    ) -> None:
        with world.scope():
            source = submission.submit(world.owner, world.merge())
            source.spec["recipe"]["merge_method"] = "of another age"
            source.save()

        page = browser.get(f"/jobs/new/merge/?from={source.id}").content.decode()

        assert "merge_method: of another age" in unescape(page)
        assert "model: tuned v1" in page

    def test_by_a_job_of_another_kind_its_own_form_opens(
        self, world: World, browser: Client
    ) -> None:
        with world.scope():
            source = submission.submit(world.owner, world.train())

        answer = browser.get(f"/jobs/new/merge/?from={source.id}")

        assert answer["Location"] == f"/jobs/new/train/?from={source.id}"

    def test_by_models_and_dataset(self, world: World, browser: Client) -> None:
        base, tuned, chats = world.base.id, world.tuned.id, world.chats.id

        train = shown(browser, f"/jobs/new/train/?model={tuned}&dataset={chats}")
        merge = shown(browser, f"/jobs/new/merge/?model={base}&model={tuned}")
        page = browser.get(f"/jobs/new/evaluate/?model={tuned}&dataset={chats}").content.decode()

        assert (train["model"], train["dataset"]) == (str(tuned), str(chats))
        assert merge["recipe.models.1.model"] == str(tuned)
        assert re.findall(r'name="models" value="([^"]+)" ?checked', page) == [str(tuned)]
        assert values_of(page)["test_sets.0.dataset"] == str(chats)

    def test_what_was_deleted_meanwhile_is_shown_as_gone(
        self, world: World, browser: Client
    ) -> None:
        with world.scope():
            source = submission.submit(world.owner, world.train())
            Job.objects.filter(id=source.id).update(state=JobState.CANCELLED)
            versions.delete(world.owner, world.base.id)

        page = browser.get(f"/jobs/new/train/?from={source.id}").content.decode()

        assert "No longer there" in page

    @pytest.mark.parametrize("source", ["nonsense", nobodys.ID])
    def test_an_unknown_job_is_not_there(self, world: World, browser: Client, source: str) -> None:
        assert browser.get(f"/jobs/new/train/?from={source}").status_code == 404

    def test_another_organisations_things_are_not_shown(
        self, world: World, charlie: Principal, browser: Client
    ) -> None:
        theirs = World(charlie)
        with theirs.scope():
            source = submission.submit(charlie, theirs.train())
            theirs.model()

        page = browser.get(f"/jobs/new/train/?model={theirs.base.id}").content.decode()

        assert browser.get(f"/jobs/new/train/?from={source.id}").status_code == 404
        assert str(theirs.tuned.id) not in page and "No longer there" in page
