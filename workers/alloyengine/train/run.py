"""One training job, from folders to a folder."""

import os
from pathlib import Path

import torch

from alloyengine.checkpoint import facts
from alloyengine.loading import open_model
from alloyengine.report import Reporter
from alloyengine.spec.result import TrainResult
from alloyengine.spec.train import TrainSpec
from alloyengine.train.batches import batches, steps_of
from alloyengine.train.data import read_rows
from alloyengine.train.encode import encode
from alloyengine.train.freeze import freeze
from alloyengine.train.loop import fit
from alloyengine.train.save import save


def run(spec: TrainSpec, inputs: dict[str, Path], out: Path, report: Reporter) -> TrainResult:
    """Trains the spec's model on the spec's dataset; `out` becomes a complete model folder."""
    base, dataset = inputs[spec.model], inputs[spec.dataset]
    use_all_cores()
    torch.manual_seed(spec.seed)
    # In fp32: small updates would be lost in the rounding of bf16 weights.
    model, tokenizer = open_model(base, torch.float32)
    examples = encode(read_rows(dataset), tokenizer, spec.max_length, report)
    trained = freeze(model, spec.tuning, base, report)
    weights = list(trained.values())
    steps = steps_of(len(examples), spec.batch_size, spec.epochs, spec.max_steps)
    data = batches(examples, spec.batch_size, spec.seed)
    fitted = fit(model, weights, data, steps, spec, report)
    save(base, trained, out, report)
    return TrainResult(
        facts=facts(out),
        steps=fitted.steps,
        tokens=fitted.tokens,
        trained_parameters=sum(weight.numel() for weight in weights),
        final_loss=fitted.loss,
    )


def use_all_cores() -> None:
    """Torch counts a hyper-threaded pair as one core; OMP_NUM_THREADS still has the last word."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0))))
