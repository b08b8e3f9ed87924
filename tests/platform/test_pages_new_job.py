"""The forms that make jobs: what is typed becomes a spec, what is wrong is said beside it."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
import yaml
from django.test import Client

from alloyworks.accounts.models import Role
from alloyworks.accounts.principal import Principal
from alloyworks.jobs import submission
from alloyworks.jobs.models import Job, JobState
from tests.platform.conftest import joined
from tests.platform.job_forms import (
    Fields,
    evaluate_fields,
    made,
    refused,
    shown,
    train_fields,
    values_of,
)
from tests.platform.world import SMALL, World

BrowserOf = Callable[[Principal], Client]


class TestTrain:
    def test_the_form_makes_a_job(self, world: World, browser: Client) -> None:
        with world.scope():
            job = made(
                browser, "train", train_fields(world, name="chemist", epochs="2.5", seed="7")
            )

            assert (job.kind, job.name, job.created_by) == ("train", "chemist", world.owner.user)
        assert job.spec["model"] == str(world.base.id)
        assert job.spec["tuning"] == {
            "method": "spectrum",
            "percent": 25,
            "train_embeddings": True,
            "score": "spectrum",
            "modules": None,
            "budget_gb": None,
        }
        assert (job.spec["epochs"], job.spec["seed"]) == (2.5, 7)

    def test_what_is_left_blank_takes_the_default(self, world: World, browser: Client) -> None:
        blank = {"epochs": "", "max_steps": " ", "learning_rate": "", "name": " "}
        with world.scope():
            job = made(browser, "train", train_fields(world, **blank))

        assert job.name == "Train elements"
        assert (job.spec["epochs"], job.spec["max_steps"], job.spec["learning_rate"]) == (
            3,
            None,
            3e-4,
        )

    def test_the_defaults_as_shown_are_the_specs(self, world: World, browser: Client) -> None:
        values = shown(browser, "/jobs/new/train/")

        assert values["learning_rate"] == "3e-4"
        assert values["tuning.percent"] == "25"
        with world.scope():
            fields = values | {"model": str(world.base.id), "dataset": str(world.chats.id)}
            typed = made(browser, "train", fields)
            bare = submission.submit(world.owner, world.train())
        assert typed.spec | {"name": ""} == bare.spec | {"name": ""}

    def test_full_training_has_no_settings_of_spectrum(self, world: World, browser: Client) -> None:
        with world.scope():
            job = made(browser, "train", train_fields(world, **{"tuning.method": "full"}))

        assert job.spec["tuning"] == {"method": "full"}

    def test_a_box_that_is_not_ticked_is_no(self, world: World, browser: Client) -> None:
        fields = train_fields(world) | {"tuning.train_embeddings": "false"}
        with world.scope():
            job = made(browser, "train", fields)

        assert job.spec["tuning"]["train_embeddings"] is False

    def test_every_fault_stands_beside_its_input(self, world: World, browser: Client) -> None:
        wrong = {
            "model": "", "tuning.percent": "200", "epochs": "many", "batch_size": "0",
            "learning_rate": "2", "name": "x" * 121,
        }  # fmt: skip
        with world.scope():
            found = refused(browser, "train", train_fields(world, **wrong))

        assert found.keys() == wrong.keys()
        assert found["model"] == "model is missing. Add it."
        assert found["epochs"] == "'many' is not a number. Use a number such as 0.5."
        assert found["tuning.percent"].endswith("Use at most 100.")

    def test_the_words_are_those_of_the_api(self, world: World, browser: Client, api: Any) -> None:
        theirs = str(uuid4())
        with world.scope():
            found = refused(browser, "train", train_fields(world, model=theirs))
        answer = api(world.owner).post(
            "/api/v1/jobs", world.train(model=theirs), content_type="application/json"
        )

        error = answer.json()["errors"][0]
        assert found == {"model": f"{error['msg']} {error['remedy']}"}

    def test_what_was_typed_is_still_there(self, world: World, browser: Client) -> None:
        fields = train_fields(world, warmup_ratio="many", name="chemist")
        page = browser.post("/jobs/new/train/", fields).content.decode()

        values = values_of(page)
        assert {name: values[name] for name in fields} == fields
        assert '<details class="advanced" open' in page

    def test_a_dataset_that_does_not_fit_is_greyed_out_with_the_reason(
        self, world: World, browser: Client
    ) -> None:
        with world.scope():
            pairs = world.dataset("preference", name="pairs")

        page = browser.get("/jobs/new/train/").content.decode()

        option = re.search(rf'<option value="{pairs.id}"[^>]*>[^<]*', page)[0]
        assert " disabled" in option and "no answer to learn" in option
        with world.scope():
            found = refused(browser, "train", train_fields(world, dataset=str(pairs.id)))
        assert "pairs" in found["dataset"]

    def test_a_model_that_a_job_will_make_can_be_chosen(
        self, world: World, browser: Client
    ) -> None:
        with world.scope():
            source = submission.submit(world.owner, world.train())

        assert f'value="job:{source.id}"' in browser.get("/jobs/new/train/").content.decode()
        with world.scope():
            job = made(browser, "train", train_fields(world, model=f"job:{source.id}"))
            assert job.state == JobState.WAITING

    def test_text_that_can_not_be_stored_is_refused(self, world: World, browser: Client) -> None:
        answer = browser.post("/jobs/new/train/", train_fields(world, name="a\0b"))

        assert answer.status_code == 422
        assert "can&#x27;t be stored" in answer.content.decode()


class TestEvaluate:
    def test_the_form_makes_a_job(self, world: World, browser: Client) -> None:
        fields = evaluate_fields(
            world, **{"test_sets.0.max_new_tokens": "8", "test_sets.0.limit": "20",
                      "test_sets.1.dataset": str(world.chats.id), "test_sets.1.metric": "perplexity"}
        )  # fmt: skip
        with world.scope():
            job = made(browser, "evaluate", fields)

        assert job.name == "Evaluate 2 models"
        assert job.spec["models"] == fields["models"]
        asked = {"dataset": str(world.chats.id), "pattern": None, "tolerance": 0.0,
                 "json_schema": None, "choices": None}  # fmt: skip
        assert job.spec["test_sets"] == [
            asked | {"metric": "exact_match", "max_new_tokens": 8, "limit": 20},
            asked | {"metric": "perplexity", "max_new_tokens": 16, "limit": None},
        ]

    @pytest.mark.parametrize(
        ("metric", "setting", "typed", "meant"),
        [
            ("regex", "pattern", r"\b[A-Z][a-z]?\b", r"\b[A-Z][a-z]?\b"),
            ("numeric", "tolerance", "0.05", 0.05),
            ("json_valid", "json_schema", '{"type": "object"}', {"type": "object"}),
            ("multiple_choice", "choices", "yes\r\n\r\n no ", ["yes", "no"]),
        ],
    )
    def test_a_metric_brings_its_setting(
        self, world: World, browser: Client, metric: str, setting: str, typed: str, meant: Any
    ) -> None:
        names = {"test_sets.0.metric": metric, f"test_sets.0.{setting}": typed}
        fields = evaluate_fields(world, models=[str(world.base.id)], **names)
        page = browser.post("/jobs/new/evaluate/", fields | {"do": "refresh"}).content.decode()
        assert page.count(f'name="test_sets.0.{setting}"') == 1
        assert (
            f'name="test_sets.0.{setting}"'
            not in browser.get("/jobs/new/evaluate/").content.decode()
        )

        with world.scope():
            job = made(browser, "evaluate", fields)
            again = made(browser, "evaluate", shown(browser, f"/jobs/new/evaluate/?from={job.id}"))

        assert job.spec["test_sets"][0][setting] == meant
        assert again.spec == job.spec

    def test_a_setting_of_another_metric_is_left_out(self, world: World, browser: Client) -> None:
        fields = evaluate_fields(world, **{"test_sets.0.pattern": "left from before"})
        with world.scope():
            assert made(browser, "evaluate", fields).spec["test_sets"][0]["pattern"] is None

    def test_a_schema_that_is_no_json_is_said_beside_it(
        self, world: World, browser: Client
    ) -> None:
        fields = evaluate_fields(
            world, **{"test_sets.0.metric": "json_valid", "test_sets.0.json_schema": "{"}
        )
        with world.scope():
            assert "not JSON" in refused(browser, "evaluate", fields)["test_sets.0.json_schema"]

    def test_tasks_are_asked_without_any_test_set(self, world: World, browser: Client) -> None:
        fields = evaluate_fields(
            world, models=[str(world.base.id)],
            **{"test_sets.0.dataset": "", "tasks.0.name": "arc_easy", "tasks.0.num_fewshot": "5",
                      "tasks.0.chat_template": "true", "tasks.1.name": ""}
        )  # fmt: skip
        with world.scope():
            job = made(browser, "evaluate", fields)
            again = made(browser, "evaluate", shown(browser, f"/jobs/new/evaluate/?from={job.id}"))

        [task] = job.spec["tasks"]
        assert (task["name"], task["num_fewshot"], task["chat_template"]) == ("arc_easy", 5, True)
        assert job.spec["test_sets"] == []
        assert again.spec == job.spec

    def test_every_fault_stands_beside_its_input(self, world: World, browser: Client) -> None:
        with world.scope():
            text = world.dataset("text", name="prose")
            fields = evaluate_fields(
                world, **{"test_sets.0.dataset": str(text.id), "test_sets.0.limit": "none",
                          "batch_size": "-1"}
            )  # fmt: skip
            found = refused(browser, "evaluate", fields)
            fit = refused(browser, "evaluate", fields | {"test_sets.0.limit": "", "batch_size": ""})

        assert found.keys() == {"test_sets.0.limit", "batch_size"}
        assert "prose" in fit["test_sets.0.dataset"]

    def test_nothing_chosen_is_said_at_the_lists(self, world: World, browser: Client) -> None:
        page = browser.post("/jobs/new/evaluate/", {"test_sets.0.dataset": ""})

        words = page.content.decode()
        assert page.status_code == 422
        assert "models has too few entries." in words and "test_sets has too few entries." in words

    def test_datasets_are_greyed_out_by_the_rows_metric(
        self, world: World, browser: Client
    ) -> None:
        with world.scope():
            text = world.dataset("text", name="prose")
            empty = world.dataset("chat", name="none", test_rows=0)
        fields = evaluate_fields(world, **{"test_sets.0.metric": "perplexity", "do": "refresh"})

        exact = browser.get("/jobs/new/evaluate/").content.decode()
        perplexity = browser.post("/jobs/new/evaluate/", fields).content.decode()

        def disabled(page: str, key: Any) -> bool:
            return " disabled" in re.search(rf'<option value="{key}"[^>]*>', page)[0]

        assert disabled(exact, text.id) and not disabled(perplexity, text.id)
        assert disabled(exact, empty.id) and disabled(perplexity, empty.id)
        assert not disabled(exact, world.chats.id)


def test_viewers_are_refused(world: World, browser_of: BrowserOf) -> None:
    viewer = browser_of(joined(world.owner, "v@acme.example", Role.VIEWER))

    assert viewer.get("/jobs/new/train/").status_code == 403
    assert viewer.post("/jobs/new/train/", train_fields(world)).status_code == 403
    with world.scope():
        assert not Job.objects.exists()


def test_there_is_no_form_for_an_unknown_kind(browser: Client) -> None:
    assert browser.get("/jobs/new/dance/").status_code == 404


def test_facts_of_models_are_told_in_lists(world: World, browser: Client) -> None:
    page = browser.get("/jobs/new/train/").content.decode()

    assert 'data-note="135M · LlamaForCausalLM"' in page
    assert f'data-layers="{SMALL["layers"]}"' in page


class TestPreview:
    def look(self, browser: Client, kind: str, fields: Fields) -> str:
        answer = browser.post(f"/jobs/new/{kind}/", fields | {"do": "preview"})
        assert answer.status_code == 200
        assert not Job.objects.exists()
        return unescape(answer.content.decode())

    def test_it_shows_the_spec_as_it_will_be_understood(
        self, world: World, browser: Client
    ) -> None:
        page = self.look(browser, "train", train_fields(world, epochs="2", learning_rate="1e-4"))

        assert "Ready to start" in page
        text = re.search(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL)[1]
        spec = yaml.safe_load(text)
        assert (spec["epochs"], spec["learning_rate"]) == (2, 0.0001)
        assert spec["tuning"] == {"method": "spectrum", "percent": 25, "train_embeddings": True}

    def test_it_says_what_is_still_wrong(self, world: World, browser: Client) -> None:
        page = self.look(browser, "train", train_fields(world, model="", epochs="many"))

        assert "Not ready yet" in page
        assert "model is missing." in page and "'many' is not a number." in page

    def test_text_that_is_no_recipe_has_no_spec(self, world: World, browser: Client) -> None:
        page = self.look(browser, "merge", {"mode": "yaml", "yaml": "models: ["})

        assert "This is not YAML" in page and "<pre" not in page
