"""The queue is gone from before a job is submitted until after it has ended: nobody needs it."""

import signal
from collections.abc import Iterator

import psutil
import pytest

from alloyworks.cli.demo.client import Client
from alloyworks.embedded import stack
from alloyworks.embedded.state import State
from tests.faults.tools import ROWS, kill, service, until

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def no_queue(up: stack.Running) -> Iterator[None]:
    """The supervisor, which would start it again, sleeps meanwhile."""
    supervisor = psutil.Process(stack.facts(State(up.state_dir))["supervisor"]["pid"])
    valkey = until(lambda: service(up, "valkey"))
    supervisor.send_signal(signal.SIGSTOP)
    try:
        kill(valkey.pid)
        yield
    finally:
        supervisor.send_signal(signal.SIGCONT)
        until(lambda: service(up, "valkey") not in (None, valkey))


def test_jobs_are_done_and_told_without_the_queue(
    up: stack.Running, client: Client, base: str, no_queue: None
) -> None:
    data = client.upload("symbols without a queue", ROWS)
    asked = [{"dataset": data, "metric": "perplexity"}]

    job = client.submit({"kind": "evaluate", "models": [base], "test_sets": asked})
    ended = client.wait(job, lambda _: None)

    assert (ended["state"], ended["attempt_number"]) == ("succeeded", 1)
    mails = State(up.state_dir).mails
    until(lambda: any(job in mail.read_text() for mail in mails.iterdir()))
