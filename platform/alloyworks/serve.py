"""A web process: `python -m alloyworks.serve --host 0.0.0.0 --port 8000`.

uvicorn, which finishes what it has begun when it is told to stop (SIGTERM), for at most
`GRACE` seconds; streams end at once. `uvicorn alloyworks.asgi:application` does all but the latter.
Processes with an `--own-port`, where each can be asked by itself, share their `--port`: the system
divides the connections among them.
"""

import argparse
import socket
from types import FrameType

import uvicorn

from alloyworks.stopping import stopping

GRACE = 20  # seconds for the requests in flight
KEEP_ALIVE = 75  # seconds: longer than proxies keep theirs, so that they are the ones to close


class Server(uvicorn.Server):  # type: ignore[misc]  # uvicorn's types are not looked at
    """Tells the streams that it is over."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        stopping.set()
        super().handle_exit(sig, frame)


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m alloyworks.serve", description=__doc__)
    words.add_argument("--host", default="127.0.0.1")
    words.add_argument("--port", type=int, default=8000)
    words.add_argument("--own-port", type=int, help="which no other process has")
    given = words.parse_args()
    settings = uvicorn.Config(
        "alloyworks.asgi:application",
        lifespan="off",
        access_log=False,
        log_config=None,  # Django's settings hold for all
        timeout_graceful_shutdown=GRACE,
        timeout_keep_alive=KEEP_ALIVE,
    )
    sockets = [_bound(given.host, given.port, shared=given.own_port is not None)]
    if given.own_port is not None:
        sockets.append(_bound(given.host, given.own_port))
    Server(settings).run(sockets)


def _bound(host: str, port: int, *, shared: bool = False) -> socket.socket:
    found = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, shared)
    found.bind((host, port))
    return found


if __name__ == "__main__":
    main()
