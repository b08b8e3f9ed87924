"""Merging against the reference peer: wall time and peak memory of whole processes.

    ./alloy bench merge --json bench/results/merge.json
    ./alloy bench merge --quick --only ties,sce --json bench/results/merge.json

Ours and the other (the peer; in one row a plain copying program) take turns, five times each, once
with --quick, on Llama-shaped models of 1.1B parameters in bfloat16 with random weights. `--only`
measures some rows anew and keeps the file's others, since the peer needs hours for all of them;
every row says when and where it was measured. `--sizes` are those of the rows that show growth; the
methods are compared at 1.1B, or for a try without it at the last of them. All of it needs 35 GB of
disk for models, which are made once.
"""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from bench import merge_copy, models, peer
from bench.machine import where
from bench.merge_cases import COPY, COUNTS, FULL, SMALL, Case, chosen, growth, methods, verdict
from bench.merge_measure import Runs, measure, measure_writer

Figures = dict[str, Any]
RUNS, STARTS = 5, 10
START = "alloy --help"


def run(
    quick: bool = False, only: Sequence[str] = (), sizes: Sequence[str] = ("0.1B", FULL, "3B")
) -> Iterator[tuple[str, Figures]]:
    cases = {case.name: case for case in [*methods(sizes), COPY, SMALL, *growth(sizes), *COUNTS]}
    runs = 1 if quick else RUNS
    for name in chosen([*cases, START], only):
        print(f"{name} …", file=sys.stderr)
        figures = _start() if name == START else _compare(cases[name], runs)
        yield name, figures | {"where": where()}


def _compare(case: Case, runs: int) -> Figures:
    """Ours and, by turns, what it is compared with."""
    ours, others = Runs(), Runs()
    made = _models(case)
    with tempfile.TemporaryDirectory(dir=models.room()) as folder:
        recipe, out = Path(folder) / "recipe.yml", Path(folder) / "out"
        recipe.write_text(yaml.safe_dump(case.recipe(made)))
        other = _other(case, recipe, out, list(made.values()))
        measure_writer(alloy("merge", recipe, out), out, ())  # compiles what is compiled but once
        for _ in range(runs):
            ours.runs.append(measure_writer(alloy("merge", recipe, out), out, made.values()))
            if other:
                others.runs.append(measure_writer(other, out, made.values()))
    return _figures(case, ours, others)


def _other(case: Case, recipe: Path, out: Path, made: Sequence[Path]) -> list[str]:
    match case.other:
        case "peer":
            return peer.command(recipe, out)
        case "copy":
            files = [str(model / "model.safetensors") for model in made]
            return [sys.executable, merge_copy.__file__, str(out), *files]
    return []


def _figures(case: Case, ours: Runs, others: Runs) -> Figures:
    figures: Figures = dict(ours.figures("ours"))
    spread = {"ours": ours.spread}
    if others.runs:
        ratio = round(others.median / ours.median, 2)
        figures |= others.figures("other") | {"ratio": ratio}
        spread["other"] = others.spread
    figures |= case.targets
    met = verdict(figures)
    return figures | ({} if met is None else {"met": met}) | {"spread": spread}


def _models(case: Case) -> dict[int, Path]:
    if case.size == SMALL.size:
        return {number: models.smollm2(number - 1) for number in case.numbers}
    return {number: models.llama(case.size, number) for number in case.numbers}


def _start() -> Figures:
    ours = Runs([measure(alloy("--help")) for _ in range(STARTS)])
    return ours.figures("ours") | {"spread": {"ours": ours.spread}}


def alloy(*words: str | Path) -> list[str]:
    return [str(Path(sys.executable).with_name("alloy")), *map(str, words)]
