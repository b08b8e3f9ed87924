"""Upcycling against the reference peer (mergekit-moe): wall time and peak memory of whole processes.

    ./alloy bench moe --json bench/results/moe.json
    ./alloy bench moe --quick --sizes 0.1B --only random

Two experts, Llama-shaped models in bfloat16 with random weights tuned from one base, become one Mixtral. Ours
and the peer take turns, five times each, once with --quick; a row for each gate mode. Ours measures no balance
there, since the peer has nothing like it; the last row says what that takes.
"""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from bench import models, peer
from bench.machine import where
from bench.merge import alloy
from bench.merge_cases import chosen, verdict
from bench.merge_measure import Runs, measure_writer

Figures = dict[str, Any]
RUNS = 5
FULL = "1.1B"  # the size that the targets are about
FASTER, SMALLER = 3.0, 0.25  # at least so many times; at most such a share of the peer's memory
MODES = ("hidden", "cheap_embed", "random")
BALANCE = "hidden and balance"
PROMPTS = (
    ["What is the capital of France?", "Name the capital of Japan.", "Paris is the capital of"],
    ["What is the symbol of gold?", "Which element is Fe?", "The symbol of silver is"],
)


def run(
    quick: bool = False, only: Sequence[str] = (), sizes: Sequence[str] = (FULL,)
) -> Iterator[tuple[str, Figures]]:
    rows = {f"{what} {size}": (what, size) for size in sizes for what in (*MODES, BALANCE)}
    for name in chosen(rows, only):
        print(f"{name} …", file=sys.stderr)
        yield name, _row(*rows[name], 1 if quick else RUNS) | {"where": where()}


def recipe(mode: str, made: Sequence[Path]) -> dict[str, Any]:
    """The base and two experts, as mergekit's users write it."""
    base, *experts = made
    listed = [
        {"source_model": str(model), "positive_prompts": prompts}
        for model, prompts in zip(experts, PROMPTS, strict=True)
    ]
    return {
        "base_model": str(base),
        "gate_mode": mode,
        "dtype": "bfloat16",
        "experts_per_token": 2,
        "experts": listed,
    }


def _row(what: str, size: str, runs: int) -> Figures:
    """Ours and, by turns, the peer; the row about balance is ours alone."""
    ours, others = Runs(), Runs()
    mode, balanced = what.split()[0], what == BALANCE
    made = [models.llama(size, number) for number in range(3)]
    with tempfile.TemporaryDirectory(dir=models.room()) as folder:
        written, out = Path(folder) / "recipe.yml", Path(folder) / "out"
        written.write_text(yaml.safe_dump(recipe(mode, made)))
        command = alloy("moe", written, out, "--balance" if balanced else "--no-balance")
        theirs = [str(peer.install() / "mergekit-moe"), str(written), str(out), *peer.FLAGS]
        measure_writer(command, out, ())  # compiles what is compiled but once
        for _ in range(runs):
            ours.runs.append(measure_writer(command, out, made))
            if not balanced:
                others.runs.append(measure_writer(theirs, out, made))
    return figures(ours, others, size == FULL)


def figures(ours: Runs, others: Runs, targets: bool) -> Figures:
    """With targets where they are about this size."""
    found: Figures = dict(ours.figures("ours"))
    spread = {"ours": ours.spread}
    if others.runs:
        theirs = others.figures("other")
        found |= theirs | {"ratio": round(others.median / ours.median, 2)}
        spread["other"] = others.spread
        if targets:
            found |= {"≥ ratio": FASTER, "≤ GB": round(SMALLER * theirs["other GB"], 2)}
    met = verdict(found)
    return found | ({} if met is None else {"met": met}) | {"spread": spread}
