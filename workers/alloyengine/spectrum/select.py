"""The modules to train: of each type, those with the highest ratio."""

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from math import isfinite
from typing import Any

from alloyengine.errors import InputError
from alloyengine.spectrum.modules import Module, Scored


def select(scored: Sequence[Scored], percent: float) -> list[Scored]:
    """The top `percent` of every type, rounded down, best first. Equal ratios keep their order."""
    return list(chain.from_iterable(_best(group, percent) for group in by_type(scored).values()))


def select_within(scored: Sequence[Scored], fits: Callable[[list[Module]], bool]) -> list[Scored]:
    """As many as fit, best first: all types grow alike, by their shares of their own type."""
    ranked = [
        ((place + 1) / len(group), number, item)
        for number, group in enumerate(by_type(scored).values())
        for place, item in enumerate(_ranked(group))
    ]
    chosen: list[Scored] = []
    for _, _, item in sorted(ranked, key=lambda entry: entry[:2]):
        if fits([other.module for other in (*chosen, item)]):
            chosen.append(item)
    return [item for group in by_type(chosen).values() for item in group]


def select_named(modules: Sequence[Module], patterns: Sequence[str]) -> list[Module]:
    """Those that a list of other trainers names: regular expressions, matched from the beginning of
    the tensor's name as axolotl does. InputError when one is none, or none names a module.
    """
    found = [_compiled(pattern) for pattern in patterns]
    named = [m for m in modules if any(pattern.match(m.tensor) for pattern in found)]
    if not named:
        raise InputError(
            "nothing_selected",
            f"tuning.modules: no module of the model matches {patterns[0]!r}"
            + (f" or any of {len(patterns) - 1} others." if len(patterns) > 1 else "."),
            f"Modules are called like {modules[0].tensor!r}." if modules else "",
        )
    return named


def near_the_border(scored: Sequence[Scored], percent: float) -> list[Scored]:
    """Those that may be on the wrong side of the border, as their ratios are in doubt."""
    found = []
    for group in by_type(scored).values():
        ranked, count = _ranked(group), len(_best(group, percent))
        above, below = ranked[:count], ranked[count:]
        if not above or not below:
            continue
        lowest = min(item.snr * (1 - item.doubt) for item in above)
        highest = max(item.snr * (1 + item.doubt) for item in below)
        if lowest <= highest:
            found += [item for item in above if item.snr * (1 - item.doubt) <= highest]
            found += [item for item in below if item.snr * (1 + item.doubt) >= lowest]
    return [item for item in found if item.doubt]


def by_type(scored: Iterable[Scored]) -> dict[str, list[Scored]]:
    groups: dict[str, list[Scored]] = {}
    for item in scored:
        groups.setdefault(item.module.type, []).append(item)
    return groups


def snr_report(
    scored: Sequence[Scored], chosen: Iterable[Scored], percent: float | None
) -> dict[str, Any]:
    """What the job's page draws as a map of layer by type."""
    trained = {item.module for item in chosen}
    most = {
        kind: max((item.snr for item in group if isfinite(item.snr)), default=1.0)
        for kind, group in by_type(scored).items()
    }
    rows = [
        {
            "module": item.module.name,
            "type": item.module.type,
            "layer": item.module.layer,
            "snr": min(item.snr, most[item.module.type]),
            "selected": item.module in trained,
        }
        for item in scored
    ]
    layers = 1 + max(item.module.layer for item in scored)
    return {"percent": percent, "types": list(by_type(scored)), "layers": layers, "rows": rows}


def _best(group: list[Scored], percent: float) -> list[Scored]:
    return _ranked(group)[: int(len(group) * percent / 100)]


def _ranked(group: list[Scored]) -> list[Scored]:
    return sorted(group, key=lambda item: -item.snr)


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except (re.error, RecursionError) as error:
        raise InputError(
            "module_pattern", f"tuning.modules: {pattern!r} is no regular expression: {error}."
        ) from None
