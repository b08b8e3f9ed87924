"""A whole stack serves a real model: asked, woken, killed, put to sleep."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from alloyworks.cli.demo.client import Client
from alloyworks.embedded import stack
from alloyworks.embedded.processes import Mark
from tests.faults.tools import kill, service, until
from tests.stacks import BASE, import_base, stack_of

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stack.Running]:
    folder = tmp_path_factory.mktemp("serving")
    with stack_of(folder) as up:
        import_base(up, folder)
        yield up
    assert not any(mark.alive() for mark in servers(up))


@pytest.fixture(scope="module")
def client(platform: stack.Running) -> Client:
    client = Client(platform.url)
    client.sign_up("Serving", "serving@example.com", "a password of sixteen")
    body = {"name": "tiny", "model_id": client.base_model(BASE)}
    client.http.post("/endpoints", json=body).raise_for_status()
    return client


def servers(platform: stack.Running) -> list[Mark]:
    marks = (platform.state_dir / "endpoints").glob("*/mark.json")
    return [Mark(**json.loads(path.read_text())) for path in marks]


def ask(platform: stack.Running, client: Client, **more: Any) -> httpx.Response:
    body = {"model": "tiny", "messages": [{"role": "user", "content": "Gold?"}], "max_tokens": 5}
    headers = {"Authorization": client.http.headers["Authorization"]}
    url = f"{platform.url}/v1/chat/completions"
    return httpx.post(url, json=body | more, headers=headers, timeout=180)


def state(client: Client) -> str:
    [found] = client.http.get("/endpoints").json()["items"]
    return str(found["state"])


def test_the_first_request_wakes_it_and_is_answered(
    platform: stack.Running, client: Client
) -> None:
    assert state(client) == "asleep"
    answer = ask(platform, client, temperature=0)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["model"] == "tiny" and told["usage"]["completion_tokens"] >= 1
    assert state(client) == "ready"
    assert ask(platform, client, temperature=0).json()["choices"] == told["choices"]


def test_it_streams(platform: stack.Running, client: Client) -> None:
    text = ask(platform, client, stream=True).text
    assert text.count("data: ") >= 2 and text.endswith("data: [DONE]\n\n")


def test_a_server_that_is_killed_is_replaced(platform: stack.Running, client: Client) -> None:
    ask(platform, client)
    [mark] = [mark for mark in servers(platform) if mark.alive()]
    kill(mark.pid)
    answer = until(lambda: (found := ask(platform, client)).status_code == 200 and found)
    assert answer.json()["choices"]
    [new] = [mark for mark in servers(platform) if mark.alive()]
    assert new.pid != mark.pid


def test_a_server_knows_no_secret(platform: stack.Running, client: Client) -> None:
    ask(platform, client)
    [mark] = [mark for mark in servers(platform) if mark.alive()]
    environment = Path(f"/proc/{mark.pid}/environ").read_bytes()
    assert b"ALLOY_" not in environment and b"HF_HUB_OFFLINE=1" in environment


def test_put_to_sleep_its_process_ends(platform: stack.Running, client: Client) -> None:
    ask(platform, client)
    [found] = client.http.get("/endpoints").json()["items"]
    client.http.post(f"/endpoints/{found['id']}/sleep").raise_for_status()
    until(lambda: not any(mark.alive() for mark in servers(platform)))
    assert state(client) == "asleep"


def test_the_control_plane_may_restart_under_it(platform: stack.Running, client: Client) -> None:
    ask(platform, client)
    [mark] = [mark for mark in servers(platform) if mark.alive()]
    for name in ("web", "web-2", "worker"):
        kill(until(partial(service, platform, name)).pid)
    until(lambda: _answers(platform, client))
    assert mark.alive()


def _answers(platform: stack.Running, client: Client) -> bool:
    try:
        return ask(platform, client).status_code == 200
    except httpx.HTTPError:
        return False
