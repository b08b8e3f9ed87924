"""Progress that stops when it is told to."""

from alloyengine.errors import Stopped
from alloyengine.report import Reporter


class Counter:
    """Counts examples of a phase; raises Stopped between two batches when asked to."""

    def __init__(self, report: Reporter, phase: str, total: int) -> None:
        self._report, self._phase, self._total, self._done = report, phase, total, 0

    def __call__(self, count: int) -> None:
        self._done += count
        show(self._report, self._phase, self._done, self._total)


def show(report: Reporter, phase: str, done: int, total: int) -> None:
    """Raises Stopped."""
    report.progress(phase, done, total)
    if report.stopping():
        raise Stopped("stopped", "The evaluation was stopped.")
