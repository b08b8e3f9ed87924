"""The SNR map in the terminal: a row for every type, a column for every layer."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.text import Text

COLD, HOT = (37, 52, 88), (240, 160, 60)


def heatmap(report: Mapping[str, Any]) -> Group:
    """Colours compare modules of one type, as the selection does; a dot marks the selected."""
    title = f"Signal-to-noise by type and layer; • is trained ({report['percent']:g}% of each type)"
    width = max(len(kind) for kind in report["types"])
    lines = [_line(kind, report, width) for kind in report["types"]]
    return Group(Text(title, style="bold"), *lines)


def _line(kind: str, report: Mapping[str, Any], width: int) -> Text:
    rows = {row["layer"]: row for row in report["rows"] if row["type"] == kind}
    ratios = [row["snr"] for row in rows.values()]
    low, span = min(ratios), (max(ratios) - min(ratios)) or 1.0
    line = Text(f"{kind:<{width}}  ", no_wrap=True)
    for layer in range(report["layers"]):
        row = rows.get(layer)
        if row is None:
            line.append("  ")
        else:
            mark = "• " if row["selected"] else "  "
            line.append(mark, style=f"bold white on {_colour((row['snr'] - low) / span)}")
    return line


def _colour(share: float) -> str:
    channels = (round(cold + (hot - cold) * share) for cold, hot in zip(COLD, HOT, strict=True))
    return "#" + "".join(f"{channel:02x}" for channel in channels)
