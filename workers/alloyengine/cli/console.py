"""The terminal as a Reporter: a bar with the time left for every phase, and the latest figures."""

from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from alloyengine.cli.heatmap import heatmap
from alloyengine.report import Level

STYLES: dict[Level, str] = {"info": "default", "warning": "yellow", "error": "red"}
SHOWN = {
    "loss": "loss {:.4f}",
    "tokens_per_second": "{:.0f} tokens/s",
    "best": "best {:.4f}",
    "mean": "mean {:.4f}",
}


class ConsoleReporter:
    """Used as a context: `with ConsoleReporter() as report: execute(…, report)`."""

    def __init__(self) -> None:
        self.console = Console(stderr=True)
        self._bars = Progress(
            TextColumn("{task.description:<18}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"),
            console=self.console,
        )
        self._phases: dict[str, TaskID] = {}
        self._figures: dict[str, str] = {}
        self._stopping = False

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def log(self, message: str, level: Level = "info") -> None:
        self._bars.console.print(message, style=STYLES[level], markup=False, highlight=False)

    def progress(self, phase: str, done: int, total: int) -> None:
        if phase not in self._phases:
            self._figures.clear()
            self._phases[phase] = self._bars.add_task(phase, total=total, figures="")
        figures = "  ".join(self._figures.values())
        self._bars.update(self._phases[phase], completed=done, total=total, figures=figures)

    def metric(self, name: str, step: int, value: float) -> None:
        if name in SHOWN:
            self._figures[name] = SHOWN[name].format(value)

    def report(self, name: str, data: dict[str, Any]) -> None:
        if name == "snr":
            self._bars.console.print(heatmap(data))

    def stop(self) -> None:
        """Asks whoever reports to come to an end."""
        self._stopping = True

    def stopping(self) -> bool:
        return self._stopping
