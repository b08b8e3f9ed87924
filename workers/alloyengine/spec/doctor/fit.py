"""Whether the models are of one shape, so that their weights can be laid over one another."""

from collections.abc import Iterator

from alloyengine.spec.doctor.case import Case
from alloyengine.spec.doctor.report import Finding, Level, Place
from alloyengine.spec.merge import split_reference
from alloyengine.spec.result import ModelFacts

# Facts that must agree, in words.
_SIZES = {
    "layers": "number of layers",
    "hidden_size": "hidden size",
    "intermediate_size": "intermediate size",
    "attention_heads": "number of attention heads",
    "key_value_heads": "number of key-value heads",
    "head_dim": "size of a head",
}
_REMEDY = "Merge models of one architecture, size and vocabulary."


def findings(case: Case) -> Iterator[Finding]:
    for reference, place in case.members.items():
        yield from _unusable(case, reference, place)
    for reference, facts in case.others.items():
        yield from _misfits(case, reference, facts)


def fits(case: Case, facts: ModelFacts) -> bool:
    """Has the model the shape of the others, vocabulary aside?"""
    like = case.known[case.like]
    return not (_kinds(facts, like) or _sizes(case, facts, like))


def _unusable(case: Case, reference: str, place: Place) -> Iterator[Finding]:
    model, lora = split_reference(reference)
    facts, adapter = case.facts.get(model), case.facts.get(lora or "")
    if facts and facts.quantised:
        what = f"{case.label(model)} is quantised: its numbers can't be averaged."
        remedy = "Use the model as it was before it was quantised."
        yield case.finding("error", "quantised", place, what, remedy)
    if facts and facts.adapter:
        what = f"{case.label(model)} is a LoRA adapter, not a model."
        remedy = "Name the model that it belongs to, a plus and the adapter: model+adapter."
        yield case.finding("error", "adapter_alone", place, what, remedy)
    if adapter and not adapter.adapter:
        what = f"{case.label(lora or '')} is a model, not a LoRA adapter."
        remedy = "After the plus goes an adapter; list the model by itself."
        yield case.finding("error", "no_adapter", place, what, remedy)
    elif facts and adapter and (different := _adapter_differs(adapter, facts)):
        what = f"The adapter {case.label(lora or '')} does not fit {case.label(model)}: {different}."
        remedy = "Use the model that the adapter was trained on."
        yield case.finding("error", "adapter_misfit", place, what, remedy)


def _adapter_differs(adapter: ModelFacts, model: ModelFacts) -> str:
    """An adapter may leave the last layers out, so that only more of them tell."""
    if None not in (adapter.hidden_size, model.hidden_size):
        if adapter.hidden_size != model.hidden_size:
            return f"hidden size {adapter.hidden_size} instead of {model.hidden_size}"
    if adapter.layers is not None and model.layers is not None and adapter.layers > model.layers:
        return f"number of layers {adapter.layers} instead of {model.layers}"
    return ""


def _misfits(case: Case, reference: str, facts: ModelFacts) -> Iterator[Finding]:
    like = case.known[case.like]
    told = _kinds(facts, like) + _sizes(case, facts, like) or _weights(case, facts, like)
    place = case.members[reference]
    if told:
        what = f"{case.label(reference)} differs from {case.label(case.like)}: {', '.join(told)}."
        yield case.finding(_level(case, facts, like), "shape", place, what, _REMEDY)
    elif not case.sliced and _differ(facts.shapes, like.shapes):
        what = (
            f"{case.label(reference)} and {case.label(case.like)} have weights of other names or "
            f"shapes."
        )
        remedy = "alloy merge --dry-run says tensor by tensor what differs."
        yield case.finding("warning", "shapes", place, what, remedy)


def _level(case: Case, facts: ModelFacts, like: ModelFacts) -> Level:
    """Weights of the same names and shapes can be merged, whatever the architecture is called;
    and of towers that are merged one by one not all need to fit.
    """
    same = facts.shapes is not None and facts.shapes == like.shapes
    return "warning" if same or case.recipe.modules else "error"


def _kinds(facts: ModelFacts, like: ModelFacts) -> list[str]:
    if facts.architecture == like.architecture or facts.adapter or like.adapter:
        return []
    return [f"architecture {facts.architecture} instead of {like.architecture}"]


def _sizes(case: Case, facts: ModelFacts, like: ModelFacts) -> list[str]:
    """Facts that are not known differ from nothing."""
    return [
        f"{words} {ours} instead of {theirs}"
        for name, words in _SIZES.items()
        if _differ(ours := getattr(facts, name), theirs := getattr(like, name))
        and not (name == "layers" and case.sliced)
    ]


def _weights(case: Case, facts: ModelFacts, like: ModelFacts) -> list[str]:
    """Tells of what the others do not, where the shapes themselves are not known."""
    if case.sliced or None not in (facts.shapes, like.shapes) or vocabularies_differ(facts, like):
        return []
    if facts.parameters == like.parameters or facts.adapter or like.adapter:
        return []
    return [f"number of weights {facts.parameters} instead of {like.parameters}"]


def vocabularies_differ(facts: ModelFacts, like: ModelFacts) -> bool:
    """In the number of rows; the rows of the weights tell more surely than the config."""
    rows = _differ(facts.embedding_rows, like.embedding_rows)
    known = None not in (facts.embedding_rows, like.embedding_rows)
    return rows if known else _differ(facts.vocabulary, like.vocabulary)


def _differ(ours: object, theirs: object) -> bool:
    return ours is not None and theirs is not None and ours != theirs
