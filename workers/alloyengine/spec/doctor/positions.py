"""Whether the models count positions in the same way: rotary embeddings and the longest input."""

from collections.abc import Iterator

from alloyengine.spec.doctor.case import Case
from alloyengine.spec.doctor.report import Finding
from alloyengine.spec.result import ModelFacts, Rope


def findings(case: Case) -> Iterator[Finding]:
    for reference, facts in case.others.items():
        yield from _rope(case, reference, facts)
        yield from _context(case, reference, facts)


def _rope(case: Case, reference: str, facts: ModelFacts) -> Iterator[Finding]:
    like = case.known[case.like]
    if not facts.rope or not like.rope or not (different := _differences(facts.rope, like.rope)):
        return
    what = (
        f"{case.label(reference)} was trained with {different} than {case.label(case.like)}: each "
        f"sees the distance between two words on another scale."
    )
    remedy = (
        f"The result counts as {case.label(case.like)} does. Merge models of one setting, or give "
        f"this one a small weight and try long texts."
    )
    yield case.finding("warning", "rope", case.members[reference], what, remedy)


def _differences(ours: Rope, theirs: Rope) -> str:
    told = []
    if None not in (ours.theta, theirs.theta) and ours.theta != theirs.theta:
        told.append(f"another rope_theta ({ours.theta:.7g} instead of {theirs.theta:.7g})")
    if ours.scaling != theirs.scaling:
        told.append(
            f"another rope scaling ({ours.scaling or 'none'} instead of {theirs.scaling or 'none'})"
        )
    return " and ".join(told)


def _context(case: Case, reference: str, facts: ModelFacts) -> Iterator[Finding]:
    like = case.known[case.like]
    if not facts.context or not like.context or facts.context >= like.context:
        return
    what = (
        f"{case.label(reference)} knows texts of {facts.context:,} tokens, the result will claim "
        f"the {like.context:,} of {case.label(case.like)}."
    )
    remedy = f"Try the result on texts longer than {facts.context:,} tokens before relying on them."
    yield case.finding("warning", "context", case.members[reference], what, remedy)
