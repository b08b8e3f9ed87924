"""What the API tells of a job that waits, and of one that did not go well."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from alloyengine.spec.protocol import Failure
from alloyworks.accounts.principal import Principal
from alloyworks.jobs import lifecycle
from alloyworks.jobs.models import Attempt, Event, Job, JobState
from tests.platform.attempts import now, running
from tests.platform.test_api_core import assert_problem
from tests.platform.world import World

Api = Callable[[Principal], Client]
JOBS = "/api/v1/jobs"
JSON = "application/json"
MEMORY = Failure(code="out_of_memory", fault="capacity", message="It needed 9 GiB.")


@pytest.fixture
def client(api: Api, world: World) -> Client:
    return api(world.owner)


def shown(client: Client, job: UUID) -> Any:
    return client.get(f"{JOBS}/{job}").json()


def logged(attempt: Attempt, lines: int) -> None:
    Event.objects.bulk_create(
        Event(
            organisation_id=attempt.organisation_id,
            job_id=attempt.job_id,
            attempt_number=attempt.number,
            seq=number,
            at=attempt.created_at,
            type="log",
            data={"level": "info", "message": f"line {number} of {attempt.number}"},
        )
        for number in range(lines)
    )


def test_a_failed_job_says_whose_fault_it_is_and_what_to_do(client: Client, world: World) -> None:
    with world.scope():
        attempt = running(world.owner)
        lifecycle.fail(attempt, MEMORY)

    outcome = shown(client, attempt.job_id)["outcome"]

    assert (outcome["code"], outcome["whose"], outcome["again"]) == (
        "out_of_memory",
        "capacity",
        False,
    )
    assert outcome["title"] == "Memory ran out"
    assert outcome["message"] == "It needed 9 GiB."
    assert outcome["remedy"].startswith("Use a smaller batch")


def test_each_attempt_has_its_ending_and_its_last_lines(client: Client, world: World) -> None:
    with world.scope():
        first = running(world.owner)
        logged(first, 9)
        lifecycle.fail(first, Failure(code="engine_failed", fault="platform", message="Broken."))
        second = lifecycle.open_attempt(now(first.job))
        logged(second, 2)

    told = client.get(f"{JOBS}/{first.job_id}/attempts").json()["items"]

    by_number = {attempt["number"]: attempt for attempt in told}
    assert by_number[1]["outcome"]["title"] == "The engine failed"
    assert by_number[1]["outcome"]["again"] is True
    assert by_number[1]["last_lines"] == [f"line {n} of 1" for n in range(4, 9)]
    assert by_number[2]["outcome"] is None
    assert by_number[2]["last_lines"] == ["line 0 of 2", "line 1 of 2"]


def test_a_job_without_trouble_has_no_outcome(client: Client, world: World) -> None:
    with world.scope():
        job = world.job(state=JobState.RUNNING)

    told = shown(client, job.id)

    assert (told["outcome"], told["waiting"]) == (None, None)


def test_a_queued_job_tells_its_place(client: Client, world: World) -> None:
    with world.scope():
        running(world.owner)
        world.job()
        job = world.job()

    waiting = shown(client, job.id)["waiting"]

    assert waiting["place"] == 2
    assert waiting["why"] == "No slot is free: 1 job is running, and 1 job is before this one."


def test_a_time_limit_is_kept_and_becomes_a_deadline(client: Client, world: World) -> None:
    made = client.post(f"{JOBS}?max_hours=2.5", world.train(), JSON)
    assert made.status_code == 201
    assert (made.json()["max_hours"], made.json()["deadline_at"]) == (2.5, None)

    with world.scope():
        job = Job.objects.get(id=made.json()["id"])
        lifecycle.begin(lifecycle.open_attempt(job))
    told = shown(client, job.id)

    begun, ends = (datetime.fromisoformat(told[name]) for name in ("started_at", "deadline_at"))
    assert ends - begun == timedelta(hours=2.5)
    copy = client.post(f"{JOBS}/{job.id}/clone").json()
    assert copy["max_hours"] == 2.5


def test_a_job_without_a_limit_has_the_settings(client: Client, world: World) -> None:
    assert client.post(JOBS, world.train(), JSON).json()["max_hours"] == 72


@pytest.mark.parametrize("hours", ["0", "-1", "nan", "inf", "8761", "soon"])
def test_a_limit_that_is_none_is_refused(client: Client, world: World, hours: str) -> None:
    assert_problem(client.post(f"{JOBS}?max_hours={hours}", world.train(), JSON), 422)
