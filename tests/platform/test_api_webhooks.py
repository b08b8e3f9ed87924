"""The API's and the pages' webhooks; which mails one wants."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from alloyworks.accounts.principal import Principal
from alloyworks.tenancy import scope
from alloyworks.webhooks import endpoints, sending
from alloyworks.webhooks.models import Delivery
from tests.platform.listener import Listener, listening, open_for
from tests.platform.test_webhooks import failed_job

Api = Callable[[Principal], Client]
BrowserOf = Callable[[Principal], Client]
WEBHOOKS = "/api/v1/webhooks"
JSON = "application/json"


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    with listening() as found:
        open_for(monkeypatch, found.port)
        yield found


def make(client: Client, listener: Listener) -> dict[str, Any]:
    body = {"url": f"http://127.0.0.1:{listener.port}/hook", "events": ["job.failed"]}
    response = client.post(WEBHOOKS, body, JSON)
    assert (response.status_code, response["Cache-Control"]) == (201, "no-store")
    return response.json()


def try_all(principal: Principal) -> None:
    with scope(principal.organisation.id):
        ids = list(Delivery.objects.values_list("id", flat=True))
    for delivery_id in ids:
        sending.deliver(delivery_id, principal.organisation.id)


def test_the_secret_is_shown_once(api: Api, alice: Principal, listener: Listener) -> None:
    client = api(alice)
    made = make(client, listener)

    assert made["secret"].startswith("whsec_")
    assert "secret" not in client.get(f"{WEBHOOKS}/{made['id']}").json()
    assert made["secret"] not in client.get(WEBHOOKS).content.decode()


def test_a_url_inside_is_a_problem_of_its_own_kind(api: Api, alice: Principal) -> None:
    answer = api(alice).post(WEBHOOKS, {"url": "https://169.254.169.254/"}, JSON)

    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/url-not-allowed"
    assert answer.json()["errors"][0]["loc"] == ["url"]


def test_deliveries_tell_everything_and_can_be_repeated(
    api: Api, alice: Principal, listener: Listener
) -> None:
    client = api(alice)
    made = make(client, listener)
    listener.reply = b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno"
    failed_job(alice)
    try_all(alice)

    [told] = client.get(f"{WEBHOOKS}/{made['id']}/deliveries").json()["items"]
    assert (told["status"], told["answer"], told["state"], told["tries"]) == (
        500, "no", "pending", 1,
    )  # fmt: skip
    assert told["next_at"] and told["error"] and told["message_id"].startswith("msg_")
    again = client.post(f"{WEBHOOKS}/{made['id']}/deliveries/{told['id']}/resend")
    assert (again.status_code, again.json()["tries"]) == (202, 0)
    absent = client.post(f"{WEBHOOKS}/{made['id']}/deliveries/{uuid4()}/resend")
    assert absent.status_code == 404


def test_a_test_event_is_sent(api: Api, alice: Principal, listener: Listener) -> None:
    client = api(alice)
    made = make(client, listener)

    assert client.post(f"{WEBHOOKS}/{made['id']}/test").status_code == 202
    try_all(alice)
    assert listener.connections == 1


def test_a_webhook_is_changed_and_deleted(api: Api, alice: Principal, listener: Listener) -> None:
    client = api(alice)
    url = f"{WEBHOOKS}/{make(client, listener)['id']}"

    changed = client.patch(url, {"active": False, "events": ["job.succeeded"]}, JSON).json()
    assert (changed["active"], changed["events"]) == (False, ["job.succeeded"])
    assert client.delete(url).status_code == 204
    assert client.get(url).status_code == 404


@pytest.mark.parametrize("path", ["", "/deliveries", "/test"])
def test_another_tenants_webhook_is_a_404(
    api: Api, alice: Principal, charlie: Principal, listener: Listener, path: str
) -> None:
    made = make(api(alice), listener)
    method = "POST" if path == "/test" else "GET"

    answer = api(charlie).generic(method, f"{WEBHOOKS}/{made['id']}{path}")
    assert answer.status_code == 404


def test_members_may_not(api: Api, bob: Principal) -> None:
    assert api(bob).get(WEBHOOKS).status_code == 403


def test_mails_are_chosen(api: Api, vera: Principal) -> None:
    client = api(vera)

    assert client.get("/api/v1/mails").json() == {"job_end": True}
    assert client.put("/api/v1/mails", {"job_end": False}, JSON).json() == {"job_end": False}
    assert client.get("/api/v1/mails").json() == {"job_end": False}


def test_the_pages_make_try_repeat_and_delete(
    browser_of: BrowserOf, alice: Principal, listener: Listener
) -> None:
    browser = browser_of(alice)
    sent = {"url": f"http://127.0.0.1:{listener.port}/", "events": ["job.failed"]}
    page = browser.post("/webhooks/", sent).content.decode()
    assert "whsec_" in page and "not shown again" in page
    with scope(alice.organisation.id):
        made = endpoints.endpoints_of(alice).get()
    url = f"/webhooks/{made.id}/"
    assert "whsec_" not in browser.get("/webhooks/").content.decode()

    page = browser.post(f"{url}test/", follow=True).content.decode()
    assert 'hx-trigger="every 2s"' in page
    try_all(alice)
    page = browser.get(url).content.decode()
    assert "204" in page and "Delivered" in page and "every 2s" not in page
    with scope(alice.organisation.id):
        delivery = endpoints.deliveries_of(alice, made.id).get()
    assert (
        "on its way again"
        in browser.post(f"{url}deliveries/{delivery.id}/resend/", follow=True).content.decode()
    )
    assert (
        "switched off"
        in browser.post(f"{url}switch/", {"active": "off"}, follow=True).content.decode()
    )
    browser.post(f"{url}delete/")
    assert browser.get(url).status_code == 404


def test_the_page_says_why_a_url_is_refused(browser_of: BrowserOf, alice: Principal) -> None:
    sent = {"url": "https://10.0.0.1/", "events": ["job.failed"]}
    page = browser_of(alice).post("/webhooks/", sent).content.decode()

    assert "not a public address" in page and 'id="id_url_error"' in page


def test_the_pages_are_owners_and_admins(browser_of: BrowserOf, bob: Principal) -> None:
    browser = browser_of(bob)

    assert browser.get("/webhooks/").status_code == 403
    assert "/webhooks/" not in browser.get("/accounts/members/").content.decode()


def test_mails_are_chosen_on_a_page(browser_of: BrowserOf, bob: Principal) -> None:
    browser = browser_of(bob)
    assert "checked" in browser.get("/accounts/mails/").content.decode()
    browser.post("/accounts/mails/", {})

    assert "checked" not in browser.get("/accounts/mails/").content.decode()
