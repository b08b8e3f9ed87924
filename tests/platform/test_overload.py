"""More requests than places: 503 at once, and probes are answered all the same."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from alloyworks import overload
from alloyworks.config import config
from alloyworks.overload import Overload

Sent = list[dict[str, Any]]


class Slow:
    """An application that answers when it is let go."""

    def __init__(self) -> None:
        self.go, self.served = asyncio.Event(), 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        self.served += 1
        await self.go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})


def body(*parts: bytes) -> Callable[[], Awaitable[Any]]:
    """What the client sends; then it stays, silent."""
    left = [*parts]

    async def receive() -> Any:
        if not left:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    return receive


async def ask(app: Overload, path: str = "/jobs/", receive: Any = None) -> Sent:
    sent: Sent = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [(b"content-length", b"1")]
    await app({"type": "http", "path": path, "headers": headers}, receive or body(b""), send)
    return sent


async def filled(kind: str, path: str) -> tuple[Overload, Slow, list[asyncio.Task[Sent]]]:
    slow = Slow()
    app = Overload(slow)
    tasks = [asyncio.create_task(ask(app, path)) for _ in range(2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert app.open[kind] == 2
    return app, slow, tasks


@pytest.fixture(autouse=True)
def two_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "max_requests", 2)
    monkeypatch.setattr(config, "max_streams", 2)


def test_the_one_too_many_is_told_so_at_once() -> None:
    async def story() -> None:
        app, slow, tasks = await filled("requests", "/jobs/")
        start, content = await ask(app)
        assert start["status"] == 503
        assert dict(start["headers"])[b"retry-after"] == b"2"
        assert dict(start["headers"])[b"content-type"] == b"application/problem+json"
        assert b"try again" in content["body"]
        slow.go.set()
        assert [(await task)[0]["status"] for task in tasks] == [200, 200]
        assert (await ask(app))[0]["status"] == 200
        assert app.open == {"requests": 0, "streams": 0}

    asyncio.run(story())


@pytest.mark.parametrize("path", sorted(overload.PROBES))
def test_probes_are_answered_when_all_places_are_taken(path: str) -> None:
    async def story() -> None:
        app, slow, tasks = await filled("requests", "/jobs/")
        probe = asyncio.create_task(ask(app, path))
        slow.go.set()
        assert (await probe)[0]["status"] == 200
        await asyncio.gather(*tasks)

    asyncio.run(story())


def test_streams_take_no_places_of_requests() -> None:
    async def story() -> None:
        app, slow, tasks = await filled("streams", "/api/v1/jobs/1/stream")
        assert (await ask(app, "/api/v1/jobs/1/stream"))[0]["status"] == 503
        request = asyncio.create_task(ask(app))
        slow.go.set()
        assert (await request)[0]["status"] == 200
        await asyncio.gather(*tasks)

    asyncio.run(story())


def test_who_sends_slowly_takes_no_place() -> None:
    async def story() -> None:
        slow = Slow()
        app = Overload(slow)

        async def dripping() -> Any:
            await asyncio.sleep(0.01)
            return {"type": "http.request", "body": b"x", "more_body": True}

        drips = [asyncio.create_task(ask(app, receive=dripping)) for _ in range(50)]
        await asyncio.sleep(0.05)
        slow.go.set()
        assert (await ask(app))[0]["status"] == 200
        for drip in drips:
            drip.cancel()
        await asyncio.gather(*drips, return_exceptions=True)

    asyncio.run(story())


def test_a_body_that_does_not_go_on_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overload, "BODY_SECONDS", 0.05)

    async def silent() -> Any:
        await asyncio.Event().wait()

    assert asyncio.run(ask(Overload(Slow()), receive=silent))[0]["status"] == 408


def test_a_reader_that_waits_for_a_long_answer_is_not_taken_for_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(overload, "BODY_SECONDS", 0.05)

    async def patient(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await asyncio.wait([asyncio.ensure_future(receive())], timeout=0.2)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    assert asyncio.run(ask(Overload(patient)))[0]["status"] == 200
