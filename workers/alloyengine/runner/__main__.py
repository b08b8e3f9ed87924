"""`python -m alloyengine.runner`, told where to go by environment variables:

ALLOY_RUNNER_URL          the platform
ALLOY_RUNNER_TOKEN_FILE   holds the attempt's token
ALLOY_RUNNER_SCRATCH      a folder for this attempt alone; removed at the end
PET_…                     torchrun's, where several machines share a training (node.py)
"""

import os
import shutil
import signal
import sys
from pathlib import Path
from threading import Event

from alloyengine.node import Node
from alloyengine.runner.agent import run_attempt
from alloyengine.runner.client import Platform, StaleAttempt
from alloyengine.runner.companion import run_along

_STALE, _EVICTED = 3, 143  # what the cluster's controller knows them by


def main() -> int:
    leaving = Event()
    signal.signal(signal.SIGTERM, lambda *_: leaving.set())
    scratch = Path(_setting("ALLOY_RUNNER_SCRATCH"))
    token = Path(_setting("ALLOY_RUNNER_TOKEN_FILE")).read_text().strip()
    platform, node = Platform(_setting("ALLOY_RUNNER_URL"), token), Node.here()
    try:
        scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        (run_attempt if node.leads else run_along)(platform, scratch, leaving, node)
    except StaleAttempt:
        return _STALE
    finally:
        platform.close()
        shutil.rmtree(scratch, ignore_errors=True)
    # The machine that leads tells of its own end; what a companion's means must be seen.
    return _EVICTED if leaving.is_set() and not node.leads else 0


def _setting(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        sys.exit(f"{name} is not set; the executor that starts the runner sets it")
    return value


if __name__ == "__main__":
    sys.exit(main())
