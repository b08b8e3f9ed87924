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
ROWS = [f'{{"text": "The symbol of {n} is {n % 89}."}}' for n in range(100, 140)]
TUNINGS: dict[str, Figures] = {
    "full": {"method": "full"},
    "spectrum": {"method": "spectrum", "percent": 50, "train_embeddings": False},
    "lora with dropout": {"method": "lora", "rank": 4, "dropout": 0.2},
}
STEPS = 168  # of 40 rows, 3 at a time, 12 times
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
    said = _told(folder, "whole").communicate()[1]
    if not (folder / "whole").exists():
        raise SystemExit(f"the run that nobody touches has failed: {said}")
    expected = _digest(folder / "whole")
    newest, same = 0, 0
    for number in range(kills):
        print(f"killed {number} of {kills} …", file=sys.stderr)
        out = folder / f"out-{number}"
        kept = _cut_off(folder, out.name, chance)
        said = _told(folder, out.name).communicate()[1]
        newest += f"Goes on after step {kept} of" in said
        same += _digest(out) == expected
    return {
        "kills": kills,
        "went on after the newest": newest,
        "same model": same,
        "ok": newest == same == kills,
    }


def _cut_off(folder: Path, out: str, chance: random.Random) -> int:
    """Kills a run some milliseconds after a step that is drawn; the newest step with a checkpoint."""
    checkpoints, step = folder / f"{out}.checkpoints", chance.randrange(1, STEPS - 10)
    process = _told(folder, out)
    while _newest(checkpoints) < step:
        if process.poll() is not None:
            raise SystemExit(f"the run ended before step {step}: {process.communicate()[1]}")
        time.sleep(0.002)
    time.sleep(chance.random() / 20)
    process.kill()
    process.communicate()
    return _newest(checkpoints)


def _newest(checkpoints: Path) -> int:
    kept = checkpoints.glob("step-??????")
    return max((int(path.name.removeprefix("step-")) for path in kept), default=0)


def _told(folder: Path, out: str) -> "subprocess.Popen[str]":
    command = alloy("train", folder / "spec.yml", folder / out)
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)


def _digest(model: Path) -> str:
    with (model / "model.safetensors").open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
