"""How large the result becomes, and what making it takes."""

from alloyengine.spec.doctor import costs
from alloyengine.spec.doctor.case import Case
from alloyengine.spec.doctor.licences import AND
from alloyengine.spec.doctor.report import Estimate
from alloyengine.spec.doctor.slices import depth_of
from alloyengine.spec.merge import Group
from alloyengine.spec.methods import DECLARATIONS
from alloyengine.spec.result import ModelFacts


def estimate_of(case: Case) -> Estimate | None:
    """None unless the sizes of all models are known."""
    facts = {reference: case.of(reference) for reference in case.merged}
    known = [found for found in facts.values() if found and found.parameters]
    ours = case.of(case.like)
    if ours is None or len(known) < len(facts):
        return None
    parameters = _parameters(case, ours)
    width = costs.WIDTHS.get(case.recipe.out_dtype or case.recipe.dtype or ours.dtype, 2)
    cost = parameters * _per_element(case) + parameters * width * costs.WRITTEN
    return Estimate(
        parameters=parameters,
        output_bytes=parameters * width,
        read_bytes=sum(map(_bytes, known)),
        memory_bytes=_memory(case, ours),
        seconds=round(costs.START + cost / costs.CORES / 1e9, 1),
    )


def result_of(case: Case) -> ModelFacts | None:
    """What later stages can rely on. None where the model it takes after is not known."""
    ours = case.of(case.like)
    if ours is None:
        return None
    licences = [facts.licence for name in case.merged if (facts := case.of(name))]
    known = dict.fromkeys(part for name in licences if name for part in name.split(AND))
    changes: dict[str, object] = {"parameters": _parameters(case, ours), "dtypes": {}}
    changes["licence"] = AND.join(known) or None
    if case.recipe.slices:
        changes |= {"layers": depth_of(case.recipe.slices), "shapes": None}
    if case.new_vocabulary:
        changes |= dict.fromkeys(("tokenizer", "vocabulary", "embedding_rows"))
        changes["special_tokens"] = {}
    if case.recipe.chat_template:
        changes["chat_template"] = None
    if dtype := case.recipe.out_dtype or case.recipe.dtype:
        changes["dtype"] = dtype
    return ours.model_copy(update=changes)


def _parameters(case: Case, ours: ModelFacts) -> int:
    """Of a stack of slices: as many layers' worth as it has."""
    if not case.recipe.slices or not ours.layers:
        return ours.parameters
    outside = ours.embedding_parameters or 0
    return outside + (ours.parameters - outside) * depth_of(case.recipe.slices) // ours.layers


def _per_element(case: Case) -> float:
    """Nanoseconds; of several groups or methods the mean, weighed by the layers they make."""
    weighed = [(_layers(group), _of_group(group)) for group in case.groups]
    return sum(layers * cost for layers, cost in weighed) / sum(layers for layers, _ in weighed)


def _of_group(group: Group) -> float:
    each = sum(costs.ELEMENT[method] for method in group.methods) / len(group.methods)
    return each * _models(group)


def _models(group: Group) -> int:
    base = any(DECLARATIONS[method].base != "ignored" for method in group.methods)
    names = {entry.model for entry in group.sources} | ({group.base} if base else set())
    return len(names - {None})


def _layers(group: Group) -> int:
    begin, end = getattr(group.sources[0], "layer_range", (0, 1))
    return int(end - begin)


def _memory(case: Case, ours: ModelFacts) -> int:
    """For every core blocks of each model, as read and in float32, with their temporaries.
    DARE and DELLA keep a bit an element and model of the largest tensor.
    """
    models = max(map(_models, case.groups))
    own = costs.CHUNK * 4 * models + costs.BLOCK * 4 * (2 * models + 4)
    methods = {method for group in case.groups for method in group.methods}
    drawn = any(method.startswith(("dare", "della")) for method in methods)
    largest = (ours.vocabulary or 0) * (ours.hidden_size or 0)
    return costs.FIXED + costs.CORES * own + (largest // 8 * models if drawn else 0)


def _bytes(facts: ModelFacts) -> int:
    shares = facts.dtypes or {facts.dtype: 1.0}
    return int(facts.parameters * sum(costs.WIDTHS.get(t, 1) * s for t, s in shares.items()))
