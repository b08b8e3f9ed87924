"""A report as panels, whichever way they are drawn: a row for every module, a column for every
layer, one figure.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from alloyengine.diff.maps import Number

Hue = Literal["size", "angle", "conflict"]
Report = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """A module's values by layer; of one outside the layers, a single value."""

    label: str
    values: Sequence[Number]
    outside: bool = False


@dataclass(frozen=True)
class Panel:
    title: str
    meaning: str
    hue: Hue
    layers: Sequence[int]
    rows: Sequence[Row]
    total: Number

    @property
    def range(self) -> tuple[float, float]:
        """The least and the greatest value; 0 and 0 of an empty panel."""
        found = [value for row in self.rows for value in row.values if value is not None]
        return min(found, default=0.0), max(found, default=0.0)

    def strength(self, value: float) -> float:
        """How strong its colour is, 0 to 1: by the magnitude, relative to the panel's largest.

        One layer often moves far more than the others; the root lets these be seen too.
        """
        largest = max(map(abs, self.range))
        share = abs(value) / largest if largest else 0.0
        return share**0.5 if self.hue == "size" else share

    def words(self, value: Number) -> str:
        if value is None:
            return "–"
        return f"{value:+.4f}".replace("-", "−") if self.hue == "angle" else f"{100 * value:.3g}%"


def panels_of(report: Report) -> list[Panel]:
    """Of what `interference` or `difference` returned."""
    return list(_of_pairs(report) if "pairs" in report else _of_two(report))


def _of_two(report: Report) -> Iterator[Panel]:
    a, b = short([report["a"], report["b"]])
    title = f"{a} and {b}"
    yield _panel(report, ("difference",), "size", f"{title}: how far apart", "‖a − b‖ / ‖a‖")
    yield _panel(report, ("cosine",), "angle", f"{title}: cosine", "+1: the same direction")


_COSINE = "+1: alike; 0: unrelated; −1: opposite"
_CONFLICT = "moved in opposite directions, of what both moved; unrelated changes: 50%"


def _of_pairs(report: Report) -> Iterator[Panel]:
    models = report["models"]
    names = dict(zip(models, short(models), strict=True))
    for model in models:
        title = f"{names[model]}: how far it moved"
        yield _panel(report, ("norm", model), "size", title, "‖model − base‖ / ‖base‖")
    for number, pair in enumerate(report["pairs"]):
        title, path = f"{names[pair['a']]} and {names[pair['b']]}", ("pairs", number)
        yield _panel(report, (*path, "cosine"), "angle", f"{title}: cosine of changes", _COSINE)
        yield _panel(report, (*path, "conflict"), "conflict", f"{title}: sign conflicts", _CONFLICT)


def short(references: Sequence[str]) -> list[str]:
    """The last names of paths, as long as these tell the models apart."""
    names = [re.sub(r"[^+]*/(?=[^+/])", "", reference) for reference in references]
    return names if len(set(names)) == len(names) else list(references)


def _panel(report: Report, path: Sequence[Any], hue: Hue, title: str, meaning: str) -> Panel:
    outside = report["outside"]
    rows = [
        *map(Row, report["modules"], _at(report, path)),
        *(
            Row(module, [value], outside=True)
            for module, value in zip(outside["modules"], _at(outside, path), strict=True)
        ),
    ]
    return Panel(title, meaning, hue, report["stack"], rows, _at(report["total"], path))


def _at(found: Any, path: Sequence[Any]) -> Any:
    for step in path:
        found = found[step]
    return found
