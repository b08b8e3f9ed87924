"""Log-likelihoods computed together are those computed alone."""

from pathlib import Path

import pytest
import torch

from alloyengine.errors import InputError, Stopped
from alloyengine.evaluate import likelihood
from alloyengine.evaluate.likelihood import Pair, likelihoods
from alloyengine.evaluate.models import Loaded, load
from alloyengine.evaluate.prefix import shared_length
from alloyengine.evaluate.reading import Likelihood

SHOTS = "Question: what is the symbol of tin? Answer: Sn. " * 3
ASKED = ("gold", "the metal iron", "lead", "a b c", "zinc", "copper")
CONTEXTS = [f"{SHOTS}Question: {what}? Answer:" for what in ASKED]
CONTEXTS += ["Other", "The capital of France is", "x"]
CHOICES = [" Au", " the capital of a land far away", " F", " Pb or not", " Sn."]


@pytest.fixture
def loaded(llama: Path) -> Loaded:
    return load(llama)


@pytest.fixture
def pairs(loaded: Loaded) -> list[Pair]:
    def ids(text: str) -> list[int]:
        return list(loaded.tokenizer(text)["input_ids"])

    return [(ids(context), ids(choice)) for context in CONTEXTS for choice in CHOICES]


def alone(loaded: Loaded, context: list[int], continuation: list[int]) -> Likelihood:
    """The reference: the whole text by transformers, one at a time."""
    with torch.inference_mode():
        logits = loaded.model(torch.tensor([context + continuation])).logits[0]
    predicted = logits[len(context) - 1 : -1].log_softmax(-1)
    wanted = torch.tensor(continuation)
    total = predicted.gather(1, wanted[:, None]).sum().item()
    return Likelihood(total, bool((predicted.argmax(-1) == wanted).all()))


def same(found: list[Likelihood], expected: list[Likelihood]) -> bool:
    assert [each.total for each in found] == pytest.approx(
        [each.total for each in expected], rel=1e-4
    )
    return [each.greedy for each in found] == [each.greedy for each in expected]


@pytest.mark.parametrize("size", [1, 3, 32])
def test_together_is_like_alone(loaded: Loaded, pairs: list[Pair], size: int):
    expected = [alone(loaded, *pair) for pair in pairs]
    assert same(likelihoods(loaded, pairs, size, lambda _: None), expected)


@pytest.mark.parametrize(("few", "room"), [(0, 10**9), (100, 10**9), (4, 5000), (0, 1)])
def test_however_it_is_cut_into_batches(
    loaded: Loaded, pairs: list[Pair], few: int, room: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(likelihood, "_FEW", few)
    monkeypatch.setattr(likelihood, "_LOGITS", room)
    expected = [alone(loaded, *pair) for pair in pairs]
    assert same(likelihoods(loaded, pairs, 8, lambda _: None), expected)


def test_a_model_whose_state_can_not_be_handed_on_reads_each_pair_whole(
    loaded: Loaded, pairs: list[Pair], monkeypatch: pytest.MonkeyPatch
):
    expected = [alone(loaded, *pair) for pair in pairs]
    monkeypatch.setattr(type(loaded.model), "_is_stateful", True)
    assert same(likelihoods(loaded, pairs, 8, lambda _: None), expected)


def test_what_a_greedy_model_says_is_greedy(loaded: Loaded, pairs: list[Pair]):
    context = pairs[0][0]
    ids = torch.tensor([context])
    said = loaded.model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=4, do_sample=False
    )[0, len(context) :].tolist()
    [first, second] = likelihoods(
        loaded, [(context, said), (context, [*said[:-1], (said[-1] + 1) % 300])], 8, lambda _: None
    )
    assert first.greedy and not second.greedy


def test_a_long_context_loses_its_beginning(loaded: Loaded):
    context, continuation = [7 + n % 90 for n in range(700)], [9, 10, 11]
    [found] = likelihoods(loaded, [(context, continuation)], 4, lambda _: None)
    kept = context[-(loaded.context + 1 - len(continuation)) :]
    assert found.total == pytest.approx(alone(loaded, kept, continuation).total, rel=1e-4)


def test_more_continuations_than_are_asked_at_once(loaded: Loaded):
    pairs = [([5, 6, 7], [token, token + 1]) for token in range(10, 60)]
    expected = [alone(loaded, *pair) for pair in pairs]
    assert same(likelihoods(loaded, pairs, 4, lambda _: None), expected)


@pytest.mark.parametrize("length", [0, 513])
def test_a_continuation_that_can_not_be_scored_is_refused(loaded: Loaded, length: int):
    with pytest.raises(InputError, match=f"continuation of {length} tokens"):
        likelihoods(loaded, [([5], [6] * length)], 4, lambda _: None)


def test_broken_weights_are_told_of(loaded: Loaded, pairs: list[Pair]):
    with torch.no_grad():
        loaded.model.model.norm.weight.fill_(float("nan"))
    with pytest.raises(InputError, match="not numbers"):
        likelihoods(loaded, pairs, 8, lambda _: None)


def test_every_pair_is_counted_and_counting_may_stop_it(loaded: Loaded, pairs: list[Pair]):
    seen: list[int] = []
    likelihoods(loaded, pairs, 2, seen.append)
    assert sum(seen) == len(pairs) and len(seen) > 2

    def stop(_: int) -> None:
        raise Stopped("stopped", "Stopped.")

    with pytest.raises(Stopped):
        likelihoods(loaded, pairs, 2, stop)


@pytest.mark.parametrize(
    ("inputs", "length"),
    [([[1, 2, 3], [1, 2, 4]], 2), ([[1, 2]], 1), ([[1, 2], [1, 2, 3]], 1), ([[1], [2]], 0)],
)
def test_each_input_keeps_a_token_of_its_own(inputs: list[list[int]], length: int):
    assert shared_length(inputs) == length


@pytest.fixture
def read(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many tokens the model has read, call by call."""
    read: list[int] = []
    forward = type(loaded.model).forward

    def counted(self, input_ids, **more):
        read.append(input_ids.numel())
        return forward(self, input_ids=input_ids, **more)

    monkeypatch.setattr(type(loaded.model), "forward", counted)
    return read


def test_a_shared_beginning_is_read_once(loaded: Loaded, pairs: list[Pair], read: list[int]):
    likelihoods(loaded, pairs, 32, lambda _: None)
    whole = sum(len(context) + len(continuation) for context, continuation in pairs)
    assert sum(read) < whole / 3


def test_what_continuations_begin_with_is_read_once(loaded: Loaded, read: list[int]):
    same_beginning = [30 + n for n in range(8)]
    several = [([5, 6, 7], [*same_beginning, last, last + 1]) for last in range(50, 54)]
    single = [([9, 8], same_beginning)]  # nothing of it is read twice
    pairs = [*several, *single]
    found = likelihoods(loaded, pairs, 4, lambda _: None)
    assert sum(read) == 2 * (3 + 8) + 4
    assert same(found, [alone(loaded, *pair) for pair in pairs])
