"""A sparse model is trained: routers kept even, experts chosen one by one, saved as the file has them."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers.models.mixtral.modeling_mixtral import load_balancing_loss_func

from alloyengine.errors import InputError
from alloyengine.report import Silent
from alloyengine.spec.objective import Cpt
from alloyengine.spec.train import TrainSpec
from alloyengine.spec.tuning import FullTuning, SpectrumTuning
from alloyengine.train.batches import stacked
from alloyengine.train.encode import IGNORED, Example
from alloyengine.train.routers import balance_weight, heard, tokens_of, unevenness
from alloyengine.train.run import run
from alloyengine.train.stacks import Pieces, Stacks
from tests.engine.upcycling import family, loaded, recipe, upcycled

ROWS = [{"prompt": f"Symbol of {n}?", "completion": f"It is {n}."} for n in range(16)]
SPEC = TrainSpec(
    model="m",
    dataset="d",
    tuning=FullTuning(),
    epochs=3,
    batch_size=4,
    learning_rate=3e-3,
    max_length=64,
)
LAYER = "model.layers.1.block_sparse_moe"


class Recording(Silent):
    def __init__(self) -> None:
        self.metrics: dict[str, list[float]] = {}

    def metric(self, name: str, step: int, value: float) -> None:
        self.metrics.setdefault(name, []).append(value)


@pytest.fixture
def sparse(three_llamas: dict[str, Path], tmp_path: Path) -> Path:
    """Four experts, two for each token, with random routers."""
    wanted = recipe("base", "first", "second", "first", gate_mode="random")
    upcycled(wanted, three_llamas, tmp_path / "sparse")
    return tmp_path / "sparse"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "train.jsonl").write_text("\n".join(map(json.dumps, ROWS)))
    return folder


def trained(sparse: Path, data: Path, out: Path, **changes: Any) -> dict[str, list[float]]:
    report = Recording()
    run(SPEC.model_copy(update=changes), {"m": sparse, "d": data}, out, report)
    return report.metrics


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def with_weight_for_balance(folder: Path, value: float) -> None:
    config = folder / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"router_aux_loss_coef": value}))


# The load-balancing loss


def test_it_is_transformers_own(sparse: Path):
    """Of sequences with padding, by what the model's routers say."""
    model = loaded(sparse)
    rows = [Example([1, 5, 6, 7, 8], [IGNORED, 5, 6, 7, 8]), Example([1, 9, 10], [IGNORED, 9, 10])]
    part = stacked(rows, pad=0, share=False)
    with torch.no_grad(), heard(model) as logits:
        answer = model(part.tokens, output_router_logits=True)
    real = tokens_of(part)
    assert real.tolist() == [[True] * 4, [True, True, False, False]]
    expected = load_balancing_loss_func(answer.router_logits, 4, 2, real.long())
    torch.testing.assert_close(unevenness(logits, 2, real), expected)


def test_even_use_is_the_least():
    alike = torch.eye(4).repeat(3, 1) * 50
    one = torch.tensor([[50.0, 0, 0, 0]]).repeat(12, 1)
    real = torch.ones(3, 4, dtype=torch.bool)
    assert unevenness([alike], 1, real).item() == pytest.approx(1)
    assert unevenness([one], 1, real).item() == pytest.approx(4)


def test_a_prefix_that_is_passed_alone_counts_too(sparse: Path):
    said = [torch.randn(3, 4), torch.randn(8, 4)]
    real = torch.ones(2, 4, dtype=torch.bool)
    together = unevenness([torch.cat(said)], 2, torch.ones(1, 11, dtype=torch.bool))
    torch.testing.assert_close(unevenness(said, 2, real), together)


def test_a_model_without_routers_has_none(llama: Path):
    assert balance_weight(loaded(llama)) == 0


def test_hooks_are_gone_afterwards(sparse: Path):
    model = loaded(sparse)
    with heard(model):
        pass
    assert all(not module._forward_hooks for module in model.modules())


@pytest.mark.parametrize("objective", [{}, {"objective": Cpt()}])
def test_training_keeps_experts_in_use(
    sparse: Path, data: Path, tmp_path: Path, objective: dict[str, Any]
):
    found = {}
    for weight in (0.0, 1.0):
        with_weight_for_balance(sparse, weight)
        more = {"epochs": 6, **objective}
        found[weight] = trained(sparse, data, tmp_path / f"out-{weight}", **more)
    assert "unevenness" not in found[0.0]
    told = found[1.0]["unevenness"]
    assert told[-1] < told[0]
    assert told[-1] == pytest.approx(2, abs=0.1)  # two experts for each token


def test_held_out_loss_is_of_the_tokens_alone(sparse: Path, data: Path, tmp_path: Path):
    found = []
    for weight in (0.0, 100.0):
        with_weight_for_balance(sparse, weight)
        how = SPEC.evaluation.model_copy(update={"share": 0.25, "every": 1})
        metrics = trained(
            sparse,
            data,
            tmp_path / f"out-{weight}",
            evaluation=how,
            max_steps=1,
            learning_rate=1e-9,
        )
        found.append(metrics["evaluation_loss"][0])
    assert found[0] == pytest.approx(found[1], rel=1e-4)


# Stacks in memory, experts alone in the file


def test_the_way_from_memory_to_the_file_is_exact(sparse: Path):
    model = loaded(sparse)
    found = Pieces(Stacks.of(model, sparse), dict(model.named_parameters()))
    expected = weights(sparse)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_rows_of_a_stack_are_known_by_the_files_names(sparse: Path):
    model = loaded(sparse)
    stacks = Stacks.of(model, sparse)
    name = "model.layers.1.mlp.experts.gate_up_proj"
    stack = dict(model.named_parameters())[name]
    one = {f"{LAYER}.experts.2.w3.weight"}
    mask = stacks.mask(name, one, stack)
    assert mask is not None
    assert torch.equal(stack[mask.expand_as(stack) == 1].view(48, 32), weights(sparse)[min(one)])
    assert stacks.mask(name, set(stacks.files(name)), stack) is None
    assert stacks.files("model.norm.weight") == {"model.norm.weight"}


def test_full_tuning_moves_every_expert(sparse: Path, data: Path, tmp_path: Path):
    told = trained(sparse, data, tmp_path / "out")
    before, after = weights(sparse), weights(tmp_path / "out")
    assert before.keys() == after.keys()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert {f"{LAYER}.experts.{n}.w2.weight" for n in range(4)} <= moved
    assert f"{LAYER}.gate.weight" in moved
    assert told["loss"][-1] < told["loss"][0]
    loaded(tmp_path / "out")


def test_only_the_experts_and_routers_that_are_chosen_move(
    sparse: Path, data: Path, tmp_path: Path
):
    chosen = (rf"{LAYER}\.experts\.[12]\.", rf"{LAYER}\.gate")
    tuning = SpectrumTuning(modules=chosen, train_embeddings=False)
    trained(sparse, data, tmp_path / "out", tuning=tuning)
    before, after = weights(sparse), weights(tmp_path / "out")
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    matrices = {f"{LAYER}.experts.{n}.{w}.weight" for n in (1, 2) for w in ("w1", "w2", "w3")}
    assert moved == matrices | {f"{LAYER}.gate.weight"}


def test_spectrum_chooses_among_experts_and_routers(sparse: Path, data: Path, tmp_path: Path):
    tuning = SpectrumTuning(percent=50, train_embeddings=False)
    trained(sparse, data, tmp_path / "out", tuning=tuning)
    before, after = weights(sparse), weights(tmp_path / "out")
    moved = [name for name in before if not torch.equal(before[name], after[name])]
    kinds = [name.split(".", 3)[3] for name in moved]
    assert sorted(kinds) == sorted(set(kinds))  # half of two layers: one of each kind
    assert {"block_sparse_moe.gate.weight", "block_sparse_moe.experts.3.w1.weight"} <= set(kinds)


@pytest.mark.parametrize("dense", ["qwen3", "granite", "qwen2"])
def test_other_architectures_are_trained_and_saved(tmp_path: Path, data: Path, dense: str):
    shared = {"shared_experts": [{"source_model": "base"}]} if dense == "qwen2" else {}
    inputs = family(tmp_path, dense)
    upcycled(recipe("first", "second", gate_mode="random", **shared), inputs, tmp_path / "sparse")
    trained(tmp_path / "sparse", data, tmp_path / "out", max_steps=2)
    before, after = weights(tmp_path / "sparse"), weights(tmp_path / "out")
    assert before.keys() == after.keys()
    assert all(not torch.equal(before[name], after[name]) for name in before if "expert" in name)


def test_decay_would_move_experts_that_were_not_chosen(sparse: Path, data: Path, tmp_path: Path):
    tuning = SpectrumTuning(modules=(rf"{LAYER}\.experts\.1\.",), train_embeddings=False)
    with pytest.raises(InputError, match=r"only some were chosen, .* weight_decay: 0\.1"):
        trained(sparse, data, tmp_path / "out", tuning=tuning, weight_decay=0.1)
