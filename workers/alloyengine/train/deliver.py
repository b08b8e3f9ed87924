"""From trained weights to the folder that a run leaves behind.

<out>.made/    the model, its card, and what else belongs to it
<out>/         appears at the end, complete, by one rename
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePath

from alloyengine.checkpoint import facts
from alloyengine.checkpoint.delta import make_delta
from alloyengine.checkpoint.licence import licence_of
from alloyengine.report import Reporter
from alloyengine.spec.result import ModelFacts
from alloyengine.train.card import Made, write_card


def deliver(
    save: Callable[[Path], None], made: Made, base: Path, out: Path, report: Reporter
) -> ModelFacts:
    """`save` writes the trained model to a new folder. The facts are those of the whole model, also
    when only a delta is kept.
    """
    with _draft(out) as folder:
        save(folder)
        found = facts(folder).model_copy(update={"licence": licence_of(base)})
        told = replace(
            made,
            parameters=found.parameters,
            licence=found.licence,
            chats=found.chat_template is not None,
        )
        write_card(folder, told)
        if made.spec.save == "delta":
            _thin(folder, base, PurePath(made.spec.model).name, report)
        return found


@contextmanager
def _draft(out: Path) -> Iterator[Path]:
    """A folder that becomes `out` when the body ends, and is gone when it raises."""
    folder = out.with_name(f"{out.name}.made")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        yield folder
        folder.rename(out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _thin(folder: Path, base: Path, name: str, report: Reporter) -> None:
    """The whole model becomes a delta."""
    delta = folder.with_name(f"{folder.name}.delta")
    shutil.rmtree(delta, ignore_errors=True)
    changed = make_delta(base, folder, delta, report, name)
    shutil.rmtree(folder)
    delta.rename(folder)
    report.log(f"{len(changed)} tensors differ from the base and are kept.")
