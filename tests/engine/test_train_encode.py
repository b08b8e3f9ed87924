from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from alloyengine.errors import InputError
from alloyengine.report import Level, Silent
from alloyengine.train.encode import IGNORED, encode, encode_row

SYSTEM = {"role": "system", "content": "Be short."}
ASK = {"role": "user", "content": "Symbol of gold?"}
ANSWER = {"role": "assistant", "content": "Au"}
FORGETFUL = (  # as templates of reasoning models do, it rewrites turns that are no longer last
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' and loop.last %}think: {% endif %}{{ m.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class Logging(Silent):
    def __init__(self) -> None:
        self.messages: list[str] = []

    def log(self, message: str, level: Level = "info") -> None:
        self.messages.append(message)


@pytest.fixture
def tokenizer(llama: Path) -> Any:
    return AutoTokenizer.from_pretrained(llama)


def learned(messages: list[dict[str, str]] | str, tokenizer: Any) -> str:
    targets = encode_row(messages, tokenizer).targets
    return tokenizer.decode([token for token in targets if token != IGNORED])


def test_only_the_answer_and_its_end_are_learned(tokenizer: Any):
    assert learned([SYSTEM, ASK, ANSWER], tokenizer) == "Au<|im_end|>"


def test_every_turn_of_the_assistant_is_learned(tokenizer: Any):
    assert learned([ASK, ANSWER, ASK, ANSWER], tokenizer) == "Au<|im_end|>Au<|im_end|>"


def test_the_tokens_are_those_of_the_rendered_conversation(tokenizer: Any):
    text = tokenizer.apply_chat_template([ASK, ANSWER], tokenize=False)
    assert tokenizer.decode(encode_row([ASK, ANSWER], tokenizer).tokens) == text


def test_the_prompt_is_tokenised_as_it_will_be_asked(tokenizer: Any):
    asked = tokenizer.apply_chat_template([ASK], add_generation_prompt=True).input_ids
    assert encode_row([ASK, ANSWER], tokenizer).tokens[: len(asked)] == asked


def test_turns_that_the_template_rewrites_are_not_learned(tokenizer: Any):
    tokenizer.chat_template = FORGETFUL
    assert learned([ASK, ANSWER, ASK, ANSWER], tokenizer) == "think: Au<|im_end|>"


def test_plain_text_is_learned_whole_with_its_end(tokenizer: Any):
    assert learned("gold is Au", tokenizer) == "gold is Au<|im_end|>"


def test_long_examples_are_cut_and_counted(tokenizer: Any):
    report = Logging()
    (example,) = encode(["gold " * 50], tokenizer, 10, report)
    assert len(example.tokens) == len(example.targets) == 10
    assert report.messages == ["1 examples were cut to max_length = 10 tokens."]


def test_examples_whose_answer_was_cut_off_are_dropped(tokenizer: Any):
    report = Logging()
    asked_long = [{"role": "user", "content": "gold " * 50}, ANSWER]
    assert len(encode([asked_long, [ASK, ANSWER]], tokenizer, 40, report)) == 1
    assert report.messages[1] == "1 examples have no answer to learn and were left out."


def test_no_rows_are_refused(tokenizer: Any):
    with pytest.raises(InputError, match="no training rows"):
        encode([], tokenizer, 10, Silent())


def test_rows_without_an_answer_are_refused(tokenizer: Any):
    with pytest.raises(InputError, match="None of the 2 training rows has an answer"):
        encode([[ASK], [SYSTEM, ASK]], tokenizer, 100, Silent())


def test_a_model_without_chat_template_is_refused_conversations(tokenizer: Any):
    tokenizer.chat_template = None
    with pytest.raises(InputError, match="no chat template"):
        encode_row([ASK, ANSWER], tokenizer)
