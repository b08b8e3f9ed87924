"""The files other trainers read: the script's JSON of ratios, and its YAML of what to unfreeze."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from alloyengine.errors import InputError
from alloyengine.spectrum.modules import Module, Scored
from alloyengine.spectrum.select import by_type

RATIOS = "snr.json"


def write_ratios(folder: Path, scored: Sequence[Scored]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RATIOS).write_text(ratios_json(scored), encoding="utf-8")
    return folder / RATIOS


def write_unfrozen(folder: Path, name: str, chosen: Sequence[Scored], ends: Sequence[str]) -> Path:
    """`ends`: the tensors of embedding and head, if they are trained, too."""
    file = folder / f"unfrozen_{name}.yaml"
    file.write_text(unfrozen_yaml(chosen, ends), encoding="utf-8")
    return file


def ratios_json(scored: Sequence[Scored]) -> str:
    table = {item.module.name: {"snr": item.snr, "type": item.module.type} for item in scored}
    return json.dumps(table, indent=4, allow_nan=False) + "\n"


def unfrozen_yaml(chosen: Sequence[Scored], ends: Sequence[str]) -> str:
    lines = ["unfrozen_parameters:", *(f"- ^{name}$" for name in ends)]
    for kind, items in by_type(chosen).items():
        lines.append(f"# {kind} layers")
        lines += [f"- {item.module.name}" for item in items]
    return "\n".join(lines) + "\n"


def read_ratios(text: str, modules: Sequence[Module]) -> list[Scored]:
    """Of these modules, from a file of the script or of ours.

    The script writes `Infinity` for weights without noise, which JSON does not know: they are the best.
    What has NaN, since it could not be read, is left out.
    """
    try:
        table = json.loads(text)
        ratios = {name: float(entry["snr"]) for name, entry in table.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError("snr_file", f"This is no file of ratios: {error!r}.") from None
    found = [
        Scored(m, ratios[m.name]) for m in modules if not math.isnan(ratios.get(m.name, math.nan))
    ]
    if not found:
        raise InputError("snr_file", "The file has ratios of none of the model's modules.")
    return found


def read_patterns(text: str) -> list[str]:
    """The list `unfrozen_parameters` of a YAML file."""
    try:
        found: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError("modules_file", f"This is no YAML: {error}.") from None
    listed = found.get("unfrozen_parameters") if isinstance(found, Mapping) else found
    if not isinstance(listed, list) or not listed or not all(isinstance(x, str) for x in listed):
        raise InputError(
            "modules_file",
            "The file has no list of unfrozen_parameters.",
            "Give the YAML that `alloy spectrum` or the authors' script writes.",
        )
    return listed
