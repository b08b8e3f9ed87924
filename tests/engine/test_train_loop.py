from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM

from alloyengine.errors import InputError, Stopped
from alloyengine.report import Silent
from alloyengine.spec.train import TrainSpec
from alloyengine.train import batches, logits, loop
from alloyengine.train.encode import IGNORED, Example
from alloyengine.train.loop import PHASE, Fitted
from alloyengine.train.objectives import causal
from alloyengine.train.objectives.causal import Causal
from alloyengine.train.schedule import rate
from alloyengine.train.tune import Tuned
from alloyengine.train.watch import Watch

BATCH = [
    Example([5, 6, 7, 8], [IGNORED, IGNORED, 7, 8]),
    Example([9, 10, 11, 12, 13, 14], [IGNORED, IGNORED, IGNORED, IGNORED, 13, 14]),
]
SPEC = TrainSpec(model="m", dataset="d", learning_rate=1e-2)


def backward(model: Any, batch: list[Example]) -> float:
    return loop.backward(Causal(batch), model, batch)[0]


def fit(model: Any, weights: dict[str, Any], steps: int, report: Silent) -> Fitted:
    """Of the batch alone."""
    spec = SPEC.model_copy(update={"max_steps": steps, "batch_size": len(BATCH), "epochs": 100})
    return loop.fit(Causal(BATCH), Tuned(model, weights, lambda out, weights: None), spec, report)


class Watching(Silent):
    def __init__(self, stop_after: int = 1_000) -> None:
        self.metrics: dict[str, list[float]] = {}
        self.steps: list[tuple[str, int, int]] = []
        self.stop_after = stop_after

    def metric(self, name: str, step: int, value: float) -> None:
        self.metrics.setdefault(name, []).append(value)

    def progress(self, phase: str, done: int, total: int) -> None:
        self.steps.append((phase, done, total))

    def stopping(self) -> bool:
        return len(self.steps) >= self.stop_after


@pytest.fixture
def model(llama: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(llama, dtype=torch.float32)


def alone(model: Any, example: Example) -> torch.Tensor:
    """The plain way: all logits of one unpadded example, summed loss of its learned tokens."""
    logits = model(torch.tensor([example.tokens])).logits[0, :-1]
    targets = torch.tensor(example.targets[1:])
    return cross_entropy(logits, targets, ignore_index=IGNORED, reduction="sum")


def test_the_loss_is_the_mean_over_learned_tokens_alone(model: Any):
    expected = sum(alone(model, example).item() for example in BATCH) / 4
    assert backward(model, BATCH) == pytest.approx(expected, rel=1e-2)


def test_gradients_are_those_of_the_plain_loss(model: Any):
    backward(model, BATCH)
    weight = model.model.layers[0].mlp.up_proj.weight
    found, weight.grad = weight.grad, None
    (sum(alone(model, example) for example in BATCH) / 4).backward()
    assert torch.cosine_similarity(found.flatten(), weight.grad.flatten(), dim=0) > 0.999


def test_a_shared_prefix_changes_neither_loss_nor_gradients(
    model: Any, monkeypatch: pytest.MonkeyPatch
):
    asked = [[*range(10, 30), *own] for own in ([40, 41, 42], [50, 51], [60, 61, 62, 63])]
    batch = [Example(row, [IGNORED] * (len(row) - 1) + row[-1:]) for row in asked]
    monkeypatch.setattr(logits, "is_fast", lambda _: False)
    (part,) = batches.parts(batch, pad=0)
    assert len(part.prefix) == 20

    shared, found = backward(model, batch), gradients(model)
    monkeypatch.setattr(causal, "looks_back", lambda _: False)
    assert backward(model, batch) == pytest.approx(shared, rel=1e-5)

    for name, plain in gradients(model).items():
        assert torch.allclose(found[name], plain, rtol=1e-3, atol=1e-6), name


def gradients(model: Any) -> dict[str, torch.Tensor]:
    found = {name: weight.grad for name, weight in model.named_parameters()}
    model.zero_grad(set_to_none=True)
    return found


@pytest.mark.parametrize(
    ("changes", "looks_back"),
    [
        ({}, True),
        ({"sliding_window": 4096}, False),
        ({"layer_types": ["full_attention", "sliding_attention"]}, False),
        ({"layer_types": ["linear_attention", "full_attention"]}, False),
    ],
)
def test_prefixes_are_shared_only_where_all_layers_look_back(
    model: Any, changes: dict[str, Any], looks_back: bool
):
    for name, value in changes.items():
        setattr(model.config, name, value)
    assert logits.looks_back(model) == looks_back


def test_a_batch_in_parts_learns_the_same(model: Any, monkeypatch: pytest.MonkeyPatch):
    weight = model.model.layers[0].mlp.up_proj.weight
    whole = backward(model, BATCH)
    expected, weight.grad = weight.grad, None
    monkeypatch.setattr(batches, "PART_TOKENS", 6)
    assert backward(model, BATCH) == pytest.approx(whole, rel=1e-3)
    assert torch.cosine_similarity(weight.grad.flatten(), expected.flatten(), dim=0) > 0.999


def test_training_learns_the_batch_by_heart(model: Any):
    report = Watching()
    fitted = fit(model, dict(model.named_parameters()), 40, report)
    assert report.metrics["loss"][0] > 3
    assert fitted.loss < 0.5
    assert (fitted.steps, fitted.tokens) == (40, 400)


def test_every_step_is_reported(model: Any):
    report = Watching()
    fit(model, dict(model.named_parameters()), 3, report)
    assert report.steps == [(PHASE, 1, 3), (PHASE, 2, 3), (PHASE, 3, 3)]
    assert {name: len(values) for name, values in report.metrics.items()} == {
        "loss": 3,
        "learning_rate": 3,
        "gradient": 3,
        "tokens_per_second": 3,
    }


def test_an_order_to_stop_is_obeyed_between_steps(model: Any):
    report = Watching(stop_after=2)
    with pytest.raises(Stopped, match="before step 3"):
        fit(model, dict(model.named_parameters()), 9, report)


def test_a_loss_that_is_no_number_ends_training_with_advice(model: Any):
    model.get_input_embeddings().weight.data[5] = torch.nan
    with pytest.raises(
        InputError, match=r"loss became nan at step 1\. Lower learning_rate \(now 0\.01\)"
    ):
        fit(model, dict(model.named_parameters()), 2, Silent())


def test_a_gradient_that_is_no_number_never_reaches_the_weights(model: Any):
    weight = model.model.layers[0].mlp.up_proj.weight
    weight.register_hook(lambda gradient: gradient * torch.inf)
    with pytest.raises(InputError, match=r"gradient became (inf|nan) at step 1"):
        fit(model, {"weight": weight}, 2, Silent())
    assert weight.isfinite().all()


def rates(steps: int, **more: Any) -> list[float]:
    spec = SPEC.model_copy(update={"learning_rate": 1.0, "warmup_ratio": 0.2, **more})
    return [rate(step, steps, spec) for step in range(1, steps + 1)]


def test_the_rate_climbs_then_falls_in_straight_lines():
    found = rates(10)
    assert found[:2] == [0.5, 1.0]
    falls = [before - after for before, after in pairwise(found[1:])]
    assert falls == pytest.approx([1 / 9] * 8)
    assert found[-1] == pytest.approx(1 / 9)


def test_the_rate_falls_in_a_wave_or_stays():
    wave = rates(100, schedule="cosine")
    assert wave[60] == pytest.approx(0.5, abs=0.02) and wave[-1] < 0.001
    assert rates(10, schedule="constant")[1:] == [1.0] * 9


def test_a_single_step_has_the_full_rate():
    assert rates(1) == [1.0]


def test_a_loss_that_explodes_ends_training_with_advice():
    watch = Watch(SPEC)
    with pytest.raises(InputError, match=r"rose from 1\.000 to .* by step 3\d"):
        for step in range(1, 60):
            watch.look(step, 1.0 if step < 30 else 9.0, 1.0)
