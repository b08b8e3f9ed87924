"""Writes the measured part of docs/merging/scores.md, and its picture, from the kept figures.

.venv/bin/python -m bench.scores_page
"""

import json
from pathlib import Path
from typing import Any

from bench.scores_cases import ALONE
from bench.scores_chart import chart

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results" / "scores.json"
PAGE = ROOT / "docs" / "merging" / "scores.md"
PICTURE = PAGE.with_suffix(".svg")
BEGIN, END = "<!-- measured -->\n", "<!-- /measured -->\n"
HEAD = (
    "| | settings | elements, % | capitals, % | mean, % |",
    "|---|---|--:|--:|--:|",
)

Figures = dict[str, Any]


def main() -> None:
    figures = json.loads(RESULTS.read_text())
    PAGE.write_text(with_table(PAGE.read_text(), figures))
    PICTURE.write_text(chart(best(figures)))


def with_table(page: str, figures: dict[str, Figures]) -> str:
    return between_marks(page, table(figures))


def between_marks(page: str, measured: str) -> str:
    """The page with a table in place of what stands between its marks."""
    if BEGIN not in page or END not in page:
        raise SystemExit(f"The page has no lines {BEGIN.strip()} and {END.strip()}.")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{measured}\n{END}{after}"


def table(figures: dict[str, Figures]) -> str:
    rows = [_row(name, figures[name]) for name in ordered(figures)]
    return "\n".join([*HEAD, *rows, "", _where(next(iter(figures.values()))), ""])


def ordered(figures: dict[str, Figures]) -> list[str]:
    """The highest mean first."""
    return sorted(figures, key=lambda name: (-figures[name]["mean"], name))


def best(figures: dict[str, Figures]) -> dict[str, Figures]:
    """Each method in its best settings here, and the models alone; the highest mean first."""
    alone = {case.name for case in ALONE}
    found: dict[str, Figures] = {}
    for name in ordered(figures):
        found.setdefault(name if name in alone else name.split(" ")[0], figures[name])
    return found


def _row(name: str, row: Figures) -> str:
    method, _, settings = name.partition(" ")
    scores = [f"{row[task]:.1f}" for task in ("elements", "capitals")]
    named = f"`{method}`" if "recipe" in row else f"*{method}*"
    words = [named, settings, *scores, f"{row['mean']:.1f} ± {row['±']:.1f}"]
    return f"| {' | '.join(words)} |"


def _where(row: Figures) -> str:
    place, asked = row["where"], row["examples"]
    versions = ", ".join(f"{name} {place[name]}" for name in ("numpy", "torch", "transformers"))
    return (
        f"{asked['elements']} questions about elements, {asked['capitals']} about capitals. "
        f"{place['date'].split()[0]}, {place['cores']} cores of {place['cpu']}, {versions}."
    )


if __name__ == "__main__":
    main()
