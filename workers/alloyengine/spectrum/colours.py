"""How a map of ratios is coloured, wherever it is drawn."""

from collections.abc import Iterator, Mapping
from typing import Any

COLD, _HOT = (37, 52, 88), (240, 160, 60)


def title_of(report: Mapping[str, Any]) -> str:
    share = f" ({report['percent']:g}% of each type)" if report["percent"] is not None else ""
    return f"Signal-to-noise by type and layer; • is trained{share}"


def shares_of(report: Mapping[str, Any], kind: str) -> Iterator[tuple[dict[str, Any], float]]:
    """The rows of one type, each with its place between the type's least and greatest: 0 to 1."""
    rows = [row for row in report["rows"] if row["type"] == kind]
    ratios = [row["snr"] for row in rows]
    low, span = min(ratios), (max(ratios) - min(ratios)) or 1.0
    for row in rows:
        yield row, (row["snr"] - low) / span


def colour_of(share: float) -> str:
    channels = (round(cold + (hot - cold) * share) for cold, hot in zip(COLD, _HOT, strict=True))
    return "#" + "".join(f"{channel:02x}" for channel in channels)
