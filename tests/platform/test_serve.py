"""The web process under more load than it can carry: a real one, with four places."""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from alloyworks.accounts import keys
from alloyworks.accounts.models import Role
from alloyworks.accounts.principal import Principal
from alloyworks.embedded import ports
from alloyworks.embedded.services import python
from alloyworks.jobs.models import JobState
from alloyworks.storage import objects
from alloyworks.tenancy import scope
from tests.platform.attempts import new_job


@pytest.fixture
def url(committed_db: None) -> Iterator[str]:
    objects.ensure_bucket()
    port = ports.claim_inner(None)
    with serving("--port", str(port)) as process:
        wait_for(process, port)
        yield address(port)


@contextmanager
def serving(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    variables = {"ALLOY_MAX_REQUESTS": "4", "ALLOY_LOG_FORMAT": "console"}
    with subprocess.Popen(
        python("alloyworks.serve", *words), env=os.environ | variables
    ) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) in (0, -signal.SIGTERM)  # uvicorn ends as it was told


def wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 30
    while not is_well(address(port)):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)


def address(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def is_well(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def ask(url: str) -> httpx.Response:
    return httpx.get(f"{url}/accounts/signup/", timeout=30)


def test_ten_times_too_much_is_answered_and_leaves_nothing_behind(url: str) -> None:
    with ThreadPoolExecutor(40) as threads:
        asked = [threads.submit(ask, url) for _ in range(200)]
        health = [httpx.get(f"{url}/healthz", timeout=5).status_code for _ in range(5)]
        answers = [one.result() for one in asked]

    refused = [one for one in answers if one.status_code == 503]
    assert {one.status_code for one in answers} == {200, 503}
    assert refused and all(one.headers["Retry-After"] for one in refused)
    assert {one.headers["Content-Type"] for one in refused} == {"application/problem+json"}
    assert health == [200] * 5
    assert ask(url).status_code == 200 and is_well(url)


def test_those_who_send_slowly_keep_nobody_out(url: str) -> None:
    host, port = url.removeprefix("http://").split(":")
    head = f"POST /accounts/login/ HTTP/1.1\r\nHost: {host}\r\nContent-Length: 99\r\n"
    slow = [socket.create_connection((host, int(port))) for _ in range(300)]
    try:
        for number, connection in enumerate(slow):
            # Some stop in the middle of the head, some in the middle of the body.
            connection.sendall((head + ("\r\nlogin=" if number % 2 else "")).encode())
        assert ask(url).status_code == 200 and is_well(url)
    finally:
        for connection in slow:
            connection.close()
    assert ask(url).status_code == 200


def test_of_two_that_share_a_port_either_answers_for_both(committed_db: None) -> None:
    objects.ensure_bucket()
    shared, *own = (ports.claim_inner(None) for _ in range(3))
    words = [("--port", str(shared), "--own-port", str(port)) for port in own]
    with serving(*words[0]) as first:
        wait_for(first, own[0])
        with serving(*words[1]) as second:
            wait_for(second, own[1])
            assert all(ask(address(shared)).status_code == 200 for _ in range(20))
        assert not is_well(address(own[1]))
        assert all(ask(address(shared)).status_code == 200 for _ in range(20))


def test_files_of_the_pages_come_whole(url: str) -> None:
    page = httpx.get(f"{url}/accounts/login/").text
    found = sorted(set(re.findall(r'(?:href|src)="(/static/[^"#]+)', page)))
    assert {Path(path).suffix for path in found} >= {".css", ".js", ".svg"}
    for path in found:
        answer = httpx.get(f"{url}{path}")
        assert answer.status_code == 200
        assert len(answer.content) > 100 and answer.headers["Content-Type"]


def test_who_comes_next_finds_nothing_of_who_was_there_before(
    url: str, alice: Principal, charlie: Principal
) -> None:
    """Threads and database connections are used again, whatever became of the request before."""
    made = {owner: _job_and_key(owner) for owner in (alice, charlie)}

    def visit(number: int) -> None:
        owner, other = (alice, charlie) if number % 2 else (charlie, alice)
        job, key = made[owner]
        asked = httpx.Client(base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {key}"})
        assert [one["id"] for one in asked.get("/jobs").json()["items"]] == [job]
        assert asked.get(f"/jobs/{made[other][0]}").status_code == 404
        assert asked.post("/jobs", json={"kind": "merge"}).status_code == 422
        assert asked.get(f"/jobs/{job}").json()["created_by"] == owner.user.email
        assert httpx.get(f"{url}/api/v1/jobs/{job}").status_code == 401

    with ThreadPoolExecutor(3) as threads:  # fewer than there are places
        list(threads.map(visit, range(24)))


def _job_and_key(owner: Principal) -> tuple[str, str]:
    with scope(owner.organisation.id, owner.user.id):
        job = new_job(owner, created_by=owner.user, state=JobState.SUCCEEDED)
        return str(job.id), keys.create(owner, "test", Role.MEMBER)[1]
