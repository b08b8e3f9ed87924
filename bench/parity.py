"""Ours against the reference peer and against float64: the same recipes, the same numbers.

    ./alloy bench parity --json bench/results/parity.json

In float32 every tensor of ours may be 1e-5 (relative, by norm) from the peer's. In bfloat16 ours
may be no farther from a computation in float64 than the peer's is. Methods that draw at random are
compared by what they draw. Where the two differ by intention, both answers are checked as well; see
docs/merging/differences.md. One row that is not ok ends the command with an error. `--only` takes
parts of the rows' names.
"""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench import models, parity_differences, parity_exact, parity_float64, parity_random
from bench.machine import where
from bench.parity_models import World

Figures = dict[str, Any]


def run(quick: bool = False, only: Sequence[str] = ()) -> Iterator[tuple[str, Figures]]:
    """`quick` draws the random methods half as often."""
    with tempfile.TemporaryDirectory(dir=models.room()) as folder:
        world = World(Path(folder))
        yield "machine and versions", {"where": where()}
        yield from parity_exact.rows(world, only)
        yield from parity_float64.rows(world, only)
        yield from parity_random.rows(world, only, seeds=16 if quick else 32)
        yield from parity_differences.rows(world, only)
