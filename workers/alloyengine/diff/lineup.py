"""Which tensors of some models can be compared: those of one name and shape."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from alloyengine.checkpoint.dtypes import DTYPES, FLOATS
from alloyengine.diff.walk import Shared
from alloyengine.errors import InputError
from alloyengine.merge.members import Member
from alloyengine.merge.steps import columns_of
from alloyengine.report import Reporter

_TOLD = 3


@dataclass(frozen=True)
class Skipped:
    """A tensor that is left out of a comparison."""

    tensor: str
    why: str


@dataclass(frozen=True)
class Lineup:
    tensors: list[Shared]
    skipped: list[Skipped] = field(default_factory=list)

    def tell(self, report: Reporter) -> None:
        """Says what is left out."""
        if self.skipped:
            told = "; ".join(f"{item.tensor!r}: {item.why}" for item in self.skipped[:_TOLD])
            more = f"; and {len(self.skipped) - _TOLD} more" if len(self.skipped) > _TOLD else ""
            report.log(f"Tensors left out ({len(self.skipped)}): {told}{more}.", "warning")


def line_up(members: Sequence[Member]) -> Lineup:
    """In the first model's order. InputError when the models have nothing in common."""
    first = members[0]
    found = Lineup([])
    for name in first.names:
        if first.structure.is_spare(name):
            continue
        if why := _why_not(name, members):
            found.skipped.append(Skipped(name, why))
            continue
        info = first.tensors[name]
        columns = columns_of(info.shape)
        sources = [member.source(name, columns) for member in members]
        found.tensors.append(Shared(name, info.numel // max(1, columns), columns, sources))
    found.skipped.extend(_more_than(first, members[1:]))
    if not found.tensors:
        raise InputError(
            "models_differ",
            f"{first.reference} and {members[-1].reference} have no tensor of the same name and "
            "shape.",
            "Compare models of one architecture and size.",
        )
    return found


def _why_not(name: str, members: Sequence[Member]) -> str | None:
    info = members[0].tensors[name]
    if info.dtype not in FLOATS:
        return f"its type is {DTYPES[info.dtype][0]}"
    for other in members[1:]:
        theirs = other.tensors.get(name)
        if theirs is None:
            return f"{other.reference} lacks it"
        if theirs.shape != info.shape:
            return f"{list(theirs.shape)} in {other.reference}, {list(info.shape)} in {members[0].reference}"
    return None


def _more_than(first: Member, others: Sequence[Member]) -> list[Skipped]:
    more = {
        name: member.reference
        for member in others
        for name in member.names
        if name not in first.tensors and not member.structure.is_spare(name)
    }
    return [Skipped(name, f"only {reference} has it") for name, reference in more.items()]
