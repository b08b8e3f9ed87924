"""The model made ready for what a spec trains of it, and the result's way to a folder."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from alloyengine.report import Reporter
from alloyengine.spec.train import TrainSpec
from alloyengine.spec.tuning import AdapterTuning
from alloyengine.train.freeze import Parameters, freeze
from alloyengine.train.objectives import Objective
from alloyengine.train.parallel import ALONE, World, shard, whole
from alloyengine.train.save import save
from alloyengine.train.stacks import Pieces, Stacks


@dataclass(frozen=True)
class Tuned:
    model: Any
    trained: Parameters  # by name; all others are frozen
    # Weights, complete, to a new folder, as a whole model.
    save: Callable[[Path, Mapping[str, torch.Tensor]], None]
    world: World = ALONE  # the processes that share it

    @property
    def size(self) -> int:
        return sum(weight.numel() for weight in self.trained.values())

    def whole(self) -> dict[str, torch.Tensor]:
        """The trained weights, complete, where they are written; all processes must ask."""
        return whole(self.trained, self.world)


def tune(model: Any, spec: TrainSpec, base: Path, report: Reporter, world: World = ALONE) -> Tuned:
    """Leaves only what is trained with gradients; of a `world` the first may scan for it."""
    if isinstance(spec.tuning, AdapterTuning):
        from alloyengine.train.lora import adapt, save_merged

        trained = adapt(model, spec.tuning, spec.seed)
        return Tuned(
            model, trained, lambda out, weights: save_merged(model, weights, base, out, report)
        )
    trained = freeze(model, spec.tuning, base, report, _only_whole(spec), world)
    stacks = Stacks.of(model, base)
    return Tuned(
        model, trained, lambda out, weights: save(base, Pieces(stacks, weights), out, report)
    )


def _only_whole(spec: TrainSpec) -> str:
    """What forbids that a weight be trained in part: decay moves all of it, and so do shards."""
    if spec.weight_decay:
        return f"weight_decay: {spec.weight_decay:g}"
    return "several processes" if spec.resources.processes > 1 else ""


def spread(tuned: Tuned, objective: Objective[Any], held: Sequence[Any], world: World) -> Tuned:
    """The model, tuned and still the base in what it says, shared by all processes; and the objective
    made ready for it.
    """
    shard(tuned.model, world)
    trained = {n: weight for n, weight in tuned.model.named_parameters() if n in tuned.trained}
    objective.most = world.least(objective.most)
    tuned.model.eval()
    learned, objective.items = objective.items, [*objective.items, *held]
    objective.prepare(tuned.model)
    objective.items = learned
    return replace(tuned, trained=trained, world=world)


def open_to_train(path: Path, spec: TrainSpec, world: World = ALONE) -> tuple[Any, Any]:
    """Model and tokenizer. In float32: small updates would be lost in the rounding of bfloat16. To be
    shared it stays on the host: a GPU need not hold all of it.
    """
    from alloyengine.loading import open_model

    if spec.tuning.method == "qlora":
        from alloyengine.train.lora import open_in_four_bits

        return open_in_four_bits(path)
    where = {} if world.alone else {"device_map": {"": "cpu"}}
    return open_model(path, torch.float32, **where)
