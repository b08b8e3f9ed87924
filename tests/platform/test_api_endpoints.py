"""Endpoints by the REST API and on their pages."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from alloyworks.accounts.principal import Principal
from alloyworks.catalog.models import ModelVersion
from alloyworks.serving import endpoints, lifecycle, using
from alloyworks.serving.models import Endpoint
from alloyworks.serving.using import Usage
from tests.platform import nobodys
from tests.platform.world import World

Api = Callable[[Principal], Client]
URL, JSON = "/api/v1/endpoints", "application/json"


@pytest.fixture
def model(world: World) -> ModelVersion:
    with world.scope():
        return world.model(chat_template="abc")


@pytest.fixture
def caller(api: Api, alice: Principal) -> Client:
    return api(alice)


def made(caller: Client, model: ModelVersion, name: str = "chemist", **more: Any) -> dict[str, Any]:
    answer = caller.post(URL, {"name": name, "model_id": str(model.id)} | more, JSON)
    assert answer.status_code == 201, answer.content
    found: dict[str, Any] = answer.json()
    return found


def refused(caller: Client, body: dict[str, Any]) -> tuple[list[Any], str]:
    answer = caller.post(URL, body, JSON)
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["remedy"]
    return error["loc"], error["msg"]


def test_a_new_one_sleeps(caller: Client, model: ModelVersion) -> None:
    found = made(caller, model, idle_minutes=5)
    assert (found["state"], found["model_id"], found["idle_minutes"]) == (
        "asleep",
        str(model.id),
        5,
    )
    assert caller.get(f"{URL}/{found['id']}").json() == found
    assert caller.get(URL).json()["items"] == [found]


def test_it_wakes_and_sleeps_by_order(caller: Client, model: ModelVersion) -> None:
    url = f"{URL}/{made(caller, model)['id']}"
    assert caller.post(f"{url}/wake").json()["state"] == "waking"
    assert caller.post(f"{url}/sleep").json()["state"] == "asleep"


@pytest.mark.parametrize("name", ["", "Chemist", "a b", "-a", "a/b", "ä", "a" * 64, "../x"])
def test_names_are_words_of_an_address(caller: Client, model: ModelVersion, name: str) -> None:
    answer = caller.post(URL, {"name": name, "model_id": str(model.id)}, JSON)
    assert answer.status_code == 422
    assert "name" in answer.json()["errors"][0]["loc"]


def test_a_name_is_taken_once(caller: Client, model: ModelVersion) -> None:
    made(caller, model)
    loc, told = refused(caller, {"name": "chemist", "model_id": str(model.id)})
    assert loc[-1] == "name" and "already" in told


def test_a_model_that_can_not_chat_is_refused(caller: Client, world: World) -> None:
    loc, told = refused(caller, {"name": "base", "model_id": str(world.base.id)})
    assert loc[-1] == "model_id" and "chat template" in told


def test_an_adapter_alone_is_refused(caller: Client, world: World) -> None:
    with world.scope():
        adapter = world.model(chat_template="abc", adapter={"rank": 8})
    _, told = refused(caller, {"name": "base", "model_id": str(adapter.id)})
    assert "adapter" in told


@pytest.mark.parametrize("minutes", [-1, 10**7])
def test_patience_has_an_end(caller: Client, model: ModelVersion, minutes: int) -> None:
    body = {"name": "x", "model_id": str(model.id), "idle_minutes": minutes}
    assert refused(caller, body)[0][-1] == "idle_minutes"


def test_there_is_a_model_or_a_mixture(caller: Client, model: ModelVersion) -> None:
    assert refused(caller, {"name": "x"})[0][-1] == "model_id"
    mixture = {"layers": [["a"]], "aggregator": "a"}
    refused(caller, {"name": "x", "model_id": str(model.id), "mixture": mixture})


def test_models_of_others_are_not_there(caller: Client) -> None:
    assert caller.post(URL, {"name": "x", "model_id": nobodys.ID}, JSON).status_code == 404


class TestMixtures:
    def test_it_is_of_endpoints_and_always_ready(self, caller: Client, model: ModelVersion) -> None:
        made(caller, model, "one"), made(caller, model, "two")
        mixture = {"layers": [["one", "two"]], "aggregator": "one"}
        found = caller.post(URL, {"name": "both", "mixture": mixture}, JSON).json()
        assert (found["state"], found["mixture"], found["model_id"]) == ("ready", mixture, None)
        assert caller.post(f"{URL}/{found['id']}/sleep").json()["state"] == "ready"
        assert caller.patch(f"{URL}/{found['id']}", {"idle_minutes": 3}, JSON).status_code == 409

    def test_its_agents_are_there_and_are_no_mixtures(
        self, caller: Client, model: ModelVersion
    ) -> None:
        made(caller, model, "one")
        mixture = {"layers": [["one", "two"]], "aggregator": "one"}
        _, told = refused(caller, {"name": "both", "mixture": mixture})
        assert "two" in told
        alone = {"layers": [["one"]], "aggregator": "one"}
        assert caller.post(URL, {"name": "both", "mixture": alone}, JSON).status_code == 201
        refused(caller, {"name": "deep", "mixture": {"layers": [["both"]], "aggregator": "one"}})

    @pytest.mark.parametrize("layers", [[], [[]], [["one"], []], [["one"]] * 5])
    def test_layers_have_agents_and_an_end(
        self, caller: Client, model: ModelVersion, layers: Any
    ) -> None:
        made(caller, model, "one")
        body = {"name": "x", "mixture": {"layers": layers, "aggregator": "one"}}
        assert caller.post(URL, body, JSON).status_code == 422

    def test_an_agent_stays_as_long_as_its_mixture(
        self, caller: Client, model: ModelVersion
    ) -> None:
        one = made(caller, model, "one")
        alone = {"layers": [["one"]], "aggregator": "one"}
        both = caller.post(URL, {"name": "both", "mixture": alone}, JSON).json()
        answer = caller.delete(f"{URL}/{one['id']}")
        assert answer.status_code == 409 and "both" in answer.json()["detail"]
        assert caller.delete(f"{URL}/{both['id']}").status_code == 204
        assert caller.delete(f"{URL}/{one['id']}").status_code == 204


def test_another_version_is_put_behind_it(
    caller: Client, model: ModelVersion, world: World
) -> None:
    found = made(caller, model)
    with world.scope():
        better = world.model(chat_template="abc")
    changed = caller.patch(f"{URL}/{found['id']}", {"model_id": str(better.id)}, JSON).json()
    assert (changed["model_id"], changed["state"]) == (str(better.id), "asleep")
    caller.post(f"{URL}/{found['id']}/wake")
    back = caller.patch(f"{URL}/{found['id']}", {"model_id": str(model.id)}, JSON).json()
    assert back["state"] == "waking"


def test_a_model_that_answers_is_not_deleted(caller: Client, model: ModelVersion) -> None:
    found = made(caller, model)
    answer = caller.delete(f"/api/v1/models/{model.id}")
    assert answer.status_code == 409 and "chemist" in answer.json()["detail"]
    caller.delete(f"{URL}/{found['id']}")
    assert caller.delete(f"/api/v1/models/{model.id}").status_code == 204


def test_what_it_was_asked_is_summed_by_day(
    caller: Client, model: ModelVersion, world: World
) -> None:
    found = made(caller, model)
    with world.scope():
        endpoint = Endpoint.objects.get(id=found["id"])
    organisation = endpoint.organisation_id
    _counted(organisation, endpoint, Usage(5, 2), failed=False)
    _counted(organisation, endpoint, Usage(1, 0), failed=True)
    [day] = caller.get(f"{URL}/{found['id']}/use").json()
    assert {k: day[k] for k in ("requests", "failed", "read", "written")} == {
        "requests": 2,
        "failed": 1,
        "read": 6,
        "written": 2,
    }


def _counted(organisation: Any, endpoint: Endpoint, usage: Usage, failed: bool) -> None:
    """In the test's own connection, which stays open."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(using.connection, "close", lambda: None)
        using.count(organisation, endpoint.id, usage, failed)


class TestServers:
    def test_a_server_is_told_its_files_and_nobody_else(
        self, caller: Client, world: World, model: ModelVersion
    ) -> None:
        from alloyworks.serving.tokens import token_of

        with world.scope():
            model.files = [{"path": "model.safetensors", "size": 3, "sha256": "0" * 64}]
            model.save()
        found = made(caller, model)
        caller.post(f"{URL}/{found['id']}/wake")
        with world.scope():
            endpoint = Endpoint.objects.get(id=found["id"])
        answer = _told(token_of(endpoint.id, endpoint.launch))
        assert answer.status_code == 200
        assert (answer.json()["name"], len(answer.json()["files"])) == ("chemist", 1)
        assert _told(token_of(endpoint.id, endpoint.launch + 1)).status_code == 401
        assert _told("nonsense").status_code == 401
        with world.scope():
            lifecycle.ready(endpoint)
        assert _told(token_of(endpoint.id, endpoint.launch)).status_code == 409
        caller.post(f"{URL}/{found['id']}/sleep")
        assert _told(token_of(endpoint.id, endpoint.launch)).status_code == 401


def _told(token: str) -> Any:
    strange = Client(headers={"Authorization": f"Bearer {token}"})
    return strange.get("/serving/v1/model")


class TestPages:
    def test_one_is_made_and_shown(self, browser: Client, model: ModelVersion) -> None:
        assert "No endpoints yet" in browser.get("/endpoints/").content.decode()
        fields = {
            "kind": "model",
            "name": "chemist",
            "model_id": str(model.id),
            "idle_minutes": "30",
        }
        answer = browser.post("/endpoints/", fields, follow=True)
        page = answer.content.decode()
        assert "<h1>chemist</h1>" in page and ">asleep<" in page
        assert 'data-ticket="try_' in page and "/v1" in page
        assert "chemist" in browser.get("/endpoints/").content.decode()

    def test_a_mixture_is_made(
        self, browser: Client, world: World, alice: Principal, model: ModelVersion
    ) -> None:
        with world.scope():
            for name in ("one", "two"):
                endpoints.create(alice, name, model.id)
        fields = {"kind": "mixture", "name": "both", "agents": ["one", "two"], "aggregator": "two"}
        page = browser.post("/endpoints/", fields, follow=True).content.decode()
        assert "<h1>both</h1>" in page and "one + two → two" in page

    def test_what_is_wrong_stands_beside_it(self, browser: Client, model: ModelVersion) -> None:
        fields = {"kind": "model", "name": "Not A Name", "idle_minutes": "30"}
        fields["model_id"] = str(model.id)
        page = browser.post("/endpoints/", fields).content.decode()
        assert "can&#x27;t be the name of an endpoint" in page
        fields = {"kind": "model", "name": "fine", "model_id": ""}
        assert "Choose a model." in browser.post("/endpoints/", fields).content.decode()
        fields = {"kind": "mixture", "name": "fine", "agents": [], "aggregator": ""}
        assert "With no agent" in browser.post("/endpoints/", fields).content.decode()

    def test_orders_are_given(
        self, browser: Client, alice: Principal, world: World, model: ModelVersion
    ) -> None:
        with world.scope():
            found = endpoints.create(alice, "chemist", model.id)
        url = f"/endpoints/{found.id}"
        assert ">waking<" in browser.post(f"{url}/wake/", follow=True).content.decode()
        assert ">asleep<" in browser.post(f"{url}/sleep/", follow=True).content.decode()
        assert "is deleted" in browser.post(f"{url}/delete/", follow=True).content.decode()

    def test_a_viewer_sees_and_can_not_ask(
        self,
        browser_of: Callable[[Principal], Client],
        vera: Principal,
        alice: Principal,
        world: World,
        model: ModelVersion,
    ) -> None:
        with world.scope():
            found = endpoints.create(alice, "chemist", model.id)
        page = browser_of(vera).get(f"/endpoints/{found.id}/").content.decode()
        assert "chemist" in page and "try_" not in page and "Wake it" not in page
