"""What a cluster's controller tells: believed as far as the attempt is still the job's own."""

import pytest

from alloyengine.spec.protocol import Failure
from alloyworks.accounts.principal import Principal
from alloyworks.jobs import lifecycle, sightings
from alloyworks.jobs.models import Attempt, Event
from alloyworks.tenancy import scope
from tests.platform.attempts import now, running, started

DIED = Failure(code="runner_died", fault="platform", message="It died.")
LATE = Failure(code="no_machine", fault="capacity", message="Too late.")


def launched(principal: Principal, runs: bool = False) -> Attempt:
    with scope(principal.organisation.id):
        attempt = running(principal) if runs else started(principal)
        Attempt.objects.filter(id=attempt.id).update(handle={"name": "it"})
        attempt.refresh_from_db()
    return attempt


def notes(attempt: Attempt) -> list[str]:
    with scope(attempt.organisation_id):
        told = Event.objects.filter(job_id=attempt.job_id, type="state").order_by("id")
        return [event.data["message"] for event in told]


def waits(attempt: Attempt, code: str, words: str = "For a machine.") -> bool:
    return sightings.waits(attempt.organisation_id, attempt.job_id, attempt.number, code, words)


def lost(attempt: Attempt, failure: Failure = DIED) -> bool:
    return sightings.lost(attempt.organisation_id, attempt.job_id, attempt.number, failure)


def test_people_read_once_for_what_an_attempt_waits(alice: Principal) -> None:
    attempt = launched(alice)

    assert [waits(attempt, code) for code in ("machine", "machine", "image", "image")] == [True] * 4
    assert notes(attempt).count("For a machine.") == 2


def test_it_is_told_again_while_the_launch_is_not_written_down(alice: Principal) -> None:
    with scope(alice.organisation.id):
        attempt = started(alice)

    assert not waits(attempt, "machine")
    assert "For a machine." not in notes(attempt)


def test_what_runs_does_not_wait(alice: Principal) -> None:
    """The controller may be a moment behind."""
    attempt = launched(alice, runs=True)

    assert waits(attempt, "machine")
    assert "For a machine." not in notes(attempt)


def test_an_attempt_is_lost_once(alice: Principal) -> None:
    attempt = launched(alice, runs=True)

    assert [lost(attempt), lost(attempt)] == [True, False]
    with scope(alice.organisation.id):
        attempt.refresh_from_db()
        assert (attempt.state, now(attempt.job).state) == ("lost", "queued")


def test_what_is_told_late_of_an_earlier_attempt_changes_nothing(alice: Principal) -> None:
    first = launched(alice, runs=True)
    lost(first)
    with scope(alice.organisation.id):
        second = lifecycle.open_attempt(now(first.job))

    assert not lost(first)
    assert waits(first, "machine")
    with scope(alice.organisation.id):
        second.refresh_from_db()
        assert second.state == "starting"


def test_a_cancelled_job_stays_cancelled(alice: Principal) -> None:
    attempt = launched(alice, runs=True)
    with scope(alice.organisation.id):
        lifecycle.cancel(alice, attempt.job_id)

    lost(attempt)

    with scope(alice.organisation.id):
        assert now(attempt.job).state == "cancelled"


def test_a_stranger_is_nothing_to_us(alice: Principal, charlie: Principal) -> None:
    attempt = launched(alice)
    wrong = Attempt(
        organisation_id=charlie.organisation.id, job_id=attempt.job_id, number=attempt.number
    )

    assert waits(wrong, "machine")
    assert not lost(wrong)
    with scope(alice.organisation.id):
        attempt.refresh_from_db()
        assert attempt.state == "starting"


@pytest.mark.parametrize(("runs", "code"), [(False, "no_machine"), (True, "deadline")])
def test_whether_an_attempt_that_was_too_late_ever_ran_we_know_best(
    alice: Principal, runs: bool, code: str
) -> None:
    attempt = launched(alice, runs=runs)

    lost(attempt, LATE)

    with scope(alice.organisation.id):
        assert now(attempt.job).failure["code"] == code


def test_secrets_in_a_log_are_not_passed_on(alice: Principal) -> None:
    attempt, token = launched(alice, runs=True), "run_" + "a" * 43

    lost(attempt, DIED.model_copy(update={"message": f"It said: {token}"}))

    with scope(alice.organisation.id):
        attempt.refresh_from_db()
        assert attempt.failure["message"] == "It said: [redacted]"
