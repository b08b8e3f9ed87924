"""The files other trainers read: the script's JSON of ratios, and its YAML of what to unfreeze."""

import json
from collections.abc import Sequence
from pathlib import Path

from alloyengine.spectrum.modules import Scored
from alloyengine.spectrum.select import by_type, select

ALWAYS = ("^lm_head.weight$", "^model.embed_tokens.weight$")


def write_files(folder: Path, scored: Sequence[Scored], percent: float) -> tuple[Path, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    ratios, unfrozen = folder / "snr.json", folder / "unfrozen_parameters.yaml"
    ratios.write_text(ratios_json(scored))
    unfrozen.write_text(unfrozen_yaml(scored, percent))
    return ratios, unfrozen


def ratios_json(scored: Sequence[Scored]) -> str:
    table = {item.module.name: {"snr": item.snr, "type": item.module.type} for item in scored}
    return json.dumps(table, indent=4, allow_nan=False) + "\n"


def unfrozen_yaml(scored: Sequence[Scored], percent: float) -> str:
    lines = ["unfrozen_parameters:", *(f"- {pattern}" for pattern in ALWAYS)]
    for kind, chosen in by_type(select(scored, percent)).items():
        lines.append(f"# {kind} layers")
        lines += [f"- {item.module.name}" for item in chosen]
    return "\n".join(lines) + "\n"
