"""The form of a merge: rows of models or YAML, which are the same recipe."""

import re
from html import unescape

import pytest
import yaml
from django.test import Client

from alloyengine.spec.methods import DECLARATIONS, MergeMethod
from alloyworks.accounts.principal import Principal
from alloyworks.web.forms.methods import GROUPED, METHODS
from alloyworks.web.forms.recipe import lean
from tests.platform.job_forms import (
    Fields,
    beside,
    made,
    merge_fields,
    refused,
    values_of,
)
from tests.platform.world import World

SHARED = "recipe.parameters"


class TestMerge:
    def test_the_form_makes_a_job(self, world: World, browser: Client) -> None:
        with world.scope():
            job = made(browser, "merge", merge_fields(world, name="both"))

        assert lean(job.spec) == {
            "name": "both",
            "recipe": {
                "merge_method": "linear",
                "models": [
                    {"model": str(world.base.id), "parameters": {"weight": 0.3}},
                    {"model": str(world.tuned.id), "parameters": {"weight": 0.7}},
                ],
            },
        }

    def test_a_method_with_a_base_and_a_gradient(self, world: World, browser: Client) -> None:
        fields = {
            "mode": "form",
            "recipe.merge_method": "slerp",
            "recipe.base_model": str(world.base.id),
            "recipe.models.0.model": str(world.tuned.id),
            "recipe.models.0.parameters.weight": "1",  # left from another method
            "recipe.parameters.t": "[0, 0.5, 1]",
            "recipe.dtype": "bfloat16",
        }
        with world.scope():
            recipe = made(browser, "merge", fields).spec["recipe"]

        assert recipe["parameters"] == {"t": [0, 0.5, 1]}
        assert recipe["models"] == [{"model": str(world.tuned.id), "parameters": {}}]
        assert (recipe["base_model"], recipe["dtype"]) == (str(world.base.id), "bfloat16")

    def test_flags_are_flags(self, world: World, browser: Client) -> None:
        fields = merge_fields(world, **{"recipe.parameters.normalize": "false"})
        with world.scope():
            job = made(browser, "merge", fields)

        assert job.spec["recipe"]["parameters"] == {"normalize": False}

    def test_rows_without_a_model_are_left_out(self, world: World, browser: Client) -> None:
        fields = merge_fields(
            world, **{"recipe.models.0.model": "", "recipe.models.2.model": str(world.base.id),
                      "recipe.models.2.parameters.weight": "x"}
        )  # fmt: skip
        with world.scope():
            found = refused(browser, "merge", fields)

        # What was the third row is now the second.
        assert found.keys() == {"recipe.models.1.parameters.weight"}

    def test_every_fault_stands_beside_its_input(self, world: World, browser: Client) -> None:
        with world.scope():
            other = world.model(layers=12)
        fields = merge_fields(
            world, "slerp", **{"recipe.base_model": "", "recipe.parameters.t": ""}
        )
        with world.scope():
            base = refused(browser, "merge", fields)
            shape = refused(
                browser, "merge", merge_fields(world, **{"recipe.models.1.model": str(other.id)})
            )
            t = refused(
                browser, "merge", merge_fields(world, "slerp", **{"recipe.base_model": str(world.base.id)})
            )  # fmt: skip

        assert base["recipe.base_model"].startswith("slerp needs base_model.")
        assert "number of layers 12 instead of 30" in shape["recipe.models.1.model"]
        assert t["recipe.parameters.t"].startswith("slerp needs t.")

    @pytest.mark.parametrize(
        ("do", "rows"),
        [
            ("add.recipe.models", 3),
            ("remove.recipe.models.0", 2),  # there are always two to fill in
            ("refresh", 2),
            ("remove.recipe.models.99", 2),
            ("nonsense", 2),
        ],
    )
    def test_rows_come_and_go_without_a_job(
        self, world: World, browser: Client, do: str, rows: int
    ) -> None:
        answer = browser.post("/jobs/new/merge/", merge_fields(world) | {"do": do})

        values = values_of(answer.content.decode())
        assert answer.status_code == 200
        assert sum(name.endswith(".model") for name in values) == rows
        assert values["recipe.models.0.model"] in (str(world.base.id), str(world.tuned.id))

    def test_another_method_asks_for_what_it_needs(self, world: World, browser: Client) -> None:
        fields = merge_fields(world, "task_arithmetic") | {"do": "refresh"}

        values = values_of(browser.post("/jobs/new/merge/", fields).content.decode())

        assert {"recipe.base_model", "recipe.parameters.lambda"} <= values.keys()
        assert values["recipe.models.0.parameters.weight"] == "0.3"

    def test_another_method_begins_with_its_own_defaults(
        self, world: World, browser: Client
    ) -> None:
        given = {"was": "linear", "recipe.parameters.normalize": "true", "do": "refresh"}

        page = browser.post("/jobs/new/merge/", merge_fields(world, "task_arithmetic") | given)

        assert values_of(page.content.decode())["recipe.parameters.normalize"] == "false"

    def test_a_switch_that_stays_as_it_is_is_not_said(self, world: World, browser: Client) -> None:
        with world.scope():
            job = made(browser, "merge", merge_fields(world, **{f"{SHARED}.normalize": "true"}))

        assert job.spec["recipe"]["parameters"] == {}

    def test_the_result_has_its_own_settings(self, world: World, browser: Client) -> None:
        fields = {"recipe.tokenizer_source": "union", "recipe.chat_template": "chatml"}
        with world.scope():
            recipe = made(browser, "merge", merge_fields(world, **fields)).spec["recipe"]

        assert (recipe["tokenizer_source"], recipe["chat_template"]) == ("union", "chatml")


class TestMethods:
    def test_every_method_stands_in_one_group(self) -> None:
        grouped = [method.name for _, methods in GROUPED for method in methods]

        assert sorted(grouped) == sorted(DECLARATIONS)

    @pytest.mark.parametrize("name", DECLARATIONS)
    def test_a_method_is_drawn_as_it_is_declared(
        self, world: World, browser: Client, name: MergeMethod
    ) -> None:
        answer = browser.post("/jobs/new/merge/", merge_fields(world, name) | {"do": "refresh"})
        page, declared = unescape(answer.content.decode()), DECLARATIONS[name]
        inputs = values_of(page)

        assert declared.summary in page
        assert f'href="{declared.paper}"' in page or not declared.paper
        assert ("recipe.base_model" in inputs) == (declared.base != "ignored")
        for parameter in declared.parameters:
            under = SHARED if parameter.scope == "global" else "recipe.models.0.parameters"
            shown = f"{under}.{parameter.name}" in inputs
            assert shown == (parameter.name != "int8_mask"), parameter.name

    @pytest.mark.parametrize("name", DECLARATIONS)
    def test_a_form_of_every_method_makes_a_job(
        self, world: World, browser: Client, name: MergeMethod
    ) -> None:
        declared = DECLARATIONS[name]
        with world.scope():
            count = min(2, declared.most or 2)
            models = [world.tuned, world.model()][:count]
            rows = {f"recipe.models.{i}.model": str(m.id) for i, m in enumerate(models)}
            weights = {f"recipe.models.{i}.parameters.weight": "0.5" for i in range(count)}
            needed = {f"{SHARED}.t": "0.5"} if name in ("slerp", "nearswap") else {}
            base = {"recipe.base_model": str(world.base.id)}
            given = {"mode": "form", "recipe.merge_method": name} | rows | weights | needed | base
            recipe = made(browser, "merge", given).spec["recipe"]

        assert recipe["merge_method"] == name
        assert (recipe["base_model"] is None) == (declared.base == "ignored")

    def test_a_method_of_one_model_offers_no_second(self, world: World, browser: Client) -> None:
        one = {"recipe.merge_method": "slerp", "do": "refresh"}
        page = browser.post("/jobs/new/merge/", one).content.decode()

        assert "recipe.models.0.model" in values_of(page)
        assert "recipe.models.1.model" not in values_of(page)
        assert 'id="add-model"' not in page

    @pytest.mark.parametrize(
        ("name", "label"),
        [
            ("dare_ties", "DARE TIES"),
            ("task_arithmetic", "Task arithmetic"),
            ("ramplus_tl", "RAM+ TL"),
            ("model_stock", "Model stock"),
        ],
    )
    def test_names_are_spelt_as_the_field_does(self, name: str, label: str) -> None:
        assert METHODS[name].label == label

    def test_methods_that_draw_take_a_seed(self, world: World, browser: Client) -> None:
        fields = merge_fields(world, "dare_linear", **{"recipe.seed": "7"})
        fields |= {"recipe.base_model": str(world.base.id), "recipe.models.0.model": ""}
        with world.scope():
            drawn = made(browser, "merge", fields)
            plain = made(browser, "merge", fields | {"recipe.merge_method": "task_arithmetic"})

        assert (drawn.spec["recipe"]["seed"], plain.spec["recipe"]["seed"]) == (7, 0)


class TestYaml:
    def text(self, browser: Client, fields: Fields) -> str:
        page = browser.post("/jobs/new/merge/", fields | {"do": "yaml"}).content.decode()
        return unescape(re.search(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)[1])

    def test_the_form_as_yaml_names_models_as_people_do(
        self, world: World, browser: Client
    ) -> None:
        recipe = yaml.safe_load(self.text(browser, merge_fields(world)))

        assert recipe == {
            "merge_method": "linear",
            "models": [
                {"model": "base v1", "parameters": {"weight": 0.3}},
                {"model": "tuned v1", "parameters": {"weight": 0.7}},
            ],
        }

    def test_yaml_and_form_are_the_same_recipe(self, world: World, browser: Client) -> None:
        fields = merge_fields(
            world,
            "task_arithmetic",
            **{"recipe.base_model": str(world.base.id), "recipe.parameters.lambda": "[0.5, 1]"},
        )
        back = {"mode": "yaml", "yaml": self.text(browser, fields), "do": "form"}

        values = values_of(browser.post("/jobs/new/merge/", back).content.decode())

        wanted = {name: text for name, text in fields.items() if name != "mode"}
        assert {name: values[name] for name in wanted} == wanted

    @pytest.mark.parametrize("name", ["tuned", "tuned v1", "someone/tuned", "id"])
    def test_a_pasted_recipe_makes_a_job(self, world: World, browser: Client, name: str) -> None:
        tuned = str(world.tuned.id)
        text = f"merge_method: linear\nmodels:\n- model: base v1\n- model: {tuned if name == 'id' else name}\n"
        text += "parameters: {weight: 1}\n"
        with world.scope():
            job = made(browser, "merge", {"mode": "yaml", "yaml": text, "name": "pasted"})

        assert [entry["model"] for entry in job.spec["recipe"]["models"]] == [
            str(world.base.id), tuned,
        ]  # fmt: skip

    def test_a_name_without_a_version_means_the_newest(self, world: World, browser: Client) -> None:
        with world.scope():
            newest = world.model()
            type(newest).objects.filter(id=newest.id).update(name="tuned", version=2)
            text = "merge_method: linear\nmodels: [{model: tuned}, {model: base}]\nparameters: {weight: 1}"
            job = made(browser, "merge", {"mode": "yaml", "yaml": text})

        assert job.spec["recipe"]["models"][0]["model"] == str(newest.id)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("models: [", "This is not YAML: line 1"),
            ("a: 1\na: 2", "'a' is there twice"),
            ("a: &x 1\nb: *x", "aliases are not allowed"),
            ("- 1", "A recipe is a mapping"),
            ("", "A recipe is a mapping"),
            ("w: .nan", ".nan is no number"),
            ("x" * 100_001, "longer than 100,000 characters"),
            ("merge_method: linear\nmodels: [{model: bsae}]", "Did you mean 'base'?"),
            ("merge_method: lineal\nmodels: [{model: base}]", "merge_method can't be"),
            ("merge_method: linear\nmodels: [{model: base}]\nslice: []", "no field 'slice'"),
            ("merge_method: linear\nmodels: [{model: base, weight: 1}]", "no field 'weight'"),
            ("merge_method: !!python/object:os.system x", "could not determine a constructor"),
            ("[" * 3000, "This is not YAML"),
        ],
    )
    def test_a_recipe_that_is_wrong_is_refused_beside_the_text(
        self, world: World, browser: Client, text: str, words: str
    ) -> None:
        with world.scope():
            found = refused(browser, "merge", {"mode": "yaml", "yaml": text})

        assert words in found["yaml"]

    def test_another_organisations_model_is_as_unknown_as_none(
        self, world: World, charlie: Principal, browser: Client
    ) -> None:
        theirs = World(charlie)
        with theirs.scope():
            secret = theirs.model()
        text = f"merge_method: linear\nmodels: [{{model: {secret.name}}}, {{model: {secret.id}}}]"
        with world.scope():
            by_name = refused(browser, "merge", {"mode": "yaml", "yaml": text})
            known = text.replace(secret.name, "base")
            by_id = refused(browser, "merge", {"mode": "yaml", "yaml": known})

        assert f"There is no model '{secret.name}'." in by_name["yaml"]
        assert str(secret.id) in by_id["yaml"]

    def test_what_rows_can_not_show_stays_yaml(self, world: World, browser: Client) -> None:
        text = "merge_method: linear\nmodels: [{model: base}]\nout_dtype: float16"
        page = browser.post("/jobs/new/merge/", {"mode": "yaml", "yaml": text, "do": "form"})

        assert "Rows can't show what out_dtype says here." in beside(page)["yaml"]
        assert text in unescape(page.content.decode())


def test_a_huge_number_of_rows_is_cut(world: World, browser: Client) -> None:
    many = {f"recipe.models.{i}.model": str(world.base.id) for i in range(200)}
    answer = browser.post(
        "/jobs/new/merge/", {"recipe.merge_method": "linear", "do": "refresh"} | many
    )

    rows = [name for name in values_of(answer.content.decode()) if name.endswith(".model")]
    assert len(rows) == 64
