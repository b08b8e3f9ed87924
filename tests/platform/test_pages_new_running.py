"""Time limit and priority stand on the forms of all kinds of jobs."""

from collections.abc import Callable

import pytest
from django.test import Client

from tests.platform.job_forms import (
    Fields,
    evaluate_fields,
    made,
    merge_fields,
    refused,
    train_fields,
)
from tests.platform.world import World

FORMS: dict[str, Callable[[World], Fields]] = {
    "train": train_fields,
    "merge": merge_fields,
    "evaluate": evaluate_fields,
}
each_kind = pytest.mark.parametrize("kind", FORMS)


@each_kind
def test_both_go_with_the_submission(world: World, browser: Client, kind: str) -> None:
    with world.scope():
        job = made(browser, kind, FORMS[kind](world) | {"max_hours": " 0.5 ", "priority": "-3"})

    assert (job.max_hours, job.priority) == (0.5, -3)


@each_kind
@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("max_hours", "soon", "'soon' is no number. Give a number of hours"),
        ("max_hours", "-1", "can't run for -1.0 hours"),
        ("max_hours", "nan", "can't run for nan hours"),
        ("priority", "1.5", "'1.5' is no number. Give a whole number"),
        ("priority", "11", "11 is no priority. Use -10 to 10"),
    ],
)
def test_what_is_wrong_stands_beside_it(
    world: World, browser: Client, kind: str, field: str, text: str, words: str
) -> None:
    with world.scope():
        assert words in refused(browser, kind, FORMS[kind](world) | {field: text})[field]
