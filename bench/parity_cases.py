"""Recipes that ours and the peer must answer alike. `base`, `a`, `b`, `c` stand for models; `wide`,
`other` and `lora` for a longer vocabulary, another one, and an adapter to the base; the rest are
`parity_odd_models`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench.parity_calls import Recipe, two

Setting = Any


@dataclass(frozen=True)
class Case:
    """A recipe, and how far from the peer's result ours may be."""

    name: str
    recipe: Recipe
    allowed: float = 1e-5
    families: Sequence[str] = ("llama", "qwen")


def language() -> Iterator[Case]:
    """What the recipe language can say beyond plain numbers."""
    yield from _settings()
    yield from _slices()
    yield from _files()
    yield from _odd()
    yield from _vocabularies()


def _models(*settings: Setting, **fields: Setting) -> Recipe:
    listed = [
        {"model": name, "parameters": parameters}
        for name, parameters in zip("abc", settings, strict=False)
    ]
    return {"models": listed, "dtype": "float32"} | fields


def _settings() -> Iterator[Case]:
    deep = {"weight": [0.0, 0.25, 1.0]}, {"weight": [1.0, 0.0]}
    yield Case("linear: gradients", _models(*deep, merge_method="linear"))
    curves = [
        {"filter": "self_attn", "value": [0, 0.5, 0.3, 0.7, 1]},
        {"filter": "mlp", "value": [1, 0.5, 0.7, 0.3, 0]},
        {"value": 0.5},
    ]
    both = {"merge_method": "slerp", "base_model": "a", "parameters": {"t": curves}}
    listed = [{"model": "a"}, {"model": "b"}]
    yield Case("slerp: the usual curves", {"models": listed, "dtype": "float32"} | both)
    picky = [{"filter": "q_proj", "value": 0.9}, {"filter": "*", "value": 0.2}]
    tuned = [{"weight": picky, "density": 0.5}, {"weight": 0.4, "density": [0.3, 0.8]}]
    whole = {"merge_method": "ties", "base_model": "base", "parameters": {"lambda": [1, 0.5]}}
    yield Case("ties: filters and gradients", _models(*tuned, **whole))
    scaled = [{"filter": "o_proj", "value": 0.0}, {"value": 1.0}]
    off = _models({"scale": scaled}, merge_method="passthrough")
    yield Case("passthrough: a filter turns o_proj off", off)
    shared = {"parameters": {"weight": 0.3, "density": 0.6}, "base_model": "base"}
    yield Case(
        "ties: one weight for all, one model with its own",
        _models({"weight": 0.9}, {}, {}, merge_method="ties", **shared),
    )
    text = {"t": "1e-3"}
    near = _models({}, merge_method="nearswap", base_model="base", parameters=text)
    yield Case("nearswap: a number that YAML takes for a text", near)
    entries: list[Recipe] = [
        {"model": "base"},
        {"model": "a", "parameters": {"weight": 0.5, "density": 0.5}},
    ]
    again = {"merge_method": "ties", "base_model": "base", "models": entries, "dtype": "float32"}
    yield Case("ties: the base listed among the models", again)
    bare = {"merge_method": "karcher", "models": [{"model": "base"}, {"model": "a"}]}
    yield Case("karcher: the base listed", again | bare)


def _source(model: str, begin: int, end: int, **parameters: Setting) -> Recipe:
    source: Recipe = {"model": model, "layer_range": [begin, end]}
    return source | ({"parameters": parameters} if parameters else {})


def _slices() -> Iterator[Case]:
    stack = [{"sources": [_source("a", 0, 2)]}, {"sources": [_source("b", 1, 2)]}]
    plain = {"merge_method": "passthrough", "slices": stack, "dtype": "float32"}
    yield Case("passthrough: layers of two models, stacked", plain, families=["llama"])
    mixed = [_source("a", 0, 2, weight=0.7), _source("b", 0, 2, weight=[0.1, 0.9])]
    yield Case(
        "linear: a slice of two models",
        {"merge_method": "linear", "slices": [{"sources": mixed}], "dtype": "float32"},
    )
    halves = [
        {"sources": [_source("base", n, n + 1), _source("a", n, n + 1)], "parameters": {"t": t}}
        for n, t in ((0, 0.2), (1, [0.3, 0.9]))
    ]
    arcs = {"merge_method": "slerp", "base_model": "base", "slices": halves, "dtype": "float32"}
    yield Case("slerp: a slice a layer, settings of the slice", arcs)
    own = [
        {
            "sources": [_source("base", 0, 1), _source("a", 0, 1, weight=1.0)],
            "base_model": "base",
            "parameters": {"weight": 0.1},
        },
        {"sources": [_source("b", 1, 2), _source("a", 1, 2)], "base_model": "b"},
    ]
    bases = {"merge_method": "task_arithmetic", "slices": own, "parameters": {"weight": 0.4}}
    yield Case(
        "task_arithmetic: a base for each slice", bases | {"base_model": "base", "dtype": "float32"}
    )


def _files() -> Iterator[Case]:
    for dtype, allowed in (("bfloat16", 5e-4), ("float16", 1e-4)):
        recipe = _models(*two(), merge_method="linear", out_dtype=dtype)
        yield Case(f"linear: written in {dtype}", recipe, allowed)
    listed = [
        {"model": "base+lora", "parameters": {"weight": 0.5}},
        {"model": "a", "parameters": {"weight": 0.5}},
    ]
    soup = {"merge_method": "linear", "models": listed, "dtype": "float32"}
    yield Case("linear: a LoRA adapter", soup, families=["llama"])
    ties = {"merge_method": "ties", "base_model": "base", "parameters": {"density": 0.5}}
    yield Case("ties: a LoRA adapter", soup | ties, families=["llama"])


def _odd() -> Iterator[Case]:
    """Where rounding, or a rule for the worst, could tell ours from the peer."""
    stock = {"merge_method": "model_stock", "base_model": "base", "dtype": "float32"}
    for other, label in (("opposed", "opposed changes"), ("opposite", "opposite changes")):
        for rows in (False, True):
            listed = {"models": [{"model": "a"}, {"model": other}]}
            by = {"parameters": {"filter_wise": rows}}
            name = f"model_stock: {label}{', rows' if rows else ''}"
            yield Case(name, stock | listed | by, families=["llama"])
    pair = {"models": [{"model": "a"}, {"model": "base"}], "dtype": "float32"}
    still = {"merge_method": "sce", "base_model": "base", "parameters": {"select_topk": 0.5}}
    yield Case("sce: one model", pair | still)
    near = {"merge_method": "nearswap", "base_model": "a", "parameters": {"t": 0.001}}
    yield Case("nearswap: the base listed last", pair | near)
    source = {"tokenizer_source": "base", "base_model": "padded", "merge_method": "linear"}
    weighed = [{"model": model, "parameters": {"weight": 0.5}} for model in ("padded", "b")]
    name = "linear: vocabulary base, with rows beyond it"
    yield Case(name, source | {"models": weighed, "dtype": "float32"}, families=["llama"])


def _vocabularies() -> Iterator[Case]:
    listed = [
        {"model": name, "parameters": {"weight": weight}}
        for name, weight in (("a", 0.5), ("wide", 0.3), ("other", 0.4))
    ]
    recipe = {"merge_method": "linear", "base_model": "a", "models": listed, "dtype": "float32"}
    for source in ("union", "base", "wide"):
        asked = recipe | {"tokenizer_source": source}
        yield Case(f"linear: vocabulary {source}", asked, families=["llama"])
    moved = {"base_model": "a", "merge_method": "task_arithmetic", "tokenizer_source": "union"}
    yield Case("task_arithmetic: vocabulary union", recipe | moved, families=["llama"])
    padded = {"tokenizer": {"source": "union", "pad_to_multiple_of": 16}}
    yield Case("linear: vocabulary padded to 16", recipe | padded, families=["llama"])
    tokens = {
        "<|user|>": {"source": "wide", "force": True},
        "<|bot|>": {"source": {"kind": "zero"}},
        "</s>": {
            "source": {"kind": "model_token", "model": "other", "token": "<s>"},
            "force": True,
        },
    }
    chosen = {"tokenizer": {"source": "union", "tokens": tokens}}
    yield Case("linear: tokens with sources of their own", recipe | chosen, families=["llama"])
