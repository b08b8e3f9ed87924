"""Collects what does not fit between the models of a merge, to say it all at once."""

from dataclasses import dataclass, field

from alloyengine.checkpoint import TensorInfo
from alloyengine.errors import InputError
from alloyengine.merge.lineup import Role
from alloyengine.merge.members import Member

_TOLD = 12


@dataclass
class Fit:
    misfits: list[str] = field(default_factory=list)
    of_vocabulary: int = 0

    def missing(self, role: Role, like: Role) -> None:
        self.misfits.append(
            f"{like.tensor!r} of {like.reference} has no match: {role.reference} lacks "
            f"{role.tensor!r}."
        )

    def differs(self, role: Role, info: TensorInfo, like: Member, wanted: TensorInfo) -> None:
        self.misfits.append(
            f"{role.tensor!r} is {list(wanted.shape)} in {like.reference} but "
            f"{list(info.shape)} in {role.reference}."
        )
        axis = like.structure.vocabulary_axis(role.tensor)
        if axis is not None and _without(info, axis) == _without(wanted, axis):
            self.of_vocabulary += 1

    def check(self) -> None:
        """InputError that says it tensor by tensor."""
        if not self.misfits:
            return
        told = self.misfits[:_TOLD]
        if more := len(self.misfits) - len(told):
            told.append(f"And {more} more.")
        if self.of_vocabulary == len(self.misfits):
            remedy = (
                "The vocabularies differ. Add tokenizer_source: union to the recipe (or base, to "
                "keep the base's tokens)."
            )
        else:
            remedy = "Merge models of one architecture, size and vocabulary."
        raise InputError("models_differ", "\n".join(told), remedy)


def _without(info: TensorInfo, axis: int) -> tuple[int, ...]:
    return info.shape[:axis] + info.shape[axis + 1 :]
