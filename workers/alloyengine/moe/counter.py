"""Counts layers that were passed, and stops between two when asked."""

from alloyengine.errors import Stopped
from alloyengine.report import Reporter


class Counter:
    def __init__(self, report: Reporter, phase: str, total: int) -> None:
        self._report, self._phase, self._total, self._done = report, phase, total, 0
        report.progress(phase, 0, total)

    def next(self) -> None:
        """Raises Stopped."""
        if self._report.stopping():
            raise Stopped("stopped", "The upcycling was stopped.")
        self._done += 1
        self._report.progress(self._phase, self._done, self._total)
