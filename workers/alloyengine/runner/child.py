"""The engine's process: `python -m alloyengine.runner.child WORK_FILE EVENTS_FD`.

Runs one job and says what happens as JSON lines on the inherited pipe. SIGTERM asks it to stop.
Its questions are answered on standard input; when that ends the agent is gone, and so is it.
"""

import math
import os
import shutil
import signal
import sys
from functools import partial
from pathlib import Path
from threading import Event, Lock
from typing import Any, BinaryIO

from pydantic import BaseModel

from alloyengine.errors import CapacityError, InputError, Stopped, TransferError
from alloyengine.execute import execute
from alloyengine.report import Level
from alloyengine.runner import limits
from alloyengine.runner.asking import Agent
from alloyengine.runner.deaths import exhausted
from alloyengine.runner.messages import Done, Failed, LastWord, Obeyed, Work
from alloyengine.spec.merge import MergeSpec
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


def main() -> None:
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    limits.keep()
    with os.fdopen(int(sys.argv[2]), "wb") as pipe:
        reporter = PipeReporter(pipe, stop)
        agent = Agent(reporter.say)
        work = Work.model_validate_json(Path(sys.argv[1]).read_bytes())
        reporter.say(_last_word(work, agent, reporter))


def _last_word(work: Work, agent: Agent, reporter: PipeReporter) -> LastWord:
    try:
        return _done(work, agent, reporter)
    except Stopped:
        return Obeyed()
    except InputError as error:
        return _failed(error.code, "user", error.message, error.remedy)
    except CapacityError as error:
        return _failed(error.code, "capacity", error.message, error.remedy)
    except TransferError as error:
        return _failed(error.code, "platform", error.message, error.remedy)
    except Exception as error:
        if failure := exhausted(error):
            return Failed(failure=failure)
        raise


def _done(work: Work, agent: Agent, reporter: PipeReporter) -> Done:
    if work.streams and isinstance(work.spec, MergeSpec):
        from alloyengine.runner.streaming import merge

        return merge(work.spec, work, agent, reporter)
    folders = {reference: place.folder for reference, place in work.inputs.items()}
    run = partial(execute, work.spec, folders, work.out, reporter, work.checkpoints)
    try:
        return Done(result=run())
    except InputError as error:
        if error.code != "checkpoint_of_another" or work.checkpoints is None:
            raise
    # An earlier version of this program wrote them: that must not cost the job.
    reporter.log("The checkpoints are of another version of the job: it begins anew.", "warning")
    shutil.rmtree(work.checkpoints)
    return Done(result=run())


def _failed(code: str, fault: Any, message: str, remedy: str) -> Failed:
    return Failed(failure=Failure(code=code, fault=fault, message=message, remedy=remedy))


if __name__ == "__main__":
    main()
