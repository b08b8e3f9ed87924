"""Model cards: what people, and the hubs where models are shared, read first about a folder of weights.

No path of this machine gets into one: models and data that lie in folders go by the folders' names.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

import yaml

NAME = "README.md"
_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+(@[\w./-]+)?", re.ASCII)
_PLAIN = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?", re.ASCII)
_SERIAL = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # a platform's id of a version
# Licences that hubs know by these names; all others are `other` there, with a name of their own.
_LICENCES = """
    afl-3.0 agpl-3.0 apache-2.0 apple-amlr apple-ascl artistic-2.0 bigcode-openrail-m
    bigscience-bloom-rail-1.0 bigscience-openrail-m bsd bsd-2-clause bsd-3-clause
    bsd-3-clause-clear bsl-1.0 c-uda cc cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-nc-2.0
    cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0
    cc-by-nc-sa-4.0 cc-by-nd-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc0-1.0 cdla-permissive-1.0
    cdla-permissive-2.0 cdla-sharing-1.0 creativeml-openrail-m deepfloyd-if-license ecl-2.0
    epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2 gemma gfdl gpl gpl-2.0 gpl-3.0 h-research
    intel-research isc lgpl lgpl-2.1 lgpl-3.0 lgpl-lr llama2 llama3 llama3.1 llama3.2 llama3.3
    lppl-1.3c mit mpl-2.0 ms-pl ncsa odbl odc-by ofl-1.1 openrail openrail++ osl-3.0 other
    postgresql unknown unlicense wtfpl zlib
"""


def front_matter(
    bases: Iterable[str],
    tags: Sequence[str],
    licence: str | None = None,
    datasets: Iterable[str] = (),
    **more: str,
) -> str:
    """The YAML between lines of dashes that hubs read; what is not known is left out.

    `bases` and `datasets` are names from `names_of`. Hubs refuse a page that names a model as none
    can be called, so such names, and ids that mean nothing elsewhere, are left out.
    """
    known: dict[str, Any] = {
        "base_model": _public(bases),
        **_licence(licence),
        "datasets": _public(datasets),
        "tags": [*tags, "alloyworks"],
        **more,
    }
    said = {name: value for name, value in known.items() if value}
    return f"---\n{yaml.safe_dump(said, sort_keys=False, allow_unicode=True)}---\n"


def names_of(references: Iterable[str]) -> dict[str, str]:
    """What each is called on a card: a name of a hub (owner/name) as it is, of a path the last part,
    and as much before it as tells it from the others.
    """
    found: dict[str, str] = {}
    for reference in references:
        if reference not in found:
            found[reference] = _new_name(reference, set(found.values()))
    return found


def as_yaml(values: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """A fenced block for a card, with references by their names."""
    text = yaml.safe_dump(_named(values, names), sort_keys=False, allow_unicode=True)
    return f"```yaml\n{text}```\n"


def table(rows: Iterable[Sequence[str]], head: Sequence[str]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(_cell(value) for value in line)} |\n" for line in lines)


def _new_name(reference: str, taken: set[str]) -> str:
    if _HUB.fullmatch(reference):
        return reference
    parts = PurePath(reference).parts
    names = ("/".join(parts[-length:]) for length in range(1, len(parts) + 1))
    return next((name for name in names if name not in taken), reference)


def _named(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _named(inner, names) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_named(inner, names) for inner in value]
    return names.get(value, value) if isinstance(value, str) else value


def _licence(name: str | None) -> dict[str, str]:
    if name is None or name in _LICENCES.split():
        return {"license": name} if name else {}
    return {"license": "other", "license_name": name}


def _public(names: Iterable[str]) -> list[str]:
    plain = (name.partition("@")[0] for name in names)
    return [name for name in plain if _PLAIN.fullmatch(name) and not _SERIAL.fullmatch(name)]


def _cell(value: str) -> str:
    return value.replace("|", "\\|").replace("\n", " ")
