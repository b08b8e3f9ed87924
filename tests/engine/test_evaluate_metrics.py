"""What each metric calls right, and how much of it."""

import sys
import time
from typing import Any, get_args

import pytest
from absl import logging as absl_logging
from rouge_score.rouge_scorer import RougeScorer

from alloyengine.errors import InputError
from alloyengine.evaluate.metrics import ANSWERED
from alloyengine.evaluate.metrics.number import last_number
from alloyengine.evaluate.metrics.overlap import longest_common
from alloyengine.evaluate.metrics.pattern import Pattern
from alloyengine.spec.evaluate import TestSet
from alloyengine.spec.metrics import METRICS, Metric

# It keeps what was stderr when it was imported, pytest's, and closes it when logging is set up anew.
absl_logging.get_absl_handler().python_handler.stream = sys.__stderr__


def grade(metric: str, answer: str, expected: str = "", **settings: Any) -> float:
    test = TestSet.model_validate({"dataset": "d", "metric": metric, **settings})
    return ANSWERED[metric](test)(answer, expected)


def test_every_metric_is_declared_once_and_can_be_computed():
    assert set(METRICS) == set(get_args(Metric))
    others = {"multiple_choice", "multiple_choice_norm", "win_rate", "perplexity"}
    assert set(ANSWERED) == set(METRICS) - others
    assert {*ANSWERED, "win_rate"} == {name for name, about in METRICS.items() if about.answers}


@pytest.mark.parametrize(
    ("answer", "right"),
    [("It is PARIS, of\ncourse", 1), ("paris", 1), ("Par is", 0), ("", 0)],
)
def test_an_answer_contains_what_was_expected(answer: str, right: float):
    assert grade("contains", answer, "Paris") == right


def test_white_space_is_one_space_where_something_is_contained():
    assert grade("contains", "the  New\tYork", "new york") == 1


class TestRegex:
    def test_without_a_pattern_the_expected_answer_is_one(self):
        assert grade("regex", "about 42 km", r"4\d\s?km") == 1
        assert grade("regex", "about 52 km", r"4\d\s?km") == 0

    def test_a_pattern_without_a_group_is_found(self):
        assert grade("regex", "Answer: B", "ignored", pattern=r"^Answer: [A-D]$") == 1
        assert grade("regex", "B", "ignored", pattern=r"^Answer: [A-D]$") == 0

    def test_what_the_last_group_catches_is_what_was_expected(self):
        pattern = r"answer is (\w+)"
        assert grade("regex", "The answer is A. No, the answer is B.", "b", pattern=pattern) == 1
        assert grade("regex", "The answer is A.", "B", pattern=pattern) == 0
        assert grade("regex", "Nothing.", "B", pattern=pattern) == 0

    def test_the_first_of_several_groups_counts(self):
        assert grade("regex", "x=7;", "7", pattern=r"x=(\d+)(;?)") == 1

    def test_a_search_that_would_never_end_is_ended(self):
        began = time.monotonic()
        with pytest.raises(InputError, match="took longer than 1 s") as told:
            grade("regex", "a" * 60 + "!", "", pattern=r"^(a|a|aa)+$")
        assert time.monotonic() - began < 10
        assert told.value.code == "pattern_slow"

    @pytest.mark.parametrize("expression", ["(", "[a-", "*", "(?P<x>a)(?P<x>b"])
    def test_what_is_no_expression_is_refused(self, expression: str):
        with pytest.raises(InputError, match="no regular expression"):
            Pattern(expression)

    def test_an_expression_of_a_dataset_may_be_too_long(self):
        with pytest.raises(InputError, match="longer than 1000"):
            grade("regex", "a", "a" * 1001)


class TestNumeric:
    @pytest.mark.parametrize(
        ("text", "number"),
        [
            ("about 1,234.5 km", 1234.5),
            ("3 + 4 = 7.", 7),
            ("-5", -5),
            ("−7", -7),
            ("$1,000,000!", 1e6),
            ("1e-3", 0.001),
            (".5", 0.5),
            ("3-5", 5),
            ("5%", 5),
            ("H2O", None),
            ("none", None),
            ("", None),
        ],
    )
    def test_the_last_number_counts(self, text: str, number: float | None):
        assert last_number(text) == number

    def test_without_tolerance_it_is_equal(self):
        assert grade("numeric", "0.30000000000000004", "0.3") == 1
        assert grade("numeric", "0.301", "0.3") == 0

    @pytest.mark.parametrize(("said", "right"), [("95", 1), ("105", 1), ("94.9", 0), ("", 0)])
    def test_tolerance_is_a_share_of_what_was_expected(self, said: str, right: float):
        assert grade("numeric", said, "100", tolerance=0.05) == right

    def test_nothing_is_near_zero_but_zero(self):
        assert grade("numeric", "0.0", "0", tolerance=0.5) == 1
        assert grade("numeric", "0.001", "0", tolerance=0.5) == 0

    def test_a_long_text_takes_no_time(self):
        began = time.monotonic()
        last_number("1," * 50_000 + "x" + "1e" * 50_000)
        assert time.monotonic() - began < 2

    def test_an_expected_answer_without_a_number_is_refused(self):
        with pytest.raises(InputError, match="numeric needs numbers"):
            grade("numeric", "7", "seven")


class TestOverlap:
    def test_words_in_any_order(self):
        assert grade("token_f1", "the cat sat", "A cat sat down") == pytest.approx(2 * 2 / 5)
        assert grade("token_f1", "sat cat", "cat sat") == 1
        assert grade("token_f1", "dog", "cat") == 0

    def test_a_word_counts_as_often_as_it_stands(self):
        assert grade("token_f1", "no no no", "no") == pytest.approx(2 * 1 / 4)

    @pytest.mark.parametrize("metric", ["token_f1", "rouge_l"])
    def test_texts_without_words_are_equal_to_each_other_only(self, metric: str):
        assert grade(metric, "", "...") == 1
        assert grade(metric, "", "word") == grade(metric, "word", "") == 0

    @pytest.mark.parametrize(
        ("first", "second", "length"),
        [("abcbdab", "bdcaba", 4), ("", "abc", 0), ("abc", "abc", 3), ("abc", "xyz", 0)],
    )
    def test_the_longest_common_subsequence(self, first: str, second: str, length: int):
        assert longest_common(first, second) == length

    @pytest.mark.parametrize(
        ("answer", "expected"),
        [
            ("the cat sat on the mat", "a cat was on a mat"),
            ("one two three", "three two one"),
            ("It's 5 o'clock", "it is five o clock"),
            ("same", "same"),
        ],
    )
    def test_rouge_is_that_of_the_package_that_everybody_uses(self, answer: str, expected: str):
        other = RougeScorer(["rougeL"]).score(expected, answer)["rougeL"].fmeasure
        assert grade("rouge_l", answer, expected) == pytest.approx(other)

    def test_long_answers_are_compared_in_no_time(self):
        began = time.monotonic()
        longest_common(list("abc") * 4000, list("acb") * 4000)
        assert time.monotonic() - began < 2


SCHEMA = {
    "type": "object",
    "required": ["city"],
    "properties": {"city": {"type": "string", "pattern": "^[A-Z]"}},
}


class TestJson:
    @pytest.mark.parametrize("answer", ['{"a": 1}', " [1, 2]\n", "3", "```json\n{}\n```", "null"])
    def test_it_is_json(self, answer: str):
        assert grade("json_valid", answer) == 1

    @pytest.mark.parametrize(
        "answer", ["", "{a: 1}", "Here it is: {}", "NaN", '{"a": Infinity}', "[" * 100_000, "{} {}"]
    )
    def test_it_is_none(self, answer: str):
        assert grade("json_valid", answer) == 0

    @pytest.mark.parametrize(
        ("answer", "fits"),
        [('{"city": "Bern"}', 1), ('{"city": "bern"}', 0), ('{"town": "Bern"}', 0), ("[]", 0)],
    )
    def test_it_fits_a_schema(self, answer: str, fits: float):
        assert grade("json_valid", answer, json_schema=SCHEMA) == fits

    def test_a_schemas_pattern_does_not_run_for_ever(self):
        began = time.monotonic()
        schema = {"pattern": "^(a+)+$"}
        assert grade("json_valid", f'"{"a" * 5000}!"', json_schema=schema) == 0
        assert time.monotonic() - began < 5

    def test_a_schema_that_is_none_is_refused(self):
        with pytest.raises(InputError, match="json_schema can't be used"):
            grade("json_valid", "{}", json_schema={"type": "nonsense"})

    def test_a_schema_that_hangs_on_another_is_refused(self):
        with pytest.raises(InputError, match="json_schema can't be used"):
            grade("json_valid", "{}", json_schema={"$schema": "https://example.org/own"})
