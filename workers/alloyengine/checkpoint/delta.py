"""Only what was changed of a model, and the way back to the whole.

<delta>/delta.json           whose change it is: the base's digest, the changed tensors, their digest
<delta>/delta.safetensors    the changed tensors, whole
<delta>/config.json, …       the small files of the whole model

Base and delta give the whole again bit by bit. Both ways work on some megabytes at a time.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alloyengine.checkpoint.companions import copy_companions
from alloyengine.checkpoint.compare import check_alike, differs, windows
from alloyengine.checkpoint.delta_card import copy_card
from alloyengine.checkpoint.delta_record import (
    WEIGHTS,
    ChangedTensor,
    Origin,
    Record,
    check_tensors,
    damaged,
    read_record,
)
from alloyengine.checkpoint.digest import file_digest, weights_digest
from alloyengine.checkpoint.reader import DELTA, SINGLE, Checkpoint
from alloyengine.checkpoint.safety import check_folder, read_json
from alloyengine.checkpoint.writer import Writer
from alloyengine.errors import InputError, Stopped
from alloyengine.report import Reporter

_ONE_FILE = 1 << 62  # bytes: never more than one


def make_delta(base: Path, tuned: Path, out: Path, report: Reporter, name: str = "") -> list[str]:
    """Writes the tensors in which `tuned` differs from `base` to the new folder `out`; returns their
    names. `name`: what the base is called. InputError when the two are not of one shape.
    """
    with Checkpoint.open(base) as origin, Checkpoint.open(tuned) as model:
        check_alike(origin, model)
        changed = [each for each in _looked_at(model, report) if differs(origin, model, each)]
        layout = {each: model.info(each) for each in changed}
        with Writer.open(out, layout, _ONE_FILE) as writer:
            for each in changed:
                _copy(model, each, writer)
            weights = writer.folder / WEIGHTS
            (writer.folder / SINGLE).rename(weights)
            told = Record(
                base=Origin(name=name or base.resolve().name, digest=weights_digest(base)),
                weights=file_digest(weights),
                tensors={n: ChangedTensor(dtype=i.dtype, shape=i.shape) for n, i in layout.items()},
            )
            text = json.dumps(told.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"
            (writer.folder / DELTA).write_text(text, encoding="utf-8")
            copy_companions(tuned, writer.folder)
            copy_card(tuned, writer.folder, told.base.name)
    return changed


def apply_delta(delta: Path, base: Path, out: Path, report: Reporter) -> None:
    """Writes the whole model to the new folder `out`.

    InputError when the delta is of another base or damaged, before anything is written.
    """
    with Checkpoint.open(base) as origin, _opened(delta, base, origin) as change:
        layout = origin.tensors
        with Writer.open(out, layout) as writer:
            for name in _looked_at(origin, report, "Applying"):
                _copy(change if name in change.tensors else origin, name, writer)
            copy_companions(delta, writer.folder)
            copy_card(delta, writer.folder)


@contextmanager
def _opened(delta: Path, base: Path, origin: Checkpoint) -> Iterator[Checkpoint]:
    """The changed tensors, when all is well with them."""
    check_folder(delta)
    told = read_record(delta)
    config = read_json(delta / "config.json")
    if weights_digest(base) != told.base.digest:
        raise InputError(
            "delta_of_another",
            f"The delta was not made from {base.resolve().name}: its weights are others.",
            f"Give the very model it was made from, which was called {told.base.name!r}.",
        )
    if not (delta / WEIGHTS).is_file():
        raise damaged(f"{WEIGHTS} is missing")
    if file_digest(delta / WEIGHTS) != told.weights:
        raise damaged(f"{WEIGHTS} has other content than {DELTA} says")
    with Checkpoint.of_file(delta, config, WEIGHTS) as change:
        check_tensors(told, change.tensors, origin.tensors)
        yield change


def _copy(model: Checkpoint, name: str, writer: Writer) -> None:
    for start, numbers in windows(model, name):
        writer.put(name, start, numbers)


def _looked_at(model: Checkpoint, report: Reporter, phase: str = "Comparing") -> Iterator[str]:
    """Every name, counted. Stopped when that is asked for."""
    names = model.names
    for done, name in enumerate(names):
        if report.stopping():
            raise Stopped("stopped", "The work on the delta was stopped.")
        report.progress(phase, done, len(names))
        yield name
    report.progress(phase, len(names), len(names))
