"""What a spec of an evaluation may say."""

from typing import Any

import pytest
from pydantic import ValidationError

from alloyengine.spec.evaluate import EvaluateSpec
from alloyengine.spec.job import job_spec
from alloyengine.spec.result import EvaluateResult

OLD = {"kind": "evaluate", "version": 1, "models": ["m"], "test_sets": [{"dataset": "d"}]}
OLD_SCORE = {"model": "m", "dataset": "d", "metric": "exact_match", "value": 0.5, "examples": 3}


def fault(**changes: Any) -> dict[str, Any]:
    with pytest.raises(ValidationError) as told:
        EvaluateSpec.model_validate(OLD | changes)
    [found] = told.value.errors()
    return dict(found)


def of_set(**settings: Any) -> dict[str, Any]:
    return fault(test_sets=[{"dataset": "d", **settings}])


def test_specs_and_results_of_before_are_still_read():
    spec = job_spec.validate_python(OLD)
    assert isinstance(spec, EvaluateSpec)
    assert (spec.tasks, spec.judge, spec.test_sets[0].metric) == ([], None, "exact_match")
    result = EvaluateResult.model_validate({"kind": "evaluate", "scores": [OLD_SCORE]})
    assert (result.tasks, result.comparisons, result.unjudged) == ([], [], 0)


def test_something_is_asked():
    assert fault(test_sets=[])["type"] == "too_short"
    spec = EvaluateSpec.model_validate({"models": ["m"], "tasks": [{"name": "arc_easy"}]})
    assert spec.test_sets == []


def test_all_that_is_read_is_an_input():
    tasks = [{"name": "arc_easy", "data": "arc"}, {"file": "mine.yaml"}]
    spec = EvaluateSpec.model_validate(OLD | {"tasks": tasks})
    assert [(ref.loc, ref.kind, ref.reference) for ref in spec.inputs()] == [
        (("models", 0), "model", "m"),
        (("test_sets", 0, "dataset"), "dataset", "d"),
        (("tasks", 0, "data"), "dataset", "arc"),
        (("tasks", 1, "file"), "dataset", "mine.yaml"),
    ]


@pytest.mark.parametrize(
    "setting",
    [
        {"pattern": "a"},
        {"tolerance": 0.1},
        {"json_schema": {"type": "object"}},
        {"choices": ["a", "b"]},
    ],
)
def test_a_setting_of_another_metric_is_a_mistake(setting: dict[str, Any]):
    [name] = setting
    assert of_set(**setting)["ctx"]["field"] == name


@pytest.mark.parametrize(
    "node", [{"$ref": "http://x/y"}, {"items": [{"$ref": "file:///etc/passwd"}]}]
)
def test_a_schema_stands_alone(node: dict[str, Any]):
    assert "outside" in of_set(metric="json_valid", json_schema=node)["msg"]


def test_a_schema_may_refer_to_itself_and_have_an_end():
    fine = {"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}
    EvaluateSpec.model_validate(
        OLD | {"test_sets": [{"dataset": "d", "metric": "json_valid", "json_schema": fine}]}
    )
    assert "too large" in of_set(metric="json_valid", json_schema={"const": "x" * 70_000})["msg"]


@pytest.mark.parametrize("task", [{}, {"name": "a", "file": "b.yaml"}])
def test_a_task_has_a_name_or_a_file(task: dict[str, Any]):
    assert "name or a file" in fault(tasks=[task])["msg"]


def test_a_win_rate_needs_a_judge_and_something_to_win_against():
    judged = [{"dataset": "d", "metric": "win_rate"}]
    assert "needs a judge" in fault(test_sets=judged)["msg"]
    assert "One model alone" in fault(test_sets=judged, judge={"model": "j"})["msg"]
    against = {"model": "j", "against": "expected"}
    EvaluateSpec.model_validate(OLD | {"test_sets": judged, "judge": against})


def test_no_spec_says_where_a_judge_is():
    assert fault(judge={"model": "j", "url": "https://example.org"})["type"] == "extra_forbidden"


MIXTURE = {"name": "moa", "layers": [["m", "n"], ["o"]], "aggregator": "p"}


def test_the_models_of_a_mixture_are_inputs_and_it_is_told_of_by_its_name():
    spec = EvaluateSpec.model_validate(OLD | {"mixtures": [MIXTURE]})
    assert [(ref.loc, ref.reference) for ref in spec.inputs()[2:]] == [
        (("mixtures", 0, "layers", 0, 0), "m"),
        (("mixtures", 0, "layers", 0, 1), "n"),
        (("mixtures", 0, "layers", 1, 0), "o"),
        (("mixtures", 0, "aggregator"), "p"),
    ]
    assert spec.subjects == ["m", "moa"]


@pytest.mark.parametrize("name", ["m", "n", "p"])
def test_a_mixture_is_told_from_all_models(name: str):
    """Its scores must not pass for those of a model."""
    found = fault(mixtures=[MIXTURE | {"name": name}])
    assert found["ctx"]["field"] == "mixtures.0.name" and repr(name) in found["msg"]


def test_two_mixtures_have_two_names():
    assert fault(mixtures=[MIXTURE, MIXTURE])["ctx"]["field"] == "mixtures.1.name"


def test_a_mixture_is_asked_something():
    sets = [{"dataset": "d", "metric": "perplexity"}]
    assert fault(mixtures=[MIXTURE], test_sets=sets)["ctx"]["field"] == "mixtures"


@pytest.mark.parametrize("layers", [[], [[]], [["m"]] * 5, [["m"] * 9]])
def test_layers_have_models_and_an_end(layers: Any):
    assert fault(mixtures=[MIXTURE | {"layers": layers}])["loc"][:3] == ("mixtures", 0, "layers")


def test_a_mixture_may_win_against_the_only_model():
    judged = [{"dataset": "d", "metric": "win_rate"}]
    EvaluateSpec.model_validate(
        OLD | {"test_sets": judged, "judge": {"model": "j"}, "mixtures": [MIXTURE]}
    )
