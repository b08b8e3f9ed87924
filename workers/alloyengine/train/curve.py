"""The losses of a run, kept as they come: for its card, across interruptions."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alloyengine.report import Level, Reporter
from alloyengine.train.evaluation import METRIC as EVALUATION

NAME = "curve.jsonl"
_LOSS = "loss"


class Curve:
    """A Reporter that passes everything on. With a `file`, what it heard outlives the process; a step
    that is done again after an interruption counts once.
    """

    def __init__(self, report: Reporter, file: Path | None = None) -> None:
        self._report, self._file = report, file
        self._heard: dict[tuple[str, int], tuple[float, float]] = {}
        self._latest = time.monotonic()
        for name, step, value, seconds in _read(file) if file else ():
            self._heard[name, step] = (value, seconds)

    def losses(self, steps: int) -> dict[float, float]:
        """By step, up to `steps`."""
        return self._values(_LOSS, steps)

    def evaluations(self, steps: int) -> dict[float, float]:
        return self._values(EVALUATION, steps)

    def seconds(self, steps: int) -> float:
        """What the steps took, evaluations between them included, interruptions not."""
        return sum(took for (_, step), (_, took) in self._heard.items() if step <= steps)

    def log(self, message: str, level: Level = "info") -> None:
        self._report.log(message, level)

    def progress(self, phase: str, done: int, total: int) -> None:
        self._report.progress(phase, done, total)

    def metric(self, name: str, step: int, value: float) -> None:
        if name in (_LOSS, EVALUATION):
            self._hear(name, step, value)
        self._report.metric(name, step, value)

    def report(self, name: str, data: dict[str, Any]) -> None:
        self._report.report(name, data)

    def stopping(self) -> bool:
        return self._report.stopping()

    def _hear(self, name: str, step: int, value: float) -> None:
        now = time.monotonic()
        seconds, self._latest = now - self._latest, now
        self._heard[name, step] = (value, seconds)
        if self._file:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a", encoding="utf-8") as file:
                # A line before this one may have been cut short by a kill, and lack its end.
                file.write("\n" + json.dumps([name, step, value, seconds]))

    def _values(self, wanted: str, steps: int) -> dict[float, float]:
        found = {
            float(step): value
            for (name, step), (value, _) in self._heard.items()
            if name == wanted and step <= steps
        }
        return dict(sorted(found.items()))


def _read(file: Path) -> Iterator[tuple[str, int, float, float]]:
    """A line that a kill has cut short is left out: its step is done again. So are all steps when
    there is no checkpoint to go on from; then the file is another run's.
    """
    if not file.is_file():
        return
    if not any(file.parent.glob("step-*/")):
        file.unlink()
        return
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            name, step, value, seconds = json.loads(line)
        except ValueError:
            continue
        yield name, step, value, seconds
