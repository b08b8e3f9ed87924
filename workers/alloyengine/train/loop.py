"""The training loop."""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch.nn.utils import clip_grad_norm_

from alloyengine.errors import Stopped
from alloyengine.report import Reporter
from alloyengine.spec.train import TrainSpec
from alloyengine.train import state as states
from alloyengine.train.batches import batches, steps_of
from alloyengine.train.evaluation import Evaluator
from alloyengine.train.objectives import Objective
from alloyengine.train.parallel import ALONE, World
from alloyengine.train.parallel.shard import full
from alloyengine.train.schedule import rate
from alloyengine.train.share import losses_of
from alloyengine.train.state import State
from alloyengine.train.tune import Tuned
from alloyengine.train.watch import Watch

PHASE = "Training"
_LOSS = "loss"


@dataclass(frozen=True)
class Fitted:
    """What came out of it. The loss is the mean of the last steps."""

    steps: int
    tokens: int
    loss: float
    evaluation: float | None = None  # the best loss on held-out examples


@dataclass(frozen=True)
class Place:
    """Where a run keeps its checkpoints, and what they are of."""

    folder: Path
    of: str


def fit(
    objective: Objective[Any],
    tuned: Tuned,
    spec: TrainSpec,
    report: Reporter,
    place: Place | None = None,
    evaluator: Evaluator | None = None,
) -> Fitted:
    """Trains in place: one optimiser step for each batch. With a place it goes on from the latest
    checkpoint there, and leaves one when it is stopped.
    """
    return _Run(objective, tuned, spec, report, place, evaluator).fit()


class _Run:
    def __init__(
        self,
        objective: Objective[Any],
        tuned: Tuned,
        spec: TrainSpec,
        report: Reporter,
        place: Place | None,
        evaluator: Evaluator | None,
    ) -> None:
        self._objective, self._tuned, self._spec, self._report = objective, tuned, spec, report
        self._place, self._evaluator, self._world = place, evaluator, tuned.world
        self._weights = list(tuned.trained.values())
        self._optimiser = torch.optim.AdamW(
            self._weights, lr=spec.learning_rate, weight_decay=spec.weight_decay, fused=True
        )
        self._watch = Watch(spec)
        self._steps = steps_of(len(objective.items), spec.batch_size, spec.epochs, spec.max_steps)

    def fit(self) -> Fitted:
        state = self._begin()
        self._tuned.model.train()
        kept = time.monotonic()
        for step, batch in self._batches(state.step):
            self._heed(state)
            state = self._step(step, batch, state)
            if self._evaluator and self._evaluator.is_due(step, self._steps):
                state = self._evaluator.evaluate(state, self._report)
                if self._evaluator.gives_up(state):
                    self._report.log(f"No better for {state.since_best} evaluations: ended early.")
                    break
            late = time.monotonic() - kept > self._spec.checkpoint_minutes * 60
            if self._world.any(late):
                self._keep(state)
                kept = time.monotonic()
        if self._evaluator:
            self._evaluator.bring_back_the_best(state, self._report)
        return Fitted(state.step, state.tokens, self._watch.mean, state.best_evaluation)

    def _begin(self) -> State:
        found = None
        if self._place:
            trained = self._tuned.trained
            found = states.load(
                self._place.folder, self._place.of, trained, self._optimiser, self._world
            )
        if found is None:
            return State()
        self._watch.resume(found.recent, found.best)
        self._report.log(f"Goes on after step {found.step} of {self._steps}.")
        return found

    def _batches(self, done: int) -> Iterator[tuple[int, list[Any]]]:
        """Those of the steps that are left; the order is that of a run without interruption."""
        spec, objective = self._spec, self._objective
        order = batches(objective.items, spec.batch_size, spec.seed, objective.tokens)
        yield from islice(zip(range(1, self._steps + 1), order, strict=False), done, None)

    def _heed(self, state: State) -> None:
        if self._world.any(self._report.stopping()):
            self._keep(state)
            raise Stopped("stopped", f"Training was stopped before step {state.step + 1}.")

    def _keep(self, state: State) -> None:
        if self._place and state.step:
            found = replace(state, recent=self._watch.recent, best=self._watch.best)
            place, trained = self._place, self._tuned.trained
            states.save(place.folder, place.of, found, trained, self._optimiser, self._world)

    def _step(self, step: int, batch: Sequence[Any], state: State) -> State:
        begun = time.perf_counter()
        learning_rate = rate(step, self._steps, self._spec)
        for group in self._optimiser.param_groups:
            group["lr"] = learning_rate
        self._optimiser.zero_grad(set_to_none=True)
        self._world.seed(self._spec.seed, step)
        loss, figures = backward(self._objective, self._tuned.model, batch, self._world)
        norm = float(full(clip_grad_norm_(self._weights, self._spec.max_gradient)))
        self._watch.look(step, loss, norm)
        self._optimiser.step()
        size = sum(self._objective.tokens(item) for item in batch)
        speed = size / (time.perf_counter() - begun)
        shown = {_LOSS: loss, "learning_rate": learning_rate, "gradient": norm, **figures}
        for name, value in (shown | {"tokens_per_second": speed}).items():
            self._report.metric(name, step, value)
        self._report.progress(PHASE, step, self._steps)
        return replace(state, step=step, tokens=state.tokens + size)


def backward(
    objective: Objective[Any], model: Any, batch: Sequence[Any], world: World = ALONE
) -> tuple[float, dict[str, float]]:
    """Adds the gradients of the batch's mean loss; returns that loss, and the means of what else was
    said of it: of the whole batch, in every process that shares it.
    """
    count = objective.count(batch)
    sums = defaultdict[str, float](float)
    for part, weight in losses_of(objective, model, batch, world):
        loss = part.total * weight / count
        # Sharded gradients are means over the processes, and must be sums.
        (loss * world.size).backward()  # type: ignore[no-untyped-call]
        sums[_LOSS] += loss.item()
        for name, value in part.figures.items():
            sums[name] += value * weight / count
    figures = world.sums(sums)
    return figures.pop(_LOSS), figures
