"""Training: the scan against the reference script, what tunings cost, and what was foreseen of it.

    ./alloy bench train --json bench/results/train.json
    ./alloy bench train --device cuda

A scan is a whole process each, by turns. Of training, each tuning is a process of its own, by turns,
several rounds; what counts are steps after the first three. The text is the same everywhere, packed
to full sequences. Estimates are compared with the run that they were made for. On a GPU the model is
a Llama of 1.1B that the bench makes; it needs nothing but torch, transformers, peft, accelerate and
safetensors.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import models
from bench.machine import where
from bench.merge_measure import Runs, measure, warm

Figures = dict[str, Any]
MATRICES = 4  # of the model's largest, float32: a scan's memory at most, above the interpreter's
SCANS = {"SmolLM2-135M": 3.0, "1.1B": 6.0}  # at least so many times faster
PERCENTS = (25, 50)
RUNS, ROUNDS, STEPS = 5, 5, 12


@dataclass(frozen=True)
class Tuning:
    """`faster`: tokens a second over those of another, at least; `memory`: above the loaded model,
    as a share of full tuning's, at most.
    """

    name: str
    how: str
    faster: Mapping[str, float] = field(default_factory=dict)
    memory: float | None = None


FULL, LORA, TRAINER = "full", "LoRA r 16", "Trainer, full"
ASKED = {FULL: 1.6, LORA: 0.9}
TUNINGS = (
    Tuning(FULL, "full", {TRAINER: 1.1}),
    Tuning("Spectrum-25", "spectrum-25", ASKED, memory=0.6),
    Tuning("Spectrum-25, embeddings frozen", "spectrum-25-frozen", ASKED, memory=0.6),
    Tuning("Spectrum-50", "spectrum-50", {FULL: 1.25}),
    Tuning("Spectrum-50, embeddings frozen", "spectrum-50-frozen", {FULL: 1.25}),
    Tuning(LORA, "lora-16"),
    Tuning(TRAINER, "trainer"),
)
# Tuning, examples in a batch, tokens in an example, activations computed twice.
ESTIMATES = {
    "full": ("full", 1, 256, False),
    "Spectrum-25": ("spectrum-25-frozen", 4, 256, False),
    "LoRA r 16": ("lora-16", 1, 512, False),
    "full, gradient checkpointing": ("full", 4, 256, True),
}
WITHIN = 0.25  # of what is then measured
SHAPES = ((1, 256), (4, 256), (1, 512))  # examples in a batch, tokens in an example


def run(
    quick: bool = False, only: Sequence[str] = (), device: str = "cpu"
) -> Iterator[tuple[str, Figures]]:
    scans = {f"scan {size}": size for size in SCANS} if device == "cpu" else {}
    shapes = {
        f"batch {b} × {n} tokens": (b, n) for b, n in (SHAPES if device == "cpu" else ((4, 1024),))
    }
    for name, size in scans.items():
        if _wanted(name, only):
            yield name, _scan(size, 1 if quick else RUNS) | {"where": where()}
    for name, shape in shapes.items():
        if _wanted(name, only):
            for tuning, figures in _train(*shape, 1 if quick else ROUNDS, device).items():
                yield f"{name}: {tuning}", figures | {"where": where() | _card(device)}

    for batch, length in SHAPES if device == "cpu" else ():
        name = f"step {batch} × {length} tokens"
        if _wanted(name, only):
            for tuning, figures in _step(batch, length, device).items():
                yield f"{name}: {tuning}", figures | {"where": where()}
    for name, (how, batch, length, checks) in ESTIMATES.items():
        row = f"estimate {name}, {batch} × {length} tokens"
        if _wanted(row, only):
            figures = _foreseen(
                [how, str(STEPS), str(batch), str(length), str(checks).lower()], device
            )
            yield row, figures | {"where": where() | _card(device)}


def _step(batch: int, length: int, device: str) -> dict[str, Figures]:
    """Seconds of a step, and how many times as fast it could be as full tuning's if both were nothing but
    products and update.
    """
    found, least = dict[str, Figures](), dict[str, float]()
    with tempfile.TemporaryDirectory(dir=models.room()) as folder:
        (Path(folder) / "train.jsonl").write_text(_text())
        for tuning in TUNINGS:
            if tuning.how == "trainer":
                continue
            words = [str(_model(device)), folder, tuning.how, str(STEPS), str(batch), str(length)]
            seconds = _one("train_where", words)
            least[tuning.name] = seconds["products"] + seconds["update"]
            found[tuning.name] = {f"{what} s": round(taken, 3) for what, taken in seconds.items()}
            most = least[FULL] / least[tuning.name]
            found[tuning.name]["× full, at most"] = round(most, 2)
    return found


def _foreseen(words: Sequence[str], device: str) -> Figures:
    with tempfile.TemporaryDirectory(dir=models.room()) as folder:
        (Path(folder) / "train.jsonl").write_text(_text())
        found = _one("train_estimate", [str(_model(device)), folder, *words])
    time = found["foreseen seconds"] / found["seconds"]
    memory = found["foreseen bytes"] / found["bytes"]
    near = all(abs(ratio - 1) <= WITHIN for ratio in (time, memory))
    figures = {"s": round(found["seconds"], 1), "GB": round(found["bytes"] / 1e9, 2)}
    return figures | {"foreseen/s": round(time, 2), "foreseen/GB": round(memory, 2), "met": near}


def _model(device: str) -> Path:
    return models.smollm2(0) if device == "cpu" else models.llama("1.1B", 0)


def _wanted(name: str, only: Sequence[str]) -> bool:
    return not only or any(word in name for word in only)


def _scan(size: str, runs: int) -> Figures:
    model = models.smollm2(0) if size == "SmolLM2-135M" else models.llama(size, 0)
    ours, others = Runs(), Runs()
    with tempfile.TemporaryDirectory(dir=models.room()) as folder:
        out, theirs = Path(folder) / "ours", Path(folder) / "theirs.json"
        percents = ",".join(map(str, PERCENTS))
        alloy = str(Path(sys.executable).with_name("alloy"))
        scan = [alloy, "spectrum", str(model), "--top", percents, "--out", str(out), "--fresh"]
        script = str(Path(__file__).with_name("spectrum_reference.py"))
        for _ in range(runs):
            warm([model])
            ours.runs.append(measure(scan))
            others.runs.append(measure([sys.executable, script, str(model), str(theirs)]))
        same = _same(json.loads((out / "snr.json").read_text()), json.loads(theirs.read_text()))
    ratio = round(others.median / ours.median, 2)
    figures = ours.figures("ours") | others.figures("other")
    spread = {"ours": ours.spread, "other": others.spread}
    above = round((ours.peak - _interpreter()) / 1e6)
    most, scanned = (round(MATRICES * 4 * size / 1e6) for size in _largest(model))
    return figures | {
        "ratio": ratio,
        "≥ ratio": SCANS[size],
        "same": same,
        "MB above": above,
        "≤ MB above": most,
        "MB of four scanned matrices": scanned,
        "met": ratio >= SCANS[size] and same == 1 and above <= most,
        "spread": spread,
    }


def _interpreter() -> int:
    """Bytes of a process that has loaded what a scan needs, and scanned nothing."""
    words = (
        "import alloyengine.cli.spectrum, alloyengine.spectrum.cache, alloyengine.spectrum.picture"
    )
    words += "; from alloyengine.spectrum.lapack import solver; solver()"
    words += "; print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    return int(done.stdout) * 1024


def _largest(model: Path) -> tuple[int, int]:
    """Numbers in the largest matrix of the model, and of a layer: embeddings are not scanned."""
    config = json.loads((model / "config.json").read_text())
    width, wide = config["hidden_size"], config["intermediate_size"]
    return width * max(config["vocab_size"], wide), width * wide


def _same(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> float:
    """The share of modules that both select, of those that either does."""
    both = either = 0
    for percent in PERCENTS:
        a, b = (_selected({n: table[n] for n in theirs}, percent) for table in (ours, theirs))
        both, either = both + len(a & b), either + len(a | b)
    return both / either


def _selected(table: Mapping[str, Any], percent: float) -> set[str]:
    kinds: dict[str, list[str]] = {}
    for name in table:
        kinds.setdefault(table[name]["type"], []).append(name)
    return {
        name
        for names in kinds.values()
        for name in sorted(names, key=lambda name: -table[name]["snr"])[
            : int(len(names) * percent / 100)
        ]
    }


def _train(batch: int, length: int, rounds: int, device: str) -> dict[str, Figures]:
    model = _model(device)
    found: dict[str, list[Figures]] = {tuning.name: [] for tuning in TUNINGS}
    with tempfile.TemporaryDirectory(dir=models.room()) as folder:
        data = Path(folder) / "train.jsonl"
        data.write_text(_text())
        for number in range(rounds):
            for tuning in TUNINGS:
                print(f"round {number + 1} of {rounds}: {tuning.name} …", file=sys.stderr)
                words = [str(model), folder, tuning.how, str(STEPS), str(batch), str(length)]
                found[tuning.name].append(_one("train_one", words))
    return {tuning.name: _figures(tuning, found) for tuning in TUNINGS}


def _one(program: str, words: list[str]) -> Figures:
    command = [sys.executable, "-m", f"bench.{program}", *words]
    root = Path(__file__).parents[1]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=root, check=False, env=_paths(root)
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}:\n{done.stderr[-3000:]}")
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def _paths(root: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(root / "workers"), str(root)])}


def _figures(tuning: Tuning, found: Mapping[str, Sequence[Figures]]) -> Figures:
    """Ratios are medians of the rounds' own: a slow moment of the machine slows a whole round."""
    mine = found[tuning.name]
    figures: Figures = {
        "tokens/s": round(statistics.median(run["tokens/s"] for run in mine), 1),
        "GB above model": round(statistics.median(run["bytes"] for run in mine) / 1e9, 2),
    }
    spread, met = {}, []
    for other in {FULL: 0.0} | dict(tuning.faster):
        ratios = _ratios(mine, found[other], "tokens/s")
        spread[other] = ratios
        figures[f"× {other}"] = round(statistics.median(ratios), 2)
    for other, asked in tuning.faster.items():
        figures[f"≥ × {other}"] = asked
        met.append(statistics.median(spread[other]) >= asked)
    share = statistics.median(_ratios(mine, found[FULL], "bytes"))
    figures["memory"] = round(share, 2)
    if tuning.memory:
        figures["≤ memory"] = tuning.memory
        met.append(share <= tuning.memory)
    return figures | ({"met": all(met)} if met else {}) | {"spread": spread}


def _ratios(mine: Sequence[Figures], others: Sequence[Figures], what: str) -> list[float]:
    return [round(a[what] / b[what], 3) for a, b in zip(mine, others, strict=True)]


def _text() -> str:
    """Sentences enough for every step, without a download."""
    rows = (
        f"Line {n}: the {n % 97}th of {n % 89} colours lies between {n * 7919 % 1000} and {n % 13}."
        for n in range(6000)
    )
    return "\n".join(json.dumps({"text": " ".join(rows_of)}) for rows_of in _groups(list(rows), 12))


def _groups(rows: list[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _card(device: str) -> dict[str, str]:
    if device == "cpu":
        return {}
    import torch

    return {"card": torch.cuda.get_device_name()}
