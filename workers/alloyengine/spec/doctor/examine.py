"""Looks at a merge from every side."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice

from alloyengine.spec.doctor.case import Case, Facts
from alloyengine.spec.doctor.estimate import estimate_of, result_of
from alloyengine.spec.doctor.fit import check_fit
from alloyengine.spec.doctor.kin import Ancestry, check_kin, family_of
from alloyengine.spec.doctor.licences import check_licences, licence_of_result
from alloyengine.spec.doctor.models import check_models
from alloyengine.spec.doctor.parameters import check_parameters
from alloyengine.spec.doctor.positions import check_positions
from alloyengine.spec.doctor.report import LEVELS, Estimate, Finding, Place, Report
from alloyengine.spec.doctor.settings import check_settings
from alloyengine.spec.doctor.slices import check_slices
from alloyengine.spec.doctor.vocabulary import check_vocabulary
from alloyengine.spec.merge import MergeSpec, Recipe

CHECKS: tuple[Callable[[Case], Iterator[Finding]], ...] = (
    check_models,
    check_fit,
    check_slices,
    check_parameters,
    check_vocabulary,
    check_positions,
    check_settings,
    check_licences,
)
MOST = 200
"""So many findings are told."""
_LOOKED_AT = 10 * MOST  # before they are sorted, of a recipe that is made to be slow

_NAMELESS: Mapping[str, str] = {}
_NOBODY: Ancestry = {}


def examine(
    spec: MergeSpec,
    facts: Facts,
    names: Mapping[str, str] = _NAMELESS,
    ancestry: Ancestry = _NOBODY,
) -> Report:
    """What can be said before anything is read. Of models that have no facts nothing is said.

    All three are by reference, adapters' apart from their models'; `names` are what people call
    them. Places are those in the job spec.
    """
    known, cases = dict(facts), []
    for place, recipe in _recipes(spec):
        case = Case(recipe, place, dict(known), names)
        cases.append(case)
        if recipe.name and (made := result_of(case)):
            known[recipe.name] = made
    found = (finding for case in cases for finding in _all(case, ancestry))
    return Report(
        findings=_sorted(islice(found, _LOOKED_AT))[:MOST],
        estimate=_total([estimate_of(case) for case in cases]),
        licence=licence_of_result(cases[-1]),
        family=family_of(cases[-1], ancestry),
    )


def _recipes(spec: MergeSpec) -> Iterator[tuple[Place, Recipe]]:
    for i, stage in enumerate(spec.stages):
        yield ("stages", i), stage
    yield ("recipe",), spec.recipe


def _all(case: Case, ancestry: Ancestry) -> Iterator[Finding]:
    for check in CHECKS:
        yield from check(case)
    yield from check_kin(case, ancestry)


def _sorted(findings: Iterable[Finding]) -> list[Finding]:
    """Each once, the worst first; else in the order of the checks."""
    return sorted(dict.fromkeys(findings), key=lambda finding: LEVELS.index(finding.level))


def _total(estimates: list[Estimate | None]) -> Estimate | None:
    """Of all stages, one after the other."""
    known = [estimate for estimate in estimates if estimate]
    if len(known) < len(estimates):
        return None
    return known[-1].model_copy(
        update={
            "read_bytes": sum(estimate.read_bytes for estimate in known),
            "memory_bytes": max(estimate.memory_bytes for estimate in known),
            "seconds": round(sum(estimate.seconds for estimate in known), 1),
        }
    )
