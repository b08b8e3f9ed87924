"""Where the processes of a run meet before they are a group: a store that the machine which leads keeps."""

import os
import socket
import time
from datetime import timedelta
from typing import Any

from alloyengine.errors import Stopped
from alloyengine.report import Reporter

_THERE, _FAILED = "alloy/there", "alloy/failed"  # counts, in the store
_ASKED = timedelta(seconds=5)  # the store may be gone with its process
_LOOK = 0.1  # seconds between two looks for the others
_LONG = 15.0  # seconds of waiting that nobody need hear of


def gathered(report: Reporter) -> None:
    """Returns when the processes of all machines are there, which may be long after each other: each
    waits for a machine of its own, and for its inputs. Raises Stopped.
    """
    store, size, begun = _found(report), int(os.environ["WORLD_SIZE"]), time.monotonic()
    store.add(_THERE, 1)
    told = False
    while (there := store.add(_THERE, 0)) < size:
        if not told and time.monotonic() - begun > _LONG:
            report.log(f"{there} of the run's {size} processes are there; waits for the others.")
            told = True
        _wait_a_little(report)


def _found(report: Reporter) -> Any:
    """Where they meet, as soon as the machine that leads is there."""
    while True:
        try:
            socket.create_connection(_place(), timeout=_ASKED.total_seconds()).close()
            return _store()
        except OSError:  # also a name that nobody knows yet
            _wait_a_little(report)


def _wait_a_little(report: Reporter) -> None:
    if report.stopping():
        raise Stopped("stopped", "The run was stopped before all its processes were there.")
    time.sleep(_LOOK)


def speaks_first() -> bool:
    """Of processes that fail: whether no other has said yet why."""
    try:
        return bool(_store().add(_FAILED, 1) == 1)
    except RuntimeError:  # it went with the process that kept it
        return True


def _store() -> Any:
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    return TCPStore(*_place(), is_master=False, timeout=_ASKED)


def _place() -> tuple[str, int]:
    return os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
