"""The routers' first weights, against the peer's own way of making them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from alloyengine.checkpoint import Checkpoint
from alloyengine.merge.run import open_members
from alloyengine.moe import fit
from alloyengine.moe.choose import choose
from alloyengine.moe.gates import Gates, gates_of
from alloyengine.moe.recipe import parse
from alloyengine.report import Silent
from tests.engine.adapting import write_adapter
from tests.engine.upcycling import recipe, upcycled

EXPERTS = [
    {
        "source_model": "first",
        "positive_prompts": ["What is the capital of France?", "Paris"],
        "negative_prompts": ["gold", "Au and some more words"],
    },
    {"source_model": "second", "positive_prompts": ["The symbol of gold is Au."]},
]


class Hearing(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def log(self, message: str, level: Any = "info") -> None:
        self.said.append(message)


def gates(inputs: dict[str, Path], mode: str, report: Any = None, **more: Any) -> Gates:
    wanted = parse(
        yaml.safe_dump({"base_model": "base", "experts": EXPERTS, "gate_mode": mode} | more)
    )
    with open_members(wanted.references(), inputs) as members:
        base = members[wanted.base_model]
        kind = choose(wanted, base.model.config)
        stack = fit.check(wanted, members, kind)
        return gates_of(wanted, base, kind, stack, report or Silent())


def tokenized(folder: Path, prompts: list[str]) -> Any:
    """As the peer does: padded on the left, after the token that begins a text."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.padding_side, tokenizer.pad_token_id = "left", tokenizer.bos_token_id
    texts = [tokenizer.bos_token + prompt for prompt in prompts]
    return tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)


def unit(vectors: torch.Tensor) -> torch.Tensor:
    return vectors / vectors.norm(dim=-1, keepdim=True).clamp(min=1e-8)


def peers_states(folder: Path, prompts: list[str]) -> torch.Tensor:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        found = model(**tokenized(folder, prompts), output_hidden_states=True).hidden_states[:-1]
    return torch.stack(found)[:, :, -1].mean(dim=1)


def peers_embedding(folder: Path, prompts: list[str]) -> torch.Tensor:
    weight = load_file(folder / "model.safetensors")["model.embed_tokens.weight"]
    found = tokenized(folder, prompts)
    rows = weight[found.input_ids] * found.attention_mask[..., None]
    return unit(rows.sum(dim=(0, 1)))


def expected(folder: Path, way: Any) -> torch.Tensor:
    rows = []
    for expert in EXPERTS:
        row = way(folder, expert["positive_prompts"])
        if bad := expert.get("negative_prompts"):
            row = row - way(folder, bad)
        rows.append(unit(row))
    return torch.stack(rows, dim=-2)


def test_hidden_gates_are_the_peers(three_llamas: dict[str, Path]):
    found = torch.from_numpy(gates(three_llamas, "hidden").routers)
    torch.testing.assert_close(
        found, expected(three_llamas["base"], peers_states), rtol=0, atol=1e-5
    )


def test_cheap_gates_are_the_peers_and_alike_in_every_layer(three_llamas: dict[str, Path]):
    found = torch.from_numpy(np.array(gates(three_llamas, "cheap_embed").routers))
    wanted = expected(three_llamas["base"], peers_embedding)
    torch.testing.assert_close(found, torch.stack([wanted, wanted]), rtol=0, atol=1e-6)


def test_batches_change_nothing(three_llamas: dict[str, Path], monkeypatch: pytest.MonkeyPatch):
    together = gates(three_llamas, "hidden").routers
    monkeypatch.setattr("alloyengine.moe.prompts._MOST", 1)
    np.testing.assert_allclose(gates(three_llamas, "hidden").routers, together, atol=1e-6)


def test_layers_are_read_once_and_in_turn(
    three_llamas: dict[str, Path], monkeypatch: pytest.MonkeyPatch
):
    """So that one of them is in memory at a time. The embedding is read row by row."""
    read: list[tuple[str, int]] = []
    window = Checkpoint.window

    def noted(self: Checkpoint, name: str, start: int, stop: int) -> Any:
        read.append((name, stop - start))
        return window(self, name, start, stop)

    monkeypatch.setattr(Checkpoint, "window", noted)
    gates(three_llamas, "hidden")
    layers = [name for name, _ in read if ".layers." in name]
    assert len(layers) == len(set(layers)) == 18
    assert [name.split(".")[2] for name in layers] == ["0"] * 9 + ["1"] * 9
    assert {size for name, size in read if "embed" in name} == {32}


@pytest.mark.parametrize("mode", ["random", "uniform_random"])
def test_random_gates_follow_from_the_seed(three_llamas: dict[str, Path], mode: str):
    one, two = (gates(three_llamas, mode, seed=seed).routers for seed in (1, 2))
    assert np.array_equal(one, gates(three_llamas, mode, seed=1).routers)
    assert not np.array_equal(one, two)


def test_uniform_gates_are_as_torch_begins_a_linear_layer(three_llamas: dict[str, Path]):
    found = gates(three_llamas, "uniform_random").routers
    assert np.abs(found).max() <= 32**-0.5
    assert found.std() == pytest.approx(32**-0.5 / 3**0.5, rel=0.2)


def test_a_shared_expert_has_a_gate_of_its_own_where_there_is_room_for_one(
    three_llamas: dict[str, Path],
):
    shared = [{"source_model": "base", "positive_prompts": ["user assistant"]}]
    found = gates(three_llamas, "hidden", shared_experts=shared)
    assert found.routers.shape == (2, 2, 32)
    assert found.shared is not None
    row = unit(peers_states(three_llamas["base"], ["user assistant"]))
    torch.testing.assert_close(torch.from_numpy(found.shared[:, 0]), row, rtol=0, atol=1e-5)


def test_prompts_that_are_too_alike_are_told(three_llamas: dict[str, Path]):
    alike = [
        dict(expert, positive_prompts=[f"{n} gold?"], negative_prompts=[])
        for n, expert in enumerate(EXPERTS)
    ]
    report = Hearing()
    gates(three_llamas, "hidden", report, experts=alike)
    assert any("hardly tells its experts apart" in words for words in report.said)


def test_gates_stand_in_the_file(three_llamas: dict[str, Path], tmp_path: Path):
    upcycled(recipe("first", "second"), three_llamas, tmp_path / "out")
    weights = load_file(tmp_path / "out" / "model.safetensors")
    for layer in range(2):
        router = weights[f"model.layers.{layer}.block_sparse_moe.gate.weight"]
        torch.testing.assert_close(router.norm(dim=1), torch.ones(2))


def test_a_bases_adapter_counts(three_llamas: dict[str, Path], tmp_path: Path):
    """The router of the second layer hears what the first one makes of it."""
    adapter = {"adapter": write_adapter(tmp_path / "adapter")}
    plain = gates(three_llamas, "hidden").routers
    adapted = gates(three_llamas | adapter, "hidden", base_model="base+adapter").routers
    assert np.allclose(plain[0], adapted[0])
    assert not np.allclose(plain[1], adapted[1], atol=1e-4)
