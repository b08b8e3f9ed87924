"""The pure parts of `bench scores`: recipes, figures, and the page that shows them."""

import json

import pytest
import yaml

from alloyengine.merge.recipe import parse
from alloyengine.spec.methods import DECLARATIONS
from alloyengine.spec.result import Score
from alloyworks.cli.demo.story import TASKS
from bench import scores, scores_chart, scores_models, scores_page
from bench.scores_cases import ALONE, CASES, both, mix, pair, words

WHERE = {"date": "2026-11-25 08:00", "cores": 2, "cpu": "EPYC"}
VERSIONS = {"numpy": "2.4", "torch": "2.13", "transformers": "5.24"}


def row(elements, capitals, **more):
    """As a bench keeps it."""
    asked = {"elements": 118, "capitals": 120}
    mean = (elements + capitals) / 2
    own = {"elements": elements, "capitals": capitals, "mean": mean, "±": 1.0}
    return own | {"examples": asked, "where": WHERE | VERSIONS} | more


def score(task, value, stderr):
    return Score(
        model="m", dataset=task, metric="exact_match", value=value, stderr=stderr, examples=9
    )


FIGURES = {
    "base alone": row(0, 0),
    "ties weight 0.5": row(50, 70, recipe={}),
    "ties weight 0.7": row(90, 80, recipe={}),
    "karcher": row(95, 99, recipe={}),
}


def test_every_method_is_scored():
    assert set(DECLARATIONS) <= {case.method for case in CASES}


def test_every_recipe_is_one_of_ours():
    for case in CASES:
        if case.recipe:
            assert parse(yaml.safe_dump(case.recipe)).dtype == "bfloat16"


def test_every_row_has_a_name_of_its_own():
    assert len({case.name for case in CASES}) == len(CASES)


def test_both_specialists_get_the_same_parameters():
    case = both("ties", {"weight": 0.5, "density": 0.2}, {"normalize": False})

    assert case.name == "ties weight 0.5, density 0.2, normalize false"
    assert case.recipe["base_model"] == "base"
    assert [entry["model"] for entry in case.recipe["models"]] == ["elements", "capitals"]
    assert [entry["parameters"]["density"] for entry in case.recipe["models"]] == [0.2, 0.2]


def test_a_method_that_ignores_the_base_is_given_none():
    assert "base_model" not in both("linear", {"weight": 0.5}).recipe


def test_a_base_that_could_be_left_out_is_said():
    assert both("nuslerp", {"weight": 0.5}).name == "nuslerp weight 0.5, changes to the base"
    assert both("nuslerp", {"weight": 0.5}, base=False).name == "nuslerp weight 0.5"


def test_of_a_pair_one_specialist_is_the_base():
    case = pair("arcee_fusion", first="capitals")

    assert case.settings == "elements into capitals"
    assert case.recipe["base_model"] == "capitals"
    assert case.recipe["models"] == [{"model": "elements"}]


def test_the_mix_chooses_three_methods():
    (group,) = parse(yaml.safe_dump(mix().recipe)).groups()

    assert group.methods == ["ties", "della_linear", "linear"]


def test_settings_are_told_in_words():
    assert words({"t": 0.0001, "normalize": False}, "more") == "t 0.0001, normalize false, more"


def test_the_error_of_the_mean_is_of_independent_questions():
    figures = scores.figures_of(
        {"elements": score("elements", 0.5, 0.03), "capitals": score("capitals", 1.0, 0.04)}
    )

    assert (figures["elements"], figures["capitals"], figures["mean"]) == (50.0, 100.0, 75.0)
    assert figures["±"] == 2.5


def test_specialists_are_trained_as_in_the_demo():
    spec = scores_models.training("capitals")

    assert (spec.epochs, spec.tuning.method) == (3, "spectrum")


def test_other_training_makes_another_specialist():
    spec = scores_models.training("elements")
    rows = scores_models.rows("elements", "train")
    known = scores_models.digest(spec, rows)

    assert scores_models.digest(spec.model_copy(update={"epochs": 9}), rows) != known
    assert scores_models.digest(spec, rows[1:]) != known
    assert scores_models.digest(spec, list(rows)) == known


def test_no_question_of_a_test_is_learned(tmp_path):
    scores_models.write_sets(tmp_path)

    for task in TASKS:
        learned, asked = (
            {json.loads(line)["messages"][0]["content"] for line in file.open()}
            for file in (tmp_path / task / "train.jsonl", tmp_path / task / "test.jsonl")
        )
        assert learned and asked and not learned & asked


def test_the_highest_mean_comes_first():
    assert scores_page.ordered(FIGURES) == [
        "karcher",
        "ties weight 0.7",
        "ties weight 0.5",
        "base alone",
    ]


def test_the_picture_shows_each_method_in_its_best_settings():
    found = scores_page.best(FIGURES)

    assert list(found) == ["karcher", "ties", "base alone"]
    assert found["ties"] == FIGURES["ties weight 0.7"]


def test_models_alone_are_not_taken_for_methods():
    assert {case.recipe for case in ALONE} == {None}


def test_a_row_of_the_table_says_all_that_was_measured():
    table = scores_page.table(FIGURES)

    assert "| `ties` | weight 0.7 | 90.0 | 80.0 | 85.0 ± 1.0 |" in table
    assert "| *base* | alone | 0.0 | 0.0 | 0.0 ± 1.0 |" in table
    assert "118 questions about elements, 120 about capitals. 2026-11-25, 2 cores of EPYC" in table


def test_only_the_table_of_the_page_is_replaced():
    page = f"before\n{scores_page.BEGIN}old\n{scores_page.END}after\n"

    new = scores_page.with_table(page, FIGURES)

    assert new.startswith("before\n") and new.endswith("after\n") and "old" not in new
    assert scores_page.with_table(new, FIGURES) == new


def test_a_page_without_marks_is_not_overwritten():
    with pytest.raises(SystemExit, match="measured"):
        scores_page.with_table("a page", FIGURES)


def test_scores_lie_on_the_scale():
    assert scores_chart.SCALE.across(0) == scores_chart.SCALE.names
    assert scores_chart.SCALE.across(100) == scores_chart.SCALE.names + scores_chart.SCALE.width


def test_the_picture_marks_both_tasks_of_every_row():
    picture = scores_chart.chart(FIGURES)

    for task, colour in scores_chart.COLOURS.items():
        drawn = picture.count(f'fill="{colour}"')
        assert drawn == len(FIGURES) + 1, task  # and one in the legend
