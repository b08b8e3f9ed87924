"""Compiled loops do what their twins in plain numpy do."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from alloyengine.merge import arrays, chance, gram, loops, selection, sparsify
from alloyengine.merge.consensus import agreeing
from alloyengine.merge.declare import Block, Settings
from alloyengine.merge.loops import twins
from alloyengine.merge.methods import METHODS, arcee_fusion
from alloyengine.merge.recipe import parse
from alloyengine.merge.run import run
from alloyengine.report import Silent
from alloyengine.spec.merge import MergeSpec
from alloyengine.spec.methods import DECLARATIONS, MergeMethod
from tests.engine.merging import Memory, combine
from tests.engine.test_merge_properties import HOW, NAMES, inputs

SHAPES = [(1, 1), (3, 7), (64, 129), (5, 4097)]
EDGES = np.array([0, -0.0, 1e-40, -1e-40, 3.3e38, -3.3e38, 1.00390625, 1.01171875], np.float32)


@pytest.fixture(params=SHAPES, ids=str)
def numbers(request: pytest.FixtureRequest) -> np.ndarray:
    """Some equal, some at the ends of what float32 can hold."""
    rng = np.random.default_rng(0)
    found = rng.standard_normal(request.param).astype(np.float32)
    found[rng.random(request.param) < 0.2] = 0.5
    found.reshape(-1)[: min(found.size, len(EDGES))] = EDGES[: found.size]
    return found


@pytest.fixture
def in_use(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Compiled loops, however small the merge."""
    monkeypatch.setattr(loops, "WORTH", 0)
    loops.prepare(1)
    assert loops.compiled(np) is twins
    assert loops.compiled(torch) is None
    yield
    monkeypatch.undo()
    loops.prepare(0)


@pytest.fixture(params=[False, True], ids=["numbers", "broken"])
def anything(request: pytest.FixtureRequest, numbers: np.ndarray) -> np.ndarray:
    """Also with what is no number: loops must not hide it."""
    if request.param:
        numbers.reshape(-1)[:: max(2, numbers.size // 9)] = np.nan
        numbers.reshape(-1)[1 :: max(2, numbers.size // 7)] = np.inf
    return numbers


def same(a: Any, b: Any) -> bool:
    return np.array_equal(np.asarray(a), np.asarray(b), equal_nan=True)


def test_a_small_merge_does_not_wait_for_the_compiler():
    loops.prepare(loops.WORTH - 1)
    assert loops.compiled() is None


def test_bfloat16(numbers: np.ndarray):
    narrow = twins.encode(numbers)
    assert same(narrow, arrays.encode(numbers.copy(), "BF16"))
    assert same(twins.decode(narrow), arrays.decode(narrow, "BF16"))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_finite(numbers: np.ndarray, wrong: float):
    assert twins.finite(numbers)
    numbers[-1, -1] = wrong
    assert not twins.finite(numbers)


def test_add(numbers: np.ndarray):
    total, other = numbers[::-1].copy(), numbers * np.float32(0.3)
    twins.add(total, numbers, 0.7)
    assert same(total, gram.weighted_sum([numbers[::-1].copy(), numbers.copy()], [1.0, 0.7]))
    with pytest.raises(TypeError):  # or the sum would go to a copy
        twins.add(np.asfortranarray(np.ones((2, 3), np.float32)), other, 0.7)


def test_blend_and_products(numbers: np.ndarray):
    bases = [numbers.clip(-9, 9), numbers[::-1].clip(-9, 9), numbers.clip(-9, 9) * np.float32(0.7)]
    raw = np.stack([twins.encode(np.ascontiguousarray(base)).reshape(-1) for base in bases])
    wide = [arrays.decode(row[None], "BF16") for row in raw]
    sums = gram.weighted_sum([row.copy() for row in wide], [0.5, 0.3, -0.2])
    found, finite = twins.blend(raw, [0.5, 0.3, -0.2])
    assert same(found, arrays.encode(sums, "BF16")[0]) and finite
    assert not twins.blend(raw, [0.5, 3e38, 3e38])[1] or not numbers.any()
    for deltas in (False, True):
        whole = gram.gram(Memory(wide), deltas)
        found = twins.products(raw, deltas)
        np.testing.assert_allclose(found, whole[np.triu_indices(len(whole))], rtol=1e-5, atol=1e-5)


def test_thin_and_norms(numbers: np.ndarray):
    kept, delta = numbers > 0.1, numbers.clip(-9, 9)
    found = delta.copy()
    twins.thin(found, kept, 0.4)
    assert same(found, delta * kept * np.float32(0.4))
    np.testing.assert_allclose(
        twins.norms(delta, kept), [abs(delta).sum(), abs(delta[kept]).sum()], rtol=1e-5
    )


@pytest.mark.parametrize("start", [0, 1, (1 << 33) + 7])
@pytest.mark.parametrize("key", [5, (1 << 64) - 3])
def test_drawn(numbers: np.ndarray, start: int, key: int):
    for density in (0.0, 0.3, 1.0):
        drawn = chance.chosen(key, start, numbers, density, np)
        assert same(twins.drawn(key, start, numbers.shape, round(density * 65536)), drawn)


@pytest.mark.parametrize("ends", [(0.3, 0.7), (0.5, 0.5), (0.01, 0.99)])
@pytest.mark.parametrize("numbers", [(3, 2), *SHAPES[1:]], indirect=True)
def test_drawn_by_rank(numbers: np.ndarray, ends: tuple[float, float]):
    start, limits = 3 * numbers.shape[1], [round(end * 65536) for end in ends]
    drawn = sparsify._drawn_by_rank(numbers, start, 1 << 40, *ends, np)
    assert same(twins.drawn_by_rank(numbers, start, 1 << 40, *limits), drawn)


@pytest.mark.parametrize("ends", [(0.1, 0.6), (0.5, 0.5001), (-1.0, np.inf), (9.0, 9.5)])
def test_tally(anything: np.ndarray, ends: tuple[float, float], in_use: None):
    numbers = anything
    bracket, block = selection._Bracket(*ends, share=True), Block([abs(numbers)], 0, np)
    found = selection._look(lambda block: block.arrays, {0: bracket}, block)[0]
    loops.prepare(-1)
    expected = selection._look(lambda block: block.arrays, {0: bracket}, block)[0]
    assert same(found.inside, expected.inside)
    counts = [(look.above, look.high, look.low, look.positive) for look in (found, expected)]
    assert counts[0] == counts[1]


def test_moments_and_add_important(numbers: np.ndarray):
    chances, change = np.exp(numbers.clip(-2, 2)), numbers.clip(-0.5, 0.5)[::-1].copy()
    expected = arcee_fusion._moments(chances.copy(), change, 5, np)
    np.testing.assert_allclose(twins.moments(chances, change, 5), expected, rtol=1e-5, atol=1e-4)
    weights = abs(numbers[:, -1]).clip(0, 9)
    importance = arcee_fusion.Importance(weights, 0.3)
    blocks = [Block([chances.copy(), chances + change], 0, np) for _ in range(2)]
    twins.add_important(*blocks[0].arrays, weights, 0.3)
    expected = METHODS["arcee_fusion"].combine(blocks[1], Settings({}, ()), importance)
    assert same(blocks[0].arrays[0], expected)


@pytest.mark.parametrize("weights", [None, [0.6, 0.4]])
def test_agreeing(anything: np.ndarray, weights: list[float] | None):
    numbers = anything
    changes, sign_of = [numbers, numbers[::-1].copy()], numbers + 0.1
    found = twins.agreeing(changes, sign_of, weights)
    expected = agreeing([change.copy() for change in changes], sign_of.copy(), weights, np)
    assert same(found[0] + 0, expected[0] + 0)  # 0 and -0 are one here
    assert weights is None or same(found[1], expected[1])


@pytest.mark.parametrize("name", NAMES)
def test_every_method_gives_the_same(name: MergeMethod, monkeypatch: pytest.MonkeyPatch):
    given, tensors = HOW.get(name, {}), inputs(name, shape=(60, 129))
    has_base = DECLARATIONS[name].base == "required"
    weights = [0.7, 0.4][: len(tensors) - has_base]
    plain = combine(name, tensors, weights, has_base, 11, 20, **given)
    monkeypatch.setattr(loops, "_compiled", twins)
    np.testing.assert_allclose(
        combine(name, tensors, weights, has_base, 11, 20, **given), plain, rtol=1e-6, atol=1e-7
    )


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("wrong", [np.nan, np.inf])
@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_number_comes_out_as_none(
    name: MergeMethod, wrong: float, compiled: bool, monkeypatch: pytest.MonkeyPatch
):
    """Or it would be written: the executor looks at results. And no search for it goes on for ever."""
    tensors, has_base = inputs(name, shape=(60, 129)), DECLARATIONS[name].base == "required"
    monkeypatch.setattr(loops, "_compiled", twins if compiled else None)
    for broken in range(len(tensors)):
        given = [tensor.copy() for tensor in tensors]
        given[broken][3, 5] = wrong
        weights = [0.7, 0.4][: len(tensors) - has_base]
        with np.errstate(all="ignore"):
            found = combine(name, given, weights, has_base, 11, 20, **HOW.get(name, {}))
        assert not np.isfinite(found).all()


@pytest.mark.parametrize("name", [name for name in NAMES if METHODS[name].weights])
def test_models_that_are_not_decoded_give_the_same(
    name: MergeMethod,
    three_llamas: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    for path in three_llamas.values():
        file = path / "model.safetensors"
        halves = {key: tensor.bfloat16() for key, tensor in load_file(file).items()}
        save_file(halves, file, {"format": "pt"})
    recipe = _recipe(name)
    plain = _merged(recipe, three_llamas, tmp_path / "plain")
    monkeypatch.setattr(loops, "WORTH", 0)
    for key, tensor in _merged(recipe, three_llamas, tmp_path / "compiled").items():
        assert tensor.dtype == torch.bfloat16
        torch.testing.assert_close(tensor, plain[key], rtol=2**-7, atol=1e-6)
    loops.prepare(-1)


def _recipe(name: MergeMethod) -> str:
    """Of the base, where the method has one, and as many models as it takes, at most two."""
    declared = DECLARATIONS[name]
    tuned = ["first", "second"][: 1 if name == "slerp" else 2]
    own = "weight: 0.5" if any(p.name == "weight" for p in declared.parameters) else ""
    listed = ", ".join(f"{{model: {model}, parameters: {{{own}}}}}" for model in tuned)
    base = "base_model: base, " if declared.base == "required" or name == "slerp" else ""
    shared = ", parameters: {t: 0.3}" if name == "slerp" else ""
    return f"{{merge_method: {name}, {base}models: [{listed}], dtype: bfloat16{shared}}}"


def _merged(recipe: str, inputs: dict[str, Path], out: Path) -> dict[str, torch.Tensor]:
    run(MergeSpec(recipe=parse(recipe)), inputs, out, Silent())
    return load_file(out / "model.safetensors")
