"""Recipes as text: names wherever models are named, and findings with the line they are about."""

import re
from html import unescape
from typing import Any

import pytest
import yaml
from django.test import Client

from alloyworks.errors import Invalid
from alloyworks.jobs import submission
from alloyworks.web.forms.recipe import Text
from alloyworks.web.forms.yaml_text import Lines, Unreadable, documents
from tests.platform.job_forms import beside, made
from tests.platform.world import World

STACK = """\
merge_method: passthrough
slices:
- sources:
  - model: base v1
    layer_range: [0, 20]
- merge_method: task_arithmetic
  base_model: base v1
  sources:
  - model: tuned v1
    layer_range: [20, 30]
    parameters: {weight: 1}
"""
STAGES = """\
name: calm
merge_method: linear
models: [{model: base}, {model: tuned}]
parameters: {weight: 1}
---
merge_method: task_arithmetic
base_model: base
models:
- model: calm
parameters: {weight: 0.5}
"""


def text_of(page: str) -> str:
    found = re.search(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)
    assert found
    return unescape(found[1]).removeprefix("\n")


def report_of(browser: Client, text: str, do: str = "preview") -> list[tuple[str, str, str]]:
    """Level, line and words of every finding beside the form."""
    answer = browser.post("/jobs/new/merge/", {"mode": "yaml", "yaml": text, "do": do})
    assert answer.status_code == 200
    found = re.findall(
        r'<li class="finding" data-level="(\w+)"(?: data-line="(\d+)")?>(.*?)</li>',
        answer.content.decode(),
        re.DOTALL,
    )
    plain = [" ".join(unescape(re.sub(r"<[^>]+>", " ", words)).split()) for *_, words in found]
    return [(level, line, words) for (level, line, _), words in zip(found, plain, strict=True)]


class TestNames:
    def test_slices_come_back_as_they_were_written(self, world: World, browser: Client) -> None:
        with world.scope():
            job = made(browser, "merge", {"mode": "yaml", "yaml": STACK})
        page = browser.get(f"/jobs/new/merge/?from={job.id}").content.decode()

        first, second = job.spec["recipe"]["slices"]
        assert first["sources"][0]["model"] == second["base_model"] == str(world.base.id)
        assert yaml.safe_load(text_of(page)) == yaml.safe_load(STACK)

    def test_stages_come_back_as_documents(self, world: World, browser: Client) -> None:
        with world.scope():
            job = made(browser, "merge", {"mode": "yaml", "yaml": STAGES})
        page = browser.get(f"/jobs/new/merge/?from={job.id}").content.decode()

        assert job.spec["stages"][0]["models"][1]["model"] == str(world.tuned.id)
        assert job.spec["recipe"]["models"][0]["model"] == "calm"
        stage, result = yaml.safe_load_all(text_of(page))
        assert [entry["model"] for entry in stage["models"]] == ["base v1", "tuned v1"]
        assert (result["base_model"], result["models"]) == ("base v1", [{"model": "calm"}])

    @pytest.mark.parametrize(
        ("text", "place"),
        [
            ("tokenizer_source: tuned", ["tokenizer_source"]),
            ("tokenizer: {source: tuned}", ["tokenizer", "source"]),
            (
                "tokenizer: {tokens: {x: {source: {kind: model_token, model: tuned, token: y}}}}",
                ["tokenizer", "tokens", "x", "source", "model"],
            ),
            ("modules: {a: {base_model: tuned}}", ["modules", "a", "base_model"]),
            ("models: [{model: {path: tuned}}]", ["models", 0, "model", "path"]),
        ],
    )
    def test_a_name_is_read_wherever_models_are_named(
        self, world: World, text: str, place: list[Any]
    ) -> None:
        with world.scope():
            told, unknown = Text.read(text).spec(world.owner)

        found = told["recipe"]
        for step in place:
            found = found[step]
        assert (found, unknown) == (str(world.tuned.id), [])

    def test_model_and_adapter_are_named_each(self, world: World) -> None:
        with world.scope():
            told, _ = Text.read("models: [{model: base + tuned v1}]").spec(world.owner)

        assert told["recipe"]["models"][0]["model"] == f"{world.base.id}+{world.tuned.id}"

    @pytest.mark.parametrize("text", ["tokenizer_source: union", "tokenizer: {source: base}"])
    def test_union_and_base_are_no_names(self, world: World, text: str) -> None:
        with world.scope():
            told, unknown = Text.read(text).spec(world.owner)

        assert (told["recipe"], unknown) == (yaml.safe_load(text), [])

    def test_documents_may_stand_in_any_order(self, world: World) -> None:
        first, second = STAGES.split("---\n")
        found = Text.read(f"{second}---\n{first}")

        assert found.order == [1, 0]
        assert found.line(["stages", 0, "models", 1]) == 9
        assert found.line(["recipe", "base_model"]) == 2

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("a: 1\n---\nb: 1", "which is the result is not clear"),
            ("name: a\nbase_model: b\n---\nname: b\nbase_model: a", "which is the result"),
            ("name: a\nbase_model: b\n---\nname: b\nbase_model: a\n---\nx: 1", "need each other"),
            ("a: 1\n---\n- 1", "Document 2 is a mapping, not list"),
        ],
    )
    def test_documents_that_make_no_sense_are_refused(self, text: str, words: str) -> None:
        with pytest.raises(Invalid, match=words):
            Text.read(text)


class TestLines:
    @pytest.mark.parametrize(
        ("path", "line"),
        [
            ([], 1),
            (["merge_method"], 1),
            (["slices"], 2),
            (["slices", 1, "base_model"], 7),
            (["slices", 1, "sources", 0, "parameters", "weight"], 11),
            (["slices", 1, "sources", 0, "parameters", "density"], 11),  # it is missing there
            (["slices", 9], 2),
            (["dtype"], 1),
        ],
    )
    def test_a_place_is_on_its_line_or_the_nearest(self, path: list[str | int], line: int) -> None:
        assert Lines(STACK).of(0, path) == line

    def test_what_is_no_yaml_names_its_line(self) -> None:
        with pytest.raises(Unreadable) as caught:
            documents("merge_method: ties\nmodels:\n  - model: [", "recipe")

        assert caught.value.line == 3

    def test_endless_depth_is_refused(self) -> None:
        with pytest.raises(Unreadable, match="nested too deeply"):
            documents("[" * 3000, "recipe")


class TestReport:
    def test_an_error_is_told_with_its_line_and_remedy(self, world: World, browser: Client) -> None:
        text = STAGES.split("---\n")[1].replace("calm", "tuned") + "dtype: float33\n"

        (level, line, words) = report_of(browser, text)[0]

        assert (level, line) == ("error", "6")
        assert "dtype" in words and "float32" in words

    def test_an_unknown_model_does_not_hide_what_else_is_wrong(
        self, world: World, browser: Client
    ) -> None:
        text = "merge_method: linear\nmodels:\n- {model: bsae}\n- model: tuned\n"
        text += "  parameters: {weigth: 1}\nparameters: {weight: 1}\n"

        errors = [found for found in report_of(browser, text) if found[0] == "error"]

        assert [line for _, line, _ in errors] == ["3", "5"]
        assert "Did you mean 'base'?" in errors[0][2]
        assert "weigth" in errors[1][2]

    def test_broken_yaml_is_marked_on_its_line(self, world: World, browser: Client) -> None:
        assert report_of(browser, "merge_method: ties\nmodels: [")[0][:2] == ("error", "2")

    def test_a_recipe_that_is_right_says_what_it_takes(self, world: World, browser: Client) -> None:
        text = (
            "merge_method: linear\nmodels: [{model: base}, {model: tuned}]\nparameters: {weight: 1}"
        )
        page = browser.post("/jobs/new/merge/", {"mode": "yaml", "yaml": text, "do": "preview"})

        told = page.content.decode()
        assert "Ready to start" in told
        assert "135M weights" in told
        assert "<h2>Linear</h2>" in told

    def test_methods_of_slices_are_told_too(self, world: World, browser: Client) -> None:
        page = browser.post("/jobs/new/merge/", {"mode": "yaml", "yaml": STACK, "do": "preview"})

        heads = re.findall(r"<h2>([^<]+)</h2>", page.content.decode())
        assert heads == ["Passthrough", "Task arithmetic"]

    def test_half_a_line_does_not_hide_the_method(self, world: World, browser: Client) -> None:
        text = "merge_method: ties\nmodels: ["
        page = browser.post("/jobs/new/merge/", {"mode": "yaml", "yaml": text, "do": "preview"})

        assert "<h2>TIES</h2>" in page.content.decode()

    def test_without_scripts_a_button_checks(self, world: World, browser: Client) -> None:
        text = "merge_method: linear\nmodels: [{model: bsae}]\nparameters: {weight: 1}"
        answer = browser.post("/jobs/new/merge/", {"mode": "yaml", "yaml": text, "do": "check"})

        assert answer.status_code == 200
        assert "There is no model 'bsae'" in beside(answer)["yaml"]
        assert report_of(browser, text, "check")[0][:2] == ("error", "2")

    def test_a_row_of_the_form_is_named_and_linked(self, world: World, browser: Client) -> None:
        fields = {"recipe.merge_method": "linear", "recipe.models.0.model": ""}
        fields |= {"recipe.models.1.model": str(world.base.id)}
        fields |= {"recipe.models.1.parameters.weight": "x", "do": "preview"}

        page = browser.post("/jobs/new/merge/", fields).content.decode()

        # The first row is empty, so that in the spec the second is the first.
        wanted = '<a href="#field-recipe-models-1-parameters-weight" data-goto>Model 2, weight</a>'
        assert wanted in page


class TestJob:
    def test_a_merge_shows_its_recipe_with_names(self, world: World, browser: Client) -> None:
        with world.scope():
            job = submission.submit(world.owner, world.merge())
        page = unescape(browser.get(f"/jobs/{job.id}/").content.decode())

        assert "merge_method: linear\nmodels:\n- {model: base v1}" in page

    @pytest.mark.parametrize("count", [1, 2])
    def test_a_map_is_promised_where_models_will_be_compared(
        self, world: World, browser: Client, count: int
    ) -> None:
        with world.scope():
            others = [str(world.model().id) for _ in range(count)]
            spec = world.merge("task_arithmetic", *others)
            spec["recipe"]["base_model"] = str(world.base.id)
            job = submission.submit(world.owner, spec)

        page = browser.get(f"/jobs/{job.id}/").content.decode()
        assert ('id="interference"' in page) == (count == 2)
