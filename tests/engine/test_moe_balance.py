"""The balance that is told, against the loaded model's own routers."""

from pathlib import Path

import pytest
import torch
import yaml
from transformers import AutoTokenizer

from alloyengine.merge.run import open_members
from alloyengine.moe import fit
from alloyengine.moe.balance import Balance, balance_of
from alloyengine.moe.choose import choose
from alloyengine.moe.gates import gates_of
from alloyengine.moe.plan import make_plan
from alloyengine.moe.prompts import encode, pieces
from alloyengine.moe.recipe import parse
from alloyengine.report import Silent
from alloyengine.train.routers import heard
from tests.engine.upcycling import family, loaded, recipe, upcycled

TEXTS = ["The capital of France is Paris.", "gold", "What is the symbol of gold? Au."]


def measured(
    wanted: dict[str, object], inputs: dict[str, Path], sequences: list[list[int]]
) -> Balance:
    read = parse(yaml.safe_dump(wanted))
    with open_members(read.references(), inputs) as members:
        base = members["base"]
        kind = choose(read, base.model.config)
        stack = fit.check(read, members, kind)
        plan = make_plan(read, members, kind, stack, gates_of(read, base, kind, stack, Silent()))
        return balance_of(plan, read, base, sequences, Silent())


@pytest.mark.parametrize("dense", ["llama", "qwen3", "granite", "qwen2", "lfm2"])
def test_it_is_what_the_loaded_models_routers_do(tmp_path: Path, dense: str):
    inputs = family(tmp_path, dense)
    shared = {"shared_experts": [{"source_model": "base"}]} if dense == "qwen2" else {}
    wanted = recipe("first", "second", "base", gate_mode="random", experts_per_token=2, **shared)
    sequences = encode(AutoTokenizer.from_pretrained(inputs["base"]), TEXTS)
    found = measured(wanted, inputs, sequences)
    upcycled(wanted, inputs, tmp_path / "out")
    model = loaded(tmp_path / "out")
    counts = torch.zeros(2, 3)
    for ids in sequences:
        with torch.no_grad(), heard(model) as said:
            model(torch.tensor([ids]))
        for layer, logits in enumerate(said):
            counts[layer] += torch.bincount(logits.topk(2).indices.flatten(), minlength=3)
    expected = counts / counts.sum(dim=1, keepdim=True)
    torch.testing.assert_close(torch.tensor(found.asked), expected)
    assert found.tokens == sum(map(len, sequences))


def test_a_text_is_cut_and_its_beginning_is_enough(tmp_path: Path):
    inputs = family(tmp_path, "llama")
    tokenizer = AutoTokenizer.from_pretrained(inputs["base"])
    cut = pieces(tokenizer, "Paris gold " * 2000, 1200)
    assert [len(piece) for piece in cut] == [512, 512, 176]


def test_an_expert_that_nobody_asks_is_named():
    found = Balance(8, asked=((1.0, 0.0), (0.5, 0.5)), weight=((1.0, 0.0), (0.5, 0.5)))
    assert found.idle == [(0, 1)]
    assert found.overall == [0.75, 0.25]
