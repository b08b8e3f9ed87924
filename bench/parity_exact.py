"""In float32: every method and the recipe language, tensor by tensor equal to the peer's."""

from collections.abc import Iterator, Sequence
from typing import Any

from bench.parity_calls import ON_LARGE, Call, calls
from bench.parity_cases import Case, language
from bench.parity_float64 import JUDGED
from bench.parity_models import World
from bench.parity_odd_models import odd_models
from bench.parity_sides import Answer, error, ours, theirs, wanted

Figures = dict[str, Any]


def rows(world: World, only: Sequence[str]) -> Iterator[tuple[str, Figures]]:
    plain = [call for call in calls() if call.method not in JUDGED]
    cases = [_case(call) for call in plain] + list(language())
    cases = [case for case in cases if wanted(case.name, only)]
    found: dict[str, list[Figures]] = {case.name: [] for case in cases}
    for family, models in (world.families() | {"llama": odd_models(world)}).items():
        asked = [case for case in cases if family in case.families]
        folder = world.room()
        answers = theirs([case.recipe for case in asked], models, folder)
        for number, (case, answer) in enumerate(zip(asked, answers, strict=True)):
            mine = ours(case.recipe, models, folder / f"ours-{number}")
            found[case.name].append(_figures(case, mine, answer))
    for name, figures in found.items():
        yield name, max(figures, key=lambda row: float(row["error"]))


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
