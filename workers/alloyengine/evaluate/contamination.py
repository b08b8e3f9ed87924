"""Whether test examples were in the training data: n-gram overlap.

As GPT-3's authors did it (arXiv 2005.14165, appendix C): texts are words, without case and punctuation;
an example is found when it shares n of them in a row (13 by default) with the training data. n-grams
in more than ten examples of the test set are its own phrases, and count for nothing. An example of
fewer words than n is found when a training row says the same, or asks the same. What systems are told
(a `system` message) is no example's own. The test set is in memory, the training data passes by.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alloyengine.train.data import conversation, lines_of

WORDS = 13
_COMMON = 10  # examples
_SHOWN = 5  # of what was found
_WORD = re.compile(r"\w+")
Gram = tuple[str, ...]


@dataclass(frozen=True)
class Overlap:
    """`found` are the numbers of examples that were in the training data, from 0; `shares` how much of
    each, by n-grams. `shown` are shared passages of some of them.
    """

    examples: int
    found: list[int]
    shares: list[float]
    shown: list[str]

    @property
    def share(self) -> float:
        return len(self.found) / self.examples if self.examples else 0.0


@dataclass(frozen=True)
class Said:
    """A row: all of its text, and what is asked in it (empty where nothing is)."""

    whole: str
    asked: str = ""


class Guard:
    """Made of a test set; told of training rows, it knows which examples were among them."""

    def __init__(self, tests: Iterable[Said], n: int = WORDS) -> None:
        self._n = n
        grams = [self._of_example(said) for said in tests]
        spread = Counter(gram for each in grams for gram in each if len(gram) == n)
        self._grams = [{gram for gram in each if spread[gram] <= _COMMON} for each in grams]
        self._sought = {gram for each in self._grams for gram in each}
        self._met: set[Gram] = set()

    def pass_by(self, said: Said) -> None:
        """A row of the training data."""
        for text in (said.whole, said.asked):
            words = _words(text)
            if len(words) < self._n:
                self._met |= self._sought & {tuple(words)}
        self._met.update(self._sought.intersection(_grams(_words(said.whole), self._n)))

    def overlap(self) -> Overlap:
        shares = [len(each & self._met) / len(each) if each else 0.0 for each in self._grams]
        found = [number for number, share in enumerate(shares) if share]
        shown = [" ".join(min(self._grams[number] & self._met)) for number in found[:_SHOWN]]
        return Overlap(len(shares), found, [shares[number] for number in found], shown)

    def _of_example(self, said: Said) -> set[Gram]:
        words = _words(said.whole)
        if len(words) >= self._n:
            return set(_grams(words, self._n))
        return {tuple(words), tuple(_words(said.asked))} - {()}


def overlap(training: Iterable[Path], tests: Path, n: int = WORDS) -> Overlap:
    """Of JSON Lines files, or folders with `train.jsonl` and `test.jsonl`. Raises InputError."""
    guard = Guard(_rows(tests / "test.jsonl" if tests.is_dir() else tests), n)
    for path in training:
        for said in _rows(path):
            guard.pass_by(said)
    return guard.overlap()


def _rows(path: Path) -> Iterator[Said]:
    for _, fields in lines_of(path):
        if isinstance(fields, dict):
            yield said_in(fields)


def said_in(fields: Mapping[str, Any]) -> Said:
    """Of a row of any format: preference pairs and questions with choices, too."""
    row = conversation(dict(fields))
    if isinstance(row, str):
        return Said(row)
    if row is not None:
        spoken = [message for message in row if message["role"] != "system"]
        asked = [message["content"] for message in spoken if message["role"] != "assistant"]
        return Said("\n".join(message["content"] for message in spoken), "\n".join(asked))
    asked_in = fields.get("question", fields.get("prompt"))
    return Said("\n".join(_strings(fields)), asked_in if isinstance(asked_in, str) else "")


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    inner = value.values() if isinstance(value, Mapping) else value
    if isinstance(inner, Iterable) and not isinstance(inner, str):
        for each in inner:
            yield from _strings(each)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _grams(words: Sequence[str], n: int) -> Iterator[Gram]:
    return zip(*(words[start:] for start in range(n)), strict=False)
