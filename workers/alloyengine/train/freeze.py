"""Which parameters a tuning trains, and the model prepared for it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from alloyengine.checkpoint import Checkpoint
from alloyengine.checkpoint.structure import Structure
from alloyengine.errors import InputError
from alloyengine.loading import is_fast
from alloyengine.report import Reporter
from alloyengine.spec.tuning import FullTuning, SpectrumTuning
from alloyengine.spectrum.cache import scan_once
from alloyengine.spectrum.memory import fits_in
from alloyengine.spectrum.modules import Scored, modules_of
from alloyengine.spectrum.select import select, select_named, select_within, snr_report
from alloyengine.train.parallel import ALONE, World
from alloyengine.train.stacks import Stacks

Parameters = dict[str, torch.nn.Parameter]


def freeze(
    model: Any,
    tuning: FullTuning | SpectrumTuning,
    base: Path,
    report: Reporter,
    only_whole: str = "",
    world: World = ALONE,
) -> Parameters:
    """Leaves only the tuned parameters with gradients, and returns them by name.

    Of stacks of experts those rows alone have gradients whose experts were chosen. `only_whole`: what
    in the spec forbids that; empty when nothing does. The first of a `world` selects for all.
    """
    wanted: set[str] | None = None
    stacks = Stacks.of(model, base)
    if isinstance(tuning, SpectrumTuning):
        wanted = world.told(lambda: _selected(tuning, base, report))
        wanted |= _embeddings(model) if tuning.train_embeddings else set()
    trained = {}
    for name, parameter in model.named_parameters():
        chosen = wanted is None or name in wanted or bool(stacks.files(name) & wanted)
        parameter.requires_grad_(chosen)
        if chosen:
            trained[name] = parameter
        if chosen and wanted is not None and name not in wanted:
            _train_in_part(name, parameter, stacks.mask(name, wanted, parameter), only_whole)
    _check_names(wanted or set(), trained, stacks, base)
    if is_fast("bfloat16"):
        _shrink_frozen(model)
    return trained


def _train_in_part(
    name: str, parameter: torch.nn.Parameter, mask: torch.Tensor | None, only_whole: str
) -> None:
    """Rows without a gradient are not moved by AdamW, whose means stay 0."""
    if mask is None:
        return
    if only_whole:
        raise InputError(
            "stack_in_part",
            f"Of the experts in {name} only some were chosen, which does not go with {only_whole}.",
            "Change that, or choose all experts of a layer by tuning.modules, or use full tuning.",
        )
    parameter.register_hook(lambda gradient: gradient * mask)  # type: ignore[no-untyped-call]


def _selected(tuning: SpectrumTuning, base: Path, report: Reporter) -> set[str]:
    if tuning.modules is not None:
        return _named(tuning.modules, base, report)
    percents = [tuning.percent] if tuning.budget_gb is None else []
    scored = scan_once(base, report, tuning.score, percents).scored
    if tuning.budget_gb is None:
        selected = select(scored, tuning.percent)
    else:
        selected = _within(tuning, scored, base)
    shown = tuning.percent if tuning.budget_gb is None else None
    report.report("snr", snr_report(scored, selected, shown))
    chosen = {item.module.tensor for item in selected}
    if not chosen and tuning.budget_gb is not None:
        raise InputError(
            "nothing_selected",
            f"tuning.budget_gb = {tuning.budget_gb:g} leaves no room for a module.",
            "Give more memory, or set train_embeddings: false.",
        )
    if not chosen:
        layers = len({item.module.layer for item in scored})
        raise InputError(
            "nothing_selected",
            f"tuning.percent = {tuning.percent:g} of {layers} layers is less than one module.",
            f"Use at least {100 / layers:.3g}.",
        )
    report.log(f"Spectrum trains {len(chosen)} of {len(scored)} modules.")
    return chosen


def _named(patterns: Sequence[str], base: Path, report: Reporter) -> set[str]:
    """What a list of other trainers names; those of embedding and head are `train_embeddings`."""
    with Checkpoint.open(base) as checkpoint:
        modules = modules_of(checkpoint.tensors.items())
    found = select_named(modules, patterns)
    report.log(f"{len(found)} of {len(modules)} modules are trained, as listed.")
    return {module.tensor for module in found}


def _within(tuning: SpectrumTuning, scored: Sequence[Scored], base: Path) -> list[Scored]:
    with Checkpoint.open(base) as checkpoint:
        structure = Structure.of(checkpoint.config, checkpoint.tensors)
        ends = [name for name in (structure.embedding, structure.head) if name]
        always = ends if tuning.train_embeddings else []
        fits = fits_in(int((tuning.budget_gb or 0) * 1e9), checkpoint.tensors, always)
    return select_within(scored, fits)


def _embeddings(model: Any) -> set[str]:
    ends = {id(end.weight) for end in (model.get_input_embeddings(), model.get_output_embeddings())}
    return {name for name, parameter in model.named_parameters() if id(parameter) in ends}


def _check_names(wanted: set[str], trained: Parameters, stacks: Stacks, base: Path) -> None:
    """What is trained must be found again in the checkpoint, or it could not be saved."""
    with Checkpoint.open(base) as checkpoint:
        known = set(checkpoint.names)
    files = {file for name in trained for file in stacks.files(name)}
    lost = sorted((wanted - trained.keys() - files) | (files - known))
    if lost:
        raise InputError(
            "parameter_names",
            f"{lost[0]} is named differently in the checkpoint than in the loaded model.",
            "Load and save the model once with this version of transformers.",
        )


def _shrink_frozen(model: Any) -> None:
    """Frozen matrices in the type they are multiplied in: no cast at every step.

    Embeddings stay in fp32, and with them the stream of activations between layers.
    """
    ends = {id(model.get_input_embeddings()), id(model.get_output_embeddings())}
    for module in model.modules():
        if isinstance(module, torch.nn.Linear) and id(module) not in ends:
            for parameter in module.parameters(recurse=False):
                if not parameter.requires_grad:
                    parameter.data = parameter.data.to(torch.bfloat16)
