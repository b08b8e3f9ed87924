"""What the facts in the catalogue say against an upcycling: what the engine would refuse, before it begins."""

from collections.abc import Iterator, Sequence

from alloyengine.spec.merge import split_reference
from alloyengine.spec.moe import DENSE, MoeSpec
from alloyengine.spec.result import ModelFacts
from alloyworks.errors import FieldError
from alloyworks.jobs import merging
from alloyworks.jobs.references import Resolved

# Facts that base and experts share, in the words of an error.
SIZES = {
    "layers": "layers",
    "hidden_size": "hidden size",
    "intermediate_size": "size of the MLP",
    "attention_heads": "attention heads",
    "key_value_heads": "key-value heads",
}


def faults_of(spec: MoeSpec, inputs: Sequence[Resolved]) -> Iterator[FieldError]:
    """Of models that are not known, or not there yet, nothing is said."""
    items = {item.ref.reference: item for item in inputs}
    facts = {reference: merging.facts_of(item) for reference, item in items.items()}
    named = {
        ("recipe", *place): split_reference(reference)[0]
        for place, reference in spec.recipe.references()
    }
    base = split_reference(spec.recipe.base_model)[0]
    ours = facts.get(base)
    if ours is None:
        return
    if ours.model_type and ours.model_type not in DENSE:
        msg = f"{items[base].label} is a {ours.model_type} model, which can't get experts."
        yield FieldError(
            ("recipe", "base_model"), msg, f"Use a model of one of these: {', '.join(DENSE)}."
        )
    for loc, reference in named.items():
        theirs = facts.get(reference)
        if theirs and reference != base and (differs := _difference(theirs, ours)):
            msg = f"{items[reference].label} differs from the base {items[base].label}: {differs}."
            yield FieldError(loc, msg, "Use experts that were tuned from the base.")


def _difference(theirs: ModelFacts, ours: ModelFacts) -> str:
    """In words; empty when nothing is known to differ."""
    if theirs.model_type and ours.model_type and theirs.model_type != ours.model_type:
        return f"a {theirs.model_type} model instead of a {ours.model_type} model"
    for name, words in SIZES.items():
        one, other = getattr(theirs, name), getattr(ours, name)
        if one and other and one != other:
            return f"{words} {one:,} instead of {other:,}"
    return ""
