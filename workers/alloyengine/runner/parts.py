"""A training that several processes share: `python -m alloyengine.runner.parts WORK_FILE EVENTS_FD`.

The engine's process starts one for each GPU of its machine and waits. The first of all tells the news; whoever has
the run's last word, the first of all at its end or the first that fails, leaves it beside its machine's work file.
"""

import os
import signal
import sys
import time
from functools import partial
from pathlib import Path
from threading import Event
from typing import Annotated

from pydantic import Field, TypeAdapter

from alloyengine.errors import InputError
from alloyengine.node import Node
from alloyengine.report import Follower, Reporter
from alloyengine.runner.anew import or_anew
from alloyengine.runner.messages import Done, Failed, LastWord, Obeyed, Work
from alloyengine.runner.telling import PipeReporter, last_word
from alloyengine.spec.train import TrainSpec

_AFTER = 1.0  # seconds
_ANOTHERS = 20.0  # seconds for another machine to tell the platform, which ends this process too
_WORD: TypeAdapter[LastWord] = TypeAdapter(Annotated[LastWord, Field(discriminator="type")])


def start(task: Path, events: int, spec: TrainSpec, node: Node) -> LastWord:
    """Returns when all of this machine have ended. `events`: the pipe to the agent. Raises InputError,
    CapacityError.
    """
    from alloyengine.train.parallel import check_machine
    from alloyengine.train.parallel.launch import launch

    if spec.resources.nodes != node.count:
        raise InputError(
            "resources_nodes",
            f"resources.nodes = {spec.resources.nodes}, and this job has {node.count}.",
            "Ask for more gpus of one node, or run it on a cluster.",
        )
    check_machine(spec)
    command = [sys.executable, "-m", "alloyengine.runner.parts", str(task), str(events)]
    status = launch(command, spec.resources.gpus, (events,), node)
    if _word_of(task).exists():
        return _WORD.validate_json(_word_of(task).read_bytes())
    if not node.leads:
        return Obeyed()
    if node.count > 1:
        time.sleep(_ANOTHERS)
    raise RuntimeError(f"A process of the run ended with {status}, and without a word.")


def main() -> None:
    from alloyengine.train.parallel import leave, speaks_first
    from alloyengine.train.parallel.launch import die_with_parent

    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    die_with_parent()
    task = Path(sys.argv[1])
    work = Work.model_validate_json(task.read_bytes())
    with os.fdopen(int(sys.argv[2]), "wb") as pipe:
        try:
            word = last_word(partial(_run, work, PipeReporter(pipe, stop), Follower(stop)))
        except Exception:
            time.sleep(_AFTER)  # another may have been killed, which is then what is said
            raise
    if isinstance(word, Failed):
        if speaks_first():
            _leave_word(word, task)
        sys.exit(1)
    if os.environ["RANK"] == "0":
        _leave_word(word, task)
    leave()


def _run(work: Work, leader: Reporter, follower: Reporter) -> LastWord:
    from alloyengine.train.parallel import gathered, joined
    from alloyengine.train.run import run

    if not isinstance(work.spec, TrainSpec):
        raise TypeError("only a training is shared by several processes")
    # One that does not lead the run writes nothing, but must know where the first keeps checkpoints.
    checkpoints = work.checkpoints or work.out.with_name("checkpoints")
    report = leader if os.environ["RANK"] == "0" else follower
    gathered(report)
    with joined() as world:
        train = partial(run, work.spec, work.folders, work.out, report, checkpoints, world)
        return Done(result=or_anew(train, checkpoints, report))


def _leave_word(word: LastWord, task: Path) -> None:
    """Whole or not at all."""
    written = _word_of(task).with_suffix(".part")
    written.write_text(word.model_dump_json())
    written.replace(_word_of(task))


def _word_of(task: Path) -> Path:
    return task.with_name("word.json")


if __name__ == "__main__":
    main()
