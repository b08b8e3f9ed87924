"""Every change of a job's state, and what may not happen."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from alloyengine.spec.protocol import Failure
from alloyworks.accounts.principal import Principal
from alloyworks.catalog.models import ModelVersion
from alloyworks.errors import Conflict, Forbidden, NotFound
from alloyworks.jobs import lifecycle
from alloyworks.jobs.models import AttemptState, Event, Job, JobInput, JobState
from alloyworks.tenancy import scope
from tests.platform.attempts import new_job, now, running, started

KILLED = Failure(code="killed", fault="platform", message="It was killed.")
EVICTED = Failure(code="evicted", fault="capacity", message="Room was needed.")
WRONG = Failure(code="dataset_empty", fault="user", message="Row 3 is empty.", remedy="Fill it.")


@pytest.fixture(autouse=True)
def inside(alice: Principal) -> Iterator[None]:
    with scope(alice.organisation.id):
        yield


def waiting_for(principal: Principal, source: Job) -> Job:
    job = new_job(principal, state=JobState.WAITING)
    reference = f"job:{source.id}"
    JobInput.objects.create(
        organisation=principal.organisation, job=job, reference=reference, source_job=source
    )
    return job


def model_of(job: Job) -> ModelVersion:
    return ModelVersion.objects.create(
        organisation_id=job.organisation_id, name=job.name, origin="train", job=job
    )


def test_a_job_succeeds_step_by_step(alice: Principal) -> None:
    attempt = running(alice)

    lifecycle.succeed(attempt, {"kind": "train"})

    job = now(attempt.job)
    assert (job.state, job.result) == ("succeeded", {"kind": "train"})
    assert job.started_at is not None
    assert job.finished_at is not None
    told = Event.objects.filter(job=job, type="state").order_by("id")
    assert [e.data["state"] for e in told] == ["starting", "running", "succeeded"]


def test_a_users_fault_ends_the_job_at_once(alice: Principal) -> None:
    attempt = running(alice)

    lifecycle.fail(attempt, WRONG)

    job = now(attempt.job)
    assert (job.state, job.failure) == ("failed", WRONG.model_dump())


@pytest.mark.parametrize("code", ["out_of_memory", "disk_full"])
def test_what_would_end_the_same_way_is_not_tried_again(alice: Principal, code: str) -> None:
    attempt = running(alice)

    lifecycle.fail(attempt, Failure(code=code, fault="capacity", message="Too small."))

    job = now(attempt.job)
    assert (job.state, job.failure["code"], job.attempt_number) == ("failed", code, 1)
    assert job.failure["remedy"]


def test_making_room_costs_no_attempt(alice: Principal) -> None:
    attempt = running(alice, attempt_limit=1)
    for _ in range(5):
        lifecycle.fail(attempt, EVICTED)
        assert now(attempt.job).state == "queued"
        attempt = lifecycle.open_attempt(now(attempt.job))

    lifecycle.fail(attempt, Failure(code="engine_failed", fault="platform", message="Broken."))

    assert (now(attempt.job).state, attempt.number) == ("failed", 6)


def test_a_job_that_loses_its_worker_three_times_ends_and_says_so(alice: Principal) -> None:
    attempt = running(alice, attempt_limit=9)
    for _ in range(2):
        lifecycle.lose(attempt, KILLED)
        attempt = lifecycle.open_attempt(now(attempt.job))
    lifecycle.lose(attempt, KILLED)

    job = now(attempt.job)
    assert (job.state, job.failure["code"]) == ("failed", "lost_workers")
    assert job.failure["message"].startswith("The job lost its worker 3 times.")
    assert lifecycle.retry(alice, job.id).state == "queued"


def test_a_runner_can_not_blame_the_user_for_what_is_not_theirs(alice: Principal) -> None:
    attempt = running(alice)

    lifecycle.fail(attempt, Failure(code="anything", fault="user", message="Yours!"))

    attempt.refresh_from_db()
    assert (attempt.failure["code"], attempt.failure["fault"]) == ("engine_failed", "platform")
    assert now(attempt.job).state == "queued"


def test_a_runner_that_stops_unasked_costs_nothing(alice: Principal) -> None:
    attempt = running(alice, attempt_limit=1)

    lifecycle.obey(attempt)

    assert now(attempt.job).state == "queued"


def test_a_job_that_is_told_to_stop_at_its_deadline_fails_with_it(alice: Principal) -> None:
    attempt = running(alice, max_hours=1.0)
    Job.objects.filter(id=attempt.job_id).update(started_at=timezone.now() - timedelta(hours=2))
    assert lifecycle.must_stop(now(attempt.job))

    lifecycle.obey(attempt)

    job = now(attempt.job)
    assert (job.state, job.failure["code"], job.failure["fault"]) == ("failed", "deadline", "user")
    again = lifecycle.retry(alice, job.id)
    assert not lifecycle.must_stop(again)


def test_a_platforms_fault_costs_an_attempt_and_the_job_goes_on_later(alice: Principal) -> None:
    attempt = running(alice)

    lifecycle.lose(attempt, KILLED)

    job = now(attempt.job)
    assert (job.state, job.attempt_number, attempt.state) == ("queued", 1, AttemptState.LOST)
    assert job.not_before is not None


def test_a_job_fails_when_its_attempts_are_used_up(alice: Principal) -> None:
    attempt = running(alice, attempt_limit=1)

    lifecycle.lose(attempt, KILLED)

    assert (now(attempt.job).state, now(attempt.job).failure["code"]) == ("failed", "killed")


def test_a_late_word_of_an_older_attempt_is_refused(alice: Principal) -> None:
    first = running(alice)
    lifecycle.lose(first, KILLED)
    second = lifecycle.open_attempt(now(first.job))

    with pytest.raises(lifecycle.StaleAttempt):
        lifecycle.succeed(first, {})
    with pytest.raises(lifecycle.StaleAttempt):
        lifecycle.fail(first, WRONG)

    assert (second.number, now(first.job).state) == (2, "starting")


def test_beginning_twice_is_harmless(alice: Principal) -> None:
    attempt = running(alice)

    lifecycle.begin(attempt)

    assert Event.objects.filter(job=attempt.job, data__state="running").count() == 1


@pytest.mark.parametrize("state", [JobState.WAITING, JobState.QUEUED])
def test_a_job_that_has_not_begun_is_cancelled_at_once(alice: Principal, state: JobState) -> None:
    job = new_job(alice, state=state)

    assert lifecycle.cancel(alice, job.id).state == "cancelled"


def test_a_running_job_is_told_to_stop_and_is_cancelled_when_it_has(alice: Principal) -> None:
    attempt = running(alice)

    assert lifecycle.cancel(alice, attempt.job_id).state == "running"
    lifecycle.obey(attempt)

    assert now(attempt.job).state == "cancelled"


def test_an_attempt_lost_after_the_order_to_stop_ends_the_job(alice: Principal) -> None:
    attempt = running(alice)
    lifecycle.cancel(alice, attempt.job_id)

    lifecycle.lose(attempt, KILLED)

    assert now(attempt.job).state == "cancelled"


def test_only_unfinished_jobs_can_be_cancelled(alice: Principal) -> None:
    job = new_job(alice, state=JobState.SUCCEEDED)

    with pytest.raises(Conflict, match="succeeded"):
        lifecycle.cancel(alice, job.id)


def test_a_retry_gives_the_job_new_attempts_and_forgets_the_failure(alice: Principal) -> None:
    attempt = running(alice, attempt_limit=1)
    lifecycle.lose(attempt, KILLED)

    job = lifecycle.retry(alice, attempt.job_id)

    assert (job.state, job.failure, job.finished_at) == ("queued", None, None)
    assert lifecycle.open_attempt(now(job)).number == 2


def test_jobs_that_run_or_succeeded_are_not_retried(alice: Principal) -> None:
    for state in (JobState.RUNNING, JobState.SUCCEEDED):
        with pytest.raises(Conflict, match=state):
            lifecycle.retry(alice, new_job(alice, state=state).id)


def test_a_retry_needs_inputs_that_still_exist(alice: Principal) -> None:
    job = new_job(alice, state=JobState.FAILED)
    JobInput.objects.create(organisation=alice.organisation, job=job, reference="gone")

    with pytest.raises(Conflict, match="deleted"):
        lifecycle.retry(alice, job.id)


def test_a_job_waits_for_the_model_of_another_and_adopts_it(alice: Principal) -> None:
    source = started(alice)
    job = waiting_for(alice, source.job)
    lifecycle.settle(job)
    assert now(job).state == "waiting"

    lifecycle.begin(source)
    model = model_of(lifecycle.succeed(source, {}))
    lifecycle.settle(job)

    assert now(job).state == "queued"
    assert job.inputs.get().model_version == model


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED])
def test_a_job_whose_source_ended_badly_fails_and_says_so(
    alice: Principal, state: JobState
) -> None:
    source = new_job(alice, state=state)
    job = waiting_for(alice, source)

    lifecycle.settle(job)

    assert (now(job).state, now(job).failure["code"]) == ("failed", "input_failed")
    assert "elements" in now(job).failure["message"]


def test_a_job_whose_awaited_model_was_deleted_fails(alice: Principal) -> None:
    job = waiting_for(alice, new_job(alice, state=JobState.SUCCEEDED))

    lifecycle.settle(job)

    assert now(job).failure["code"] == "input_deleted"


def test_a_failed_job_is_retried_together_with_its_source(alice: Principal) -> None:
    source = running(alice, attempt_limit=1)
    job = waiting_for(alice, source.job)
    lifecycle.fail(source, WRONG)
    lifecycle.settle(job)

    lifecycle.retry(alice, source.job_id)

    assert lifecycle.retry(alice, job.id).state == "waiting"


def test_viewers_neither_cancel_nor_retry(alice: Principal, vera: Principal) -> None:
    job = new_job(alice)

    with pytest.raises(Forbidden):
        lifecycle.cancel(vera, job.id)
    with pytest.raises(Forbidden):
        lifecycle.retry(vera, job.id)


def test_other_organisations_jobs_do_not_exist(alice: Principal, charlie: Principal) -> None:
    job = new_job(alice)

    with scope(charlie.organisation.id):
        for order in (lifecycle.cancel, lifecycle.retry):
            for unknown in (job.id, uuid4()):
                with pytest.raises(NotFound):
                    order(charlie, unknown)
