"""Evaluation against lm-evaluation-harness' own runner (HFLM): examples a second on a CPU.

    ./alloy bench evaluate --json bench/results/evaluate.json
    ./alloy bench evaluate --quick --only endings

The same tasks, model (SmolLM2-135M in float32), number of threads and batch size. Both run in
processes of their own, by turns, five times each, once with --quick. What counts is the time from the
task's documents to its scores: no imports, no loading, and a first run of two documents before. The
scores must be equal, and the log-likelihoods of every choice to four digits.

Contexts, and what is asked of each:

endings          some 70 words, four endings of a dozen words (as HellaSwag)
5-shot           five solved questions, the same for all, and four answers of some tokens
5-shot drawn     five solved questions, others for each (the harness' default)
letters 5-shot   five solved questions, the same for all, and the letters A to D (as MMLU)
letters          the same without solved questions: nothing is shared that the harness does not share
                 itself, since it reads a context once for answers of one token. No target
"""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench import evaluate_tasks, models
from bench.machine import where

Figures = dict[str, Any]
RUNS = 5
ASKED = 2.0  # times the examples a second of the harness' own runner, where prefixes are shared
WHO = ("ours", "harness")


def run(quick: bool = False, only: Sequence[str] = ()) -> Iterator[tuple[str, Figures]]:
    for task in evaluate_tasks.TASKS:
        if not only or any(word in task.name for word in only):
            print(f"{task.name} …", file=sys.stderr)
            yield task.name, _compare(task, 1 if quick else RUNS) | {"where": where()}


def _compare(task: evaluate_tasks.Task, runs: int) -> Figures:
    found: dict[str, list[Figures]] = {who: [] for who in WHO}
    with tempfile.TemporaryDirectory(dir=models.room()) as folder:
        file = task.write(Path(folder))
        for _ in range(runs):
            for who in WHO:
                found[who].append(_one(who, file))
    speeds = {who: [task.examples / each["seconds"] for each in found[who]] for who in WHO}
    ours, others = (statistics.median(speeds[who]) for who in WHO)
    ratio = round(ours / others, 2)
    equal = all(_equal(a, b) for a, b in zip(*found.values(), strict=True))
    met = equal and (ratio >= ASKED or not task.asked)
    return {
        "ours/s": round(ours, 2),
        "harness/s": round(others, 2),
        "ratio": ratio,
        **({"≥ ratio": ASKED} if task.asked else {}),
        "equal": equal,
        "met": met,
        "scores": found["ours"][0]["scores"],
        "spread": {who: [round(speed, 2) for speed in speeds[who]] for who in WHO},
    }


def _one(who: str, file: Path) -> Figures:
    command = [sys.executable, "-m", "bench.evaluate_one", who, str(models.smollm2(0)), str(file)]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{who} failed on {file.parent.name}:\n{done.stderr[-3000:]}")
    found: Figures = json.loads(done.stdout.splitlines()[-1])
    return found


def _equal(ours: Figures, others: Figures) -> bool:
    """Scores to the last digit that is shown, log-likelihoods to four."""
    near = all(
        abs(a - b) <= 1e-4 * max(1.0, abs(b))
        for a, b in zip(ours["totals"], others["totals"], strict=True)
    )
    return near and ours["scores"] == others["scores"]
