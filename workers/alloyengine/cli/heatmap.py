"""The SNR map in the terminal: a row for every type, a column for every layer."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.text import Text

from alloyengine.spectrum.colours import colour_of, shares_of, title_of


def heatmap(report: Mapping[str, Any]) -> Group:
    """Colours compare modules of one type, as the selection does; a dot marks the selected."""
    width = max(len(kind) for kind in report["types"])
    lines = [_line(kind, report, width) for kind in report["types"]]
    return Group(Text(title_of(report), style="bold"), *lines)


def _line(kind: str, report: Mapping[str, Any], width: int) -> Text:
    line = Text(f"{kind:<{width}}  ", no_wrap=True)
    cells = {row["layer"]: (row, share) for row, share in shares_of(report, kind)}
    for layer in range(report["layers"]):
        if layer not in cells:
            line.append("  ")
        else:
            row, share = cells[layer]
            mark = "• " if row["selected"] else "  "
            line.append(mark, style=f"bold white on {colour_of(share)}")
    return line
