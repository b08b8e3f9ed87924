"""The engine's process: `python -m alloyengine.runner.child WORK_FILE EVENTS_FD`.

Runs one job and says what happens as JSON lines on the inherited pipe. SIGTERM asks it to stop.
Its questions are answered on standard input; when that ends the agent is gone, and so is it.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event

from alloyengine.errors import InputError
from alloyengine.execute import execute
from alloyengine.runner import limits, parts
from alloyengine.runner.asking import Agent
from alloyengine.runner.messages import Done, Failed, LastWord, Work
from alloyengine.runner.telling import PipeReporter, last_word
from alloyengine.spec.merge import MergeSpec
from alloyengine.spec.train import TrainSpec

_ANOTHERS = "checkpoint_of_another"


def main() -> None:
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    limits.keep()
    task, events = Path(sys.argv[1]), int(sys.argv[2])
    with os.fdopen(events, "wb") as pipe:
        reporter = PipeReporter(pipe, stop)
        agent = Agent(reporter.say)
        work = Work.model_validate_json(task.read_bytes())
        reporter.say(
            last_word(lambda: _run(work, agent, reporter, partial(parts.start, task, events)))
        )


def _run(
    work: Work, agent: Agent, reporter: PipeReporter, in_parts: Callable[[TrainSpec], LastWord]
) -> LastWord:
    if work.streams and isinstance(work.spec, MergeSpec):
        from alloyengine.runner.streaming import merge

        return merge(work.spec, work, agent, reporter)
    if isinstance(work.spec, TrainSpec) and work.spec.resources.processes > 1:
        word = in_parts(work.spec)
        if isinstance(word, Failed) and word.failure.code == _ANOTHERS and work.checkpoints:
            _forget(work.checkpoints, reporter)
            word = in_parts(work.spec)
        return word
    run = partial(execute, work.spec, work.folders, work.out, reporter, work.checkpoints)
    try:
        return Done(result=run())
    except InputError as error:
        if error.code != _ANOTHERS or work.checkpoints is None:
            raise
    _forget(work.checkpoints, reporter)
    return Done(result=run())


def _forget(checkpoints: Path, reporter: PipeReporter) -> None:
    """An earlier version of this program wrote them: that must not cost the job."""
    words = "The checkpoints are of another version of the job: it begins anew."
    reporter.log(words, "warning")
    shutil.rmtree(checkpoints)


if __name__ == "__main__":
    main()
