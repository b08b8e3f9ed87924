"""Our scoring and answering as lm-evaluation-harness calls it.

Tokens are made as by its own HFLM, so that scores are the same. Imported when a task is run.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from jinja2 import TemplateError
from lm_eval.api.model import TemplateLM
from lm_eval.models.utils import handle_stop_sequences, normalize_gen_kwargs
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

from alloyengine.errors import InputError
from alloyengine.evaluate.answers import Answerer
from alloyengine.evaluate.harness.task import Watch
from alloyengine.evaluate.likelihood import likelihoods
from alloyengine.evaluate.models import Loaded
from alloyengine.evaluate.prefix import Tokens

_ANSWER = 256  # tokens, where a task says nothing
_KEPT = 4096  # texts whose tokens are kept: a context comes again with each of its choices


class HarnessModel(TemplateLM):
    """What it may raise passes through the harness: InputError, and whatever `watch` raises."""

    def __init__(self, loaded: Loaded, batch_size: int, watch: Watch) -> None:
        super().__init__()
        self.tokenizer, self._loaded = loaded.tokenizer, loaded
        self._batch_size, self._watch = batch_size, watch
        self._encode = lru_cache(_KEPT)(self._encoded)

    @property
    def eot_token_id(self) -> int:
        return int(self.tokenizer.eos_token_id)

    @property
    def prefix_token_id(self) -> int:
        begin = self.tokenizer.bos_token_id
        return self.eot_token_id if begin is None else int(begin)

    @property
    def tokenizer_name(self) -> str:
        return "alloyworks"

    def tok_encode(
        self, string: str, add_special_tokens: bool | None = None, **_: Any
    ) -> list[int]:
        return list(self._encode(string, add_special_tokens))

    def apply_chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> str:
        how: dict[str, Any] = {
            "tokenize": False,
            "add_generation_prompt": add_generation_prompt,
            "continue_final_message": not add_generation_prompt,
        }
        try:
            return str(self.tokenizer.apply_chat_template(chat_history, **how))
        except TemplateError:  # some know no system's message
            spoken = [message for message in chat_history if message["role"] != "system"]
            return str(self.tokenizer.apply_chat_template(spoken, **how))

    def loglikelihood(
        self, requests: list[Any], disable_tqdm: bool = True
    ) -> list[tuple[float, bool]]:
        found: list[tuple[float, bool]] = super().loglikelihood(requests, disable_tqdm=True)
        return found

    def _loglikelihood_tokens(
        self, requests: Sequence[tuple[Any, Tokens, Tokens]], **_: Any
    ) -> list[tuple[float, bool]]:
        pairs = [(context, continuation) for _, context, continuation in requests]
        read = likelihoods(self._loaded, pairs, self._batch_size, self._counter(len(pairs)))
        return [(each.total, each.greedy) for each in read]

    def loglikelihood_rolling(self, requests: list[Any], disable_tqdm: bool = True) -> list[float]:
        """Of whole texts, window by window; each token is counted once."""
        windows = [self._windows(request.args[0]) for request in requests]
        pairs = [pair for several in windows for pair in several]
        read = iter(likelihoods(self._loaded, pairs, self._batch_size, self._counter(len(pairs))))
        return [sum(next(read).total for _ in several) for several in windows]

    def generate_until(self, requests: list[Any], disable_tqdm: bool = True) -> list[str]:
        """Greedy answers, cut where one of the task's stop texts begins."""
        kinds: dict[str, list[int]] = {}
        for number, request in enumerate(requests):
            kinds.setdefault(json.dumps(request.args[1], sort_keys=True), []).append(number)
        answers, told = [""] * len(requests), self._counter(len(requests))
        for numbers in kinds.values():
            prompts = [requests[number].args[0] for number in numbers]
            for place, answer in self._answers(prompts, requests[numbers[0]].args[1]):
                answers[numbers[place]] = answer
                told(1)
        return answers

    def _answers(self, prompts: list[str], asked: dict[str, Any]) -> Iterator[tuple[int, str]]:
        """Numbers of prompts, and answers to them."""
        how = normalize_gen_kwargs(asked, _ANSWER)
        if how.get("do_sample"):
            raise InputError(
                "task_samples", "The task asks for sampled answers.", "Only greedy ones are scored."
            )
        stops = handle_stop_sequences(how["until"], eos=self.tokenizer.decode([self.eot_token_id]))
        longest, room = how["max_gen_toks"], self._loaded.context - how["max_gen_toks"]
        if room < 1:
            raise InputError(
                "task_length",
                f"Answers of {longest} tokens leave no room in a context of {self._loaded.context}.",
                "Lower max_gen_toks, or take a model with a longer context.",
            )
        tokens = [self.tok_encode(prompt)[-room:] for prompt in prompts]
        answerer = Answerer(self._loaded, tokens, longest, self._ends_with(stops))
        for batch in answerer.batches(self._batch_size):
            for place, answer in batch:
                yield place, _cut(self.tokenizer.decode(answer, skip_special_tokens=True), stops)

    def _ends_with(self, stops: list[str]) -> Callable[[Tokens], bool]:
        # A token stands for a byte at least.
        reach = max(len(stop.encode()) for stop in stops) + 2

        def ended(answer: Tokens) -> bool:
            tail = self.tokenizer.decode(answer[-reach:], skip_special_tokens=True)
            return any(stop in tail for stop in stops if stop)

        return ended

    def _windows(self, text: str) -> list[tuple[Tokens, Tokens]]:
        windows = get_rolling_token_windows(
            token_list=self.tok_encode(text),
            prefix_token=self.prefix_token_id,
            max_seq_len=self._loaded.context,
            context_len=1,
        )
        return [make_disjoint_window(window) for window in windows]

    def _encoded(self, text: str, special: bool | None) -> Tokens:
        if special is None and text.startswith(self.tokenizer.decode([self.prefix_token_id])):
            special = False
        more = {} if special is None else {"add_special_tokens": special}
        return list(self.tokenizer.encode(text, **more))

    def _counter(self, total: int) -> Callable[[int], None]:
        done = 0

        def told(count: int) -> None:
            nonlocal done
            done += count
            self._watch(done, total)

        return told


def _cut(answer: str, stops: list[str]) -> str:
    for stop in stops:
        if stop:
            answer = answer.split(stop)[0]
    return answer
