"""What the engine's processes tell the agent: news as JSON lines on a pipe, and one last word."""

import math
from collections.abc import Callable
from threading import Event, Lock
from typing import Any, BinaryIO

from pydantic import BaseModel

from alloyengine.errors import CapacityError, EngineError, InputError, Stopped, TransferError
from alloyengine.report import Level
from alloyengine.runner.deaths import exhausted
from alloyengine.runner.messages import Failed, LastWord, Obeyed
from alloyengine.spec.protocol import Failure, LogEvent, MetricEvent, ProgressEvent, ReportEvent


class PipeReporter:
    """A Reporter that writes each piece of news as one line."""

    def __init__(self, pipe: BinaryIO, stop: Event) -> None:
        self._pipe, self._stop, self._lock = pipe, stop, Lock()

    def log(self, message: str, level: Level = "info") -> None:
        self.say(LogEvent(message=message[:8192], level=level))

    def progress(self, phase: str, done: int, total: int) -> None:
        self.say(ProgressEvent(phase=phase[:80], done=done, total=total))

    def metric(self, name: str, step: int, value: float) -> None:
        if math.isfinite(value):
            self.say(MetricEvent(name=name, step=step, value=value))
        else:
            self.log(f"{name} is {value} at step {step}", "warning")

    def report(self, name: str, data: dict[str, Any]) -> None:
        self.say(ReportEvent(name=name, data=data))

    def stopping(self) -> bool:
        return self._stop.is_set()

    def say(self, news: BaseModel) -> None:
        with self._lock:
            self._pipe.write(news.model_dump_json().encode() + b"\n")
            self._pipe.flush()


def last_word(run: Callable[[], LastWord]) -> LastWord:
    """What it returns, or how it failed; raises what nobody foresaw."""
    try:
        return run()
    except Stopped:
        return Obeyed()
    except InputError as error:
        return _failed(error, "user")
    except CapacityError as error:
        return _failed(error, "capacity")
    except TransferError as error:
        return _failed(error, "platform")
    except Exception as error:
        if failure := exhausted(error):
            return Failed(failure=failure)
        raise


def _failed(error: EngineError, fault: Any) -> Failed:
    return Failed(
        failure=Failure(code=error.code, fault=fault, message=error.message, remedy=error.remedy)
    )
