"""The estimate of a spec: told to whoever waits, and before anything is loaded when asked for alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alloyengine.report import Reporter
from alloyengine.spec.objective import Distill, Sft
from alloyengine.spec.train import TrainSpec
from alloyengine.train.batches import steps_of
from alloyengine.train.foresee.estimate import Estimate, estimate_of, loads_of
from alloyengine.train.foresee.fit import check_room, make_fit
from alloyengine.train.foresee.hardware import Room, Speed
from alloyengine.train.foresee.sizes import Sizes, sizes_of
from alloyengine.train.logits import looks_back
from alloyengine.train.objectives import Objective

REPORT = "estimate"


def foresee(
    spec: TrainSpec,
    inputs: Mapping[str, Path],
    sizes: Sizes,
    room: Room,
    objective: Objective[Any],
    share: bool,
    report: Reporter,
    held: float = 1.0,
) -> Estimate:
    """Lays the objective's batches out so that they fit, and says what the run will take. `room` is
    that of before the model was loaded; `held` the share of the run's items that the objective has.
    InputError when one example alone does not fit.
    """
    check_room(spec, inputs, sizes, room, max(map(objective.tokens, objective.items)))
    objective.most = make_fit(spec, sizes, room)
    items = round(len(objective.items) / held)
    steps = steps_of(items, spec.batch_size, spec.epochs, spec.max_steps)
    loads = loads_of(objective, spec, share)
    found = estimate_of(spec, sizes, loads, room, Speed.measured(sizes.width), steps)
    report.report(REPORT, told(found, room))
    report.log(
        f"Estimate: {steps} steps in {words(found.seconds)}, with {found.peak / 1e9:.1f} GB of memory."
    )
    return found


def foresee_spec(
    spec: TrainSpec, inputs: Mapping[str, Path], report: Reporter, held: float = 1.0
) -> Estimate:
    """Without any weights: the files' headers, the tokenizer and the data are enough, or the share of
    the data that is `held`.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    from alloyengine.checkpoint import facts
    from alloyengine.train.evaluation import hold_out
    from alloyengine.train.objectives import objective_of

    base, room = inputs[spec.model], Room.now()
    facts(base)  # refuses what is no model
    sizes = sizes_of(spec, inputs)
    check_room(spec, inputs, sizes, room)
    with torch.device("meta"):
        skeleton = AutoModelForCausalLM.from_config(
            AutoConfig.from_pretrained(base, local_files_only=True)
        )
    tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True)
    objective = objective_of(_without_teacher(spec), inputs, tokenizer, report)
    objective.items, _ = hold_out(spec, objective.items)
    share = looks_back(skeleton) and not spec.gradient_checkpointing
    return foresee(spec, inputs, sizes, room, objective, share, report, held)


def _without_teacher(spec: TrainSpec) -> TrainSpec:
    """Distillation lays its examples out as answers are: for that the teacher need not be loaded."""
    distils = isinstance(spec.objective, Distill)
    return spec.model_copy(update={"objective": Sft()}) if distils else spec


def told(found: Estimate, room: Room) -> dict[str, Any]:
    """For a page."""
    return {
        "seconds": round(found.seconds, 1),
        "steps": found.steps,
        "memory": dict(found.memory),
        "peak": found.peak,
        "free": room.free + room.process,
    }


def words(seconds: float) -> str:
    """Such as 40 s, 12 min or 3.5 h."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
