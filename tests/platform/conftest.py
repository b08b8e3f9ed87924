"""The cast: Alice owns Acme, Bob is a member and Vera a viewer of it; Charlie owns Globex."""

from collections.abc import Callable, Iterator
from time import time

import pytest
from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from django.core.cache import cache
from django.db import connections
from django.test import Client
from pytest_django.plugin import DjangoDbBlocker

from alloyworks.accounts import keys, limits, signup
from alloyworks.accounts.models import Membership, Role
from alloyworks.accounts.principal import Principal
from alloyworks.forgiving import ForgivingCache
from alloyworks.tenancy import scope
from tests.platform.world import World

PASSWORD = "correct horse battery"
Api = Callable[[Principal], Client]


@pytest.fixture
def committed_db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """For tests with several connections or processes: real commits, emptied afterwards.

    The app role may not truncate, so `django_db(transaction=True)` can't be used.
    """
    with django_db_blocker.unblock():
        yield
        owner = connections["owner"]
        tables = set(owner.introspection.table_names()) - {"django_migrations"}
        with owner.cursor() as cursor:
            cursor.execute(f"TRUNCATE {', '.join(sorted(tables))}")
        connections.close_all()


@pytest.fixture
def database(request: pytest.FixtureRequest) -> None:
    """`committed_db` where a test asked for it, else a transaction that is rolled back."""
    if "committed_db" not in request.fixturenames:
        request.getfixturevalue("db")
    else:
        request.getfixturevalue("committed_db")


@pytest.fixture
def password() -> str:
    """Everybody's; nobody has failed to type it yet."""
    cache.clear()
    return PASSWORD


@pytest.fixture(autouse=True)
def cache_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even right after a test in which it was away."""
    monkeypatch.setattr(ForgivingCache, "until", 0.0)


@pytest.fixture(autouse=True)
def wrong_keys_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """All tests come from one address, several at once."""
    monkeypatch.setattr(limits, "FAILED_KEYS", limits.Rate(0))


@pytest.fixture
def alice(database: None) -> Principal:
    return signup.register("Acme", "alice@acme.example", PASSWORD, "Alice")


@pytest.fixture
def bob(alice: Principal) -> Principal:
    return joined(alice, "bob@acme.example", Role.MEMBER)


@pytest.fixture
def vera(alice: Principal) -> Principal:
    return joined(alice, "vera@acme.example", Role.VIEWER)


@pytest.fixture
def charlie(database: None) -> Principal:
    return signup.register("Globex", "charlie@globex.example", PASSWORD, "Charlie")


def fresh(client: Client, principal: Principal, age: float = 0) -> Client:
    """As if the principal had typed the password so many seconds ago."""
    session = client.session
    session[AUTHENTICATION_METHODS_SESSION_KEY] = [{"method": "password", "at": time() - age}]
    session[f"{AUTHENTICATION_METHODS_SESSION_KEY}_user"] = str(principal.user.id)
    session.save()
    return client


def joined(owner: Principal, email: str, role: Role) -> Principal:
    """A new person in the owner's organisation."""
    user = signup.register_person(email, PASSWORD)
    with scope(owner.organisation.id):
        Membership.objects.create(organisation=owner.organisation, user=user, role=role)
    return Principal(user, owner.organisation, role)


@pytest.fixture
def api() -> Api:
    """A client of the REST API with a key of the principal's own role."""

    def client(principal: Principal) -> Client:
        with scope(principal.organisation.id, principal.user.id):
            _, token = keys.create(principal, "tests", principal.role)
        return Client(headers={"Authorization": f"Bearer {token}"}, raise_request_exception=False)

    return client


@pytest.fixture
def world(alice: Principal) -> World:
    return World(alice)


@pytest.fixture
def browser(world: World, browser_of: Callable[[Principal], Client]) -> Client:
    """The owner's."""
    return browser_of(world.owner)


@pytest.fixture
def browser_of(client: Client) -> Callable[[Principal], Client]:
    """A browser session of the principal."""

    def signed_in(principal: Principal) -> Client:
        client.force_login(principal.user)
        return fresh(client, principal)

    return signed_in
