"""What was forgotten, told: in a sentence, on a card, as a picture, as data for a page."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alloyengine.card import front_matter, table
from alloyengine.spec.train import Forgetting
from alloyengine.train.chart import Line, Panel, save_chart
from alloyengine.train.way_back import Found, Point

PICTURE = "forgetting.png"
_BLUE, _ORANGE = "#0f7ac2", "#d9730d"
HEAD = ("Weight", "General loss", "Task loss", "Forgotten, recovered", "Learned, kept", "")


def sentence(found: Found, how: Forgetting) -> str:
    base, tuned, best = found.base, found.tuned, found.best
    general = f"General loss: {base.general:.4f} before, {tuned.general:.4f} after"
    if not found.learned:
        return f"{general}. The task's loss did not fall, so there is nothing to be kept."
    if not found.forgot:
        return f"{general}. Nothing was forgotten."
    if best is tuned:
        return f"{general}. No place between the two keeps {how.keep:.0%} of what was learned."
    share = found.recovered(best) or 0.0
    back = "all that was forgotten" if share >= 1 else f"{share:.0%} of what was forgotten"
    return (
        f"{general}. At {best.weight:.3g} of the way from the base it is {best.general:.4f}: {back} is "
        f"back, and {found.kept(best):.0%} of what was learned is kept."
    )


def as_report(found: Found, how: Forgetting, merged_back: bool) -> dict[str, Any]:
    """For `report.report("forgetting", …)`. Weights go from 0, the base, to 1."""
    return {
        "method": how.method,
        "keep": how.keep,
        "best": found.best.weight,
        "merged_back": merged_back,
        "summary": sentence(found, how),
        "rows": [
            {
                "weight": point.weight,
                "general_loss": point.general,
                "task_loss": point.task,
                "recovered": found.recovered(point),
                "kept": found.kept(point),
            }
            for point in found.points
        ],
    }


def section(found: Found, how: Forgetting, merged_back: bool) -> str:
    """Of a model card; the picture lies beside it."""
    end = ""
    if found.best is not found.tuned:
        end = "This is the model at that place.\n" if merged_back else "This is the tuned model.\n"
    return (
        f"## What it forgot\n\n{sentence(found, how)} {end}\n"
        f"![Losses between base and tuned model]({PICTURE})\n\n{losses(found)}"
    )


def card(found: Found, how: Forgetting, base: str, tuned: str, licence: str | None) -> str:
    """Of a model that is but the best place found."""
    front = front_matter([base, tuned], ["merge"], licence)
    return (
        f"{front}\n# {tuned}, merged back\n\n`{tuned}`, {found.best.weight:.3g} of the way from `{base}` "
        f"({how.method}), by Alloyworks.\n\n{section(found, how, found.best is not found.tuned)}"
    )


def losses(found: Found) -> str:
    """A table in Markdown, a row for each place."""
    return table(map(tuple, rows(found)), HEAD)


def rows(found: Found) -> Iterator[list[str]]:
    for point in found.points:
        yield [
            f"{point.weight:.3g}",
            f"{point.general:.4f}",
            f"{point.task:.4f}",
            _share(found.recovered(point)),
            _share(found.kept(point)),
            _mark(found, point),
        ]


def save_picture(found: Found, folder: Path) -> None:
    """Both losses over the way from base to tuned model."""
    general = {point.weight: point.general for point in found.points}
    task = {point.weight: point.task for point in found.points}
    across, mark = "weight: 0 is the base, 1 the tuned model", found.best.weight
    panels = [
        Panel("General loss", "", [Line("", _BLUE, general, dots=True)], mark),
        Panel("Task loss", across, [Line("", _ORANGE, task, dots=True)], mark),
    ]
    save_chart(panels, folder / PICTURE)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


def _mark(found: Found, point: Point) -> str:
    names = {id(found.base): "base", id(found.tuned): "tuned"} | {id(found.best): "best"}
    return names.get(id(point), "")
