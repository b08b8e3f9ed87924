"""Endpoints wake, answer, fall asleep and die: rows and servers agree after every round."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from alloyworks.accounts.principal import Principal
from alloyworks.jobs import clock
from alloyworks.serving import endpoints, lifecycle, rounds
from alloyworks.serving.models import Endpoint, EndpointState
from alloyworks.tenancy import scope
from tests.platform.catalog_cast import make_model
from tests.platform.serving_cast import ModelServer, Pretending, model_server

FACTS = {"architecture": "LlamaForCausalLM", "chat_template": "abc"}


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Pretending:
    found = Pretending()
    monkeypatch.setattr(rounds, "launcher", lambda: found)
    return found


@pytest.fixture
def answering(servers: Pretending) -> Iterator[ModelServer]:
    with model_server() as found:
        servers.address = found.address
        yield found


def made(owner: Principal, name: str = "chemist", **changes: Any) -> Endpoint:
    with scope(owner.organisation.id, owner.user.id):
        model = make_model(owner, name=f"of {name}", facts=FACTS)
        endpoint = endpoints.create(owner, name, model.id)
        for field, value in changes.items():
            setattr(endpoint, field, value)
        endpoint.save()
        return endpoint


def now(owner: Principal, endpoint: Endpoint) -> Endpoint:
    with scope(owner.organisation.id):
        return Endpoint.objects.get(id=endpoint.id)


def woken(owner: Principal, endpoint: Endpoint) -> Endpoint:
    with scope(owner.organisation.id):
        return lifecycle.wake(endpoint.id)


def test_one_that_sleeps_has_no_server(alice: Principal, servers: Pretending) -> None:
    made(alice)
    rounds.look_at_all()
    assert servers.runs == {}


def test_one_that_wakes_is_launched_and_ready_when_it_answers(
    alice: Principal, servers: Pretending, answering: ModelServer
) -> None:
    endpoint = woken(alice, made(alice))
    rounds.look_at_all()
    assert servers.running() == [(endpoint.id, 1)]
    assert now(alice, endpoint).state == EndpointState.WAKING
    rounds.look_at_all()
    found = now(alice, endpoint)
    assert (found.state, found.address) == (EndpointState.READY, answering.address)


def test_waking_twice_starts_one_server(alice: Principal, servers: Pretending) -> None:
    endpoint = made(alice)
    assert woken(alice, endpoint).launch == woken(alice, endpoint).launch == 1


def test_a_server_that_dies_is_replaced_three_times_and_then_given_up(
    alice: Principal, servers: Pretending
) -> None:
    endpoint = woken(alice, made(alice))
    for launch in (1, 2, 3):
        rounds.look_at_all()
        assert servers.running() == [(endpoint.id, launch)]
        servers.runs[endpoint.id, launch] = False
        rounds.look_at_all()
    found = now(alice, endpoint)
    assert found.state == EndpointState.FAILED and "out of memory" in found.trouble
    rounds.look_at_all()
    assert servers.running() == []
    assert woken(alice, endpoint).state == EndpointState.WAKING  # but it may be tried again


def test_one_that_dies_while_it_answers_comes_back(
    alice: Principal, servers: Pretending, answering: ModelServer
) -> None:
    endpoint = woken(alice, made(alice))
    rounds.look_at_all()
    rounds.look_at_all()
    servers.runs[endpoint.id, 1] = False
    rounds.look_at_all()
    rounds.look_at_all()
    rounds.look_at_all()
    found = now(alice, endpoint)
    assert (found.state, found.launch, found.tries) == (EndpointState.READY, 2, 0)


def test_who_is_not_asked_falls_asleep_and_its_server_ends(
    alice: Principal, servers: Pretending, answering: ModelServer
) -> None:
    endpoint = woken(alice, made(alice, idle_minutes=10))
    rounds.look_at_all()
    rounds.look_at_all()
    with scope(alice.organisation.id):
        long_ago = clock.now() - timedelta(minutes=11)
        Endpoint.objects.filter(id=endpoint.id).update(since=long_ago, asked_at=long_ago)
    rounds.look_at_all()
    found = now(alice, endpoint)
    assert (found.state, found.address) == (EndpointState.ASLEEP, "")
    assert servers.ended == [(endpoint.id, 1)] and servers.running() == []


def test_who_never_sleeps_stays(
    alice: Principal, servers: Pretending, answering: ModelServer
) -> None:
    endpoint = woken(alice, made(alice, idle_minutes=0))
    rounds.look_at_all()
    rounds.look_at_all()
    with scope(alice.organisation.id):
        Endpoint.objects.update(since=clock.now() - timedelta(days=9), asked_at=None)
    rounds.look_at_all()
    assert now(alice, endpoint).state == EndpointState.READY


def test_without_room_the_one_that_nobody_asks_makes_it(
    alice: Principal, charlie: Principal, servers: Pretending, answering: ModelServer
) -> None:
    """Whosever it is; but nobody loses a server that was asked just now."""
    servers.places = 1
    first = woken(alice, made(alice))
    rounds.look_at_all()
    rounds.look_at_all()
    second = woken(charlie, made(charlie))
    rounds.look_at_all()
    assert now(alice, first).state == EndpointState.READY
    with scope(alice.organisation.id):
        minute_ago = clock.now() - timedelta(minutes=1)
        Endpoint.objects.update(since=minute_ago, asked_at=minute_ago)
    for _ in range(4):
        rounds.look_at_all()
    assert now(alice, first).state == EndpointState.ASLEEP
    assert now(charlie, second).state == EndpointState.READY
    assert servers.running() == [(second.id, 1)]


def test_a_server_of_no_endpoint_ends(alice: Principal, servers: Pretending) -> None:
    endpoint = woken(alice, made(alice))
    rounds.look_at_all()
    with scope(alice.organisation.id, alice.user.id):
        endpoints.delete(alice, endpoint.id)
    rounds.look_at_all()
    assert servers.ended == [(endpoint.id, 1)]


def test_another_version_behind_the_name_is_another_server(
    alice: Principal, servers: Pretending, answering: ModelServer
) -> None:
    endpoint = woken(alice, made(alice))
    rounds.look_at_all()
    rounds.look_at_all()
    with scope(alice.organisation.id, alice.user.id):
        other = make_model(alice, name="better", facts=FACTS)
        changed = endpoints.change(alice, endpoint.id, model_id=other.id)
    assert changed.state == EndpointState.WAKING
    rounds.look_at_all()
    assert servers.running() == [(endpoint.id, changed.launch)]
    assert (endpoint.id, 1) in servers.ended


def test_one_that_never_gets_ready_is_given_up(alice: Principal, servers: Pretending) -> None:
    endpoint = woken(alice, made(alice))
    rounds.look_at_all()
    with scope(alice.organisation.id):
        Endpoint.objects.update(since=clock.now() - timedelta(hours=1))
    rounds.look_at_all()
    found = now(alice, endpoint)
    assert found.launch == 2 and "half an hour" in found.trouble


def test_one_endpoints_trouble_is_not_the_others(
    alice: Principal, servers: Pretending, answering: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, fine = woken(alice, made(alice, "broken")), woken(alice, made(alice, "fine"))
    launch = servers.launch

    def breaks(endpoint: Endpoint) -> Any:
        if endpoint.id == broken.id:
            raise OSError("no disk")
        return launch(endpoint)

    monkeypatch.setattr(servers, "launch", breaks)
    rounds.look_at_all()
    rounds.look_at_all()
    assert now(alice, fine).state == EndpointState.READY
    assert now(alice, broken).state == EndpointState.WAKING


def test_old_news_change_nothing(alice: Principal, servers: Pretending) -> None:
    """Of a launch that was given up meanwhile."""
    endpoint = woken(alice, made(alice))
    with scope(alice.organisation.id):
        lifecycle.sleep(endpoint.id)
        lifecycle.launched(endpoint, {"a": 1}, "http://old")
        lifecycle.ready(endpoint)
        lifecycle.died(endpoint, "old")
        lifecycle.fail(endpoint, "old")
    found = now(alice, endpoint)
    assert (found.state, found.address, found.trouble) == (EndpointState.ASLEEP, "", "")
