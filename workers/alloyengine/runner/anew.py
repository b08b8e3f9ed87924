"""When the checkpoints that were brought back are of an earlier version of this program."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from alloyengine.errors import InputError
from alloyengine.report import Reporter

T = TypeVar("T")


def or_anew(run: Callable[[], T], checkpoints: Path | None, report: Reporter) -> T:
    """Runs it, and once more without checkpoints that are another's: an update must not cost the job."""
    try:
        return run()
    except InputError as error:
        if error.code != "checkpoint_of_another" or checkpoints is None:
            raise
    words = "The checkpoints are of another version of the job: it begins anew."
    report.log(words, "warning")
    shutil.rmtree(checkpoints, ignore_errors=True)
    return run()
