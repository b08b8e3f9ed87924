"""A machine's processes, started as torchrun starts them, and ended together.

Not by torchrun itself: that leaves a process half a minute after an order to stop, too little for a
long step and a checkpoint, and buries an error of one under its own traces.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from alloyengine.errors import CapacityError
from alloyengine.node import ONE, Node

_ORDERS = (signal.SIGTERM, signal.SIGINT)
_POLL = 0.1  # seconds
_GRACE = 10.0  # seconds for the others to end, once one has failed
Children = list[subprocess.Popen[bytes]]


def launch(
    command: Sequence[str], count: int, inherited: Sequence[int] | None = None, node: Node = ONE
) -> int:
    """Runs the command so many times at once, this machine's ranks in order; returns the exit status of
    the first that failed, or 0. Orders to stop go to all. CapacityError when one was killed.

    With files that are `inherited` they stay in this process' session: who ends that ends all.
    """
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    # Where all meet. It lives as long as this call.
    store = (
        TCPStore(ONE.address, node.port, is_master=True, wait_for_workers=False)
        if node.leads
        else None
    )
    shared = _environment(node, store.port if store else node.port, count)
    children: Children = []
    try:
        with _passed_on(children):
            for rank in range(count):
                own = {"RANK": str(node.rank * count + rank), "LOCAL_RANK": str(rank)}
                # Their own session: Ctrl-C reaches them through us, and once.
                children.append(
                    subprocess.Popen(
                        command,
                        env=shared | own,
                        start_new_session=inherited is None,
                        pass_fds=inherited or (),
                    )
                )
            return _watch(children)
    finally:
        _end(children, 0)


def die_with_parent() -> None:
    """A process that shares a run is of no use without the one that started it (Linux)."""
    import ctypes

    control = getattr(ctypes.CDLL(None), "prctl", None)
    if control is not None:
        control(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def _environment(node: Node, port: int, count: int) -> dict[str, str]:
    cores = len(os.sched_getaffinity(0))
    given = {"OMP_NUM_THREADS": str(max(1, cores // count))} | os.environ
    if node.count == 1 and Path("/sys/class/net/lo").exists():
        given = {"GLOO_SOCKET_IFNAME": "lo"} | given
    return given | {
        "MASTER_ADDR": ONE.address if node.leads else node.address,
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(count * node.count),
        "LOCAL_WORLD_SIZE": str(count),
        "TORCHELASTIC_USE_AGENT_STORE": "True",  # the store is ours, not rank 0's
        "TORCHELASTIC_RESTART_COUNT": "0",
    }


@contextmanager
def _passed_on(children: Children) -> Iterator[None]:
    """Orders to stop, while it lasts."""

    def order(number: int, _frame: object) -> None:
        for child in children:
            child.send_signal(number)

    before = {number: signal.signal(number, order) for number in _ORDERS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _watch(children: Children) -> int:
    while True:
        codes = [child.poll() for child in children]
        for rank, code in enumerate(codes):
            if code is not None and code < 0 and -code not in _ORDERS:
                raise CapacityError(
                    "process_killed",
                    f"Process {rank + 1} of {len(children)} was killed (signal {-code}).",
                    "Most often memory ran out: ask for fewer or larger machines.",
                )
        if failed := next(filter(None, codes), 0):
            _end(children, _GRACE)
            return failed if failed > 0 else 128 - failed
        if None not in codes:
            return 0
        time.sleep(_POLL)


def _end(children: Children, grace: float) -> None:
    deadline = time.monotonic() + grace
    for child in children:
        try:
            child.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
