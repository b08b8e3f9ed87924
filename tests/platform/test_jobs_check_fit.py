"""Specs whose parts do not fit together: dataset and method, model and model, recipe and method."""

from collections.abc import Iterator
from typing import Any

import pytest

from alloyworks.jobs.models import JobInput, JobState
from tests.platform.catalog_cast import make_model
from tests.platform.world import World

Spec = dict[str, Any]
DATASET = ("dataset",)
SET = ("test_sets", 0, "dataset")
SFT_READS = (
    "Use a dataset with messages, or prompt and completion, or instruction and output, or text."
)


@pytest.fixture
def inside(world: World) -> Iterator[None]:
    with world.scope():
        yield


@pytest.mark.usefixtures("inside")
class TestDatasets:
    @pytest.mark.parametrize("form", ["chat", "prompt_completion", "instruction", "text"])
    def test_what_sft_learns_from(self, world: World, form: str) -> None:
        assert world.faults(world.train(dataset=str(world.dataset(form).id))) == {}

    def test_sft_can_not_use_preferences(self, world: World) -> None:
        pairs = world.dataset("preference", name="pairs")

        found = world.faults(world.train(dataset=str(pairs.id)))

        assert found == {
            DATASET: (
                "sft can't use the dataset 'pairs': its columns are chosen and rejected.",
                SFT_READS,
            )
        }

    @pytest.mark.parametrize(
        ("metric", "form", "fits"),
        [
            ("exact_match", "chat", True),
            ("exact_match", "prompt_completion", True),
            ("exact_match", "instruction", True),
            ("exact_match", "text", False),
            ("exact_match", "preference", False),
            ("perplexity", "chat", True),
            ("perplexity", "text", True),
            ("perplexity", "preference", False),
            ("numeric", "prompt_completion", True),
            ("rouge_l", "text", False),
        ],
    )
    def test_what_a_metric_can_score(
        self, world: World, metric: str, form: str, fits: bool
    ) -> None:
        test_set = {"dataset": str(world.dataset(form).id), "metric": metric}

        found = world.faults(world.evaluate(test_sets=[test_set]))

        assert set(found) == (set() if fits else {SET})

    def test_nothing_to_train_on(self, world: World) -> None:
        empty = world.dataset("chat", train_rows=0)

        found = world.faults(world.train(dataset=str(empty.id)))

        assert found[DATASET] == (
            "The dataset 'd' has no training rows.",
            "Upload it again with a smaller test_percent.",
        )

    def test_a_general_set_is_scored_and_not_learned(self, world: World) -> None:
        """So it may have no rows to train on, but it has to have some."""
        held = {"dataset": str(world.dataset("text", train_rows=0).id)}
        empty = {"dataset": str(world.dataset("text", train_rows=0, test_rows=0).id)}

        assert world.faults(world.train(forgetting=held)) == {}
        assert set(world.faults(world.train(forgetting=empty))) == {("forgetting", "dataset")}

    def test_a_general_set_has_to_be_text_or_chats(self, world: World) -> None:
        pairs = {"dataset": str(world.dataset("preference").id)}

        assert set(world.faults(world.train(forgetting=pairs))) == {("forgetting", "dataset")}

    def test_a_delta_can_not_become_a_version(self, world: World) -> None:
        assert world.faults(world.train(save="delta")) == {
            ("save",): (
                "A version here is a whole model, not a delta.",
                "Use model. Of what you download, alloy make-delta makes a delta.",
            )
        }

    def test_nothing_to_ask(self, world: World) -> None:
        empty = world.dataset("chat", test_rows=0)

        found = world.faults(world.evaluate(test_sets=[{"dataset": str(empty.id)}]))

        assert found[SET] == (
            "The dataset 'd' has no test rows.",
            "Upload it again with a larger test_percent.",
        )

    def test_a_model_twice_in_an_evaluation(self, world: World) -> None:
        job = world.job(state=JobState.SUCCEEDED)
        made = make_model(world.owner, name="made", job=job)

        found = world.faults(world.evaluate(str(world.base.id), str(made.id), f"job:{job.id}"))

        assert found == {("models", 2): ("made v1 is there twice.", "Remove one of them.")}

    def test_a_test_set_twice_with_one_metric(self, world: World) -> None:
        one = {"dataset": str(world.chats.id)}

        found = world.faults(world.evaluate(test_sets=[one, one | {"metric": "perplexity"}, one]))

        assert set(found) == {("test_sets", 2, "dataset")}


@pytest.mark.usefixtures("inside")
class TestEvaluations:
    def test_a_job_reaches_no_judge(self, world: World) -> None:
        judged = [{"dataset": str(world.chats.id), "metric": "win_rate"}]
        judge = {"model": "j", "against": "expected"}

        found = world.faults(world.evaluate(test_sets=judged, judge=judge))

        assert found[("judge",)][0] == "A job reaches no judge."

    def test_rows_of_a_dataset_have_no_choices_of_their_own(self, world: World) -> None:
        chosen = {"dataset": str(world.chats.id), "metric": "multiple_choice"}

        found = world.faults(world.evaluate(test_sets=[chosen]))

        assert set(found) == {("test_sets", 0, "choices")}
        assert world.faults(world.evaluate(test_sets=[chosen | {"choices": ["a", "b"]}])) == {}

    def test_tasks_alone_are_enough_and_may_share_their_documents(self, world: World) -> None:
        tasks = [{"name": name, "data": str(world.chats.id)} for name in ("arc_easy", "piqa")]
        spec = world.evaluate(tasks=tasks)
        del spec["test_sets"]

        assert world.faults(spec) == {}

    def test_what_is_wrong_with_a_task_is_said_once(self, world: World) -> None:
        found = world.faults(world.evaluate(tasks=[{"name": "../evil"}], test_sets=[]))

        assert set(found) == {("tasks", 0, "name")}


@pytest.mark.usefixtures("inside")
class TestMerging:
    @pytest.mark.parametrize(
        ("facts", "difference"),
        [
            ({"hidden_size": 960, "parameters": 1}, "hidden size 960 instead of 576"),
            (
                {"layers": 32, "hidden_size": 960},
                "number of layers 32 instead of 30, hidden size 9",
            ),
            (
                {"architecture": "Qwen3ForCausalLM"},
                "architecture Qwen3ForCausalLM instead of Llama",
            ),
            ({"parameters": 1}, "number of weights 1 instead of 134,515,008"),
        ],
    )
    def test_models_of_different_shapes(self, world: World, facts: Spec, difference: str) -> None:
        other = world.model(**facts)

        found = world.faults(world.merge("linear", str(world.base.id), str(other.id)))

        assert list(found) == [("recipe", "models", 1, "model")]
        msg, remedy = found["recipe", "models", 1, "model"]
        assert msg.startswith(f"{other.name} v1 differs from base v1: {difference}")
        assert remedy == "Merge models of one architecture and size."

    def test_models_of_different_vocabularies(self, world: World) -> None:
        other = world.model(vocabulary=9, parameters=1)
        spec = world.merge("linear", str(world.base.id), str(other.id))

        msg, remedy = world.faults(spec)["recipe", "models", 1, "model"]

        assert msg.endswith("differs from base v1: vocabulary 9 instead of 49,152.")
        assert remedy.startswith("Add tokenizer_source: union")

    def test_a_new_vocabulary_makes_them_one(self, world: World) -> None:
        other = world.model(vocabulary=9, parameters=1)
        models = str(world.base.id), str(other.id)

        assert world.faults(world.merge("linear", *models, tokenizer_source="union")) == {}

    def test_all_are_compared_with_the_base(self, world: World) -> None:
        base = world.model(hidden_size=960)

        found = world.faults(world.merge("task_arithmetic", base_model=str(base.id)))

        assert set(found) == {("recipe", "models", i, "model") for i in (0, 1)}

    def test_facts_that_are_not_known_differ_from_nothing(self, world: World) -> None:
        other = world.model(hidden_size=None, architecture="LlamaForCausalLM")

        assert world.faults(world.merge("linear", str(world.base.id), str(other.id))) == {}

    def test_a_model_to_come_has_the_shape_of_its_base(self, world: World) -> None:
        large = world.model(hidden_size=960)
        job = world.job()
        JobInput.objects.create(
            organisation=world.owner.organisation,
            job=job,
            reference=job.spec["model"],
            model_version=large,
        )

        found = world.faults(world.merge("linear", str(world.base.id), f"job:{job.id}"))

        msg, _ = found["recipe", "models", 1, "model"]
        assert msg.startswith("the model of the job 'train job' differs from base v1")

    def test_an_unknown_parameter(self, world: World) -> None:
        spec = world.merge(parameters={"wieght": 1, "weight": 1})

        assert world.faults(spec) == {
            ("recipe", "parameters", "wieght"): (
                "linear has no parameter 'wieght'.",
                "Did you mean 'weight'?",
            )
        }

    @pytest.mark.parametrize(
        ("method", "given", "msg", "remedy"),
        [
            ("sce", {"select_topk": 1.5}, "select_topk 1.5 is too large.", "Use 0 to 1: share of"),
            ("sce", {"select_topk": [0.5, -1]}, "select_topk -1 is too small.", "Use 0 to 1"),
            ("ram", {"epsilon": -1}, "epsilon -1 is too small.", "Use at least 0: a change"),
        ],
    )
    def test_a_parameter_out_of_bounds(
        self, world: World, method: str, given: Spec, msg: str, remedy: str
    ) -> None:
        base = str(world.base.id)
        spec = world.merge(method, str(world.tuned.id), base_model=base, parameters=given)

        (loc, told), *others = world.faults(spec).items()

        assert (loc, told[0], others) == (("recipe", "parameters", *given), msg, [])
        assert told[1].startswith(remedy)

    def test_a_missing_parameter_of_the_recipe(self, world: World) -> None:
        spec = world.merge("slerp", base_model=str(world.base.id), parameters={})

        assert world.faults(spec) == {
            ("recipe", "parameters", "t"): ("slerp needs t.", "Add it to the recipe's parameters.")
        }

    def test_a_missing_parameter_of_a_model(self, world: World) -> None:
        base, tuned = str(world.base.id), str(world.tuned.id)
        spec = world.merge("task_arithmetic", base, tuned, base_model=base, parameters={})

        found = world.faults(spec)

        assert found == {
            ("recipe", "models", 1, "parameters", "weight"): (
                "task_arithmetic needs weight.",
                "Give every model a weight, or one for all in the recipe's parameters.",
            )
        }

    def test_a_method_without_its_base(self, world: World) -> None:
        found = world.faults(world.merge("task_arithmetic"))

        assert found == {
            ("recipe", "base_model"): (
                "task_arithmetic needs base_model.",
                "Name the model that the others are compared to.",
            )
        }

    def test_slerp_of_three(self, world: World) -> None:
        spec = world.merge("slerp", base_model=str(world.model().id), parameters={"t": 0.5})

        assert list(world.faults(spec)) == [("recipe", "models")]


def sliced(world: World, *ranges: tuple[int, int], **changes: Any) -> Spec:
    sources = [{"model": str(world.base.id), "layer_range": layers} for layers in ranges]
    slices = [{"sources": [source]} for source in sources]
    return world.merge("passthrough", models=[], parameters={}, slices=slices, **changes)


@pytest.mark.usefixtures("inside")
class TestForms:
    """Recipes that list no models: slices, modules, stages."""

    def test_slices_of_one_model(self, world: World) -> None:
        assert world.faults(sliced(world, (0, 20), (10, 30))) == {}

    def test_layers_that_a_model_does_not_have(self, world: World) -> None:
        assert world.faults(sliced(world, (0, 20), (10, 31))) == {
            ("recipe", "slices", 1, "sources", 0, "layer_range"): (
                "base v1 has 30 layers, not 31.",
                "End the range at 30 or before.",
            )
        }

    def test_an_unknown_model_of_a_slice(self, world: World) -> None:
        spec = sliced(world, (0, 20))
        spec["recipe"]["slices"][0]["sources"][0]["model"] = "nobody"

        assert list(world.faults(spec)) == [("recipe", "slices", 0, "sources", 0, "model")]

    def test_an_unknown_parameter_of_a_slice(self, world: World) -> None:
        spec = sliced(world, (0, 30))
        spec["recipe"]["slices"][0]["parameters"] = {"scael": 2}

        found = world.faults(spec)

        place = ("recipe", "slices", 0, "parameters", "scael")
        assert found == {place: ("passthrough has no parameter 'scael'.", "Did you mean 'scale'?")}

    def test_a_missing_parameter_of_a_module(self, world: World) -> None:
        tower = {"models": [{"model": str(world.base.id)}]}
        spec = world.merge(models=[], parameters={}, modules={"decoder": tower})

        place = ("recipe", "modules", "decoder", "models", 0, "parameters", "weight")
        assert world.faults(spec)[place][0] == "linear needs weight."

    def test_stages_are_judged_as_the_last_recipe_is(self, world: World) -> None:
        other = world.model(hidden_size=960)
        spec = world.merge("linear", "first", str(other.id))
        spec["stages"] = [world.merge()["recipe"] | {"name": "first"}]
        spec["stages"][0]["parameters"] = {"weight": 1, "normalise": True}

        found = world.faults(spec)

        assert set(found) == {
            ("stages", 0, "parameters", "normalise"),
            ("recipe", "models", 1, "model"),
        }

    def test_a_model_to_come_from_slices_may_have_any_shape(self, world: World) -> None:
        job = world.job("merge")
        job.spec = sliced(world, (0, 10), (0, 30), base_model=str(world.base.id))
        job.save()
        JobInput.objects.create(
            organisation=world.owner.organisation,
            job=job,
            reference=str(world.base.id),
            model_version=world.base,
        )
        spec = world.merge("linear", str(world.model(layers=40, parameters=5).id), f"job:{job.id}")

        assert world.faults(spec) == {}
