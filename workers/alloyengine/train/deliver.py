"""From trained weights to the folder that a run leaves behind.

<out>.made/    the model, its card, and what else belongs to it
<out>/         appears at the end, complete, by one rename
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePath

from alloyengine.checkpoint import facts
from alloyengine.checkpoint.delta import make_delta
from alloyengine.checkpoint.licence import licence_of
from alloyengine.report import Reporter
from alloyengine.spec.result import ModelFacts
from alloyengine.train.card import Made, write_card
from alloyengine.train.look_back import LookBack


@contextmanager
def draft(out: Path) -> Iterator[Path]:
    """A folder that becomes `out` when the body ends, and is gone when it raises."""
    folder = out.with_name(f"{out.name}.made")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        yield folder
        folder.rename(out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def complete(
    folder: Path, made: Made, base: Path, report: Reporter, look_back: LookBack | None = None
) -> ModelFacts:
    """What belongs beside the trained model that lies in `folder`; or a delta in its place. The facts
    are those of the whole model in any case.
    """
    sections = [look_back.look(base, folder, report)] if look_back else []
    found = facts(folder).model_copy(update={"licence": licence_of(base)})
    told = replace(
        made,
        parameters=found.parameters,
        licence=found.licence,
        chats=found.chat_template is not None,
        more=sections,
    )
    write_card(folder, told)
    if made.spec.save == "delta":
        _thin(folder, base, PurePath(made.spec.model).name, report)
    return found


def _thin(folder: Path, base: Path, name: str, report: Reporter) -> None:
    """The whole model becomes a delta."""
    delta = folder.with_name(f"{folder.name}.delta")
    shutil.rmtree(delta, ignore_errors=True)
    changed = make_delta(base, folder, delta, report, name)
    shutil.rmtree(folder)
    delta.rename(folder)
    report.log(f"{len(changed)} tensors differ from the base and are kept.")
