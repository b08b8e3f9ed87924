"""Training that is killed at any moment and goes on: is it as if nothing had happened?

    ./alloy bench resume --json bench/results/resume.json

A run that leaves a checkpoint after every step is killed at a moment that is drawn, also while it writes
one, and the same command is given again. Counted: runs that went on after the newest complete checkpoint,
and models that are, bit for bit, that of the run which nobody touched.
"""

import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from hashlib import file_digest
from pathlib import Path
from typing import Any

import yaml

from bench import models
from bench.machine import where
from bench.merge import alloy
from bench.models import Llama

Figures = dict[str, Any]
KILLS = 20
SHAPE = Llama(hidden=64, inner=96, layers=3, heads=4, key_heads=4, vocabulary=320)
ROWS = [f'{{"prompt": "Symbol of {n}?", "completion": "{n % 89}"}}' for n in range(100, 140)]
TUNINGS: dict[str, Figures] = {
    "full": {"method": "full"},
    "spectrum": {"method": "spectrum", "percent": 50, "train_embeddings": False},
    "lora with dropout": {"method": "lora", "rank": 4, "dropout": 0.2},
}
SPEC = {"epochs": 12, "batch_size": 3, "learning_rate": 1e-2, "checkpoint_minutes": 1e-9}


def run(quick: bool = False, only: Sequence[str] = ()) -> Iterator[tuple[str, Figures]]:
    for name, tuning in TUNINGS.items():
        if only and not any(part in name for part in only):
            continue
        with tempfile.TemporaryDirectory() as folder:
            yield name, _killed(Path(folder), tuning, 3 if quick else KILLS) | {"where": where()}


def _killed(folder: Path, tuning: Figures, kills: int) -> Figures:
    models.tiny(folder / "model", SHAPE, 0)
    (folder / "data").mkdir()
    (folder / "data/train.jsonl").write_text("\n".join(ROWS))
    places = {"model": str(folder / "model"), "dataset": str(folder / "data")}
    (folder / "spec.yml").write_text(yaml.safe_dump(SPEC | places | {"tuning": tuning}))
    chance = random.Random(0)
    begun = time.monotonic()
    _told(folder, "whole").communicate()
    length, expected = time.monotonic() - begun, _digest(folder / "whole")
    newest, same, tries = 0, 0, 0
    while tries < kills:
        print(f"killed {tries} of {kills} …", file=sys.stderr)
        out = folder / f"out-{tries}"
        kept = _cut_off(folder, out.name, chance.uniform(0.2, 1) * length)
        if kept is None:  # it had ended, or had not begun to train
            continue
        tries += 1
        said = _told(folder, out.name).communicate()[1]
        newest += f"Goes on after step {kept} of" in said
        same += _digest(out) == expected
    return {
        "kills": kills,
        "went on after the newest": newest,
        "same model": same,
        "ok": newest == same == kills,
    }


def _cut_off(folder: Path, out: str, seconds: float) -> int | None:
    """The newest step with a complete checkpoint when it was killed."""
    process = _told(folder, out)
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
    process.communicate()
    kept = (folder / f"{out}.checkpoints").glob("step-??????")
    newest = max((int(path.name.removeprefix("step-")) for path in kept), default=0)
    return newest or None


def _told(folder: Path, out: str) -> "subprocess.Popen[str]":
    command = alloy("train", folder / "spec.yml", folder / out)
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)


def _digest(model: Path) -> str:
    with (model / "model.safetensors").open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
