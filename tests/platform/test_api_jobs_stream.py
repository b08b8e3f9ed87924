"""Streams of jobs over HTTP: headers, coming back, and many at once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.test import AsyncClient

from alloyworks.accounts import keys
from alloyworks.accounts.models import Role
from alloyworks.jobs import stream
from alloyworks.jobs.models import Job, JobState
from tests.platform.test_jobs_stream import Told, change, log, parsed
from tests.platform.world import World

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def job(world: World) -> Job:
    with world.scope():
        return world.job(state=JobState.RUNNING)


@pytest.fixture
def headers(world: World) -> dict[str, str]:
    with world.scope():
        _, token = keys.create(world.owner, "tests", Role.OWNER)
    return {"Authorization": f"Bearer {token}"}


def get(job: Job, headers: dict[str, str]) -> tuple[Any, list[Told]]:
    async def scene() -> tuple[Any, list[Told]]:
        answer = await AsyncClient().get(f"/api/v1/jobs/{job.id}/stream", headers=headers)
        if not answer.streaming:
            return answer, []
        return answer, parsed(b"".join([part async for part in answer]).decode())

    return asyncio.run(asyncio.wait_for(scene(), 20))


def test_a_stream_is_neither_kept_nor_held_back(
    world: World, job: Job, headers: dict[str, str]
) -> None:
    with world.scope():
        change(job, state="succeeded")

    answer, told = get(job, headers)

    assert [one.event for one in told] == ["end"]
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/event-stream"
    assert answer["Cache-Control"] == "no-cache"
    assert answer["X-Accel-Buffering"] == "no"


def test_a_browser_says_what_it_heard_last(world: World, job: Job, headers: dict[str, str]) -> None:
    with world.scope():
        seen, _ = log(job, "old"), log(job, "new")
        change(job, state="succeeded")

    _, told = get(job, headers | {"Last-Event-ID": str(seen)})

    assert [one.data.get("message") for one in told] == ["new", None]


@pytest.mark.parametrize("number", ["x", "-1", "9" * 30])
def test_what_was_no_event_is_refused(job: Job, headers: dict[str, str], number: str) -> None:
    answer, _ = get(job, headers | {"Last-Event-ID": number})

    assert answer.status_code == 422


def test_many_open_streams_leave_room_for_other_requests(
    job: Job, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """More of them than the pool has connections."""
    monkeypatch.setattr(stream, "PAUSE", 0.5)
    url = f"/api/v1/jobs/{job.id}"

    async def scene() -> int:
        app = ASGIHandler()
        async with AsyncExitStack() as stack:
            for _ in range(25):
                status = await stack.enter_async_context(opened(app, f"{url}/stream", headers))
                assert status == 200
            return await stack.enter_async_context(opened(app, url, headers))

    assert asyncio.run(asyncio.wait_for(scene(), 60)) == 200


@asynccontextmanager
async def opened(app: ASGIHandler, path: str, headers: dict[str, str]) -> AsyncIterator[int]:
    """The status of an answer whose first bytes have come; the client leaves at the end."""
    first: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    gone, started = asyncio.Event(), dict[str, int]()
    requests = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> dict[str, Any]:
        for request in requests:
            return request
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        started.setdefault("status", message.get("status", 0))
        if message.get("body") and not first.done():
            first.set_result(started["status"])

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()]
        + [(b"host", b"localhost")],
        "server": ("localhost", 80),
    }
    running: Awaitable[None] = asyncio.ensure_future(app(scope, receive, send))
    try:
        yield await asyncio.wait_for(first, 20)
    finally:
        gone.set()
        await asyncio.wait_for(running, 5)
