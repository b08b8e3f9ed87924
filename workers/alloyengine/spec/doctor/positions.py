"""Whether the models place words alike: rotary embeddings and the longest input."""

from collections.abc import Iterator

from alloyengine.spec.doctor.case import Case
from alloyengine.spec.doctor.report import Finding, note, warning
from alloyengine.spec.result import Rope


def check_positions(case: Case) -> Iterator[Finding]:
    for reference, place, theirs, ours in case.others():
        names = case.name(reference), case.name(case.like)
        if ours.rope and theirs.rope and (told := _difference(theirs.rope, ours.rope)):
            what = f"{names[0]} turns positions otherwise than {names[1]}: {told}."
            remedy = (
                "Its attention was trained for other angles, and suffers most on long inputs: "
                "merge models of one setting, or test the result on long inputs."
            )
            yield warning("rope", place, what, remedy)
        elif ours.context and theirs.context and ours.context != theirs.context:
            what = (
                f"{names[0]} takes inputs of up to {theirs.context:,} tokens, {names[1]} of "
                f"{ours.context:,}, and so will the result."
            )
            remedy = f"Let the model with the context you want be the base in place of {names[1]}."
            yield note("context", place, what, remedy)


def _difference(theirs: Rope, ours: Rope) -> str:
    parts = []
    if theirs.theta and ours.theta and theirs.theta != ours.theta:
        parts.append(f"rope theta {theirs.theta:,.0f} instead of {ours.theta:,.0f}")
    if theirs.scaling != ours.scaling:
        parts.append(f"scaling {theirs.scaling or 'none'} instead of {ours.scaling or 'none'}")
    return ", ".join(parts)
