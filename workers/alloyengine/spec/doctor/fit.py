"""Whether the models have the same shape."""

from collections.abc import Iterator

from alloyengine.spec.doctor.case import Case
from alloyengine.spec.doctor.report import Finding, Place, error, warning
from alloyengine.spec.result import ModelFacts

# Facts that must agree, in words.
SIZES = {
    "layers": "number of layers",
    "hidden_size": "hidden size",
    "attention_heads": "attention heads",
    "key_value_heads": "key/value heads",
    "head_dim": "head size",
    "intermediate_size": "intermediate size",
}
REMEDY = "Merge models of one architecture and size."


def check_fit(case: Case) -> Iterator[Finding]:
    """Everything is compared with the model that the result takes after."""
    if case.recipe.modules:
        return  # towers of models that may differ in everything else
    for reference, place, theirs, ours in case.others():
        yield from _compare(case, reference, place, theirs, ours)


def _compare(
    case: Case, reference: str, place: Place, theirs: ModelFacts, ours: ModelFacts
) -> Iterator[Finding]:
    names = f"{case.name(reference)} differs from {case.name(case.like)}"
    different = list(_sizes(case, theirs, ours))
    same_shapes = case.whole and theirs.shapes is not None and theirs.shapes == ours.shapes
    if _known_to_differ(theirs.architecture, ours.architecture):
        told = f"architecture {theirs.architecture} instead of {ours.architecture}"
        if same_shapes:
            yield _alike(names, told, place, ours)
        else:
            different.insert(0, told)
    if different:
        yield error("shape", place, f"{names}: {', '.join(different)}.", REMEDY)
    elif case.whole and (told := _rest(theirs, ours)):
        yield error("shape", place, f"{names}: {told}.", REMEDY)


def _sizes(case: Case, theirs: ModelFacts, ours: ModelFacts) -> Iterator[str]:
    for fact, words in SIZES.items():
        mine, other = getattr(ours, fact), getattr(theirs, fact)
        # Slices choose their layers.
        if _known_to_differ(mine, other) and (case.whole or fact != "layers"):
            yield f"{words} {other:,} instead of {mine:,}"


def _rest(theirs: ModelFacts, ours: ModelFacts) -> str:
    """What no single size tells."""
    if theirs.shapes and ours.shapes:
        same = theirs.shapes == ours.shapes
        return "" if same else "its weights have other names or shapes"
    mine, other = _without_vocabulary(ours), _without_vocabulary(theirs)
    if _known_to_differ(mine, other) and ours.vocabulary == theirs.vocabulary:
        return f"number of weights {theirs.parameters:,} instead of {ours.parameters:,}"
    return ""


def _without_vocabulary(facts: ModelFacts) -> int:
    return facts.parameters - (facts.embedding_parameters or 0)


def _alike(names: str, told: str, place: Place, ours: ModelFacts) -> Finding:
    what = f"{names}: {told}, though its weights have the same names and shapes."
    remedy = f"Merge them only if both compute alike: the result runs as {ours.architecture}."
    return warning("architecture", place, what, remedy)


def _known_to_differ(one: str | int | None, other: str | int | None) -> bool:
    """What is not known differs from nothing."""
    return bool(one and other and one != other and "unknown" not in (one, other))
