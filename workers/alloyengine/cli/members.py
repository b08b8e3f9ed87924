"""The models that a command names, opened: `model`, or `model+adapter`."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from alloyengine.checkpoint import Checkpoint
from alloyengine.checkpoint.adapter import Adapter
from alloyengine.cli.inputs import locate
from alloyengine.merge.members import Member
from alloyengine.report import Reporter
from alloyengine.spec.merge import split_reference


@contextmanager
def opened(references: Sequence[str], report: Reporter) -> Iterator[list[Member]]:
    """In the order of the references: folders from here, or names of the hub."""
    with ExitStack() as closing:
        members = []
        for reference in references:
            name, lora = split_reference(reference)
            adapter = Adapter.open(locate(lora, Path(), report)) if lora else None
            model = closing.enter_context(Checkpoint.open(locate(name, Path(), report)))
            members.append(Member(reference, model, adapter))
        yield members
