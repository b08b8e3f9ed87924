"""Mixtures of agents as rows of an evaluation's form: who proposes, how often, and who has the last word."""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from alloyworks.web import choices
from alloyworks.web.choices import Group
from alloyworks.web.forms.fields import Faults, Field
from alloyworks.web.forms.names import typed

PLACE = "mixtures"
MOST = 16
ROUNDS = ("1", "2", "3", "4")
COLUMNS = ("name", "layers", "aggregator")
_NAME = re.compile(rf"{PLACE}\.(\d{{1,4}})\.\w+")


@dataclass(frozen=True)
class Mixture:
    """`layers`: those of a spec whose layers differ, which this form keeps as they are, as JSON."""

    name: str = ""
    agents: list[str] = field(default_factory=list)
    rounds: str = ROUNDS[0]
    aggregator: str = ""
    layers: str = ""

    @property
    def is_empty(self) -> bool:
        return not (self.name or self.agents or self.aggregator or self.layers)

    @property
    def references(self) -> list[str]:
        return [*self.agents, self.aggregator]


def of_spec(given: Mapping[str, Any]) -> Mixture:
    layers: list[list[str]] = given["layers"]
    told = {"name": given["name"], "aggregator": given["aggregator"]}
    if any(layer != layers[0] for layer in layers):
        return Mixture(**told, layers=json.dumps(layers))
    return Mixture(**told, agents=list(layers[0]), rounds=str(len(layers)))


def posted(post: QueryDict) -> list[Mixture]:
    numbers = {int(found[1]) for key in post if (found := _NAME.fullmatch(key))}
    return [_posted(post, f"{PLACE}.{number}") for number in sorted(numbers)[:MOST]]


def _posted(post: QueryDict, under: str) -> Mixture:
    rounds = typed(post, f"{under}.rounds")
    return Mixture(
        name=typed(post, f"{under}.name"),
        agents=choices.references(post.getlist(f"{under}.agents")),
        rounds=rounds if rounds in ROUNDS else ROUNDS[0],
        aggregator=typed(post, f"{under}.aggregator"),
        layers=typed(post, f"{under}.layers"),
    )


def spec(mixtures: Sequence[Mixture]) -> list[dict[str, Any]]:
    return [{"name": m.name, "layers": _layers(m), "aggregator": m.aggregator} for m in mixtures]


def _layers(mixture: Mixture) -> Any:
    if not mixture.layers:
        return [mixture.agents] * int(mixture.rounds)
    try:
        return json.loads(mixture.layers)
    except (ValueError, RecursionError):
        return mixture.layers  # which validation refuses by name


def changed(mixtures: Sequence[Mixture], do: str) -> list[Mixture]:
    """After a button was pressed; unchanged when it is another list's."""
    if do == f"add.{PLACE}" and len(mixtures) < MOST:
        return [*mixtures, Mixture()]
    return [m for i, m in enumerate(mixtures) if do != f"remove.{PLACE}.{i}"]


def places(count: int) -> Iterator[str]:
    yield PLACE
    for i in range(count):
        yield from (f"{PLACE}.{i}.{name}" for name in COLUMNS)


def drawn(
    mixtures: Sequence[Mixture], models: Collection[Group], faults: Faults
) -> list[dict[str, Any]]:
    return [_drawn(i, mixture, models, faults) for i, mixture in enumerate(mixtures)]


def _drawn(i: int, mixture: Mixture, models: Collection[Group], faults: Faults) -> dict[str, Any]:
    under = f"{PLACE}.{i}"
    name, layers, aggregator = (f"{under}.{column}" for column in COLUMNS)
    return {
        "number": i + 1,
        "under": under,
        "remove": f"remove.{under}",
        "name": Field(name, "Name", mixture.name, placeholder="mixture", errors=faults.at(name)),
        "agents": mixture.agents,
        "agents_name": f"{under}.agents",
        "layers": mixture.layers,
        "layers_errors": faults.at(layers),
        "rounds": Field(f"{under}.rounds", "Rounds"),
        "rounds_options": [(r, r, r == mixture.rounds) for r in ROUNDS],
        "aggregator": Field(
            aggregator,
            "Who answers in the end",
            mixture.aggregator,
            groups=list(models),
            errors=faults.at(aggregator),
        ),
    }
