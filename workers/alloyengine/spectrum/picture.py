"""The map of ratios as a PNG: a row for every type, a column for every layer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alloyengine.spectrum.colours import colour_of, shares_of

_CELL, _MARGIN, _LINE = 18, 16, 20
_LETTER = 7
_INK, _FAINT, _PAPER, _MARK = "#1b2333", "#5b6578", "#ffffff", "#ffffff"


def save_picture(report: Mapping[str, Any], title: str, file: Path) -> None:
    from PIL import Image, ImageDraw, ImageFont

    left = _MARGIN + _LETTER * max(map(len, report["types"])) + 8
    width = max(left + report["layers"] * _CELL + _MARGIN, 2 * _MARGIN + _LETTER * len(title))
    height = 2 * _MARGIN + _LINE + len(report["types"]) * _CELL + _LINE
    image = Image.new("RGB", (width, height), _PAPER)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(12)
    draw.text((_MARGIN, _MARGIN), title, _INK, font)
    top = _MARGIN + _LINE + 4
    for number, kind in enumerate(report["types"]):
        y = top + number * _CELL
        draw.text((left - 8, y + 1), kind, _INK, font, anchor="ra")
        for row, share in shares_of(report, kind):
            x = left + row["layer"] * _CELL
            draw.rectangle((x, y, x + _CELL - 2, y + _CELL - 2), fill=colour_of(share))
            if row["selected"]:
                draw.ellipse((x + 5, y + 5, x + _CELL - 7, y + _CELL - 7), fill=_MARK)
    for layer in range(0, report["layers"], 5):
        x = left + layer * _CELL + _CELL // 2 - 1
        draw.text(
            (x, top + len(report["types"]) * _CELL + 2), str(layer), _FAINT, font, anchor="ma"
        )
    image.save(file)
