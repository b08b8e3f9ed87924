"""A job followed by server-sent events: what is told, when it ends, and what it holds meanwhile."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError, connection
from django.utils import timezone

from alloyworks.accounts import keys, members
from alloyworks.accounts.models import Role, User
from alloyworks.accounts.principal import Principal
from alloyworks.jobs import stream
from alloyworks.jobs.models import Event, Job, JobState, Metric
from tests.platform.world import World

pytestmark = pytest.mark.usefixtures("committed_db")


class Told(NamedTuple):
    event: str
    data: dict[str, Any]
    id: str | None


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "PAUSE", 0.02)


@pytest.fixture
def job(world: World) -> Job:
    with world.scope():
        return world.job(state=JobState.RUNNING)


def log(job: Job, message: str) -> int:
    return tell(job, "log", level="info", message=message)


def tell(job: Job, kind: str, **data: str) -> int:
    event = Event.objects.create(
        organisation_id=job.organisation_id,
        job=job,
        attempt_number=1,
        at=timezone.now(),
        type=kind,
        data=data,
    )
    return event.id


def measure(job: Job, step: int, value: float) -> None:
    """As the recorder does it."""
    point = {"organisation_id": job.organisation_id, "job": job, "name": "loss", "step": step}
    Metric.objects.filter(**point).delete()
    Metric.objects.create(**point, value=value)


def change(job: Job, **values: Any) -> None:
    Job.objects.filter(id=job.id).update(**values)


def parsed(text: str) -> list[Told]:
    blocks = [block for block in text.split("\n\n") if "event: " in block]
    found = [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]
    return [Told(one["event"], json.loads(one["data"]), one.get("id")) for one in found]


async def whole(principal: Principal, job: Job, after: int = 0) -> list[Told]:
    """All of a stream that ends by itself."""
    parts = [part async for part in stream.follow(principal, job.id, after)]
    return parsed("".join(parts))


def heard(principal: Principal, job: Job, after: int = 0) -> list[Told]:
    return asyncio.run(asyncio.wait_for(whole(principal, job, after), 20))


class Listener:
    """Reads a stream that goes on, while the test changes the job."""

    def __init__(self, world: World, job: Job) -> None:
        self.world, self.parts = world, stream.follow(world.owner, job.id)

    async def next(self) -> list[Told]:
        """What the next part tells; comments tell nothing."""
        return parsed(await asyncio.wait_for(anext(self.parts), 20))

    async def do(self, act: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        def committed() -> Any:
            try:
                with self.world.scope():
                    return act(*arguments, **named)
            finally:
                connection.close()

        return await sync_to_async(committed)()


@asynccontextmanager
async def listening(world: World, job: Job) -> AsyncIterator[Listener]:
    listener = Listener(world, job)
    try:
        assert await listener.next() == []  # the time after which browsers come back
        yield listener
    finally:
        await listener.parts.aclose()


class TestWhatIsTold:
    def test_a_finished_job_from_its_beginning_to_its_end(self, world: World, job: Job) -> None:
        with world.scope():
            first = log(job, "two\nlines: ü")
            last = tell(job, "state", state="succeeded", message="Succeeded.")
            measure(job, 1, 2.5)
            progress = {"phase": "Training", "done": 1, "total": 2, "seconds_left": None}
            change(job, state="succeeded", progress=progress, reports={"snr": {"a": 1}})

        told = heard(world.owner, job)

        assert [one.event for one in told] == [
            "log",
            "state",
            "metrics",
            "progress",
            "report",
            "end",
        ]
        assert [one.id for one in told] == [str(first), str(last), None, None, None, None]
        assert set(told[0].data) == {"id", "at", "attempt", "level", "message"}
        assert told[0].data["message"] == "two\nlines: ü"
        assert set(told[1].data) == {"id", "at", "attempt", "state", "message"}
        assert [one.data for one in told[2:]] == [
            {"points": [{"name": "loss", "step": 1, "value": 2.5}]},
            progress,
            {"name": "snr"},
            {"state": "succeeded"},
        ]

    def test_whoever_comes_back_hears_only_what_is_new(self, world: World, job: Job) -> None:
        with world.scope():
            seen, _ = log(job, "old"), log(job, "new")
            change(job, state="failed")

        assert [one.data.get("message") for one in heard(world.owner, job, seen)] == ["new", None]

    def test_more_than_one_look_tells_comes_in_order_and_whole(
        self, world: World, job: Job, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stream, "EVENTS", 2)
        monkeypatch.setattr(stream, "POINTS", 2)
        with world.scope():
            for number in range(5):
                log(job, str(number))
            for step in range(7):
                measure(job, step, 1.0)
            change(job, state="cancelled")

        told = heard(world.owner, job)

        assert [one.data["message"] for one in told if one.event == "log"] == list("01234")
        points = [one.data["points"] for one in told if one.event == "metrics"]
        assert [point["step"] for some in points for point in some] == list(range(7))
        assert told[-1] == Told("end", {"state": "cancelled"}, None)

    def test_a_running_job_is_told_as_it_goes_on(self, world: World, job: Job) -> None:
        async def scene() -> None:
            async with listening(world, job) as listener:
                await listener.do(log, job, "one")
                assert [one.data["message"] for one in await listener.next()] == ["one"]
                await listener.do(log, job, "two")
                assert [one.data["message"] for one in await listener.next()] == ["two"]

        asyncio.run(scene())

    def test_a_repeated_step_is_told_again(self, world: World, job: Job) -> None:
        async def scene() -> None:
            async with listening(world, job) as listener:
                for value in (2.0, 1.0):
                    await listener.do(measure, job, 7, value)
                    (told,) = await listener.next()
                    assert told.data == {"points": [{"name": "loss", "step": 7, "value": value}]}

        asyncio.run(scene())

    def test_reports_and_progress_are_told_when_they_change(self, world: World, job: Job) -> None:
        async def scene() -> None:
            async with listening(world, job) as listener:
                await listener.do(change, job, reports={"snr": {"a": 1}})
                assert await listener.next() == [Told("report", {"name": "snr"}, None)]
                await listener.do(change, job, reports={"snr": {"a": 1}, "more": {}})
                assert await listener.next() == [Told("report", {"name": "more"}, None)]
                await listener.do(change, job, reports={"snr": {"a": 2}, "more": {}})
                assert await listener.next() == [Told("report", {"name": "snr"}, None)]
                await listener.do(change, job, progress={"done": 1})
                assert await listener.next() == [Told("progress", {"done": 1}, None)]

        asyncio.run(scene())

    def test_why_it_waits_is_told_when_it_changes(self, world: World, job: Job) -> None:
        async def scene() -> None:
            async with listening(world, job) as listener:
                await listener.do(change, job, state="queued", not_before=None)
                [told] = await listener.next()
                assert (told.event, told.data["place"]) == ("waiting", 1)
                later = timezone.now() + timedelta(hours=1)
                await listener.do(change, job, not_before=later)
                [told] = await listener.next()
                assert told.data["why"].startswith("Attempt 0 ended without a result")

        asyncio.run(scene())

    def test_silence_is_broken_by_a_comment(
        self, world: World, job: Job, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stream, "HEARTBEAT", 0.05)

        async def scene() -> None:
            async with listening(world, job) as listener:
                assert await anext(listener.parts) == ": still here\n\n"

        asyncio.run(scene())


class TestWhoListens:
    def test_another_organisation_hears_nothing(
        self, world: World, job: Job, charlie: Principal
    ) -> None:
        with world.scope():
            log(job, "secret")

        assert heard(charlie, job) == []

    def test_a_viewer_may_listen(self, world: World, job: Job, vera: Principal) -> None:
        with world.scope():
            change(job, state="failed")

        assert [one.event for one in heard(vera, job)] == ["end"]

    @pytest.mark.parametrize("how", ["leaves", "is shut out", "loses the key"])
    def test_whoever_may_no_longer_look_hears_no_more(
        self, world: World, job: Job, bob: Principal, how: str
    ) -> None:
        with world.scope():
            key, _ = keys.create(bob, "mine", Role.MEMBER)
        listener = Principal(bob.user, bob.organisation, bob.role, key)

        async def scene() -> list[Told]:
            parts = stream.follow(listener, job.id)
            await anext(parts)
            await Listener(world, job).do(part_with, world.owner, bob, key, how)
            await Listener(world, job).do(log, job, "secret")
            return parsed("".join([part async for part in parts]))

        assert asyncio.run(asyncio.wait_for(scene(), 20)) == []

    def test_a_job_that_vanishes_ends_the_stream(self, world: World, job: Job) -> None:
        async def scene() -> None:
            async with listening(world, job) as listener:
                await listener.do(Job.objects.filter(id=job.id).delete)
                with pytest.raises(StopAsyncIteration):
                    await listener.next()

        asyncio.run(scene())


def part_with(owner: Principal, bob: Principal, key: Any, how: str) -> None:
    match how:
        case "leaves":
            members.remove(owner, bob.user.id)
        case "is shut out":
            User.objects.filter(id=bob.user.id).update(is_active=False)
        case "loses the key":
            keys.revoke(owner, key.id)


class TestWhatItHolds:
    def test_no_connection_between_two_looks(self, world: World, job: Job) -> None:
        async def scene() -> None:
            async with listening(world, job) as listener:
                await listener.do(log, job, "one")
                await listener.next()
                stats = connection.pool.get_stats()
                assert stats["pool_available"] == stats["pool_size"]

        connection.close()
        asyncio.run(scene())

    def test_a_listener_who_goes_away_ends_it_at_once(self, world: World, job: Job) -> None:
        async def scene() -> None:
            listening = asyncio.create_task(whole(world.owner, job))
            await asyncio.sleep(0.2)
            listening.cancel()
            done, _ = await asyncio.wait([listening], timeout=1)
            assert done

        asyncio.run(scene())

    def test_a_database_that_is_away_ends_it_quietly(
        self, world: World, job: Job, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(*_: Any) -> str:
            raise OperationalError("the connection is closed")

        monkeypatch.setattr(stream, "_news", away)

        assert heard(world.owner, job) == []
