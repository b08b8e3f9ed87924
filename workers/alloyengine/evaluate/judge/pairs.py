"""Every pair of answers in both orders, several questions at a time."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import Any, Protocol

from alloyengine.evaluate.judge.endpoint import Unanswered
from alloyengine.evaluate.judge.question import Verdict, messages, verdict, worth
from alloyengine.spec.evaluate import Judge
from alloyengine.train.data import Messages

_SILENCE = 5  # questions without an answer, one after the other: the judge is away


class Ask(Protocol):
    def __call__(self, model: str, asked: Messages, timeout: float) -> str:
        """The judge's words. Raises Unanswered."""


@dataclass(frozen=True)
class Pair:
    asked: Messages
    answer: str
    other: str


def judged(
    pairs: Sequence[Pair], judge: Judge, ask: Ask, advance: Callable[[int], None]
) -> list[dict[str, Any]]:
    """What each pair gave: `score` (None without two verdicts), `verdicts`, and `unjudged`, why not.

    When the judge gives no answer several times in a row it is asked no more. `advance` may raise to
    stop; nobody is asked after that.
    """
    bench = _Bench(judge, ask)
    with ThreadPoolExecutor(judge.parallel) as threads:
        try:
            found = []
            for result in threads.map(bench.judge, pairs):
                found.append(result)
                advance(1)
            return found
        except BaseException:
            bench.closed.set()
            raise


class _Bench:
    def __init__(self, judge: Judge, ask: Ask) -> None:
        self._judge, self._ask = judge, ask
        self._silent, self.closed = 0, Event()

    def judge(self, pair: Pair) -> dict[str, Any]:
        if pair.answer == pair.other:
            return {"score": 0.5, "verdicts": ["tie", "tie"]}
        try:
            first = self._verdict(pair.asked, pair.answer, pair.other)
            second = self._verdict(pair.asked, pair.other, pair.answer)
        except Unanswered as reason:
            return {"score": None, "verdicts": [], "unjudged": str(reason)}
        return {"score": worth(first, second), "verdicts": [first, second]}

    def _verdict(self, asked: Messages, first: str, second: str) -> Verdict:
        if self.closed.is_set():
            raise Unanswered(f"it was asked no more after {_SILENCE} questions without an answer")
        try:
            said = self._ask(
                self._judge.model,
                messages(self._judge.criteria, asked, first, second),
                self._judge.timeout,
            )
        except Unanswered:
            # Threads may miscount by one or two; the judge is away all the same.
            self._silent += 1
            if self._silent >= _SILENCE:
                self.closed.set()
            raise
        self._silent = 0
        found = verdict(said)
        if found is None:
            raise Unanswered("its answer has no verdict")
        return found
