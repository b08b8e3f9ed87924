"""The loss of next tokens without all logits: the same numbers as with them."""

import copy
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import (
    CohereConfig,
    CohereForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
)

from alloyengine.train import head as heads
from alloyengine.train.encode import IGNORED, Example
from alloyengine.train.head import plain_head, summed_loss
from alloyengine.train.loop import backward
from alloyengine.train.objectives.causal import Causal

SIZES: dict[str, Any] = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "vocab_size": 50,
    "pad_token_id": 0,
}


def llama() -> Any:
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(**SIZES)).eval()


def gpt2() -> Any:
    return GPT2LMHeadModel(GPT2Config(n_embd=16, n_layer=2, n_head=2, vocab_size=50)).eval()


def capped() -> Any:
    return Gemma2ForCausalLM(Gemma2Config(**SIZES, final_logit_softcapping=0.01)).eval()


def scaled() -> Any:
    return CohereForCausalLM(CohereConfig(**SIZES, logit_scale=0.0625)).eval()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rows", [3, 1000])
def test_loss_and_gradients_are_those_of_all_logits(
    bias: bool, rows: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(heads, "_BYTES", rows * 50 * 4)
    torch.manual_seed(0)
    states, wanted = torch.randn(10, 16, requires_grad=True), torch.randint(0, 50, (10,))
    head = torch.nn.Linear(16, 50, bias=bias)
    trained = [states, *head.parameters()]
    plain = cross_entropy(head(states), wanted, reduction="sum") / 7
    ours = summed_loss(states, head, wanted) / 7
    torch.testing.assert_close(ours, plain)
    for found, expected in zip(
        torch.autograd.grad(ours, trained), torch.autograd.grad(plain, trained), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_huge_logits_overflow_nothing():
    head = torch.nn.Linear(2, 3, bias=False)
    head.weight.data = torch.tensor([[1e4, 0.0], [0.0, 1e4], [-1e4, 0.0]])
    states = torch.tensor([[1.0, 0.5], [-1.0, 0.0]], requires_grad=True)
    loss = summed_loss(states, head, torch.tensor([0, 0]))
    loss.backward()
    assert loss.item() == pytest.approx(2e4)
    assert states.grad is not None
    assert bool(states.grad.isfinite().all())


def test_a_frozen_head_gets_no_gradient():
    head = torch.nn.Linear(4, 9).requires_grad_(False)
    states = torch.randn(3, 4, requires_grad=True)
    summed_loss(states, head, torch.tensor([1, 2, 3])).backward()
    assert head.weight.grad is None
    assert states.grad is not None


def test_an_evaluation_makes_no_gradient():
    head, states = torch.nn.Linear(4, 9), torch.randn(3, 4)
    with torch.no_grad():
        loss = summed_loss(states, head, torch.tensor([1, 2, 3]))
    assert not loss.requires_grad
    torch.testing.assert_close(
        loss, cross_entropy(head(states), torch.tensor([1, 2, 3]), reduction="sum")
    )


@pytest.mark.parametrize("make", [llama, gpt2])
def test_a_head_that_only_multiplies_is_found(make: Any):
    model = make()
    assert plain_head(model) is model.get_output_embeddings()


@pytest.mark.parametrize("make", [capped, scaled])
def test_logits_that_are_capped_or_scaled_are_left_to_the_model(make: Any):
    assert plain_head(make()) is None


@pytest.mark.parametrize("tied", [True, False])
def test_a_step_has_the_gradients_of_the_models_own_logits(tied: bool):
    torch.manual_seed(0)
    config = LlamaConfig(**SIZES, tie_word_embeddings=tied)
    ours = LlamaForCausalLM(config).eval()
    theirs = copy.deepcopy(ours)
    batch = [Example([1, 2, 3, 4], [IGNORED, IGNORED, 3, 4]), Example([5, 6], [IGNORED, 6])]
    objective = Causal(batch)
    loss, _ = backward(objective, theirs, batch)
    objective.prepare(ours)
    assert objective.head is not None
    assert backward(objective, ours, batch)[0] == pytest.approx(loss)
    for name, weight in ours.named_parameters():
        torch.testing.assert_close(
            weight.grad, theirs.get_parameter(name).grad, rtol=1e-4, atol=1e-6, msg=name
        )
