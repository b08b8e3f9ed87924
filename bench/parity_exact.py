"""In float32: every method and the recipe language, tensor by tensor equal to the peer's.

Where the peer is itself farther than that from float64, as it is with the norms of large tensors
and with arcee_fusion, ours has to be as near to float64, and nearer than the peer.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.parity_calls import ON_LARGE, Call, calls
from bench.parity_cases import Case, language
from bench.parity_float64 import Judge
from bench.parity_models import World
from bench.parity_odd_models import odd_models
from bench.parity_sides import Answer, error, ours, theirs, wanted

Figures = dict[str, Any]


def rows(world: World, only: Sequence[str]) -> Iterator[tuple[str, Figures]]:
    plain = {call.name: call for call in calls()}
    cases = [_case(call) for call in plain.values()] + list(language())
    cases = [case for case in cases if wanted(case.name, only)]
    found: dict[str, list[Figures]] = {case.name: [] for case in cases}
    for family, models in (world.families() | {"llama": odd_models(world)}).items():
        asked = [case for case in cases if family in case.families]
        for case, mine, other in _merged(asked, models, world.room()):
            figures = _figures(case, mine, other)
            if not figures["ok"] and case.name in plain and not (mine.refused or other.refused):
                figures = _judged(plain[case.name], models, mine, other, case.allowed)
            found[case.name].append(figures)
    for name, figures_of_all in found.items():
        yield name, max(figures_of_all, key=lambda row: (not row["ok"], "at" in row, row["error"]))


def _merged(
    asked: Sequence[Case], models: Mapping[str, Path], folder: Path
) -> Iterator[tuple[Case, Answer, Answer]]:
    answers = theirs([case.recipe for case in asked], models, folder) if asked else []
    for number, (case, answer) in enumerate(zip(asked, answers, strict=True)):
        yield case, ours(case.recipe, models, folder / f"ours-{number}"), answer


def _case(call: Call) -> Case:
    families = ("llama", "qwen", "large") if call.name in ON_LARGE else ("llama", "qwen")
    return Case(call.name, call.recipe("float32"), families=families)


def _figures(case: Case, mine: Answer, other: Answer) -> Figures:
    refused = (
        f"ours: {mine.refused}" if mine.refused else other.refused and f"peer: {other.refused}"
    )
    far, where = (float("inf"), refused) if refused else error(mine, other)
    figures = {"error": float(f"{far:.2g}"), "allowed": case.allowed, "ok": far <= case.allowed}
    return figures if figures["ok"] else figures | {"at": where}


def _judged(
    call: Call, models: Mapping[str, Path], mine: Answer, other: Answer, allowed: float
) -> Figures:
    judge = Judge(models, "F32")
    far, others = (judge.distance(call, answer.tensors()) for answer in (mine, other))
    figures = {"error": float(f"{far:.2g}"), "allowed": allowed, "ok": far <= min(allowed, others)}
    return figures | {"at": f"from float64, of which the peer is {others:.2g} away"}
