"""Writes the measured part of docs/story.md, and its picture, from the kept figures.

.venv/bin/python -m bench.story_page
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.scores_page import between_marks
from bench.story_cases import BEST_SHOWN, EVOLVED
from bench.story_chart import chart

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results" / "story.json"
PAGE = ROOT / "docs" / "story.md"
PICTURE = PAGE.with_suffix(".svg")
LONGEST = 42  # letters of a name in the picture
HEAD = (
    "| | elements, % | capitals, % | mean, % | ms an answer | tokens read | written | GB |",
    "|---|--:|--:|--:|--:|--:|--:|--:|",
)

Figures = Mapping[str, Mapping[str, Any]]


def main() -> None:
    figures = json.loads(RESULTS.read_text())
    PAGE.write_text(between_marks(PAGE.read_text(), table(figures)))
    PICTURE.write_text(chart(drawn(figures)))


def table(figures: Figures) -> str:
    """The highest mean first."""
    names = sorted(figures, key=lambda name: (-figures[name]["mean"], name))
    return "\n".join([*HEAD, *(_row(name, figures[name]) for name in names), "", _where(figures)])


def drawn(figures: Figures) -> dict[str, dict[str, Any]]:
    """All but the merges that others of the grid surpass, in the order of the story."""
    merges = [name for name in figures if name.startswith("merged: ")]
    best = sorted(merges, key=lambda name: -figures[name]["mean"])[:BEST_SHOWN]
    order = [*(n for n in figures if ":" not in n and n != EVOLVED), *best, EVOLVED]
    order += [name for name in figures if name.startswith(("experts: ", "agents: "))]
    return {
        _short(name): {**figures[name], "tokens": round(_tokens(figures[name]))}
        for name in order
        if name in figures
    }


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def _tokens(row: Mapping[str, Any]) -> float:
    return float(row["tokens read"] + row["tokens written"])


def _row(name: str, row: Mapping[str, Any]) -> str:
    scores = [f"{row[task]:.1f}" for task in ("elements", "capitals")]
    tokens = [f"{row['tokens read']:.0f}", f"{row['tokens written']:.1f}"]
    costs = [str(row["ms"]), *tokens, f"{row['GB']:.2f}"]
    mean = f"{row['mean']:.1f} ± {row['±']:.1f}"
    return f"| {' | '.join([name, *scores, mean, *costs])} |"


def _where(figures: Figures) -> str:
    row = next(iter(figures.values()))
    place, asked = row["where"], row["examples"]
    return (
        f"{asked['elements']} questions about elements, {asked['capitals']} about capitals. "
        f"{place['date'].split()[0]}, {place['cores']} cores of {place['cpu']}, "
        f"torch {place['torch']}, transformers {place['transformers']}.\n"
    )


if __name__ == "__main__":
    main()
