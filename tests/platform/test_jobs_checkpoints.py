"""Checkpoints as the platform keeps them: complete or not at all, the newest two, none too long."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from alloyengine.spec.protocol import Failure
from alloyworks.accounts.principal import Principal
from alloyworks.jobs import checkpoints, leftovers, lifecycle, tasks
from alloyworks.jobs.models import Attempt, Checkpoint, Event, Job
from alloyworks.storage import keys, objects
from alloyworks.tenancy import scope
from tests.platform.runner_calls import (
    TRAINED,
    Call,
    entry,
    fresh,
    launched,
    runner_of,
    uploaded,
)

KILLED = Failure(code="runner_died", fault="platform", message="It was killed.")


@pytest.fixture(autouse=True)
def bucket(db: None) -> None:
    objects.ensure_bucket()


@pytest.fixture
def attempt(alice: Principal) -> Attempt:
    found = launched(alice)
    runner_of(found)("assignment")
    return found


def sent(call: Call, step: int) -> dict[str, Any]:
    """The manifest of a checkpoint whose files are in storage."""
    paths = [f"step-{step:06}/{name}" for name in ("state.json", "weights.safetensors")]
    return {"step": step, "files": [uploaded(call, path, checkpoint=step) for path in paths]}


def kept(call: Call, *steps: int) -> None:
    for step in steps:
        assert call("checkpoints", sent(call, step)).json() == {"stop": False}


def rows(attempt: Attempt) -> list[tuple[int, int]]:
    with scope(attempt.organisation_id):
        found = Checkpoint.objects.filter(job=attempt.job_id).order_by("attempt_number", "step")
        return list(found.values_list("attempt_number", "step"))


def stored(attempt: Attempt) -> set[str]:
    return objects.folders(keys.checkpoints_prefix(attempt.organisation_id, attempt.job_id))


def swept(attempt: Attempt) -> set[str]:
    checkpoints.sweep(attempt.job_id, attempt.organisation_id)
    return stored(attempt)


def next_attempt(attempt: Attempt) -> Attempt:
    with scope(attempt.organisation_id):
        lifecycle.lose(attempt, KILLED)
        return lifecycle.open_attempt(Job.objects.get(id=attempt.job_id))


def offered(attempt: Attempt) -> list[tuple[int, int]]:
    told = runner_of(attempt)("assignment").json()["checkpoints"]
    return [(found["attempt"], found["step"]) for found in told]


def test_the_next_attempt_is_offered_the_newest_two(attempt: Attempt) -> None:
    kept(runner_of(attempt), 10, 20, 30)

    second = next_attempt(attempt)

    assert offered(second) == [(1, 30), (1, 20)]
    told = runner_of(second)("assignment").json()["checkpoints"][0]
    files = {file["path"]: file for file in told["files"]}
    assert files.keys() == {"step-000030/state.json", "step-000030/weights.safetensors"}
    for path, file in files.items():
        assert entry(path, httpx.get(file["url"]).content).items() <= file.items()


def test_a_first_attempt_is_offered_none(attempt: Attempt) -> None:
    assert offered(attempt) == []


def test_files_without_a_manifest_are_nothing(attempt: Attempt) -> None:
    call = runner_of(attempt)
    kept(call, 10)
    sent(call, 20)

    assert offered(next_attempt(attempt)) == [(1, 10)]


@pytest.mark.parametrize(("files", "words"), [([], "at least"), (None, "is not there")])
def test_a_manifest_that_storage_contradicts_is_refused(
    attempt: Attempt, files: Any, words: str
) -> None:
    if files is None:
        files = [entry("step-000010/state.json", b"{}")]

    answer = runner_of(attempt)("checkpoints", {"step": 10, "files": files})

    assert (answer.status_code, rows(attempt)) == (422, [])
    assert words in answer.content.decode()


@pytest.mark.parametrize("path", ["step-000001/weights.bin", "rng.pth", "a.pkl", "step-000001/x"])
def test_only_numbers_and_json_can_be_in_a_checkpoint(attempt: Attempt, path: str) -> None:
    call = runner_of(attempt)

    asked = call("uploads", {"path": path, "size": 3, "checkpoint": 1})
    told = call("checkpoints", {"step": 1, "files": [entry(path, b"abc")]})

    assert (asked.status_code, told.status_code) == (422, 422)


def test_telling_it_twice_is_harmless(attempt: Attempt) -> None:
    kept(runner_of(attempt), 10, 10)

    assert rows(attempt) == [(1, 10)]


def test_a_checkpoint_of_an_attempt_that_is_over_never_counts(attempt: Attempt) -> None:
    call = runner_of(attempt)
    late = sent(call, 20)
    second = next_attempt(attempt)

    assert call("checkpoints", late).status_code == 409
    assert call("uploads", {"path": "a.json", "size": 1, "checkpoint": 30}).status_code == 409
    assert offered(second) == []
    assert swept(second) == set()


@pytest.mark.parametrize("harm", ["gone", "short"])
def test_a_damaged_checkpoint_is_passed_over_and_the_log_says_so(
    attempt: Attempt, harm: str
) -> None:
    kept(runner_of(attempt), 10, 20)
    key = keys.key(checkpoints.prefix_of(attempt, 20), "step-000020/weights.safetensors")
    if harm == "short":
        objects.put_bytes(key, b"short")
    else:
        objects.delete_prefix(checkpoints.prefix_of(attempt, 20))

    second = next_attempt(attempt)

    assert offered(second) == [(1, 10)]
    assert offered(second) == [(1, 10)]
    with scope(attempt.organisation_id):
        told = [e.data["message"] for e in Event.objects.filter(job=attempt.job_id, type="state")]
    assert len([line for line in told if "after step 20 is of no use" in line]) == 1


def test_what_was_replaced_is_swept_and_what_is_on_its_way_stays(attempt: Attempt) -> None:
    call = runner_of(attempt)
    kept(call, 10, 20, 30)
    sent(call, 40)

    assert stored(attempt) == {"1-10", "1-20", "1-30", "1-40"}
    assert swept(attempt) == {"1-20", "1-30", "1-40"}


def test_a_user_who_tries_again_goes_on(alice: Principal, attempt: Attempt) -> None:
    kept(runner_of(attempt), 10)
    with scope(alice.organisation.id):
        lifecycle.cancel(alice, attempt.job_id)
        lifecycle.obey(attempt)
        again = lifecycle.open_attempt(lifecycle.retry(alice, attempt.job_id))

    assert swept(attempt) == {"1-10"}
    assert offered(again) == [(1, 10)]


def test_a_job_that_succeeds_keeps_none(attempt: Attempt) -> None:
    call = runner_of(attempt)
    kept(call, 10)

    assert call("finish", {"result": TRAINED, "files": [uploaded(call)]}).status_code == 200

    assert (rows(attempt), swept(attempt)) == ([], set())
    assert fresh(attempt).state == "succeeded"


def test_a_failed_job_keeps_them_for_a_while(alice: Principal, attempt: Attempt) -> None:
    call = runner_of(attempt)
    kept(call, 10)
    uploaded(call, "config.json")
    call("finish", {"failure": {"code": "model_damaged", "fault": "user", "message": "No."}})
    late = keys.attempt_prefix(attempt.organisation_id, attempt.job_id, 1) + "config.json"
    assert due() == [attempt.job_id]
    leftovers.tidy_all()  # as when the message of the attempt's end was lost
    assert (objects.stat(late), due()) == (None, [])

    objects.put_bytes(late, b"sent to a URL signed before")
    age(attempt, leftovers.URLS_END)
    assert due() == [attempt.job_id]
    leftovers.tidy_all()
    assert objects.stat(late) is None
    assert (stored(attempt), due()) == ({"1-10"}, [])

    age(attempt, timedelta(days=7))
    leftovers.tidy_all()
    assert (rows(attempt), stored(attempt), due()) == ([], set(), [])
    assert fresh(attempt).tidy_at is None


def age(attempt: Attempt, by: timedelta) -> None:
    """So much time passes."""
    job = fresh(attempt)
    assert job.finished_at is not None
    assert job.tidy_at is not None
    with scope(attempt.organisation_id):
        Job.objects.filter(id=job.id).update(
            finished_at=job.finished_at - by, tidy_at=job.tidy_at - by
        )


def due() -> list[Any]:
    return [job_id for job_id, _ in leftovers.jobs_to_tidy()]


def test_a_sweep_is_asked_for_when_a_checkpoint_replaces_another(
    attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Job] = []
    monkeypatch.setattr(tasks, "sweep_checkpoints_after", asked.append)

    kept(runner_of(attempt), 10)

    assert [job.id for job in asked] == [attempt.job_id]


def test_nobody_elses_checkpoints_are_seen(attempt: Attempt, charlie: Principal) -> None:
    kept(runner_of(attempt), 10)

    with scope(charlie.organisation.id):
        assert not Checkpoint.objects.exists()
