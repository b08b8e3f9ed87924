"""Where models differ: figures of task vectors, module by module."""

import json
import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from alloyengine.checkpoint import Checkpoint, write
from alloyengine.diff.measure import difference, interference
from alloyengine.diff.moments import Moments, moments, top_of
from alloyengine.diff.panels import panels_of, short
from alloyengine.diff.picture import picture
from alloyengine.errors import InputError, Stopped
from alloyengine.merge.members import Member
from alloyengine.report import Silent
from tests.engine.tiny import tiny_llama, tiny_tensors

SIZES = st.floats(0.0625, 100, width=32) | st.floats(-100, -0.0625, width=32)
VECTORS = arrays(np.float32, (4, 16), elements=SIZES)


def measured(base: np.ndarray, *deltas: np.ndarray) -> Moments:
    tops = [top_of(delta) for delta in deltas]
    return moments(base.copy(), [delta.copy() for delta in deltas], tops)


@given(VECTORS)
def test_a_change_agrees_with_itself_in_everything(delta: np.ndarray) -> None:
    found = measured(delta, delta, delta)
    assert found.norm(0) == pytest.approx(1)
    assert found.cosine(0, 1) == pytest.approx(1)
    assert found.conflict(0, 1) == 0
    assert found.weighted_conflict(0, 1) == pytest.approx(0, abs=1e-6)
    assert found.overlap(0, 1) == 1


@given(VECTORS)
def test_a_change_conflicts_with_its_opposite_in_everything(delta: np.ndarray) -> None:
    found = measured(delta, delta, -delta)
    assert found.cosine(0, 1) == pytest.approx(-1)
    assert found.conflict(0, 1) == 1
    assert found.weighted_conflict(0, 1) == pytest.approx(1)


@given(VECTORS, VECTORS, st.floats(0.125, 8, width=32))
def test_directions_do_not_depend_on_lengths(a: np.ndarray, b: np.ndarray, scale: float) -> None:
    one, other = measured(a, a, b), measured(a, a, b * np.float32(scale))
    for figure in ("cosine", "conflict", "weighted_conflict", "overlap"):
        plain, scaled = getattr(one, figure)(0, 1), getattr(other, figure)(0, 1)
        assert scaled == pytest.approx(plain, abs=1e-4), figure


@given(VECTORS, VECTORS, VECTORS)
def test_moments_of_halves_add_up(base: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    tops = [top_of(a), top_of(b)]
    whole = moments(base.copy(), [a.copy(), b.copy()], tops)
    halves = [moments(base[h].copy(), [a[h].copy(), b[h].copy()], tops) for h in ([0, 1], [2, 3])]
    added = halves[0] + halves[1]
    np.testing.assert_allclose(added.sums, whole.sums, rtol=1e-5, atol=1e-3)


def test_figures_are_what_their_words_say() -> None:
    base = np.array([[3, 4, 0, 0, 0]], np.float32)
    a = np.array([[3, 4, 0, -1, 2]], np.float32)
    b = np.array([[1, -2, 5, 0, 2]], np.float32)
    found = measured(base, a, b)
    assert found.norm(0) == pytest.approx(math.sqrt(30) / 5)
    assert found.cosine(0, 1) == pytest.approx(-1 / math.sqrt(30 * 34))
    assert found.conflict(0, 1) == pytest.approx(1 / 3)
    assert found.weighted_conflict(0, 1) == pytest.approx(8 / 15)
    assert found.overlap(0, 1) == 0


def test_what_did_not_move_has_no_direction() -> None:
    still, moved = np.zeros((2, 3), np.float32), np.ones((2, 3), np.float32)
    found = measured(still, still, moved)
    assert found.norm(0) is None
    assert found.cosine(0, 1) is None
    assert found.conflict(0, 1) is None
    assert found.overlap(0, 1) == 0


def member(path: Path) -> Member:
    return Member(path.name, Checkpoint.open(path))


@pytest.fixture
def members(three_llamas: dict[str, Path]) -> list[Member]:
    return [member(path) for path in three_llamas.values()]


def test_interference_is_mapped_by_layer_and_module(members: list[Member]) -> None:
    base, first, second = members
    found = interference(base, [first, second], Silent())
    assert found["stack"] == [0, 1]
    assert found["modules"][:2] == ["input_layernorm", "self_attn.q_proj"]
    assert found["outside"]["modules"] == ["model.embed_tokens", "model.norm"]
    place = found["modules"].index("mlp.up_proj")
    vectors = [change("model.layers.1.mlp.up_proj.weight", seed) for seed in (2, 3)]
    norm = vectors[0].norm() / tiny_tensors(1)["model.layers.1.mlp.up_proj.weight"].norm()
    cosine = torch.cosine_similarity(*(v.flatten() for v in vectors), dim=0)
    conflict = (vectors[0] * vectors[1] < 0).double().mean()
    pair = found["pairs"][0]
    assert found["norm"]["first"][place][1] == pytest.approx(float(norm), rel=1e-4)
    assert pair["cosine"][place][1] == pytest.approx(float(cosine), rel=1e-4)
    assert pair["conflict"][place][1] == pytest.approx(float(conflict), rel=1e-4)


def change(name: str, seed: int) -> torch.Tensor:
    return (tiny_tensors(seed)[name] - tiny_tensors(1)[name]).double()


def test_every_pair_of_models_is_compared(tmp_path: Path) -> None:
    base, *others = (member(tiny_llama(tmp_path / f"m{seed}", seed)) for seed in range(4))
    found = interference(base, others, Silent())
    assert [(pair["a"], pair["b"]) for pair in found["pairs"]] == [
        ("m1", "m2"),
        ("m1", "m3"),
        ("m2", "m3"),
    ]
    json.dumps(found, allow_nan=False)


def test_two_models_differ_by_tensor_layer_and_in_all(members: list[Member]) -> None:
    found = difference(members[0], members[1], Silent())
    name = "model.layers.0.mlp.up_proj.weight"
    expected = change(name, 2).norm() / tiny_tensors(1)[name].norm()
    assert found["tensors"][name]["difference"] == pytest.approx(float(expected), rel=1e-4)
    assert len(found["layers"]["difference"]) == 2
    assert found["total"]["difference"] > 1


def test_a_model_is_no_different_from_itself(llama: Path) -> None:
    found = difference(member(llama), member(llama), Silent())
    assert found["total"] == {"difference": 0, "cosine": pytest.approx(1)}


def test_a_tensor_of_another_shape_is_left_out_and_said(tmp_path: Path, llama: Path) -> None:
    tensors = tiny_tensors(2)
    tensors["model.embed_tokens.weight"] = torch.zeros(10, 32)
    tensors["extra.weight"] = tensors.pop("model.layers.1.mlp.up_proj.weight")
    write(tmp_path / "other", tensors, llama)
    found = difference(member(llama), member(tmp_path / "other"), Silent())
    why = {item["tensor"]: item["why"] for item in found["skipped"]}
    assert why == {
        "model.embed_tokens.weight": "[10, 32] in other, [320, 32] in llama",
        "model.layers.1.mlp.up_proj.weight": "other lacks it",
        "extra.weight": "only other has it",
    }


def test_models_with_nothing_in_common_are_refused(tmp_path: Path, llama: Path) -> None:
    write(tmp_path / "other", {"a.weight": torch.zeros(3, 3)}, llama)
    with pytest.raises(InputError, match="no tensor of the same name"):
        difference(member(llama), member(tmp_path / "other"), Silent())


def test_numbers_that_are_none_are_named(tmp_path: Path, llama: Path) -> None:
    tensors = tiny_tensors(1)
    tensors["model.layers.0.mlp.up_proj.weight"][3, 3] = math.nan
    write(tmp_path / "broken", tensors, llama)
    with pytest.raises(InputError, match=r"layers\.0\.mlp\.up_proj"):
        difference(member(llama), member(tmp_path / "broken"), Silent())


def test_a_comparison_stops_when_asked(members: list[Member]) -> None:
    class Impatient(Silent):
        def stopping(self) -> bool:
            return True

    with pytest.raises(Stopped):
        interference(members[0], members[1:], Impatient())


@pytest.mark.parametrize("count", [0, 9])
def test_too_few_and_too_many_models_are_refused(members: list[Member], count: int) -> None:
    others = [Member(str(number), members[1].model) for number in range(count)]
    with pytest.raises(InputError, match=f"{count} models"):
        interference(members[0], others, Silent())


def test_a_model_given_twice_is_refused(members: list[Member]) -> None:
    with pytest.raises(InputError, match="twice"):
        interference(members[0], [members[1], members[1]], Silent())


def test_the_picture_has_a_cell_for_every_figure(members: list[Member]) -> None:
    found: dict[str, Any] = interference(members[0], members[1:], Silent())
    panels = panels_of(found)
    assert [panel.hue for panel in panels] == ["size", "size", "angle", "conflict"]
    drawn = ElementTree.fromstring(picture(panels, "a <b> & c"))
    cells = [rect for rect in drawn.iter("{http://www.w3.org/2000/svg}rect") if "rx" in rect.attrib]
    assert len(cells) == 4 * (2 * 9 + 2)
    titles = [title.text for title in drawn.iter("{http://www.w3.org/2000/svg}title")]
    assert titles[0] == "a <b> & c"
    assert any(str(title).startswith("layer 1, mlp.up_proj: ") for title in titles)


def test_names_are_as_short_as_tells_them_apart() -> None:
    assert short(["/a/b/one", "two"]) == ["one", "two"]
    assert short(["a/one", "b/one"]) == ["a/one", "b/one"]
    assert short(["/a/one+/b/lora", "/a/one"]) == ["one+lora", "one"]
