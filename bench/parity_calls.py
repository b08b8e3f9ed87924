"""Every method with its settings, for a recipe and for the computation in float64 alike."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Recipe = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """One method and what each model and all of them are given. The models are a, b and c."""

    method: str
    label: str
    own: Sequence[Mapping[str, float]]
    shared: Mapping[str, float] = field(default_factory=dict)
    base: bool = True

    @property
    def name(self) -> str:
        return f"{self.method}: {self.label}"

    def recipe(self, dtype: str) -> Recipe:
        listed = [
            {"model": name} | ({"parameters": dict(own)} if own else {})
            for name, own in zip("abc", self.own, strict=False)
        ]
        recipe: Recipe = {"merge_method": self.method, "models": listed, "dtype": dtype}
        if self.base:
            recipe["base_model"] = "base"
        if self.shared:
            recipe["parameters"] = dict(self.shared)
        return recipe


def two(**more: float) -> list[dict[str, float]]:
    return [{"weight": 0.6, **more}, {"weight": 0.4, **more}]


def three(**more: float) -> list[dict[str, float]]:
    return [{"weight": 0.5, **more}, {"weight": 0.3, **more}, {"weight": 0.7, **more}]


BARE: list[list[dict[str, float]]] = [[{}], [{}, {}], [{}, {}, {}]]
ONE, PAIR, TRIPLE = BARE


# Of each method something to try on large matrices, too, which are worked on piece by piece.
ON_LARGE = (
    "linear: three",
    "passthrough: scaled",
    "slerp: t 0.35",
    "nearswap: t 0.002",
    "nuslerp: of models, columns",
    "nuslerp: of models, rows",
    "nuslerp: of changes",
    "multislerp: three changes",
    "karcher: three",
    "task_arithmetic: three",
    "ties: density 0.3",
    "ties: density 0.9",
    "ties: rescaled",
    "breadcrumbs: density 0.5",
    "breadcrumbs: gamma 0.3",
    "breadcrumbs_ties: gamma 0.1",
    "model_stock: three",
    "model_stock: three, rows",
    "sce: three, share 0.3",
    "ram: three",
    "ramplus_tl: three",
)


def calls() -> Iterator[Call]:
    """Every method, by plain numbers."""
    yield from _averages()
    yield from _arcs()
    yield from _task_vectors()
    yield from _others()


def _averages() -> Iterator[Call]:
    yield Call("linear", "two", two(), base=False)
    yield Call("linear", "three", three(), base=False)
    yield Call("linear", "not normalized", two(), {"normalize": False}, base=False)
    against = [{"weight": 1.5}, {"weight": -0.5}]
    yield Call("linear", "a negative weight", against, base=False)
    nothing = [{"weight": 1.0}, {"weight": -1.0}]
    yield Call("linear", "weights that sum to 0", nothing, {"normalize": False}, base=False)
    yield Call("passthrough", "a copy", ONE, base=False)
    yield Call("passthrough", "scaled", [{"scale": 0.5}], base=False)
    for t in (0.0, 0.35, 1.0):
        yield Call("slerp", f"t {t}", ONE, {"t": t})
    for t in (0.0001, 0.002, 1.0):
        yield Call("nearswap", f"t {t}", ONE, {"t": t})


def _arcs() -> Iterator[Call]:
    for base in (False, True):
        of = "changes" if base else "models"
        for label, shared in (
            ("", {}),
            (", columns", {"nuslerp_flatten": False}),
            (", rows", {"nuslerp_flatten": False, "nuslerp_row_wise": True}),
        ):
            yield Call("nuslerp", f"of {of}{label}", two(), shared, base)
        even = [{"weight": -0.5}, {"weight": 0.5}]
        yield Call("nuslerp", f"of {of}, weights that sum to 0", even, base=base)
        yield Call("multislerp", f"two {of}", two(), base=base)
        yield Call("multislerp", f"three {of}", three(), base=base)
        plain = {"normalize_weights": False}
        yield Call("multislerp", f"three {of}, weights as they are", three(), plain, base)
    yield Call("karcher", "two", PAIR, base=False)
    yield Call("karcher", "three", TRIPLE, base=False)
    yield Call("karcher", "one iteration", TRIPLE, {"max_iter": 1}, base=False)
    yield Call("karcher", "a wide tolerance", TRIPLE, {"tol": 0.01}, base=False)


def _task_vectors() -> Iterator[Call]:
    for label, shared in (
        ("", {}),
        (", halved", {"lambda": 0.5}),
        (", normalized", {"normalize": 1}),
    ):
        yield Call("task_arithmetic", f"three{label}", three(), shared)
    opposed = [{"weight": 0.6, "density": 0.5}, {"weight": -0.4, "density": 0.5}]
    balanced = [{"weight": 0.5, "density": 0.5}, {"weight": -0.5, "density": 0.5}]
    for method in ("ties", "breadcrumbs", "breadcrumbs_ties"):
        for density in (0.3, 0.5, 0.9, 1.0):
            yield Call(method, f"density {density}", three(density=density))
        half = three(density=0.5)
        yield Call(method, "rescaled", half, {"rescale": True})
        yield Call(method, "normalized", half, {"normalize": True})
        yield Call(method, "not normalized", half, {"normalize": False})
        yield Call(method, "halved", half, {"lambda": 0.5})
        yield Call(method, "a negative weight", opposed)
        yield Call(method, "weights that sum to 0", balanced, {"normalize": True})
        yield Call(method, "density 0", two(density=0.0))
    for method in ("breadcrumbs", "breadcrumbs_ties"):
        for gamma in (0.0, 0.1, 0.3):
            yield Call(method, f"gamma {gamma}", two(density=0.5, gamma=gamma))
        yield Call(method, "no room for gamma", two(density=0.9, gamma=0.3))
    yield Call("ties", "int8_mask", three(density=0.5), {"int8_mask": True})
    for method in ("dare_linear", "dare_ties", "della", "della_linear"):
        yield Call(method, "density 1", three(density=1.0))
        yield Call(method, "density 1, normalized", three(density=1.0), {"normalize": True})


def _others() -> Iterator[Call]:
    for label, own in (("two", PAIR), ("three", TRIPLE)):
        yield Call("model_stock", label, own)
        yield Call("model_stock", f"{label}, rows", own, {"filter_wise": True})
    for share in (0.0, 0.3, 0.5, 1.0):
        yield Call("sce", f"three, share {share}", TRIPLE, {"select_topk": share})
    yield Call("sce", "two, share 0.5", PAIR, {"select_topk": 0.5})
    yield Call("arcee_fusion", "two", ONE)  # in float32, too, float64 is the judge
    for method in ("ram", "ramplus_tl"):
        yield Call(method, "two", PAIR)
        yield Call(method, "three", TRIPLE)
        yield Call(method, "a wide epsilon", TRIPLE, {"epsilon": 0.001})
    yield Call("ramplus_tl", "r 0.5, alpha 1", TRIPLE, {"r": 0.5, "alpha": 1.0})
