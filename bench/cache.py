"""Where the benches keep what is dear to make: models, and the peers' environments.

$ALLOY_BENCH_CACHE, or ~/.cache/alloyworks: outside the checkout, shared by all checkouts.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path


def folder() -> Path:
    given = os.environ.get("ALLOY_BENCH_CACHE")
    return Path(given) if given else Path.home() / ".cache" / "alloyworks"


def once(path: Path, make: Callable[[Path], None]) -> Path:
    """`path`, made when it is not there; a run that is cut off leaves nothing half made."""
    if not path.exists():
        unfinished = path.with_name(f"{path.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        make(unfinished)
        unfinished.rename(path)
    return path
