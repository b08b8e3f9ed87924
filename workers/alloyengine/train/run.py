"""One training job, from folders to a folder."""

import os
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils.logging import disable_progress_bar

from alloyengine.checkpoint import Checkpoint, facts
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
    Checkpoint.open(base).close()  # refuses pickles and foreign code before anything is loaded
    tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True)
    examples = encode(read_rows(dataset), tokenizer, spec.max_length, report)
    torch.manual_seed(spec.seed)
    use_all_cores()
    model = load(base)
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


def load(base: Path) -> Any:
    """In fp32: small updates would be lost in the rounding of bf16 weights."""
    disable_progress_bar()
    model = AutoModelForCausalLM.from_pretrained(
        base, dtype=torch.float32, local_files_only=True, use_safetensors=True
    )
    return model.to("cuda" if torch.cuda.is_available() else "cpu")


def use_all_cores() -> None:
    """Torch counts a hyper-threaded pair as one core; OMP_NUM_THREADS still has the last word."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0))))
