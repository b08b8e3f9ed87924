"""Which licence the result is under, told from the models'. A table of what is common; no advice."""

from collections.abc import Iterator

from alloyengine.spec.doctor.case import Case
from alloyengine.spec.doctor.report import Finding, LicenceKind, LicenceOfResult, note, warning
from alloyengine.spec.merge import split_reference

# How names begin, as model hubs write them; the first that fits holds.
_KINDS: tuple[tuple[LicenceKind, tuple[str, ...]], ...] = (
    ("no derivatives", ("cc-by-nd", "cc-by-nc-nd")),
    ("non-commercial", ("cc-by-nc", "mrl", "mnpl", "qwen-research", "apple-amlr", "fair-nc")),
    ("copyleft", ("agpl", "gpl", "lgpl", "cc-by-sa", "mpl", "eupl", "epl", "osl")),
    ("community", ("llama", "gemma", "qwen", "tongyi", "deepseek", "falcon", "nvidia", "jamba")),
    ("community", ("openrail", "creativeml", "bigscience", "bigcode", "hfoil", "health-ai")),
    ("permissive", ("apache", "mit", "bsd", "isc", "cc0", "cc-by-2", "cc-by-3", "cc-by-4")),
    ("permissive", ("unlicense", "wtfpl", "zlib", "bsl-", "cdla-permissive", "afl", "artistic")),
)
_STRICT: tuple[LicenceKind, ...] = (
    "permissive",
    "unknown",
    "community",
    "copyleft",
    "non-commercial",
    "no derivatives",
)
AND = " AND "
"""Between the licences of a model that is made of several."""
UNKNOWN = "unknown"
"""Stands for the licence of one of them, if nobody said which it is."""


def kind_of(licence: str) -> LicenceKind:
    name = licence.lower()
    return next((kind for kind, names in _KINDS if name.startswith(names)), "unknown")


def licence_of_result(case: Case) -> LicenceOfResult | None:
    """All terms that go beyond keeping notices hold for the result; None if no licence is known.

    Of a model whose licence is not known nothing can be said: then the kind is unknown at best.
    """
    by_model = _found(case)
    names = sorted({name for found in by_model.values() for name in found} - {UNKNOWN})
    if not names:
        return None
    kinds = {name: kind_of(name) for name in names}
    strictest = max(kinds.values(), key=_STRICT.index)
    holding = [name for name, kind in kinds.items() if kind != "permissive"] or names[:1]
    sure = all(found and UNKNOWN not in found for found in by_model.values())
    if strictest == "permissive" and not sure:
        return LicenceOfResult(name=" and ".join(holding), kind="unknown")
    return LicenceOfResult(name=" and ".join(holding), kind=strictest)


def check_licences(case: Case) -> Iterator[Finding]:
    place = case.at((case.listed,))
    holders: dict[str, list[str]] = {}
    unknown = []
    for reference, names in _found(case).items():
        for name in names:
            if name != UNKNOWN:
                holders.setdefault(name, []).append(case.name(reference))
        if not names or UNKNOWN in names:
            unknown.append(case.name(reference))
    for licence, models in holders.items():
        if told := _consequence(licence, _listed(models)):
            level, what, remedy = told
            code = f"licence_{kind_of(licence).replace(' ', '_').replace('-', '_')}"
            yield (warning if level == "warning" else note)(code, place, what, remedy)
    kinds = set(map(kind_of, holders))
    if "copyleft" in kinds and kinds & {"community", "non-commercial"}:
        what = f"The models' licences contradict each other: {', '.join(sorted(holders))}."
        remedy = "A copyleft licence allows no further terms: leave one side out to pass it on."
        yield warning("licence_conflict", place, what, remedy)
    if unknown:
        what = f"The licence of {_listed(unknown)} is not known."
        yield note("licence_unknown", place, what, "Look it up before you pass the result on.")


def _consequence(licence: str, models: str) -> tuple[str, str, str] | None:
    """Level, what it means for the result, and what to do. None: nothing beyond notices."""
    under = f"{models}: {licence}"
    match kind_of(licence):
        case "no derivatives":
            what = f"{under} lets nobody pass on changed versions."
            return "warning", what, "Keep the result to yourself, or ask the owner."
        case "non-commercial":
            what = f"{under} forbids commercial use, of the result, too."
            return "warning", what, f"Leave {models} out if the result is to earn money."
        case "copyleft":
            what = f"{under} holds for the result, too."
            return "note", what, "Pass it on under that licence only."
        case "community":
            what = f"{under} has terms that hold for the result, too."
            return "note", what, _obligation(licence)
        case "unknown":
            return "note", f"{under} is a licence that is not known here.", "Read it first."
    return None


def _obligation(licence: str) -> str:
    if licence.lower().startswith(("llama3", "llama4")):
        return "Let the result's name begin with Llama, say 'Built with Llama', pass the terms on."
    return "Pass its terms on with the result, its rules of use included."


def _listed(models: list[str]) -> str:
    shown = " and ".join(models[:3])
    return f"{shown} and {len(models) - 3} more" if len(models) > 3 else shown


def _found(case: Case) -> dict[str, list[str]]:
    """The licences of every model, and of its adapter, of which anything is known."""
    found: dict[str, list[str]] = {}
    for reference in case.merged:
        for part in filter(None, split_reference(reference)):
            if facts := case.facts.get(part):
                found[part] = facts.licence.split(AND) if facts.licence else []
    return found
