"""Requests as OpenAI's libraries send them: who may ask what, and what comes back."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from alloyworks.accounts import keys
from alloyworks.accounts.models import Membership, Role
from alloyworks.accounts.principal import Principal
from alloyworks.config import config
from alloyworks.serving import answering, endpoints, lifecycle, tickets, using
from alloyworks.serving.models import Endpoint, EndpointState, EndpointUse
from alloyworks.tenancy import scope
from tests.platform.catalog_cast import make_model
from tests.platform.serving_cast import ModelServer, asked, awake, chunks, model_server

pytestmark = pytest.mark.usefixtures("committed_db")
ASK = {"model": "chemist", "messages": [{"role": "user", "content": "Symbol of gold?"}]}
FACTS = {"architecture": "LlamaForCausalLM", "chat_template": "abc"}
KeyOf = Callable[..., str]


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with model_server(lambda body: "The symbol is Au") as found:
        yield found


@pytest.fixture
def key_of() -> KeyOf:
    def made(principal: Principal, *scopes: Any) -> str:
        with scope(principal.organisation.id, principal.user.id):
            return keys.create(principal, "k", principal.role, scopes=scopes or ("all",))[1]

    return made


@pytest.fixture
def chemist(alice: Principal, server: ModelServer) -> Endpoint:
    return made(alice, "chemist", server)


def made(owner: Principal, name: str, server: ModelServer | None = None) -> Endpoint:
    with scope(owner.organisation.id, owner.user.id):
        model = make_model(owner, name=f"of {name}", facts=FACTS)
        endpoint = endpoints.create(owner, name, model.id)
        return awake(endpoint, server) if server else endpoint


def uses(owner: Principal) -> list[tuple[int, int, int, int]]:
    with scope(owner.organisation.id):
        rows = EndpointUse.objects.order_by("endpoint__name")
        return list(rows.values_list("requests", "failed", "read", "written"))


def test_an_answer_comes_back_under_the_endpoints_name(
    chemist: Endpoint, alice: Principal, key_of: KeyOf, server: ModelServer
) -> None:
    answer = asked(key_of(alice), ASK | {"temperature": 0, "max_tokens": 9, "user": "me"})
    assert answer.status_code == 200
    told = answer.json()
    assert told["choices"][0]["message"]["content"] == "The symbol is Au"
    assert told["model"] == "chemist"
    assert told["usage"] == {"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 11}
    [heard] = server.heard
    assert heard == {
        "messages": ASK["messages"],
        "max_tokens": 9,
        "temperature": 0,
        "stream": False,
    }
    assert uses(alice) == [(1, 0, 7, 4)]


def test_a_stream_is_passed_on_piece_by_piece(
    chemist: Endpoint, alice: Principal, key_of: KeyOf
) -> None:
    options = {"stream": True, "stream_options": {"include_usage": True}}
    answer = asked(key_of(alice), ASK | options)
    assert answer.headers["content-type"] == "text/event-stream"
    *pieces, last, end = chunks(answer)
    assert end == "[DONE]"
    texts = [piece["choices"][0]["delta"].get("content", "") for piece in pieces]
    assert texts == ["The ", "symbol ", "is ", "Au ", ""]
    assert {piece["model"] for piece in pieces} == {"chemist"}
    assert last["usage"]["completion_tokens"] == 4 and last["choices"] == []
    assert uses(alice) == [(1, 0, 7, 4)]


def test_usage_is_told_only_where_it_was_asked_for(
    chemist: Endpoint, alice: Principal, key_of: KeyOf
) -> None:
    answer = asked(key_of(alice), ASK | {"stream": True})
    assert not any("usage" in piece for piece in chunks(answer)[:-1])


def test_parts_of_text_and_developers_are_understood(
    chemist: Endpoint, alice: Principal, key_of: KeyOf, server: ModelServer
) -> None:
    parts = [{"type": "text", "text": "Sym"}, {"type": "text", "text": "bol?"}]
    messages = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": parts}]
    assert asked(key_of(alice), ASK | {"messages": messages}).status_code == 200
    assert server.heard[0]["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Symbol?"},
    ]


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"n": 2}, "n"),
        ({"temperature": 3}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"messages": []}, "messages"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "messages.0.content",
        ),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages.0.role"),
    ],
)
def test_what_is_not_understood_is_named(
    chemist: Endpoint,
    alice: Principal,
    key_of: KeyOf,
    server: ModelServer,
    change: dict[str, Any],
    param: str,
) -> None:
    answer = asked(key_of(alice), ASK | change)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["param"] == param and error["type"] == "invalid_request_error"
    assert not server.heard


@pytest.mark.parametrize("body", [b"{", b"[1]", b"null", b"[" * 10_000, b'"\xff"'])
def test_nonsense_is_refused(
    chemist: Endpoint, alice: Principal, key_of: KeyOf, body: bytes
) -> None:
    assert asked(key_of(alice), body).status_code == 400


def test_nobody_is_let_in_without_a_key(chemist: Endpoint) -> None:
    for token in ("", "alloy_00000000_nonsense", "try_nonsense"):
        answer = asked(token, ASK)
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "unauthenticated"


def test_another_tenant_finds_nothing(
    chemist: Endpoint, charlie: Principal, key_of: KeyOf, server: ModelServer
) -> None:
    answer = asked(key_of(charlie), ASK)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "model_not_found"
    assert asked(key_of(charlie), b"", "/v1/models", "GET").json()["data"] == []
    assert not server.heard


def test_the_same_name_of_two_tenants_is_two_models(
    chemist: Endpoint, charlie: Principal, key_of: KeyOf, server: ModelServer
) -> None:
    with model_server(lambda body: "Charlie's") as theirs:
        made(charlie, "chemist", theirs)
        told = asked(key_of(charlie), ASK).json()
    assert told["choices"][0]["message"]["content"] == "Charlie's"
    assert not server.heard


@pytest.mark.parametrize(
    ("scopes", "status"), [(["serve"], 200), (["all"], 200), (["jobs"], 200), (["read"], 403)]
)
def test_keys_ask_as_far_as_their_scopes_go(
    chemist: Endpoint, alice: Principal, key_of: KeyOf, scopes: list[str], status: int
) -> None:
    assert asked(key_of(alice, *scopes), ASK).status_code == status


def test_viewers_ask_nothing(chemist: Endpoint, vera: Principal, key_of: KeyOf) -> None:
    assert asked(key_of(vera), ASK).status_code == 403


class TestTickets:
    def test_a_page_may_ask_its_endpoint_and_no_other(
        self, chemist: Endpoint, alice: Principal, server: ModelServer
    ) -> None:
        made(alice, "other", server)
        ticket = tickets.issued(alice, chemist)
        assert asked(ticket, ASK).status_code == 200
        assert asked(ticket, ASK | {"model": "other"}).status_code == 403
        listed = asked(ticket, b"", "/v1/models", "GET").json()["data"]
        assert [each["id"] for each in listed] == ["chemist"]

    def test_it_ends_with_the_membership(
        self, chemist: Endpoint, alice: Principal, bob: Principal
    ) -> None:
        ticket = tickets.issued(bob, chemist)
        assert asked(ticket, ASK).status_code == 200
        with scope(alice.organisation.id, alice.user.id):
            Membership.objects.filter(user=bob.user).update(role=Role.VIEWER)
        assert asked(ticket, ASK).status_code == 403
        with scope(alice.organisation.id, alice.user.id):
            Membership.objects.filter(user=bob.user).delete()
        assert asked(ticket, ASK).status_code == 401

    def test_it_can_not_be_written_by_hand(self, chemist: Endpoint, alice: Principal) -> None:
        ticket = tickets.issued(alice, chemist)
        body, _, signature = ticket.rpartition(":")
        assert asked(f"{body}:{signature[::-1]}", ASK).status_code == 401

    def test_it_grows_old(
        self, chemist: Endpoint, alice: Principal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ticket = tickets.issued(alice, chemist)
        monkeypatch.setattr(tickets, "HOURS", -1)
        assert asked(ticket, ASK).status_code == 401


class TestWaking:
    @pytest.fixture(autouse=True)
    def soon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(answering, "_PAUSE", 0.02)
        monkeypatch.setattr(config, "endpoint_wake_seconds", 5)

    def test_a_request_wakes_it_and_waits(
        self, alice: Principal, key_of: KeyOf, server: ModelServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        endpoint = made(alice, "chemist")
        looks = []
        now = using.now

        def looked(organisation: Any, endpoint_id: Any) -> Endpoint | None:
            looks.append(1)
            if len(looks) == 3:
                with scope(alice.organisation.id):
                    awake(Endpoint.objects.get(id=endpoint.id), server)
            return now(organisation, endpoint_id)

        monkeypatch.setattr(using, "now", looked)
        answer = asked(key_of(alice), ASK)
        assert answer.status_code == 200 and len(looks) >= 3
        with scope(alice.organisation.id):
            assert Endpoint.objects.get(id=endpoint.id).launch == 1

    def test_who_does_not_wake_in_time_is_asked_again_later(
        self, alice: Principal, key_of: KeyOf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made(alice, "chemist")
        monkeypatch.setattr(config, "endpoint_wake_seconds", 0)
        answer = asked(key_of(alice), ASK)
        assert answer.status_code == 503 and answer.headers["retry-after"] == "10"
        assert answer.json()["error"]["code"] == "waking"
        assert uses(alice) == [(1, 1, 0, 0)]

    def test_one_that_does_not_start_says_why_and_rests(
        self, alice: Principal, key_of: KeyOf
    ) -> None:
        endpoint = made(alice, "chemist")
        with scope(alice.organisation.id):
            woken = lifecycle.wake(endpoint.id)
            lifecycle.fail(woken, "Out of memory.")
        answer = asked(key_of(alice), ASK)
        assert answer.status_code == 503
        assert "Out of memory." in answer.json()["error"]["message"]
        assert int(answer.headers["retry-after"]) <= 60
        with scope(alice.organisation.id):
            assert Endpoint.objects.get(id=endpoint.id).state == EndpointState.FAILED


class TestTrouble:
    def test_a_server_that_is_gone(
        self, alice: Principal, key_of: KeyOf, chemist: Endpoint, server: ModelServer
    ) -> None:
        server.shutdown()
        server.server_close()
        answer = asked(key_of(alice), ASK)
        assert answer.status_code == 503 and answer.json()["error"]["code"] == "away"
        assert server.address not in answer.text

    @pytest.mark.parametrize(("theirs", "ours"), [(422, 400), (500, 502)])
    @pytest.mark.parametrize("stream", [True, False])
    def test_what_a_server_refuses(
        self,
        alice: Principal,
        key_of: KeyOf,
        chemist: Endpoint,
        server: ModelServer,
        theirs: int,
        ours: int,
        stream: bool,
    ) -> None:
        server.status = theirs
        answer = asked(key_of(alice), ASK | {"stream": stream})
        assert answer.status_code == ours and "no thanks" in answer.json()["error"]["message"]
        assert uses(alice) == [(1, 1, 0, 0)]

    def test_a_stream_that_breaks_off_is_told_in_the_stream(
        self, alice: Principal, key_of: KeyOf, chemist: Endpoint, server: ModelServer
    ) -> None:
        server.breaks = True
        told = chunks(asked(key_of(alice), ASK | {"stream": True}))
        assert told[0]["choices"][0]["delta"]["content"] == "The "


class TestMixtures:
    @pytest.fixture
    def both(self, alice: Principal) -> Iterator[dict[str, ModelServer]]:
        names = ("chemist", "poet", "judge")
        servers = {name: ModelServer(lambda _, name=name: f"{name} says so") for name in names}
        for name, server in servers.items():
            made(alice, name, server)
        with scope(alice.organisation.id, alice.user.id):
            endpoints.create_mixture(alice, "both", [["chemist", "poet"]], "judge")
        yield servers
        for server in servers.values():
            server.shutdown()

    @pytest.mark.parametrize("stream", [True, False])
    def test_its_agents_are_asked_and_the_last_word_comes_back(
        self, alice: Principal, key_of: KeyOf, both: dict[str, ModelServer], stream: bool
    ) -> None:
        answer = asked(key_of(alice), ASK | {"model": "both", "stream": stream})
        assert answer.status_code == 200
        assert "judge says so" in answer.text.replace('"}}]', "").replace(' "', "") or stream
        for name in ("chemist", "poet"):
            [heard] = both[name].heard
            assert heard["messages"] == ASK["messages"] and heard["stream"] is False
        [heard] = both["judge"].heard
        assert heard["stream"] is stream
        assert "1. chemist says so\n2. poet says so" in heard["messages"][-1]["content"]

    def test_the_tokens_of_all_are_counted_for_it(
        self, alice: Principal, key_of: KeyOf, both: dict[str, ModelServer]
    ) -> None:
        told = asked(key_of(alice), ASK | {"model": "both"}).json()
        assert told["model"] == "both"
        assert told["usage"] == {"prompt_tokens": 21, "completion_tokens": 9, "total_tokens": 30}
        assert uses(alice) == [(1, 0, 21, 9)]


def test_models_are_listed(chemist: Endpoint, alice: Principal, key_of: KeyOf) -> None:
    told = asked(key_of(alice), b"", "/v1/models", "GET").json()
    assert [(each["id"], each["object"]) for each in told["data"]] == [("chemist", "model")]


def test_other_addresses_are_not_there_and_others_are_djangos(
    alice: Principal, key_of: KeyOf
) -> None:
    assert asked(key_of(alice), b"", "/v1/embeddings").status_code == 404
    assert asked(key_of(alice), b"", "/v1/chat/completions", "GET").status_code == 404
    assert asked(key_of(alice), b"", "/healthz", "GET").status_code == 418


def test_a_large_request_is_refused(chemist: Endpoint, alice: Principal, key_of: KeyOf) -> None:
    huge = json.dumps(ASK | {"padding": "x" * 9_000_000}).encode()
    assert asked(key_of(alice), huge).status_code == 413
