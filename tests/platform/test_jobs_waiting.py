"""A job that has not begun says why."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from alloyworks.accounts.principal import Principal
from alloyworks.config import config
from alloyworks.jobs import lifecycle, waiting
from alloyworks.jobs.models import Job, JobInput, JobState
from alloyworks.tenancy import scope
from tests.platform.attempts import new_job, now, running
from tests.platform.test_jobs_lifecycle import KILLED


@pytest.fixture(autouse=True)
def inside(alice: Principal) -> Iterator[None]:
    with scope(alice.organisation.id):
        yield


def why(job: Job) -> str:
    found = waiting.of(job)
    return found.why if found else ""


def test_the_first_in_the_queue_is_about_to_start(alice: Principal) -> None:
    assert waiting.of(new_job(alice)) == waiting.Waiting("It is about to start.", place=1)


def test_everybodys_jobs_are_counted_and_no_more_is_told(
    alice: Principal, charlie: Principal
) -> None:
    with scope(charlie.organisation.id):
        new_job(charlie)
        running(charlie)

    found = waiting.of(new_job(alice))

    assert found is not None
    assert found.place == 1  # whoever runs less has the next turn
    assert found.why == "No slot is free: 1 job is running; this one is next."


def test_of_equals_the_longer_wait_counts(alice: Principal, charlie: Principal) -> None:
    with scope(charlie.organisation.id):
        new_job(charlie)

    assert why(new_job(alice)) == "1 job is before this one."


def test_an_organisation_at_its_limit_hears_so(
    alice: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "limit_running_jobs", 1)
    running(alice)

    assert why(new_job(alice)) == "Your organisation runs 1 job, and may not run more at once."


def test_who_is_before_it_is_counted_while_nothing_runs(alice: Principal) -> None:
    new_job(alice)

    assert why(new_job(alice)) == "1 job is before this one."


def test_the_next_one_hears_that_it_is_next(alice: Principal) -> None:
    running(alice)
    running(alice)

    assert why(new_job(alice)) == "No slot is free: 2 jobs are running; this one is next."


def test_a_pause_after_an_attempt_has_an_end(alice: Principal) -> None:
    attempt = running(alice)
    lifecycle.lose(attempt, KILLED)

    found = waiting.of(now(attempt.job))

    assert found is not None
    assert found.until is not None
    assert found.until > timezone.now()
    assert found.why.startswith("Attempt 1 ended without a result")


def test_a_pause_that_is_over_is_none(alice: Principal) -> None:
    job = new_job(alice, not_before=timezone.now() - timedelta(seconds=1))

    assert why(job) == "It is about to start."


def test_the_jobs_whose_models_are_needed_are_named(alice: Principal) -> None:
    source, done = new_job(alice, name="first"), new_job(alice, state=JobState.SUCCEEDED)
    job = new_job(alice, state=JobState.WAITING)
    for other in (source, done):
        JobInput.objects.create(
            organisation=alice.organisation,
            job=job,
            reference=f"job:{other.id}",
            source_job=other,
        )

    found = waiting.of(job)

    assert found is not None
    assert found.why == "It needs the model of 'first', which is queued."
    assert [entry.id for entry in found.jobs] == [source.id]


@pytest.mark.parametrize("state", [JobState.RUNNING, JobState.SUCCEEDED, JobState.FAILED])
def test_others_wait_for_nothing(alice: Principal, state: JobState) -> None:
    assert waiting.of(new_job(alice, state=state)) is None
