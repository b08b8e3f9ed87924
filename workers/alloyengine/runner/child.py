"""The engine's process: `python -m alloyengine.runner.child WORK_FILE EVENTS_FD`.

Runs one job and says what happens as JSON lines on the inherited pipe. SIGTERM asks it to stop.
Its questions are answered on standard input; when that ends the agent is gone, and so is it.
"""

import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event

from alloyengine.execute import execute
from alloyengine.node import Node
from alloyengine.runner import limits, parts
from alloyengine.runner.anew import or_anew
from alloyengine.runner.asking import Agent
from alloyengine.runner.messages import Done, LastWord, Work
from alloyengine.runner.telling import PipeReporter, last_word
from alloyengine.spec.merge import MergeSpec
from alloyengine.spec.train import TrainSpec


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
    work: Work,
    agent: Agent,
    reporter: PipeReporter,
    in_parts: Callable[[TrainSpec, Node], LastWord],
) -> LastWord:
    if work.streams and isinstance(work.spec, MergeSpec):
        from alloyengine.runner.streaming import merge

        return merge(work.spec, work, agent, reporter)
    if isinstance(work.spec, TrainSpec) and work.spec.resources.processes > 1:
        return in_parts(work.spec, work.node)
    run = partial(execute, work.spec, work.folders, work.out, reporter, work.checkpoints)
    return Done(result=or_anew(run, work.checkpoints, reporter))


if __name__ == "__main__":
    main()
