"""What is looked at next."""

import time
from threading import Timer

from alloykube.due import Due


def test_a_name_that_is_asked_for_often_is_taken_once() -> None:
    due = Due()
    for name in ("a", "b", "a", "a"):
        due.add(name)

    assert [due.take(0), due.take(0), due.take(0)] == ["a", "b", None]


def test_what_is_to_be_looked_at_later_waits() -> None:
    due = Due()
    due.add("later", 0.2)
    due.add("now")

    assert due.take(0) == "now"
    assert due.take(0) is None
    assert due.take(5) == "later"


def test_sooner_counts() -> None:
    due = Due()
    due.add("a", 60)
    due.add("a")
    due.add("a", 60)

    assert due.take(0) == "a"
    assert due.take(0) is None


def test_who_waits_is_woken() -> None:
    due = Due()
    Timer(0.1, due.add, ["a"]).start()
    begun = time.monotonic()

    assert due.take(30) == "a"
    assert time.monotonic() - begun < 5
