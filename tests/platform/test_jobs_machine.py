"""Jobs as a state machine: whatever happens in whatever order, what must hold does hold.

`ALLOY_MACHINE_EXAMPLES` runs more of them than the suite does.
"""

import os
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from alloyengine.spec.protocol import CheckpointFacts, Failure, FileFacts
from alloyworks.accounts.principal import Principal
from alloyworks.catalog.models import ModelVersion
from alloyworks.errors import Conflict
from alloyworks.jobs import checkpoints, lifecycle, outcomes
from alloyworks.jobs.models import Attempt, Checkpoint, Job, JobInput, JobState
from alloyworks.jobs.states import FINISHED, RUNNING, STARTING
from alloyworks.tenancy import scope
from tests.platform.attempts import new_job

EXAMPLES = int(os.environ.get("ALLOY_MACHINE_EXAMPLES", "8"))
FILES = [FileFacts(path="step/state.json", size=2, sha256="0" * 64)]


def machine_of(principal: Principal) -> type[RuleBasedStateMachine]:
    class Machine(RuleBasedStateMachine):
        jobs = Bundle("jobs")
        attempts = Bundle("attempts")

        def __init__(self) -> None:
            super().__init__()
            self.outer = transaction.atomic()
            self.outer.__enter__()
            self.scope = scope(principal.organisation.id)
            self.scope.__enter__()
            self.ended: dict[Any, str] = {}

        def teardown(self) -> None:
            transaction.set_rollback(True)
            self.scope.__exit__(None, None, None)
            transaction.set_rollback(True)
            self.outer.__exit__(None, None, None)

        # What people do.

        @rule(target=jobs)
        def submit(self) -> Any:
            return new_job(principal).id

        @rule(target=jobs, source=jobs)
        def submit_what_waits(self, source: Any) -> Any:
            job = new_job(principal, state=JobState.WAITING)
            JobInput.objects.create(
                organisation=principal.organisation,
                job=job,
                reference=f"job:{source}",
                source_job_id=source,
            )
            return job.id

        @rule(job=jobs)
        def cancel(self, job: Any) -> None:
            finished = row(job).state in FINISHED
            self.refused_if(finished, lambda: lifecycle.cancel(principal, job))

        @rule(job=jobs)
        def retry(self, job: Any) -> None:
            refused = row(job).state not in (JobState.FAILED, JobState.CANCELLED)
            self.refused_if(refused, lambda: lifecycle.retry(principal, job))
            if not refused:
                self.ended.pop(job, None)

        # What the dispatcher does.

        @rule(job=jobs)
        def settle(self, job: Any) -> None:
            assume(row(job).state == JobState.WAITING)
            lifecycle.settle(row(job))

        @rule(target=attempts, job=jobs)
        def launch(self, job: Any) -> Any:
            if row(job).state != JobState.QUEUED:
                return multiple()
            return lifecycle.open_attempt(row(job)).id

        @rule(attempt=attempts)
        def lose(self, attempt: Any) -> None:
            failure = Failure(code="runner_silent", fault="platform", message="Silent.")
            self.told(attempt, lambda it: lifecycle.lose(it, failure))

        # What runners tell, also late: an attempt that is over may speak at any time.

        @rule(attempt=attempts)
        def begin(self, attempt: Any) -> None:
            self.told(attempt, lifecycle.begin)

        @rule(attempt=attempts)
        def heartbeat(self, attempt: Any) -> None:
            self.told(attempt, lifecycle.job_of)

        @rule(attempt=attempts, step=st.integers(1, 9))
        def keep_checkpoint(self, attempt: Any, step: int) -> None:
            facts = CheckpointFacts(step=step, files=FILES)
            self.told(attempt, lambda it: checkpoints.register(it, facts))

        @rule(attempt=attempts, code=st.sampled_from(sorted(outcomes.TABLE)))
        def fail(self, attempt: Any, code: str) -> None:
            failure = Failure(code=code, fault="user", message="It failed.")
            self.told(attempt, lambda it: lifecycle.fail(it, failure))

        @rule(attempt=attempts)
        def obey(self, attempt: Any) -> None:
            self.told(attempt, lifecycle.obey)

        @rule(attempt=attempts)
        def finish(self, attempt: Any) -> None:
            self.told(attempt, succeeded)

        @rule(attempt=consumes(attempts))
        def finish_and_be_gone(self, attempt: Any) -> None:
            self.told(attempt, succeeded)

        def told(self, attempt_id: Any, tell: Callable[[Attempt], Any]) -> None:
            attempt = Attempt.objects.get(id=attempt_id)
            late = attempt.number != attempt.job.attempt_number or attempt.state not in OPEN
            before = facts_of(attempt.job_id)
            self.refused_if(late, lambda: tell(attempt), lifecycle.StaleAttempt)
            if late:
                assert facts_of(attempt.job_id) == before

        def refused_if(
            self, refused: bool, act: Callable[[], Any], how: type[Exception] = Conflict
        ) -> None:
            if not refused:
                act()
                return
            with pytest.raises(how), transaction.atomic():
                act()

        # What always holds.

        @invariant()
        def all_is_well(self) -> None:
            for job in Job.objects.prefetch_related("attempts", "checkpoints"):
                check(job)
                before = self.ended.get(job.id)
                assert before in (None, job.state), "an end is an end, unless somebody tries again"
                if job.state in FINISHED:
                    self.ended[job.id] = job.state

    return Machine


OPEN = lifecycle.OPEN


def check(job: Job) -> None:
    attempts = sorted(job.attempts.all(), key=lambda attempt: attempt.number)
    assert [attempt.number for attempt in attempts] == list(range(1, job.attempt_number + 1))
    live = [attempt for attempt in attempts if attempt.state in OPEN]
    assert len(live) == (job.state in (STARTING, RUNNING))
    assert all(attempt.number == job.attempt_number for attempt in live)
    assert (job.finished_at is not None) == (job.state in FINISHED)
    assert (job.failure is not None) == (job.state == JobState.FAILED)
    assert ModelVersion.objects.filter(job=job).count() == (job.state == JobState.SUCCEEDED)
    if job.state == JobState.QUEUED:
        assert job.attempt_number < job.attempt_limit
    kept = list(job.checkpoints.all())
    assert len(kept) <= (0 if job.state == JobState.SUCCEEDED else checkpoints.KEPT)


def succeeded(attempt: Attempt) -> None:
    job = lifecycle.succeed(attempt, {})
    ModelVersion.objects.create(
        organisation_id=job.organisation_id, name=str(job.id), origin="train", job=job
    )


def row(job_id: Any) -> Job:
    return Job.objects.get(id=job_id)


def facts_of(job_id: Any) -> list[Any]:
    job = Job.objects.filter(id=job_id).values_list("state", "attempt_number", "finished_at")
    attempts = Attempt.objects.filter(job=job_id).order_by("number").values_list("number", "state")
    kept = Checkpoint.objects.filter(job=job_id).order_by("id").values_list("id")
    return [*job, *attempts, *kept]


def test_whatever_happens_what_must_hold_does(
    alice: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "contradiction", lambda *_: "")
    run_state_machine_as_test(
        machine_of(alice),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
