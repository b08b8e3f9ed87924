import math
import statistics
from pathlib import Path

import pytest
import torch

from alloyengine.evaluate import scores
from alloyengine.evaluate.answers import Answerer
from alloyengine.evaluate.metrics.text import same
from alloyengine.evaluate.models import Loaded, load

TEXTS = ["The capital of France is", "The capital of a land", "The", "Gold? What is the symbol"]


@pytest.fixture
def loaded(llama: Path) -> Loaded:
    return load(llama)


def alone(loaded: Loaded, prompt: list[int], longest: int) -> list[int]:
    """The reference: transformers' own greedy search, one prompt at a time."""
    ids = torch.tensor([prompt])
    found = loaded.model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=longest, do_sample=False
    )[0, len(prompt) :].tolist()
    return found[: found.index(2)] if 2 in found else found


def answers(loaded: Loaded, prompts: list[list[int]], longest: int, size: int) -> list[list[int]]:
    batches = Answerer(loaded, prompts, longest).batches(size)
    found = dict(pair for batch in batches for pair in batch)
    return [found[index] for index in range(len(prompts))]


@pytest.mark.parametrize("size", [1, 2, 8])
@pytest.mark.parametrize("prefix", ["", "A long beginning that all of them share. "])
def test_answers_in_batches_are_those_given_alone(loaded: Loaded, size: int, prefix: str):
    prompts = [loaded.tokenizer(prefix + text)["input_ids"] for text in TEXTS]
    expected = [alone(loaded, prompt, 12) for prompt in prompts]
    assert answers(loaded, prompts, 12, size) == expected


def test_an_answer_ends_at_the_end_token_while_others_go_on(loaded: Loaded, monkeypatch):
    script = iter([[7, 2, 8], [7, 9], [2, 9], [9]])
    monkeypatch.setattr(
        Answerer,
        "_forward",
        lambda self, **arguments: self._loaded.model(**arguments, use_cache=True) and next(script),
    )
    prompts = [[5, 6, 7], [5, 7], [6]]
    assert answers(loaded, prompts, 4, size=3) == [[7, 7], [], [8, 9, 9, 9]]


def test_equal_prompts_get_equal_answers(loaded: Loaded):
    first, second = answers(loaded, [[5, 6, 7]] * 2, 6, size=2)
    assert first == second == alone(loaded, [5, 6, 7], 6)


@pytest.mark.parametrize("answer", ["Au", " au.", "AU!\n", "Au . "])
def test_case_space_and_trailing_punctuation_do_not_matter(answer: str):
    assert same(answer, "Au")


@pytest.mark.parametrize("answer", ["", "Ag", "A u", "Au is it", '"Au'])
def test_everything_else_matters(answer: str):
    assert not same(answer, "Au")


def test_accents_and_foreign_cases_compare():
    assert same("STRASSE", "Straße.")
    assert not same("Bogota", "Bogotá")


def test_a_share_has_a_standard_error():
    figure = scores.mean([True, True, False, False, False])
    assert figure.value == 0.4
    assert figure.stderr == pytest.approx(math.sqrt(0.4 * 0.6 / 4))
    assert scores.mean([True]).stderr is None


def test_a_mean_of_numbers_has_the_error_of_a_mean():
    values = [0.0, 0.25, 1.0, 0.5]
    figure = scores.mean(values)
    assert figure.value == statistics.mean(values)
    assert figure.stderr == pytest.approx(statistics.stdev(values) / 2)


def test_an_answer_ends_where_its_reader_says_so(loaded: Loaded):
    prompts = [loaded.tokenizer(text)["input_ids"] for text in TEXTS]
    answerer = Answerer(loaded, prompts, 12, ended=lambda answer: len(answer) == 3)
    found = dict(pair for batch in answerer.batches(4) for pair in batch)
    assert [found[i] for i in range(4)] == [alone(loaded, prompt, 12)[:3] for prompt in prompts]


def test_perplexity_weighs_tokens_not_texts():
    figure = scores.perplexity([2.0, 10.0], [2, 8])
    assert figure.value == pytest.approx(math.exp(1.2))
    assert figure.stderr > 0
    assert scores.perplexity([2.0], [2]).stderr is None
