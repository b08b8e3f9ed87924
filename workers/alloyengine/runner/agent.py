"""One attempt, start to end: fetch, run, upload, finish. Imports no torch."""

from pathlib import Path
from threading import Event

from alloyengine.errors import TransferError
from alloyengine.node import ONE, Node
from alloyengine.runner.checkpoints import Courier, bring_back
from alloyengine.runner.client import Platform
from alloyengine.runner.desk import Desk
from alloyengine.runner.engine import run_engine
from alloyengine.runner.fetch import fetch
from alloyengine.runner.heart import Heart, StopOrdered
from alloyengine.runner.messages import Done, Failed, LastWord, Work
from alloyengine.runner.upload import upload
from alloyengine.spec.evolve import EvolveSpec
from alloyengine.spec.merge import MergeSpec
from alloyengine.spec.protocol import Assignment, Failure, FileFacts, Finish
from alloyengine.spec.train import TrainSpec

_LAST = 60.0  # seconds for the last checkpoint of an attempt that did not come to its end
_LAST_OF_CANCELLED = 5.0  # who cancels waits for it

_STOPPED = Failure(code="stopped", fault="user", message="Stopped by order.")
_EVICTED = Failure(
    code="evicted", fault="capacity", message="The machine asked the job to make room."
)


def run_attempt(platform: Platform, scratch: Path, leaving: Event, node: Node = ONE) -> None:
    """Ends with the platform told how it went. Raises StaleAttempt.

    `leaving` is set when this machine wants its room back.
    """
    assignment = platform.assignment()
    with Heart(platform, leaving) as heart:
        finish = _attempt(assignment, platform, scratch, heart, node)
        heart.flush()
        # Storage is asked for every file before the end is written: that may outlast the lease.
        platform.finish(finish)


def _attempt(
    assignment: Assignment, platform: Platform, scratch: Path, heart: Heart, node: Node
) -> Finish:
    out = scratch / "out"
    streams = isinstance(assignment.spec, MergeSpec)
    try:
        inputs = fetch(assignment.inputs, scratch / "inputs", heart, leave_weights=streams)
        work = Work(spec=assignment.spec, inputs=inputs, out=out, streams=streams, node=node)
        if isinstance(assignment.spec, TrainSpec | EvolveSpec):
            last_word = _resumably(work, assignment, platform, scratch, heart)
        else:
            last_word = run_engine(work, scratch, heart, Desk(platform))
        if isinstance(last_word, Done):
            return Finish(result=last_word.result, files=_deliver(last_word, out, platform, heart))
        heart.check()
        return _without_result(last_word)
    except StopOrdered:
        return _stopped(heart)
    except TransferError as error:
        failure = Failure(code=error.code, fault="platform", message=error.message)
        return Finish(failure=failure)


def _resumably(
    work: Work, assignment: Assignment, platform: Platform, scratch: Path, heart: Heart
) -> LastWord:
    """From where an earlier attempt came, and so that a later one can go on."""
    folder = scratch / "checkpoints"
    bring_back(assignment.checkpoints, folder, heart)
    work = work.model_copy(update={"checkpoints": folder})
    with Courier(folder, platform, heart) as courier:
        last_word = run_engine(work, scratch, heart, Desk(platform))
        if not isinstance(last_word, Done):
            courier.close(_LAST_OF_CANCELLED if heart.stop_ordered.is_set() else _LAST)
    return last_word


def _deliver(done: Done, out: Path, platform: Platform, heart: Heart) -> list[FileFacts]:
    """The manifest of the whole result: what the engine has sent itself, and the files in `out`."""
    for parts in done.parts:
        heart.check()
        platform.complete_upload(parts)
    return sorted([*done.files, *upload(out, platform, heart)], key=lambda file: file.path)


def _stopped(heart: Heart) -> Finish:
    ordered = heart.stop_ordered.is_set()
    return Finish(failure=_STOPPED if ordered else _EVICTED, stopped=ordered)


def _without_result(last_word: LastWord) -> Finish:
    """An engine that ends on SIGTERM though nobody ordered it was evicted."""
    failure = last_word.failure if isinstance(last_word, Failed) else _EVICTED
    return Finish(failure=failure)
