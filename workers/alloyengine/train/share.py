"""A batch shared by the processes of a run."""

from collections.abc import Iterator, Sequence
from typing import Any

from alloyengine.train.objectives import Objective
from alloyengine.train.objectives.base import Loss
from alloyengine.train.parallel import World


def losses_of(
    objective: Objective[Any], model: Any, batch: Sequence[Any], world: World
) -> Iterator[tuple[Loss, float]]:
    """Part by part, those of this process's share, each with its weight: 1, or 0 where it only keeps
    pace. Weights come together from all processes on every way through the model, so all must go the
    same number of times, even when there is nothing of a small batch left for one.
    """
    share = world.share(batch)
    weight = 1.0 if share else 0.0
    share = share or batch[:1]
    for loss in objective.losses(model, share):
        yield loss, weight
    for _ in range(_missing(objective, share, world)):
        for loss in objective.losses(model, share[:1]):
            yield loss, 0.0


def _missing(objective: Objective[Any], share: Sequence[Any], world: World) -> int:
    """How many parts fewer than the most that any process has. One item is one part."""
    if world.alone:
        return 0
    parts = sum(1 for _ in objective.layout(share, False))
    return world.most(parts) - parts
