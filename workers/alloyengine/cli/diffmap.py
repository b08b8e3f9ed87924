"""The maps of `alloy diff` in the terminal: a row for every module, a column for every layer."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from alloyengine.diff.panels import Panel, Row, short
from alloyengine.spectrum.colours import COLD

_HUES = {"size": (150, 120, 250), "angle": (60, 170, 250), "conflict": (240, 160, 60)}
_OPPOSITE = (250, 90, 80)
_SHADES, _OPPOSITE_SHADES = " ░▒▓█", " ·-=≡"  # where there are no colours
_MOST_PANELS = 10
_MOST_TENSORS = 8


def maps(panels: Sequence[Panel], width: int, colours: bool) -> Group:
    """The panels one below the other, in so many characters across."""
    if len(panels) > _MOST_PANELS:
        return Group(f"{len(panels)} maps: --out writes them as a picture.")
    label = max((len(row.label) for panel in panels for row in panel.rows), default=0)
    layers = max((len(panel.layers) for panel in panels), default=0)
    cell = 2 if label + 2 + 2 * layers <= width else 1
    return Group(*(line for panel in panels for line in _panel(panel, label, cell, colours)))


def _panel(panel: Panel, label: int, cell: int, colours: bool) -> Iterator[Text]:
    low, high = panel.range
    yield Text(panel.title, style="bold", no_wrap=True, overflow="ellipsis")
    yield Text(f"{panel.meaning}", style="dim", no_wrap=True, overflow="ellipsis")
    for row in panel.rows:
        yield _line(panel, row, label, cell, colours)
    yield Text(f"{'':{label}}  {panel.words(low)} to {panel.words(high)}\n", style="dim")


def _line(panel: Panel, row: Row, label: int, cell: int, colours: bool) -> Text:
    line = Text(f"{row.label:<{label}}  ", no_wrap=True)
    for value in row.values:
        if value is None:
            line.append(" " * cell)
        elif colours:
            line.append(" " * cell, style=f"on {_colour(panel, value)}")
        else:
            shades = _OPPOSITE_SHADES if value < 0 else _SHADES
            line.append(shades[round(panel.strength(value) * (len(shades) - 1))] * cell)
    if row.outside:
        line.append(f" {panel.words(row.values[0])}", style="dim")
    return line


def _colour(panel: Panel, value: float) -> str:
    hot = _OPPOSITE if panel.hue == "angle" and value < 0 else _HUES[panel.hue]
    strength = panel.strength(value)
    channels = (round(a + (b - a) * strength) for a, b in zip(COLD, hot, strict=True))
    return "#" + "".join(f"{channel:02x}" for channel in channels)


def summary(found: Mapping[str, Any]) -> RenderableType:
    """The figures of the models as a whole."""
    return _of_pairs(found) if "pairs" in found else _of_two(found)


def _of_pairs(found: Mapping[str, Any]) -> Group:
    total = found["total"]
    moved = Table("model", "moved by", box=None)
    names = dict(zip(found["models"], short(found["models"]), strict=True))
    for model, norm in total["norm"].items():
        moved.add_row(names[model], _percent(norm))
    figures = ("cosine", "sign conflicts", "the same, weighted", "overlap of the largest 20%")
    met = Table("models", *figures, box=None)
    for pair in total["pairs"]:
        shares = (_percent(pair[name]) for name in ("conflict", "weighted_conflict", "overlap"))
        met.add_row(f"{names[pair['a']]} and {names[pair['b']]}", _cosine(pair["cosine"]), *shares)
    return Group(moved, met) if total["pairs"] else Group(moved)


def _of_two(found: Mapping[str, Any]) -> Table:
    table = Table("what", "difference", "cosine", box=None)
    for words, figures in (("the whole model", found["total"]), *_furthest(found["tensors"])):
        table.add_row(words, _percent(figures["difference"]), _cosine(figures["cosine"]))
    return table


def _furthest(tensors: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The tensors that differ the most."""
    ranked = sorted(tensors.items(), key=lambda item: -(item[1]["difference"] or 0))
    return ranked[:_MOST_TENSORS]


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.3g}%"


def _cosine(value: float | None) -> str:
    return "–" if value is None else f"{value:+.4f}"
