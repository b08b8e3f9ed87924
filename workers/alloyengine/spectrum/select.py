"""The modules to train: of each type, those with the highest ratio."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from alloyengine.spectrum.modules import Scored


def select(scored: Sequence[Scored], percent: float) -> list[Scored]:
    """The top `percent` of every type, rounded down, best first. Equal ratios keep their order."""
    return list(chain.from_iterable(_best(group, percent) for group in by_type(scored).values()))


def by_type(scored: Iterable[Scored]) -> dict[str, list[Scored]]:
    groups: dict[str, list[Scored]] = {}
    for item in scored:
        groups.setdefault(item.module.type, []).append(item)
    return groups


def snr_report(scored: Sequence[Scored], percent: float) -> dict[str, Any]:
    """What the job's page draws as a map of layer by type."""
    chosen = {item.module for item in select(scored, percent)}
    rows = [
        {
            "module": item.module.name,
            "type": item.module.type,
            "layer": item.module.layer,
            "snr": item.snr,
            "selected": item.module in chosen,
        }
        for item in scored
    ]
    layers = 1 + max(item.module.layer for item in scored)
    return {"percent": percent, "types": list(by_type(scored)), "layers": layers, "rows": rows}


def _best(group: list[Scored], percent: float) -> list[Scored]:
    ranked = sorted(group, key=lambda item: -item.snr)
    return ranked[: int(len(group) * percent / 100)]
