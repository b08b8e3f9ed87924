"""Models that can't be averaged, and types of numbers that lose something."""

from collections.abc import Iterator

from alloyengine.spec.doctor.case import Case
from alloyengine.spec.doctor.report import Finding, Place, error, note, warning
from alloyengine.spec.merge import split_reference
from alloyengine.spec.result import ModelFacts

_WIDE = {"float32", "bfloat16", "float64"}


def check_models(case: Case) -> Iterator[Finding]:
    for reference, place in case.merged.items():
        facts, (model, adapter) = case.of(reference), split_reference(reference)
        if facts and facts.quantised:
            what = f"{case.name(model)} is quantised: its numbers can't be averaged."
            remedy = "Use the model as it was before it was quantised."
            yield error("quantised", place, what, remedy)
        if facts and facts.adapter:
            what = f"{case.name(model)} is a LoRA adapter, not a model."
            yield error("adapter", place, what, "Name its model before it: model+adapter.")
        if adapter and facts:
            yield from _adapter(case, place, adapter, facts)
    yield from _types(case)


def _adapter(case: Case, place: Place, reference: str, model: ModelFacts) -> Iterator[Finding]:
    facts = case.facts.get(reference)
    name = case.names.get(reference, reference)
    if facts is None:
        return
    if facts.adapter is None:
        what = f"{name} is a model, not a LoRA adapter."
        yield error("adapter", place, what, "List it as a model of its own.")
        return
    wide = facts.hidden_size and model.hidden_size and facts.hidden_size != model.hidden_size
    deep = facts.layers and model.layers and facts.layers > model.layers
    if wide or deep:
        what = f"The adapter {name} does not fit its model."
        base = f" ({facts.adapter.base})" if facts.adapter.base else ""
        yield error("adapter", place, what, f"Use the model that it was trained on{base}.")


def _types(case: Case) -> Iterator[Finding]:
    known = [facts for reference in case.merged if (facts := case.of(reference))]
    types = list(dict.fromkeys(facts.dtype for facts in known if facts.dtype))
    wanted = case.recipe.out_dtype or case.recipe.dtype
    place = case.at(("out_dtype" if case.recipe.out_dtype else "dtype",))
    if wanted == "float16" and _WIDE & set(types):
        what = "float16 holds no number above 65,504; larger ones of the models would be lost."
        yield warning("float16", place, what, "Use bfloat16, which has the range of float32.")
    if wanted is None and len(types) > 1:
        ours = case.of(case.like)
        made = f"; the result has {ours.dtype}" if ours else ""
        what = f"The models' weights are {' and '.join(types)}{made}."
        yield note("types", place, what, "Say by dtype which one you want.")
