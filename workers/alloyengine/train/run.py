"""One training job, from folders to a folder."""

from collections.abc import Mapping
from pathlib import Path

import torch

from alloyengine.checkpoint import check_new
from alloyengine.errors import InputError
from alloyengine.report import Reporter
from alloyengine.spec.result import TrainResult
from alloyengine.spec.train import TrainSpec
from alloyengine.train import state
from alloyengine.train.card import Made
from alloyengine.train.curve import NAME as CURVE
from alloyengine.train.curve import Curve
from alloyengine.train.deliver import complete, draft
from alloyengine.train.evaluation import Evaluator, hold_out
from alloyengine.train.foresee import Room, check_room, foresee, sizes_of
from alloyengine.train.logits import looks_back
from alloyengine.train.look_back import LookBack
from alloyengine.train.loop import Place, fit
from alloyengine.train.machine import make_ready
from alloyengine.train.objectives import objective_of
from alloyengine.train.overlap import overlaps_of
from alloyengine.train.parallel import ALONE, World, check_world
from alloyengine.train.source import digest_of, learned_from
from alloyengine.train.tune import open_to_train, spread, tune

BEST = "best.safetensors"


def run(
    spec: TrainSpec,
    inputs: Mapping[str, Path],
    out: Path,
    report: Reporter,
    checkpoints: Path | None = None,
    world: World = ALONE,
) -> TrainResult:
    """Trains the spec's model on the spec's dataset; `out` becomes a complete model folder.

    With a folder for `checkpoints`, a run that was cut off goes on from the last one. All processes of
    a `world` call it; the first one writes and should report. It alone needs to see `out` and
    `checkpoints`, all their inputs: they may be on several machines.
    """
    check_world(spec, world)
    base = inputs[spec.model]
    check_new(out)
    make_ready()
    torch.manual_seed(spec.seed)
    room, sizes = Room.now(), sizes_of(spec, inputs)
    check_room(spec, inputs, sizes, room)
    model, tokenizer = open_to_train(base, spec, world)
    objective = objective_of(spec, inputs, tokenizer, report)
    if world.alone:
        objective.prepare(model)
    objective.items, held = hold_out(spec, objective.items)
    if not objective.items:
        raise InputError(
            "dataset_nothing_to_learn",
            "evaluation.share holds out every example.",
            "Lower it, or give more data.",
        )
    share = world.alone and looks_back(model) and not spec.gradient_checkpointing
    foresee(spec, inputs, sizes, room, objective, share, report)
    look_back = LookBack.prepared(spec, inputs, model, objective, held, report)
    tuned = tune(model, spec, base, report, world)
    if spec.gradient_checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    if not world.alone:
        tuned = spread(tuned, objective, held, world)
    out.parent.mkdir(parents=True, exist_ok=True)
    kept = checkpoints or out.with_name(f"{out.name}.best")
    data = learned_from(spec, inputs)
    place = Place(kept, state.identity(spec, digest_of(data))) if checkpoints else None
    evaluator = Evaluator(objective, held, tuned, spec.evaluation, kept / BEST) if held else None
    curve = Curve(report, kept / CURVE if checkpoints and world.leads else None)
    try:
        fitted = fit(objective, tuned, spec, curve, place, evaluator)
        weights = tuned.whole()
    finally:
        if not checkpoints and world.leads:
            state.remove(kept)
    met = overlaps_of(spec, inputs, report) if world.leads else {}
    made = Made(spec, fitted, curve, data, tuned.size, len(held), overlaps=met)
    found = None
    if world.leads:
        with draft(out) as folder:
            tuned.save(folder, weights)
            del model, tuned, evaluator, weights  # what comes now may need their room
            found = complete(folder, made, base, report, look_back)
        state.remove(kept)
    return TrainResult(
        facts=world.told(lambda: found),
        steps=fitted.steps,
        tokens=fitted.tokens,
        trained_parameters=made.trained,
        final_loss=fitted.loss,
    )
