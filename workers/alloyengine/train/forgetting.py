"""What a tuned model forgot, and how much of it a merge back towards the base recovers."""

import math
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import torch

from alloyengine.checkpoint import Checkpoint, NewFolder
from alloyengine.errors import InputError, Stopped
from alloyengine.evaluate.models import Loaded, load
from alloyengine.evaluate.perplexity import perplexity
from alloyengine.loading import is_fast
from alloyengine.report import Reporter
from alloyengine.spec.train import Forgetting
from alloyengine.train.between import Between, Complete, Method, check_names
from alloyengine.train.data import Messages, read_rows
from alloyengine.train.way_back import Found, Point, places, search

PHASE = "Measuring what was forgotten"
_BATCH = 8  # rows

Rows = list[Messages | str]
Loss = Callable[[Loaded], float]
"""Of a loaded model on something, nats a token."""


def read_some(path: Path, most: int) -> Rows:
    """The first rows of a JSON Lines file; of a folder those of `test.jsonl`, else `train.jsonl`."""
    held = path / "test.jsonl"
    rows = list(islice(read_rows(held if held.is_file() and held.stat().st_size else path), most))
    if not rows:
        raise InputError("dataset_empty", f"{path.name} has no rows.", "Give some text to score.")
    return rows


def loss_on(rows: Rows) -> Loss:
    """Of what assistants say in chats, and of all of plain text."""

    def loss(loaded: Loaded) -> float:
        loaded.model.eval()
        fast = is_fast("bfloat16")
        with torch.autocast(loaded.device, dtype=torch.bfloat16, enabled=fast):
            figure, _ = perplexity(loaded, rows, _BATCH, lambda _: None)
        return math.log(figure.value)

    return loss


def measure(
    base: Path, tuned: Path, general: Loss, task: Loss, how: Forgetting, report: Reporter
) -> Found:
    """Loads the base once, and moves its weights from place to place between the two.

    Raises InputError when the two are not of one shape, Stopped.
    """
    with Checkpoint.open(base) as origin, Checkpoint.open(tuned) as model:
        between = Between(origin, model, how.method)
        loaded = load(base)
        check_names(loaded.model, between.names)
        count = 0

        def look(weight: float) -> Point:
            nonlocal count
            if report.stopping():
                raise Stopped("stopped", "Stopped while what was forgotten was measured.")
            report.progress(PHASE, count, places())
            between.put(loaded.model, weight)
            point = Point(weight, general(loaded), task(loaded))
            report.log(f"Weight {weight:g}: general {point.general:.4f}, task {point.task:.4f}")
            count += 1
            return point

        found = search(look, how.keep)
        report.progress(PHASE, count, count)
    return found


def merge_back(
    base: Path,
    tuned: Path,
    weight: float,
    method: Method,
    out: Path,
    report: Reporter,
    complete: Complete = lambda _: None,
) -> None:
    """Writes the model at `weight` between the two to `out`: a new folder, or `tuned` itself, which it
    then replaces. `complete` adds what belongs beside the weights.
    """
    with Checkpoint.open(base) as origin, Checkpoint.open(tuned) as model:
        output = NewFolder(out, replace=out == tuned)
        Between(origin, model, method).write(weight, output, report, complete)
