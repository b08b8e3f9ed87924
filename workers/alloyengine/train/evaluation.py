"""Losses on examples that are held out, while training goes on; the best weights are kept."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from alloyengine.report import Reporter
from alloyengine.spec.train import Evaluation, TrainSpec
from alloyengine.train.objectives import Objective
from alloyengine.train.parallel import ALONE, World
from alloyengine.train.share import losses_of
from alloyengine.train.state import State, fill
from alloyengine.train.tune import Tuned

METRIC = "evaluation_loss"
_TIMES = 10  # a run, when it is not said how often
_BATCH = 16  # items


@dataclass(frozen=True)
class Evaluator:
    objective: Objective[Any]
    held: Sequence[Any]
    tuned: Tuned
    how: Evaluation
    best: Path  # the weights of the best evaluation

    def is_due(self, step: int, steps: int) -> bool:
        every = self.how.every or max(1, steps // _TIMES)
        return step % every == 0 or step == steps

    def evaluate(self, state: State, report: Reporter) -> State:
        loss = mean_loss(self.objective, self.tuned.model, self.held, self.tuned.world)
        report.metric(METRIC, state.step, loss)
        if state.best_evaluation is not None and loss >= state.best_evaluation:
            return replace(state, since_best=state.since_best + 1)
        self._keep()
        return replace(state, best_evaluation=loss, since_best=0)

    def gives_up(self, state: State) -> bool:
        return self.how.patience is not None and state.since_best >= self.how.patience

    def bring_back_the_best(self, state: State, report: Reporter) -> None:
        world = self.tuned.world
        if state.since_best and world.told(self.best.exists):
            fill(self.tuned.trained, self.best, world)
            report.log(
                f"The weights of the best evaluation (loss {state.best_evaluation:.4f}) are kept."
            )

    def _keep(self) -> None:
        """Written beside and renamed, so that it is whole or not there."""
        weights = self.tuned.whole()
        if not self.tuned.world.leads:
            return
        self.best.parent.mkdir(parents=True, exist_ok=True)
        draft = self.best.with_suffix(".partial")
        save_file(weights, draft)
        draft.rename(self.best)


def mean_loss(
    objective: Objective[Any], model: Any, items: Sequence[Any], world: World = ALONE
) -> float:
    """Of all items, as the objective counts them; nothing is learned."""
    total, count = 0.0, 0
    model.eval()
    with torch.no_grad():
        for start in range(0, len(items), _BATCH):
            batch = items[start : start + _BATCH]
            losses = losses_of(objective, model, batch, world)
            total += sum(weight * part.total.item() for part, weight in losses)
            count += objective.count(batch)
    model.train()
    return world.sums({METRIC: total})[METRIC] / count


def hold_out(spec: TrainSpec, items: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """What is learned, and what is held out (one at least): the same for the same seed."""
    share = spec.evaluation.share
    count = max(1, round(len(items) * share)) if share else 0
    order = torch.randperm(len(items), generator=torch.Generator().manual_seed(spec.seed)).tolist()
    held = set(order[:count])
    learned = [item for number, item in enumerate(items) if number not in held]
    return learned, [items[number] for number in sorted(held)]
