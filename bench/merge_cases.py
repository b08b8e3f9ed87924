"""What `bench merge` measures, and what issue 3 asks of it. Pure: no model is made here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import ge, le
from pathlib import Path
from typing import Any, Literal

FULL = "1.1B"  # the size that the targets are about


@dataclass(frozen=True)
class Case:
    """One recipe: `tuned` models beside a base, if the method has one."""

    method: str
    tuned: int
    ratio: float | None = None  # at least so many times faster than the peer
    memory: float | None = None  # at most so many GB
    base: bool = True
    shared: Mapping[str, Any] = field(default_factory=dict)
    own: Mapping[str, Any] = field(default_factory=dict)
    size: str = FULL
    other: Literal["peer", "copy", ""] = "peer"  # what it is compared with
    seconds: float | None = None  # at most so long, whole process

    @property
    def name(self) -> str:
        """The number in brackets is of the models that are read."""
        beside = " beside a copy" if self.other == "copy" else ""
        return f"{self.method} {self.size} ({len(self.numbers)}){beside}"

    @property
    def targets(self) -> dict[str, float]:
        asked = {"≥ ratio": self.ratio, "≤ GB": self.memory, "≤ s": self.seconds}
        return {name: target for name, target in asked.items() if target is not None}

    @property
    def numbers(self) -> range:
        """Of the models to read; 0 is the base."""
        return range(0 if self.base else 1, self.tuned + 1)

    def recipe(self, models: Mapping[int, Path]) -> dict[str, Any]:
        """As mergekit's users write it: the base is named once and not listed again."""
        listed = [self._entry(models[number]) for number in self.numbers if number]
        recipe: dict[str, Any] = {
            "merge_method": self.method,
            "models": listed,
            "dtype": "bfloat16",
        }
        if self.base:
            recipe["base_model"] = str(models[0])
        if self.shared:
            recipe["parameters"] = dict(self.shared)
        return recipe

    def _entry(self, model: Path) -> dict[str, Any]:
        return {"model": str(model)} | ({"parameters": dict(self.own)} if self.own else {})


WEIGHT = {"weight": 0.5}
HALF = {"weight": 0.5, "density": 0.5}
CRUMBS = {"weight": 0.5, "density": 0.5, "gamma": 0.01}
DELLA = {"weight": 0.5, "density": 0.5, "epsilon": 0.15}

METHODS = [
    Case("linear", 3, 5, 0.7, base=False, own=WEIGHT),
    Case("slerp", 1, 5, 0.7, shared={"t": 0.5}),
    Case("task_arithmetic", 2, 5, 0.7, own=WEIGHT),
    Case("nuslerp", 2, 5, 0.7, base=False, own=WEIGHT),
    Case("multislerp", 3, 5, 0.7, base=False, own=WEIGHT),
    Case("passthrough", 1, 3, 0.7, base=False),
    Case("model_stock", 2, 5, 0.7),
    Case("ties", 2, 15, 1.5, own=HALF),
    Case("breadcrumbs", 2, 15, 1.5, own=CRUMBS),
    Case("breadcrumbs_ties", 2, 15, 1.5, own=CRUMBS),
    Case("della", 2, 15, 1.5, own=DELLA),
    Case("della_linear", 2, 15, 1.5, own=DELLA),
    Case("sce", 2, 15, 1.5, shared={"select_topk": 0.5}),
    Case("dare_ties", 2, 8, 1.5, own=HALF),
    Case("dare_linear", 2, 8, 1.5, own=HALF),
    Case("karcher", 3, 8, 1.5, base=False),
    Case("arcee_fusion", 1, 8, 1.5),
    Case("ram", 2, 8, 1.5),
    Case("ramplus_tl", 2, 8, 1.5),
    Case("nearswap", 1, shared={"t": 0.001}),
]

SMALL = Case("linear", 3, base=False, own=WEIGHT, size="SmolLM2-135M", memory=0.7, seconds=1.2)

# Within 1.5 times of a program that does no arithmetic.
COPY = Case("linear", 3, ratio=0.67, base=False, own=WEIGHT, other="copy")

# Eight would not find room in the page cache beside their result.
COUNTS = [Case("linear", n, base=False, own=WEIGHT, other="") for n in (2, 4, 6)]


def growth(sizes: Sequence[str]) -> list[Case]:
    """Two models of each size, averaged and by ties."""
    return [
        case
        for size in sizes
        for case in (
            Case("linear", 2, base=False, own=WEIGHT, size=size, other=""),
            Case("ties", 1, own=HALF, size=size, other=""),
        )
    ]


def methods(sizes: Sequence[str]) -> list[Case]:
    """Every method, at the size that the targets are about; at another, without targets."""
    if FULL in sizes:
        return METHODS
    return [replace(case, size=sizes[-1], ratio=None, memory=None) for case in METHODS]


def chosen(names: Iterable[str], only: Sequence[str]) -> list[str]:
    """The names that contain one of `only`; all without any. A whole name or word counts before a
    part, so that `ties` is not `dare_ties`."""
    found = list(names)
    if not only:
        return found
    words = {name: {name, *name.split()} for name in found}
    parts = set(only).difference(*words.values())
    return [
        name for name in found if words[name] & set(only) or any(part in name for part in parts)
    ]


def verdict(figures: Mapping[str, Any]) -> bool | None:
    """Whether a row reaches all that is asked of it; None where nothing is asked."""
    answers = [
        reached(figures[measured], figures[target])
        for target, measured, reached in (
            ("≥ ratio", "ratio", ge),
            ("≤ GB", "ours GB", le),
            ("≤ s", "ours s", le),
        )
        if target in figures
    ]
    return all(answers) if answers else None
