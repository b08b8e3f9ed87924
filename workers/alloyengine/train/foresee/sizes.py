"""How much of a model is stored, multiplied, trained and kept, from its files' headers alone."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from alloyengine.checkpoint import Checkpoint, TensorInfo
from alloyengine.checkpoint.structure import Structure
from alloyengine.loading import is_fast
from alloyengine.spec.objective import Distill
from alloyengine.spec.train import TrainSpec
from alloyengine.spec.tuning import AdapterTuning, AnyTuning, FullTuning, SpectrumTuning
from alloyengine.spectrum.memory import fits_in
from alloyengine.spectrum.modules import Module, Scored, modules_of
from alloyengine.spectrum.select import select, select_named, select_within

_ALONE = re.compile(r"\.experts\.(\d+)\.")
_IN_A_STACK = 2  # matrices of each expert: the first two lie together


@dataclass(frozen=True)
class Sizes:
    """Counts of numbers. `of a token`: the sum over all layers."""

    parameters: int
    width: int  # of a hidden state
    layers: int
    vocabulary: int
    matrices: int  # weights that a token is multiplied by, head apart
    learned: int  # those of them that are trained
    head_learned: bool
    trained: int  # all weights with a gradient
    outputs: int  # what all matrices make of a token
    widest: int  # what the widest matrix of each layer makes of a token
    beside: int = 0  # bytes of another model that must be there, such as a teacher
    asked: int = 0  # that model's weights that each token is multiplied by

    @property
    def head(self) -> int:
        return self.vocabulary * self.width


def sizes_of(spec: TrainSpec, inputs: Mapping[str, Path]) -> Sizes:
    """Of the weights, what each of the run's processes has of them; each also works on that share of
    the tokens. Raises InputError when the tuning names no module.
    """
    found = _shared(_of_model(inputs[spec.model], spec.tuning), spec.resources.processes)
    if not isinstance(spec.objective, Distill):
        return found
    teacher = _of_model(inputs[spec.objective.teacher], FullTuning())
    width = 2 if is_fast("bfloat16") else 4
    return replace(
        found, beside=width * teacher.parameters, asked=teacher.matrices // spec.resources.processes
    )


def _shared(sizes: Sizes, processes: int) -> Sizes:
    return replace(
        sizes,
        parameters=sizes.parameters // processes,
        matrices=sizes.matrices // processes,
        learned=sizes.learned // processes,
        trained=sizes.trained // processes,
    )


def _of_model(base: Path, tuning: AnyTuning) -> Sizes:
    with Checkpoint.open(base) as checkpoint:
        tensors, config = checkpoint.tensors, checkpoint.config
    structure = Structure.of(config, tensors)
    ends = {name for name in (structure.embedding, structure.head) if name}
    vocabulary, width = tensors[structure.embedding].shape if structure.embedding else (0, 0)
    modules = modules_of(tensors.items())
    active = _active_share(config)
    learned = _learned(tuning, modules, tensors, ends)
    trains_ends = isinstance(tuning, FullTuning) or getattr(tuning, "train_embeddings", False)
    parameters = sum(info.numel for info in tensors.values())
    trained = sum(learned.values())
    if isinstance(tuning, FullTuning):
        trained = parameters
    elif trains_ends:
        trained += sum(tensors[name].numel for name in ends)
    if isinstance(tuning, SpectrumTuning):
        trained += _beside(learned, modules)
    return Sizes(
        parameters=parameters,
        width=width,
        layers=len({module.layer for module in modules}),
        vocabulary=vocabulary,
        matrices=round(sum(module.numel * _share(module, active) for module in modules)),
        learned=round(sum(count * _share(m, active) for m, count in learned.items())),
        head_learned=trains_ends,
        trained=trained,
        outputs=round(sum(_outputs(module) * _share(module, active) for module in modules)),
        widest=_widest(modules),
    )


def _learned(
    tuning: AnyTuning,
    modules: Sequence[Module],
    tensors: Mapping[str, TensorInfo],
    ends: set[str],
) -> dict[Module, int]:
    """Of each module that is trained, or has an adapter, how many weights learn. Of Spectrum's modules
    as many of each type as it will choose: which ones they are, no size depends on.
    """
    if isinstance(tuning, AdapterTuning):
        names = set(tuning.modules or ())
        matched = [m for m in modules if not names or m.type.split(".")[-1] in names]
        return {module: tuning.rank * (module.rows + module.columns) for module in matched}
    if not isinstance(tuning, SpectrumTuning):
        return {module: module.numel for module in modules}
    if tuning.modules is not None:
        return {module: module.numel for module in select_named(modules, tuning.modules)}
    alike = [Scored(module, 1.0) for module in modules]
    if tuning.budget_gb is None:
        chosen = select(alike, tuning.percent)
    else:
        always = sorted(ends) if tuning.train_embeddings else []
        chosen = select_within(alike, fits_in(int(tuning.budget_gb * 1e9), tensors, always))
    return {item.module: item.module.numel for item in chosen}


def _beside(learned: Mapping[Module, int], modules: Sequence[Module]) -> int:
    """Weights that have gradients without being trained: experts that lie alone in a file are stacks in
    memory, each with its gradients whole. At most so many: in which layers experts will be chosen is not
    known yet.
    """
    alone = {m: int(found[1]) for m in modules if (found := _ALONE.search(m.tensor))}
    chosen = sum(module.numel for module in alone if module in learned)
    experts = 1 + max(alone.values(), default=0)
    touched = _IN_A_STACK * experts * chosen
    return min(sum(module.numel for module in alone), touched) - chosen


def _active_share(config: Mapping[str, Any]) -> float:
    """Of the experts, how many see each token."""
    asked = config.get("num_experts_per_tok")
    there = config.get("num_local_experts") or config.get("num_experts")
    return asked / there if asked and there else 1.0


def _share(module: Module, active: float) -> float:
    return active if "expert" in module.tensor and "shared" not in module.tensor else 1.0


def _outputs(module: Module) -> int:
    return module.rows * module.matrices


def _widest(modules: Sequence[Module]) -> int:
    widest: dict[int, int] = {}
    for module in modules:
        widest[module.layer] = max(widest.get(module.layer, 0), module.rows)
    return sum(widest.values())
