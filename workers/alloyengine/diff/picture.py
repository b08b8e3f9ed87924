"""The map as a picture: SVG that needs nothing else, for light pages and dark ones.

A colour's strength is its opacity, so that 0 is the page itself, whichever colour that has.
"""

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from alloyengine.diff.panels import Panel, Row

_CELL, _GAP = 14, 2
_LINE = 16  # height of a row of text
_HEAD, _FOOT = 2 * _LINE + 8, _LINE + 28
_LETTER = 6.3  # width of one at 11 px, roughly
_MARGIN = 20
_LEAST = 360  # width
_STYLE = """
text{font:11px system-ui,sans-serif;fill:#1b2333}.title{font-weight:600;font-size:13px}
.faint{fill:#5b6578}.end{text-anchor:end}.mid{text-anchor:middle}rect[rx]{stroke:#8a93a5;stroke-opacity:.3}
.page{fill:#fff}.size{fill:#6b46e5}.plus{fill:#0f7ac2}.minus{fill:#d0342c}.conflict{fill:#c2570c}
@media(prefers-color-scheme:dark){text{fill:#e7ebf3}.faint{fill:#9aa5b8}.page{fill:#10151f}
.size{fill:#a48bff}.plus{fill:#4db4f5}.minus{fill:#ff7a6e}.conflict{fill:#ff9d4d}}
""".replace("\n", "")


def picture(panels: Sequence[Panel], title: str) -> str:
    """An SVG document with the panels one below the other."""
    margin = _MARGIN + max((_LETTER * len(row.label) for p in panels for row in p.rows), default=0)
    columns = max((len(panel.layers) for panel in panels), default=0)
    words = max(len(panel.meaning) for panel in panels) if panels else 0
    width = max(margin + columns * _CELL + 70, _MARGIN * 2 + _LETTER * words, _LEAST)
    parts: list[str] = []
    top = float(_MARGIN)
    for panel in panels:
        parts += _panel(panel, margin, top)
        top += _HEAD + len(panel.rows) * _CELL + _FOOT
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width:.0f}" '
        f'height="{top:.0f}" viewBox="0 0 {width:.0f} {top:.0f}"><title>{escape(title)}</title>'
        f'<style>{_STYLE}</style><rect class="page" width="100%" height="100%"/>'
        f"{''.join(parts)}</svg>\n"
    )


def _panel(panel: Panel, left: float, top: float) -> Iterator[str]:
    yield _text(_MARGIN, top + 12, panel.title, "title")
    yield _text(_MARGIN, top + 12 + _LINE, panel.meaning, "faint")
    y = top + _HEAD
    for row in panel.rows:
        yield _text(left - 6, y + _CELL - 4, row.label, "end")
        yield from _cells(panel, row, left, y)
        y += _CELL
    yield from _axis(panel, left, y)
    yield _text(_MARGIN, y + 2 * _LINE, _legend(panel), "faint")


def _cells(panel: Panel, row: Row, left: float, y: float) -> Iterator[str]:
    for column, value in enumerate(row.values):
        where = row.label if row.outside else f"layer {panel.layers[column]}, {row.label}"
        yield _cell(panel, value, left + column * _CELL, y, f"{where}: {panel.words(value)}")
    if row.outside:
        yield _text(left + _CELL + 4, y + _CELL - 4, panel.words(row.values[0]), "faint")


def _cell(panel: Panel, value: float | None, x: float, y: float, words: str) -> str:
    side = _CELL - _GAP
    box = f'x="{x:.1f}" y="{y:.1f}" width="{side}" height="{side}" rx="2"'
    if value is None:
        return f'<rect fill="none" {box}/>'
    colour = panel.hue if panel.hue != "angle" else "plus" if value >= 0 else "minus"
    strength = f'fill-opacity="{panel.strength(value):.3g}"'
    return f'<rect class="{colour}" {strength} {box}><title>{escape(words)}</title></rect>'


def _axis(panel: Panel, left: float, y: float) -> Iterator[str]:
    """Every fifth layer's number."""
    yield _text(left - 6, y + 11, "layer", "faint end")
    for column, layer in enumerate(panel.layers):
        if layer % 5 == 0:
            yield _text(left + column * _CELL + _CELL / 2 - 1, y + 11, str(layer), "faint mid")


def _legend(panel: Panel) -> str:
    low, high = panel.range
    return f"{panel.words(low)} to {panel.words(high)}; all together {panel.words(panel.total)}"


def _text(x: float, y: float, words: str, style: str) -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'
