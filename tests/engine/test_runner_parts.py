import os
from pathlib import Path

import httpx
import pytest

from alloyengine.retry import delays, persistently
from alloyengine.runner.client import StaleAttempt
from alloyengine.runner.deaths import exhausted, explain, memory
from alloyengine.runner.desk import Desk
from alloyengine.runner.messages import Answer, AskUpload
from alloyengine.runner.outbox import Outbox
from alloyengine.runner.pace import Pace
from alloyengine.spec.protocol import LogEvent, ProgressEvent, UploadPlan, UploadRequest


def progress(done: int, phase: str = "Merging") -> ProgressEvent:
    return ProgressEvent(phase=phase, done=done, total=10)


def test_a_batch_is_sent_again_until_it_is_delivered():
    outbox = Outbox()
    outbox.add(LogEvent(message="a"))
    first = outbox.take()
    outbox.add(LogEvent(message="b"))
    assert [event.seq for event in outbox.take()] == [0, 1]
    assert outbox.take()[0] == first[0]
    outbox.delivered()
    assert not outbox


def test_newer_progress_replaces_older_of_its_phase_alone():
    outbox = Outbox()
    for event in (progress(1), progress(2), progress(1, "Uploading"), progress(3)):
        outbox.add(event)
    assert [event.body.done for event in outbox.take()] == [2, 1, 3]


def test_what_was_sent_is_not_replaced():
    outbox = Outbox()
    outbox.add(progress(1))
    outbox.take()
    outbox.add(progress(2))
    assert [(event.seq, event.body.done) for event in outbox.take()] == [(0, 1), (1, 2)]


def test_a_platform_away_for_long_costs_old_events_not_memory():
    outbox = Outbox()
    for number in range(30_000):
        outbox.add(LogEvent(message=str(number)))
    assert outbox.take()[0].body.message == "10000"


def test_time_left_follows_the_pace_of_the_phase():
    now = iter([0.0, 0.0, 4.0, 10.0, 10.0])
    pace = Pace(clock=lambda: next(now))
    assert pace.with_time_left(progress(0)).seconds_left is None
    assert pace.with_time_left(progress(2)).seconds_left == 16.0
    assert pace.with_time_left(progress(0, "Uploading")).seconds_left is None


def test_delays_grow_to_a_limit():
    waits = delays(longest=5)
    found = [next(waits) for _ in range(20)]
    assert 0.1 <= found[0] <= 0.3
    assert all(2.5 <= wait <= 7.5 for wait in found[-5:])


@pytest.mark.parametrize(("status", "tries"), [(503, 3), (404, 1)])
def test_only_what_may_pass_is_tried_again(status: int, tries: int):
    seen = []

    def action() -> None:
        seen.append(1)
        if len(seen) < 3:
            response = httpx.Response(status, request=httpx.Request("GET", "http://x"))
            response.raise_for_status()

    if tries == 1:
        with pytest.raises(httpx.HTTPStatusError):
            persistently(action, 10, lambda: None)
    else:
        persistently(action, 10, lambda: None)
    assert len(seen) == tries


def test_patience_ends():
    def action() -> None:
        raise httpx.ConnectError("no")

    with pytest.raises(httpx.ConnectError):
        persistently(action, 0.01, lambda: None)


@pytest.mark.parametrize(
    ("returncode", "oom", "code", "fault"),
    [
        (-9, True, "out_of_memory", "capacity"),
        (-9, False, "killed", "capacity"),
        (-11, False, "engine_failed", "platform"),
        (1, False, "engine_failed", "platform"),
    ],
)
def test_a_death_has_a_name(tmp_path: Path, returncode: int, oom: bool, code: str, fault: str):
    log = tmp_path / "log"
    log.write_text('File "/home/someone/lib/x.py", line 3\nValueError: broken')
    failure = explain(returncode, log, oom)
    assert (failure.code, failure.fault) == (code, fault)
    assert "/home" not in failure.message


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (MemoryError(), "out_of_memory", "did not suffice."),
        (
            RuntimeError("CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0"),
            "out_of_memory",
            "2.50 GiB",
        ),
        (
            RuntimeError("can't allocate memory: you tried to allocate 4096 bytes."),
            "out_of_memory",
            "4096 bytes",
        ),
        (OSError(28, "No space left on device"), "disk_full", "disk is full"),
        (OSError(27, "File too large"), "disk_full", "larger than this disk takes"),
    ],
)
def test_an_error_that_tells_of_memory_or_disk_is_the_machines(
    error: Exception, code: str, words: str
):
    failure = exhausted(error)
    assert failure is not None
    assert (failure.code, failure.fault) == (code, "capacity")
    assert words in failure.message


def test_other_errors_are_bugs():
    assert exhausted(ValueError("no memory of it")) is None


def test_who_is_killed_for_memory_hears_how_much_there_is(tmp_path: Path):
    (tmp_path / "log").touch()
    assert f"{memory() >> 20:,} MiB" in explain(-9, tmp_path / "log", out_of_memory=True).message


class Stubborn:
    """A platform that has one thing to say."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def plan_upload(self, request: UploadRequest) -> UploadPlan:
        raise self.error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (StaleAttempt(), "this attempt is over"),
        (httpx.ReadTimeout("http://secret"), "ReadTimeout"),
    ],
)
def test_the_engine_hears_why_it_gets_no_urls(error: Exception, words: str):
    reading, writing = os.pipe()
    ask = AskUpload(number=7, request=UploadRequest(path="a", size=1))
    with os.fdopen(reading, "rb") as heard, os.fdopen(writing, "wb") as reply:
        Desk(Stubborn(error)).serve(ask, reply)
        answer = Answer.model_validate_json(heard.readline())
    assert (answer.number, answer.plan, answer.refusal) == (7, None, words)
