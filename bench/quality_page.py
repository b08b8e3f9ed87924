"""Writes docs/training/quality.md from the kept figures.

.venv/bin/python -m bench.quality_page
"""

import json
from pathlib import Path
from typing import Any

from alloyworks.cli.demo.story import TASKS
from bench.quality import TUNINGS

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results" / "quality.json"
PAGE = ROOT / "docs" / "training" / "quality.md"
HEAD = (
    "| | elements, % | capitals, % | trained, M |",
    "|---|--:|--:|--:|",
)

TEXT = """# What tunings learn

Each tuning trains SmolLM2-135M-Instruct on the demo's two tasks as the demo does (same data, epochs, batch size and
learning rate, unless the row names another) and answers questions about the same facts in words never seen. Scores are
exact matches, mean ± standard deviation over three seeds. `mp` scores modules by a Marchenko–Pastur edge from the
median singular value instead of the published way (`--method mp`). How fast each is, [speed](speed.md) tells.

{table}
All of them learn both tasks: with a fifth of the weights trained, and whichever way modules are scored. Between scores
that are closer than their deviations nothing is decided; `spectrum` stays the default, as what others know.

Made by `./alloy bench quality --json bench/results/quality.json` and `.venv/bin/python -m bench.quality_page`.
"""

Figures = dict[str, Any]


def main() -> None:
    PAGE.write_text(TEXT.format(table=table(json.loads(RESULTS.read_text()))))


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
    return f"| {' | '.join([name, *scores, str(found[0]['trained, M'])])} |"


if __name__ == "__main__":
    main()
