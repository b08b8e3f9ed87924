"""Writes the measured part of docs/training/quality.md from the kept figures.

.venv/bin/python -m bench.quality_page
"""

import json
from pathlib import Path
from typing import Any

from alloyworks.cli.demo.story import TASKS
from bench.quality import TUNINGS
from bench.scores_page import between_marks

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results" / "quality.json"
PAGE = ROOT / "docs" / "training" / "quality.md"
HEAD = (
    "| | elements, % | capitals, % | trained, M | seconds, elements | seconds, capitals |",
    "|---|--:|--:|--:|--:|--:|",
)

Figures = dict[str, Any]


def main() -> None:
    figures = json.loads(RESULTS.read_text())
    PAGE.write_text(between_marks(PAGE.read_text(), table(figures)))


def table(figures: dict[str, Figures]) -> str:
    named = {
        tuning.name: [figures.get(f"{task}: {tuning.name}") for task in TASKS] for tuning in TUNINGS
    }
    rows = [_row(name, found) for name, found in named.items() if all(found)]
    place = next(iter(figures.values()))["where"]
    where = f"{place['date'].split()[0]}, {place['cores']} cores of {place['cpu']}."
    return "\n".join([*HEAD, *rows, "", where, ""])


def _row(name: str, found: list[Any]) -> str:
    scores = [f"{row['%']:.1f} ± {row['±']:.1f}" for row in found]
    seconds = [str(row["train s"]) for row in found]
    return f"| {' | '.join([name, *scores, str(found[0]['trained, M']), *seconds])} |"


if __name__ == "__main__":
    main()
