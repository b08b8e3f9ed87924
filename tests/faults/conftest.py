"""One working stack for all tests of what may happen to it."""

from collections.abc import Iterator

import pytest

from alloyworks.cli.demo.client import Client
from alloyworks.embedded import stack
from tests.stacks import BASE, import_base, stack_of


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stack.Running]:
    with stack_of(tmp_path_factory.mktemp("faults")) as running:
        yield running


@pytest.fixture(scope="session")
def client(up: stack.Running) -> Client:
    client = Client(up.url)
    client.sign_up("Faults", "faults@example.com", "a password of sixteen")
    return client


@pytest.fixture(scope="session")
def base(up: stack.Running, client: Client, tmp_path_factory: pytest.TempPathFactory) -> str:
    import_base(up, tmp_path_factory.mktemp("base"))
    return client.base_model(BASE)
