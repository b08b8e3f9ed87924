"""Small line charts as PNG: for a model's card, which shows no SVG everywhere."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FINE = 2  # drawn so many times larger, then made smaller: smooth lines
_WIDTH, _HEIGHT = 720, 240  # of a panel, pixels
_LEFT, _RIGHT, _TOP, _FOOT = 56, 20, 34, 40
_INK, _FAINT, _GRID, _PAPER = "#1b2333", "#5b6578", "#e4e8ef", "#ffffff"
_TICKS = 5

Points = Mapping[float, float]


@dataclass(frozen=True)
class Line:
    name: str
    colour: str
    points: Points
    width: float = 2.0
    dots: bool = False


@dataclass(frozen=True)
class Panel:
    """One pair of axes. `mark`: a place on the x axis that matters."""

    title: str
    across: str  # what the x axis counts
    lines: Sequence[Line]
    mark: float | None = None


def save_chart(panels: Sequence[Panel], file: Path) -> None:
    """Panels one below the other; those without a point are left out."""
    from PIL import Image, ImageDraw

    shown = [panel for panel in panels if any(line.points for line in panel.lines)]
    size = (_WIDTH * _FINE, _HEIGHT * _FINE * len(shown))
    image = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(image)
    for number, panel in enumerate(shown):
        _Axes(draw, panel, number * _HEIGHT).draw()
    image.resize((_WIDTH, _HEIGHT * len(shown)), Image.Resampling.LANCZOS).save(file, optimize=True)


class _Axes:
    """Draws one panel whose upper edge is `top` pixels down."""

    def __init__(self, draw: Any, panel: Panel, top: float) -> None:
        from PIL import ImageFont

        self._draw, self._panel, self._top = draw, panel, top
        self._font = ImageFont.load_default(12 * _FINE)
        every = [point for line in panel.lines for point in line.points.items()]
        self._ends = min(x for x, _ in every), max(x for x, _ in every)
        self._across = [x for x in ticks(self._ends) if self._ends[0] <= x <= self._ends[1]]
        self._up = ticks([y for _, y in every])

    def draw(self) -> None:
        self._grid()
        if self._panel.mark is not None:
            x, top, bottom = self._x(self._panel.mark), self._top + _TOP, self._bottom
            self._segment([(x, top), (x, bottom)], _FAINT, 1.5)
        for line in self._panel.lines:
            self._line(line)
        self._head()

    @property
    def _bottom(self) -> float:
        return self._top + _HEIGHT - _FOOT

    def _x(self, value: float) -> float:
        low, high = self._ends
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (value - low) / ((high - low) or 1.0)

    def _y(self, value: float) -> float:
        low, high = self._up[0], self._up[-1]
        return self._bottom - (_HEIGHT - _TOP - _FOOT) * (value - low) / (high - low)

    def _grid(self) -> None:
        for value in self._up:
            y = self._y(value)
            self._segment([(_LEFT, y), (_WIDTH - _RIGHT, y)], _GRID, 1)
            self._text(_LEFT - 8, y, f"{value:g}", _FAINT, "rm")
        for value in self._across:
            self._text(self._x(value), self._bottom + 6, f"{value:g}", _FAINT, "ma")
        self._text(_WIDTH - _RIGHT, self._bottom + 22, self._panel.across, _FAINT, "ra")

    def _head(self) -> None:
        """The title, and what each line is, in its colour."""
        self._text(_LEFT, self._top + 10, self._panel.title, _INK, "la")
        x = float(_WIDTH - _RIGHT)
        for line in reversed(self._panel.lines):
            if line.points and line.name:
                self._text(x, self._top + 10, line.name, line.colour, "ra")
                x -= self._font.getlength(line.name) / _FINE + 16

    def _line(self, line: Line) -> None:
        places = [(self._x(x), self._y(y)) for x, y in sorted(line.points.items())]
        if len(places) > 1:
            self._segment(places, line.colour, line.width)
        for x, y in places if line.dots or len(places) == 1 else ():
            box = [(at + by) * _FINE for by in (-3.5, 3.5) for at in (x, y)]
            self._draw.ellipse(box, fill=line.colour)

    def _segment(self, places: Sequence[tuple[float, float]], colour: str, width: float) -> None:
        fine = [(x * _FINE, y * _FINE) for x, y in places]
        self._draw.line(fine, colour, max(1, round(width * _FINE)), joint="curve")

    def _text(self, x: float, y: float, words: str, colour: str, anchor: str) -> None:
        self._draw.text((x * _FINE, y * _FINE), words, colour, self._font, anchor=anchor)


def ticks(values: Sequence[float]) -> list[float]:
    """Round numbers, evenly apart, from no more than the least to no less than the greatest."""
    low, high = min(values), max(values)
    span = high - low or abs(high) or 1.0
    size = 10.0 ** math.floor(math.log10(span / _TICKS))
    step = next(size * times for times in (1, 2, 5, 10) if span / (size * times) <= _TICKS)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 10) for number in range(first, max(last, first + 1) + 1)]


def smoothed(points: Points, over: int) -> dict[float, float]:
    """Each value as the mean of those around it, `over` of them at most, fewer at the ends."""
    return dict(_means(sorted(points.items()), max(0, over // 2)))


def _means(ordered: Sequence[tuple[float, float]], reach: int) -> Iterator[tuple[float, float]]:
    for place, (x, _) in enumerate(ordered):
        near = min(reach, place, len(ordered) - 1 - place)
        window = [y for _, y in ordered[place - near : place + near + 1]]
        yield x, sum(window) / len(window)
