"""The peer's evolve YAML (`genome`, `tasks`), as a search of ours.

Read as its documentation describes it. What differs on purpose: every number has a range, where there
is none in the peer's search; densities do not begin at the very edge, where half of the first steps
would have no effect; questions are always drawn at random.
"""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any, Literal

from pydantic import Field, field_validator

from alloyengine.errors import InputError
from alloyengine.spec.base import Reference, Spec
from alloyengine.spec.merge import ModelReference

NORMALISED = ("linear", "ties", "dare_ties")
THINNED = ("ties", "dare_ties")
BASED = ("task_arithmetic", "ties", "dare_ties")
_DENSITY = 0.9  # to begin with
Layers = Callable[[str], int]
"""How many a model has."""


class Genome(Spec):
    """What is merged, and how finely."""

    models: list[ModelReference] = Field(min_length=1, max_length=64)
    merge_method: Literal["linear", "task_arithmetic", "ties", "dare_ties", "slerp"]
    base_model: ModelReference | None = None
    tokenizer_source: ModelReference | None = None
    layer_granularity: int = Field(0, ge=0, description="Layers that share their numbers; 0: all")
    normalize: bool | None = None
    allow_negative_weights: bool = False
    filters: list[str] | None = None
    smooth: bool = False


class PeerTask(Spec):
    name: Reference
    weight: float = 1.0
    metric: str = "acc,none"


class PeerSearch(Spec):
    genome: Genome
    tasks: list[PeerTask] = Field(min_length=1)
    limit: int | None = None
    num_fewshot: int | None = None
    shuffle: bool = False
    random_init: bool = False
    apply_chat_template: bool = True
    fewshot_as_multiturn: bool = True

    @field_validator("tasks", mode="before")
    @classmethod
    def names_alone(cls, value: Any) -> Any:
        listed = value if isinstance(value, list) else [value]
        return [{"name": item} if isinstance(item, str) else item for item in listed]


def search_of(peer: PeerSearch, layers: Layers, metrics: tuple[str, ...]) -> dict[str, Any]:
    """The raw spec of an evolution. InputError for what has no counterpart. `metrics` are those known."""
    _check(peer)
    values = Values(peer)
    return {
        "recipe": recipe_of(peer.genome, layers, values),
        "tasks": [
            {
                "dataset": task.name,
                "weight": task.weight,
                "metric": _metric(task, metrics),
                **({"sample": peer.limit} if peer.limit else {}),
            }
            for task in peer.tasks
        ],
    }


class Values:
    """Ranges of the genome's numbers."""

    def __init__(self, peer: PeerSearch) -> None:
        self._genome, self._random = peer.genome, Random(0)  # noqa: S311  # no secret
        self._at_random = peer.random_init

    def own(self, points: int) -> dict[str, Any]:
        """Of one model: for each filter, and for the rest."""
        ranges = {"weight": self._weight}
        if self._genome.merge_method in THINNED:
            ranges["density"] = self._density
        if not self._genome.filters:
            return {name: make(points) for name, make in ranges.items()}
        return {
            name: [
                {"filter": part, "value": make(points)} for part in (*self._genome.filters, None)
            ]
            for name, make in ranges.items()
        }

    def between(self) -> dict[str, Any]:
        return self._range(0.0, 1.0, 0.5, 1)

    def _weight(self, points: int) -> dict[str, Any]:
        """Where weights are divided by their sum, 1 is as much as any more."""
        high = 1.0 if is_normalised(self._genome) else 2.0
        low = -high if self._genome.allow_negative_weights else 0.0
        return self._range(low, high, 1 / len(self._genome.models), points)

    def _density(self, points: int) -> dict[str, Any]:
        return self._range(0.0, 1.0, _DENSITY, points)

    def _range(self, low: float, high: float, start: float, points: int) -> dict[str, Any]:
        if self._at_random:
            start = round(self._random.uniform(low, high), 6)
        return {"low": low, "high": high, "start": start, "points": points}


def is_normalised(genome: Genome) -> bool:
    return genome.merge_method in NORMALISED if genome.normalize is None else genome.normalize


def recipe_of(genome: Genome, layers: Layers, values: Values) -> dict[str, Any]:
    """A recipe with ranges."""
    depth = layers(genome.models[0])
    size = genome.layer_granularity or depth
    if depth % size:
        raise _wrong(
            f"layer_granularity {size} does not divide the {depth} layers",
            f"Use a divisor of {depth}.",
        )
    groups = depth // size
    recipe: dict[str, Any] = {
        "merge_method": genome.merge_method,
        "dtype": "bfloat16",
        **({"tokenizer_source": genome.tokenizer_source} if genome.tokenizer_source else {}),
    }
    if genome.merge_method == "slerp":
        return recipe | {"base_model": genome.models[0]} | _arcs(genome, groups, size, values)
    if genome.base_model:
        recipe["base_model"] = genome.base_model
    recipe["parameters"] = {"normalize": is_normalised(genome)}
    if genome.smooth or groups == 1:
        return recipe | {"models": list(_models(genome, groups, values))}
    return recipe | {
        "slices": [{"sources": list(_models(genome, 1, values, at, size))} for at in range(groups)]
    }


def _models(
    genome: Genome, points: int, values: Values, at: int | None = None, size: int = 0
) -> Iterator[dict[str, Any]]:
    for model in genome.models:
        layers = {} if at is None else {"layer_range": [at * size, (at + 1) * size]}
        yield {"model": model, **layers, "parameters": values.own(points)}


def _arcs(genome: Genome, groups: int, size: int, values: Values) -> dict[str, Any]:
    """Between the first model and the second, a place for each group of layers."""
    if groups == 1:
        listed = [{"model": model} for model in genome.models]
        return {"models": listed, "parameters": {"t": values.between()}}
    return {
        "slices": [
            {
                "sources": [
                    {"model": model, "layer_range": [at * size, (at + 1) * size]}
                    for model in genome.models
                ],
                "parameters": {"t": values.between()},
            }
            for at in range(groups)
        ]
    }


def _check(peer: PeerSearch) -> None:
    genome = peer.genome
    if genome.merge_method in BASED and genome.base_model is None:
        raise _wrong(f"{genome.merge_method} needs base_model", "Name it in the genome.")
    if genome.merge_method == "slerp" and len(genome.models) != 2:
        raise _wrong(
            f"slerp is searched between two models, not {len(genome.models)}",
            "Name two, or use another method.",
        )
    if genome.merge_method == "slerp" and (genome.smooth or genome.filters):
        raise _wrong("slerp has neither smooth nor filters", "Leave them out, or use our own form.")
    if peer.num_fewshot:
        raise _wrong("solved examples (num_fewshot) can't be given", "Leave num_fewshot out.")


def _metric(task: PeerTask, known: tuple[str, ...]) -> str:
    """`acc,none` is the peer's default; the other names are those of the harness, `metric,filter`."""
    name = task.metric.partition(",")[0]
    if name in ("acc", "exact_match"):
        return "exact_match"
    if name in known:
        return name
    raise _wrong(
        f"tasks: there is no metric {name!r} for questions of one's own",
        f"Use {', '.join(known)}.",
    )


def _wrong(why: str, remedy: str) -> InputError:
    return InputError("recipe_wrong", f"genome: {why}.", remedy)
