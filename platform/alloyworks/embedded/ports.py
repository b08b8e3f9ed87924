"""Free ports, claimed: two stacks that start at once must not choose the same one.

A server takes its port seconds after it was chosen. Until then, and as long as this process
lives, a lock on a file of that number tells other stacks of this user.
"""

import fcntl
import os
import socket
import tempfile
from pathlib import Path
from random import SystemRandom
from typing import TextIO

HOST = "127.0.0.1"
WEB = 8000
INNER = range(20_000, 32_000)
"""Below the range that systems hand to outgoing connections: a remembered port stays free."""

_claimed: dict[int, TextIO] = {}


def claim_inner(known: int | None) -> int:
    port = known or SystemRandom().choice(INNER)
    while not claim(port):
        port = SystemRandom().choice(INNER)
    return port


def claim_web(known: int | None) -> int:
    """Near the usual port, so that a person can remember it."""
    port = known or WEB
    while not claim(port):
        port = WEB if port < WEB else port + 1
    return port


def claim(port: int) -> bool:
    """Takes the port for this process; False when somebody has it."""
    if port not in _claimed:
        folder = Path(tempfile.gettempdir()) / f"alloyworks-ports-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        lock = (folder / str(port)).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return False
        _claimed[port] = lock
    return is_free(port)


def is_free(port: int) -> bool:
    """Whether a server could listen there (a port in TIME_WAIT counts as free)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
