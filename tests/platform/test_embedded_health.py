"""What the supervisor asks of servers: it gets an answer, or an error, soon."""

import socket
import time
from collections.abc import Callable

import pytest

from alloyworks.embedded import health

ASKED: dict[str, Callable[[int], None]] = {
    "database": lambda port: health.database(f"postgresql://a:b@127.0.0.1:{port}/c"),
    "broker": lambda port: health.broker(f"redis://127.0.0.1:{port}/0"),
    "objects": lambda port: health.objects(f"http://127.0.0.1:{port}", "a", "b"),
    "worker": lambda port: health.worker(f"redis://127.0.0.1:{port}/0"),
}


@pytest.mark.parametrize("name", ASKED)
def test_a_server_that_hangs_holds_nobody_up(name: str) -> None:
    """It takes connections and never says a word, as one that is suspended."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        begun = time.monotonic()
        with pytest.raises(Exception):  # noqa: B017  # whatever it is: not ready
            ASKED[name](server.getsockname()[1])
        assert time.monotonic() - begun < 15
