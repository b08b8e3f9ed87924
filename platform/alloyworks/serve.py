"""The web process: `python -m alloyworks.serve --host 0.0.0.0 --port 8000`.

uvicorn, which finishes what it has begun when it is told to stop (SIGTERM), for at most
`GRACE` seconds; streams end at once. `uvicorn alloyworks.asgi:application` does all but the latter.
"""

import argparse
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
    given = words.parse_args()
    settings = uvicorn.Config(
        "alloyworks.asgi:application",
        host=given.host,
        port=given.port,
        lifespan="off",
        access_log=False,
        log_config=None,  # Django's settings hold for all
        timeout_graceful_shutdown=GRACE,
        timeout_keep_alive=KEEP_ALIVE,
    )
    Server(settings).run()


if __name__ == "__main__":
    main()
