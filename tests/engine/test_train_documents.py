"""Packed documents attend each among itself, as if a mask said so."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from alloyengine.train import documents
from alloyengine.train.batches import Part, stacked
from alloyengine.train.documents import documents_apart
from alloyengine.train.logits import learned_loss
from alloyengine.train.pack import pack

DOCUMENTS = [[5, 6, 7, 8], [9, 10, 11], [12, 13, 14, 15, 16], [17, 18], [19, 20, 21]]


@pytest.fixture
def model(llama: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(llama, dtype=torch.float32).eval()


def part() -> Part:
    return stacked(pack(DOCUMENTS, 12), pad=0, share=False)


def gradients(model: Any, of: Part) -> tuple[float, list[torch.Tensor]]:
    model.zero_grad()
    loss = learned_loss(model, of, None)
    loss.backward()
    return loss.item(), [weight.grad.clone() for weight in model.parameters()]


def test_loss_and_gradients_are_those_with_a_mask(model: Any, monkeypatch: pytest.MonkeyPatch):
    ours, found = gradients(model, part())
    monkeypatch.setattr("alloyengine.train.logits.looks_back", lambda _: False)
    theirs, expected = gradients(model, part())
    assert ours == pytest.approx(theirs, rel=1e-5)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_it_is_how_a_packed_part_is_computed(model: Any, monkeypatch: pytest.MonkeyPatch):
    called: list[int] = []
    usual = documents.scaled_dot_product_attention

    def counting(*arrays: torch.Tensor, **more: Any) -> torch.Tensor:
        called.append(arrays[0].shape[2])
        return usual(*arrays, **more)

    monkeypatch.setattr(documents, "scaled_dot_product_attention", counting)
    learned_loss(model, part(), None)
    layers = model.config.num_hidden_layers
    assert sum(called) == layers * part().tokens.numel()
    assert max(called) < part().tokens.shape[1]


def test_the_model_is_as_before_when_it_is_over(model: Any):
    with pytest.raises(KeyError), documents_apart(model, part().positions) as able:
        assert able
        raise KeyError
    assert model.config._attn_implementation == "sdpa"


def test_another_kind_of_attention_keeps_its_mask(llama: Path):
    eager = AutoModelForCausalLM.from_pretrained(llama, attn_implementation="eager")
    with documents_apart(eager, part().positions) as able:
        assert not able
    assert eager.config._attn_implementation == "eager"
