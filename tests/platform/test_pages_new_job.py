"""The forms that make jobs: what is typed becomes a spec, and what is wrong is said beside it."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
import yaml
from django.http import HttpResponse
from django.test import Client

from alloyengine.spec.methods import PARAMETERS
from alloyworks.accounts.models import Role
from alloyworks.accounts.principal import Principal
from alloyworks.catalog import versions
from alloyworks.jobs import submission
from alloyworks.jobs.models import Job, JobState
from alloyworks.web.forms.methods import METHODS
from tests.platform.conftest import joined
from tests.platform.world import SMALL, World

BrowserOf = Callable[[Principal], Client]
Fields = dict[str, Any]


@pytest.fixture
def world(alice: Principal) -> World:
    return World(alice)


@pytest.fixture
def browser(world: World, browser_of: BrowserOf) -> Client:
    return browser_of(world.owner)


def train_fields(world: World, **changes: Any) -> Fields:
    return {
        "name": "",
        "model": str(world.base.id),
        "dataset": str(world.chats.id),
        "tuning.method": "spectrum",
        "tuning.percent": "25",
        "tuning.train_embeddings": "true",
    } | changes


def merge_fields(world: World, method: str = "linear", **changes: Any) -> Fields:
    return {
        "mode": "form",
        "recipe.merge_method": method,
        "recipe.models.0.model": str(world.base.id),
        "recipe.models.0.parameters.weight": "0.3",
        "recipe.models.1.model": str(world.tuned.id),
        "recipe.models.1.parameters.weight": "0.7",
    } | changes


def evaluate_fields(world: World, **changes: Any) -> Fields:
    return {
        "models": [str(world.base.id), str(world.tuned.id)],
        "test_sets.0.dataset": str(world.chats.id),
        "test_sets.0.metric": "exact_match",
    } | changes


def made(browser: Client, kind: str, fields: Fields) -> Job:
    """The job that the form made; its page comes next."""
    answer = browser.post(f"/jobs/new/{kind}/", fields)
    assert answer.status_code == 302, beside(answer)
    job = Job.objects.get(id=answer["Location"].split("/")[2])
    assert answer["Location"] == f"/jobs/{job.id}/"
    return job


def refused(browser: Client, kind: str, fields: Fields) -> dict[str, str]:
    """What the page says beside each input."""
    answer = browser.post(f"/jobs/new/{kind}/", fields)
    assert answer.status_code == 422
    assert not Job.objects.exists()
    return beside(answer)


def beside(answer: HttpResponse) -> dict[str, str]:
    """The words of the faults by the name of the input that they stand beside."""
    page, found = answer.content.decode(), {}
    for field in re.split(r'<div class="field[ "]', page)[1:]:
        name = re.search(r' name="([^"]+)"', field)
        fault = re.search(r'<ul class="faults"[^>]*>(.*?)</ul>', field, re.DOTALL)
        if name and fault:
            words = unescape(re.sub(r"<[^>]+>", " ", fault[1]))
            found[name[1]] = " ".join(words.split())
    return found


def shown(client: Client, path: str) -> dict[str, str]:
    """What the form's inputs hold: text, the chosen option, the boxes that are ticked."""
    page = client.get(path).content.decode()
    return values_of(page)


def values_of(page: str) -> dict[str, str]:
    form = page[page.index('id="job-form"') :]
    found = dict(re.findall(r'<input [^>]*name="([^"]+)" value="([^"]*)"(?! type)', form))
    for name, options in re.findall(
        r'<select [^>]*name="([^"]+)".*?>(.*?)</select>', form, re.DOTALL
    ):
        chosen = re.search(r'<option value="([^"]*)"[^>]* selected', options)
        found[name] = chosen[1] if chosen else ""
    ticked = re.findall(
        r'<input type="(?:checkbox|radio)" name="([^"]+)" value="([^"]*)" ?checked', form
    )
    boxes = {name for name, _ in re.findall(r'type="(checkbox|radio)" name="([^"]+)"', form)}
    return {n: unescape(v) for n, v in found.items() if n not in boxes} | dict(ticked)


class TestTrain:
    def test_the_form_makes_a_job(self, world: World, browser: Client) -> None:
        with world.scope():
            job = made(
                browser, "train", train_fields(world, name="chemist", epochs="2.5", seed="7")
            )

            assert (job.kind, job.name, job.created_by) == ("train", "chemist", world.owner.user)
        assert job.spec["model"] == str(world.base.id)
        assert job.spec["tuning"] == {"method": "spectrum", "percent": 25, "train_embeddings": True}
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
        fields = train_fields(world)
        del fields["tuning.train_embeddings"]
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
        fields = train_fields(world, epochs="many", name="chemist")
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


class TestMerge:
    def test_the_form_makes_a_job(self, world: World, browser: Client) -> None:
        with world.scope():
            job = made(browser, "merge", merge_fields(world, name="both"))

        assert job.spec["recipe"] == {
            "merge_method": "linear",
            "base_model": None,
            "models": [
                {"model": str(world.base.id), "parameters": {"weight": 0.3}},
                {"model": str(world.tuned.id), "parameters": {"weight": 0.7}},
            ],
            "parameters": {},
            "dtype": None,
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

    def test_the_words_of_methods_are_about_all_there_are(self) -> None:
        assert METHODS.keys() == PARAMETERS.keys()
        for name, method in METHODS.items():
            declared = {p.name for p in PARAMETERS[name]}
            assert {p.name for p in (*method.each, *method.shared)} == declared
            assert all(p.help for p in (*method.each, *method.shared))


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
            ("merge_method: linear\nmodels: [{model: base}]\nslices: []", "no field 'slices'"),
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
        text = "merge_method: linear\nmodels: [{model: base}]\ntokenizer_source: base"
        page = browser.post("/jobs/new/merge/", {"mode": "yaml", "yaml": text, "do": "form"})

        assert "Rows can't show what tokenizer_source says here." in beside(page)["yaml"]
        assert text in unescape(page.content.decode())


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
        assert job.spec["test_sets"] == [
            {"dataset": str(world.chats.id), "metric": "exact_match", "max_new_tokens": 8, "limit": 20},
            {"dataset": str(world.chats.id), "metric": "perplexity", "max_new_tokens": 16, "limit": None},
        ]  # fmt: skip

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


class TestPrefilled:
    @pytest.mark.parametrize("kind", ["train", "merge", "evaluate"])
    def test_by_a_job_and_sent_off_unchanged_it_is_the_same_spec(
        self, world: World, browser: Client, kind: str
    ) -> None:
        with world.scope():
            source = submission.submit(world.owner, world.spec(kind))
        values = shown(browser, f"/jobs/new/{kind}/?from={source.id}")
        with world.scope():
            job = made(browser, kind, values)

        recipe = source.spec.get("recipe")
        if recipe:  # one weight for all models is given for each
            weight = recipe["parameters"].pop("weight")
            recipe["models"] = [{**m, "parameters": {"weight": weight}} for m in recipe["models"]]
            job.spec["recipe"]["parameters"].pop("normalize")
        assert job.id != source.id and job.spec == source.spec

    def test_filters_of_a_recipe_are_one_line_of_a_row(self, world: World, browser: Client) -> None:
        filtered = [{"filter": "mlp", "value": 0.2}, {"filter": None, "value": 0.5}]
        spec = world.merge()
        spec["recipe"]["models"][0]["parameters"] = {"weight": filtered}
        with world.scope():
            source = submission.submit(world.owner, spec)
            values = shown(browser, f"/jobs/new/merge/?from={source.id}")
            job = made(browser, "merge", values)

        assert job.spec["recipe"]["models"][0]["parameters"] == {"weight": filtered}

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

    @pytest.mark.parametrize("source", ["nonsense", str(uuid4())])
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


def test_viewers_are_refused(world: World, browser_of: BrowserOf) -> None:
    viewer = browser_of(joined(world.owner, "v@acme.example", Role.VIEWER))

    assert viewer.get("/jobs/new/train/").status_code == 403
    assert viewer.post("/jobs/new/train/", train_fields(world)).status_code == 403
    with world.scope():
        assert not Job.objects.exists()


def test_there_is_no_form_for_an_unknown_kind(browser: Client) -> None:
    assert browser.get("/jobs/new/dance/").status_code == 404


def test_a_huge_number_of_rows_is_cut(world: World, browser: Client) -> None:
    many = {f"recipe.models.{i}.model": str(world.base.id) for i in range(200)}
    answer = browser.post(
        "/jobs/new/merge/", {"recipe.merge_method": "linear", "do": "refresh"} | many
    )

    rows = [name for name in values_of(answer.content.decode()) if name.endswith(".model")]
    assert len(rows) == 64


def test_facts_of_models_are_told_in_lists(world: World, browser: Client) -> None:
    page = browser.get("/jobs/new/train/").content.decode()

    assert 'data-note="135M · LlamaForCausalLM"' in page
    assert f'data-layers="{SMALL["layers"]}"' in page
