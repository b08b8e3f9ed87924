"""`python -m alloyengine.runner`, told where to go by three environment variables:

ALLOY_RUNNER_URL          the platform
ALLOY_RUNNER_TOKEN_FILE   holds the attempt's token
ALLOY_RUNNER_SCRATCH      a folder for this attempt alone; removed at the end
"""

import os
import shutil
import signal
import sys
from pathlib import Path
from threading import Event

from alloyengine.runner.agent import run_attempt
from alloyengine.runner.client import Platform, StaleAttempt

_STALE = 3


def main() -> int:
    leaving = Event()
    signal.signal(signal.SIGTERM, lambda *_: leaving.set())
    scratch = Path(_setting("ALLOY_RUNNER_SCRATCH"))
    token = Path(_setting("ALLOY_RUNNER_TOKEN_FILE")).read_text().strip()
    platform = Platform(_setting("ALLOY_RUNNER_URL"), token)
    try:
        scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        run_attempt(platform, scratch, leaving)
    except StaleAttempt:
        return _STALE
    finally:
        platform.close()
        shutil.rmtree(scratch, ignore_errors=True)
    return 0


def _setting(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        sys.exit(f"{name} is not set; the executor that starts the runner sets it")
    return value


if __name__ == "__main__":
    sys.exit(main())
