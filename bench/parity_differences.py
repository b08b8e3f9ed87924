"""Where ours differs from the peer by intention: what each does with the same recipe.

docs/merging/differences.md says why. A row that is not ok means that one of the two has changed and
that the page must be written anew.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.parity_calls import Recipe
from bench.parity_models import World
from bench.parity_odd_models import PADDED, odd_models
from bench.parity_sides import Answer, error, ours, theirs, wanted
from bench.tensors import dtypes

Figures = dict[str, Any]
Check = Callable[[Answer, Answer], bool]
SAME = 1e-5


@dataclass(frozen=True)
class Difference:
    """`peer` and `ours`: refuses, answers (with finite numbers) or answers NaN. `like` is a recipe
    by which the peer gives what ours gives by `recipe`; `check` looks at both models."""

    name: str
    recipe: Recipe
    peer: str
    ours: str
    like: Recipe | None = None
    check: Check | None = None


def _mix(method: str, *models: Any, **fields: Any) -> Recipe:
    """A recipe of models, each a name or a name with its weight."""
    listed: list[Recipe] = [
        {"model": m} if isinstance(m, str) else {"model": m[0], "parameters": {"weight": m[1]}}
        for m in models
    ]
    return {"merge_method": method, "models": listed, "dtype": "float32"} | fields


def _slices(method: str, *slices: Sequence[Recipe], **fields: Any) -> Recipe:
    made = [{"sources": list(sources)} for sources in slices]
    return {"merge_method": method, "slices": made, "dtype": "float32"} | fields


def _layers(model: str, begin: int, end: int, weight: float = 1.0) -> Recipe:
    parameters = {"weight": weight}
    return {"model": model, "layer_range": [begin, end], "parameters": parameters}


def differences() -> Iterator[Difference]:
    yield from _bases()
    yield from _numbers()
    yield from _types()
    yield from _structure()


ANSWERS, REFUSES, NAN = "answers", "refuses", "answers NaN"
HALVES = (("a", 0.5), ("b", 0.5))


def _bases() -> Iterator[Difference]:
    with_base = {"base_model": "base"}
    for method, models, peer in (
        ("karcher", ("a", "b"), ANSWERS),
        ("linear", HALVES, REFUSES),
        ("passthrough", ("a",), REFUSES),
    ):
        recipe = _mix(method, *models)
        name = f"{method}: a base that is not among the models"
        yield Difference(name, recipe | with_base, peer, ANSWERS, like=recipe)
    yield Difference(
        "task_arithmetic: a slice without the base",
        _slices("task_arithmetic", [_layers("a", 0, 2, 0.5)], **with_base),
        REFUSES,
        ANSWERS,
        like=_mix("task_arithmetic", ("a", 0.5), **with_base),
    )
    twice = _mix("linear", ("a", 0.2), ("a", 0.2), ("b", 0.6))
    once = _mix("linear", ("a", 0.4), ("b", 0.6))
    yield Difference("linear: a model listed twice", twice, REFUSES, ANSWERS, like=once)
    clamped = {"parameters": {"clamp": True}} | with_base
    yield Difference(
        "model_stock: clamp keeps the base where the changes are opposed",
        _mix("model_stock", "a", "opposed", **clamped),
        ANSWERS,
        ANSWERS,
        like=_mix("linear", ("base", 1.0)),
    )


def _numbers() -> Iterator[Difference]:
    zero = (("a", 1.0), ("b", -1.0))
    plain = {"parameters": {"normalize": False}}
    yield Difference(
        "linear: normalized weights that sum to 0",
        _mix("linear", *zero),
        NAN,
        ANSWERS,
        like=_mix("linear", *zero, **plain),
    )
    yield Difference("multislerp: weights that sum to 0", _mix("multislerp", *zero), NAN, REFUSES)
    spoilt = _mix("linear", ("broken", 0.5), ("b", 0.5))
    yield Difference("linear: a model that holds NaN", spoilt, NAN, REFUSES)
    nan = _mix("linear", ("a", float("nan")), ("b", 0.5))
    yield Difference("linear: a weight that is NaN", nan, NAN, REFUSES)
    unknown = _mix("linear", *HALVES, parameters={"densty": 0.5})
    yield Difference("linear: a parameter that the method has not", unknown, ANSWERS, REFUSES)
    field = _mix("linear", *HALVES, merge_mehtod="ties")
    yield Difference("a field that recipes have not", field, ANSWERS, REFUSES)
    dense = _mix("ties", ("a", 0.5), base_model="base", parameters={"density": 1.5})
    yield Difference("ties: a density above 1", dense, ANSWERS, REFUSES)
    half = {"parameters": {"density": 0.5}, "base_model": "narrow-base"}
    alone = _mix("della", ("narrow-a", 1.0), **half)
    yield Difference("della: rows of one element", alone, REFUSES, ANSWERS)


def _types() -> Iterator[Difference]:
    short = {"base_model": "base-bf16", "dtype": "bfloat16"}
    for method, models in (("ramplus_tl", ("a-bf16", "b-bf16")), ("arcee_fusion", ("a-bf16",))):
        yield Difference(
            f"{method}: dtype bfloat16",
            _mix(method, *models, **short),
            ANSWERS,
            ANSWERS,
            check=_written("F32", "BF16"),
        )
    mixed = _mix("linear", ("a-bf16", 0.5), ("b", 0.5))
    del mixed["dtype"]
    name = "linear: models of two types and no dtype"
    yield Difference(name, mixed, ANSWERS, ANSWERS, check=_written("F32", "BF16"))
    double = _mix("linear", *HALVES, out_dtype="float64")
    yield Difference("linear: float64", double, ANSWERS, REFUSES)


def _structure() -> Iterator[Difference]:
    stack = _slices("passthrough", [_layers("qwen-a", 0, 2)], [_layers("qwen-b", 1, 2)])
    for piece in stack["slices"]:
        del piece["sources"][0]["parameters"]
    yield Difference("passthrough: stacked layers of a Qwen", stack, REFUSES, ANSWERS)
    last = [_layers("a", 1, 2, 0.5), _layers("b", 1, 2, 0.5)]
    yield Difference(
        "linear: more sources in the last slice than in the first",
        _slices("linear", [_layers("a", 0, 1)], last),
        ANSWERS,
        ANSWERS,
        check=_head_of_all_sources,
    )
    extra = _mix("linear", ("b", 0.5), ("extra", 0.5))
    yield Difference("linear: a tensor that only one model has", extra, ANSWERS, REFUSES)
    tied = _mix("linear", ("tied", 0.5), ("b", 0.5))
    yield Difference("linear: an untied model into a tied one", tied, ANSWERS, REFUSES)
    stored = _mix("linear", ("tied", 0.5), ("tied-stored", 0.5))
    yield Difference(
        "linear: tied models, one with its head stored", stored, ANSWERS, ANSWERS, check=_no_head
    )
    union = {"tokenizer_source": "union", "base_model": "padded"}
    padded = _mix("linear", ("padded", 0.5), ("b", 0.5), **union)
    name = "linear: a base with rows beyond its vocabulary"
    yield Difference(name, padded, ANSWERS, ANSWERS, check=_padding_stays)


def _written(peer: str, ours: str) -> Check:
    return lambda mine, other: (dtypes(mine.folder), dtypes(other.folder)) == ({ours}, {peer})


def _head_of_all_sources(mine: Answer, other: Answer) -> bool:
    """Ours has the mean of both heads, the peer the first model's."""
    a_half, whole = mine.tensors()["lm_head.weight"], other.tensors()["lm_head.weight"]
    return bool(np.linalg.norm(a_half - whole) > 0.01 * np.linalg.norm(whole))


def _no_head(mine: Answer, other: Answer) -> bool:
    return "lm_head.weight" not in mine.tensors() and "lm_head.weight" in other.tensors()


def _padding_stays(mine: Answer, other: Answer) -> bool:
    rows = [len(answer.tensors()["model.embed_tokens.weight"]) for answer in (mine, other)]
    return rows == [PADDED, len(other.vocabulary())]


def rows(world: World, only: Sequence[str]) -> Iterator[tuple[str, Figures]]:
    asked = [d for d in differences() if wanted(f"differs, {d.name}", only)]
    if not asked:
        return
    models, folder = odd_models(world), world.room()
    recipes = [d.recipe for d in asked] + [d.like for d in asked if d.like]
    answers = theirs(recipes, models, folder)
    likes = iter(answers[len(asked) :])
    for number, (difference, answer) in enumerate(zip(asked, answers, strict=False)):
        mine = ours(difference.recipe, models, folder / f"ours-{number}")
        like = next(likes) if difference.like else None
        yield f"differs, {difference.name}", _figures(difference, mine, answer, like)


def _figures(difference: Difference, mine: Answer, other: Answer, like: Answer | None) -> Figures:
    figures: Figures = {"peer": _done(other), "ours": _done(mine)}
    good = (figures["peer"], figures["ours"]) == (difference.peer, difference.ours)
    if good and like is not None:
        far, _ = error(mine, like)
        figures["error"] = float(f"{far:.2g}")
        good = far <= SAME
    if good and difference.check:
        good = difference.check(mine, other)
    return figures | {"ok": good} | ({} if good else {"at": mine.refused or other.refused or ""})


def _done(answer: Answer) -> str:
    if answer.refused:
        return REFUSES
    if dtypes(answer.folder) == {"F64"}:
        return ANSWERS
    finite = all(np.isfinite(tensor).all() for tensor in answer.tensors().values())
    return ANSWERS if finite else NAN
