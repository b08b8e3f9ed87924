"""Which examples are held out."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alloyworks.errors import Invalid
from tests.platform.ingest_cast import lines, refused, taken


def numbered(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"text": f"example {n}"} | more for n in range(count)]


def test_the_column_split_decides_where_it_is() -> None:
    rows = [*numbered(3, split="train"), *numbered(2, split=" TEST ")]

    result = taken(lines(*rows), test_percent=90)

    assert (len(result.train), len(result.test)) == (3, 2)
    assert result.rows[0] == {"text": "example 0"}


@pytest.mark.parametrize("split", ["validation", "", None, 7])
def test_another_word_in_the_column_split_is_refused(split: Any) -> None:
    (error,) = refused(lines({"text": "a", "split": "train"}, {"text": "b", "split": split}))

    assert error.loc == ["line", 2, "split"]


def test_a_row_without_the_column_that_others_have_is_refused() -> None:
    assert refused(lines({"text": "a", "split": "test"}, {"text": "b"}))[0].loc == [
        "line",
        2,
        "split",
    ]


def test_a_share_is_held_out_by_a_hash_that_does_not_change() -> None:
    first, again = (taken(lines(*numbered(1000)), test_percent=10) for _ in range(2))

    assert 70 < len(first.test) < 130
    assert (first.train, first.test) == (again.train, again.test)


def test_more_rows_do_not_move_those_that_were_there() -> None:
    few, many = (taken(lines(*numbered(count)), test_percent=20) for count in (100, 200))

    held_out = {row["text"] for row in many.test}
    assert {row["text"] for row in few.test} <= held_out


def test_equal_examples_are_never_on_both_sides() -> None:
    result = taken(lines(*numbered(50), *numbered(50)), test_percent=50)

    assert not {row["text"] for row in result.train} & {row["text"] for row in result.test}


def test_a_side_that_chance_left_empty_gets_one_example() -> None:
    assert len(taken(lines(*numbered(2)), test_percent=1).test) == 1
    assert len(taken(lines(*numbered(2)), test_percent=99).train) == 1


@pytest.mark.parametrize(("percent", "test"), [(0, 0), (100, 5)])
def test_nothing_or_everything_can_be_held_out(percent: int, test: int) -> None:
    assert len(taken(lines(*numbered(5)), test_percent=percent).test) == test


@pytest.mark.parametrize("percent", [-1, 101])
def test_another_percentage_is_refused(percent: int) -> None:
    with pytest.raises(Invalid, match="no percentage"):
        taken(lines(*numbered(2)), test_percent=percent)


@given(
    st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=30), st.integers(0, 100)
)
def test_no_example_is_lost_or_doubled(texts: list[str], percent: int) -> None:
    result = taken(lines(*({"text": text} for text in texts)), test_percent=percent)

    assert Counter(row["text"] for row in result.rows) == Counter(texts)
    if len(texts) > 1 and 0 < percent < 100:
        assert result.train and result.test
