"""Times and numbers as pages say them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from alloyworks.web.templatetags import words


def test_papers_are_linked_and_markup_is_text() -> None:
    said = words.cited("<b> (arXiv 2406.06623)")

    assert said.startswith("&lt;b&gt; (<a ") and ">arXiv 2406.06623</a>)" in said
    assert 'href="https://arxiv.org/abs/2406.06623"' in said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, ""), (0, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (125, "2 min 05 s"),
        (3600, "1 h 00 min"), (2 * 86_400 + 4 * 3600, "2 d 4 h"), (-3, "0 s"),
    ],
)  # fmt: skip
def test_durations(seconds: float | None, said: str) -> None:
    assert words.duration(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, ""), ("", ""), (2, "a few seconds left"), (31, "about 30 s left"),
        (58, "about 1 min left"), (61 * 45, "about 46 min left"),
        (9000, "about 2 h 30 min left"), (72_000, "about 20 h left"),
        (3 * 86_400, "about 3 days left"),
    ],
)  # fmt: skip
def test_the_time_left(seconds: float | None, said: str) -> None:
    assert words.time_left(seconds) == said


def test_what_goes_on_lasts_until_now() -> None:
    begun = timezone.now() - timedelta(seconds=61)

    assert words.lasted(begun, None) == "1 min 01 s"
    assert words.lasted(begun, begun + timedelta(seconds=5)) == "5 s"
    assert words.lasted(None, None) == ""


@pytest.mark.parametrize(
    ("done", "total", "said"),
    [
        (12, 60, "12 of 60"),
        (1500, 6000, "1,500 of 6,000"),
        (99_999_999, 100_000_000, "99%"),
        (0, 60, "0 of 60"),
        (0, 0, ""),
    ],
)
def test_how_far_something_is(done: int, total: int, said: str) -> None:
    assert words.how_far({"phase": "Training", "done": done, "total": total}) == said


def test_what_has_not_begun_is_nowhere() -> None:
    assert words.how_far({}) == ""


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (None, ""),
        (0, ""),
        (999, "999"),
        (135_000_000, "135M"),
        (1_710_000_000, "1.71B"),
        (12_345, "12.3K"),
    ],
)
def test_counts_as_model_names_say_them(count: int | None, said: str) -> None:
    assert words.short(count) == said
