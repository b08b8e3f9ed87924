"""An attempt on a machine that shares a run and does not lead it. Imports no torch.

News, orders, checkpoints and the result are the business of the machine that leads. Of this one the platform
hears only what fails here: that ends the attempt, and with it the other machines' part.
"""

from pathlib import Path
from threading import Event

from alloyengine.errors import TransferError
from alloyengine.node import Node
from alloyengine.runner.client import Platform
from alloyengine.runner.desk import Desk
from alloyengine.runner.engine import run_engine
from alloyengine.runner.fetch import fetch
from alloyengine.runner.heart import Heart, StopOrdered
from alloyengine.runner.messages import Failed, Work
from alloyengine.spec.protocol import Failure, Finish


def run_along(platform: Platform, scratch: Path, leaving: Event, node: Node) -> None:
    """Returns when this machine's part is done. Raises StaleAttempt."""
    failure = _part(platform, scratch, leaving, node)
    if failure:
        platform.finish(Finish(failure=failure))


def _part(platform: Platform, scratch: Path, leaving: Event, node: Node) -> Failure | None:
    assignment = platform.companion()
    heart = Heart(platform, leaving)  # it never beats: the lease is for the leading machine to keep
    try:
        inputs = fetch(assignment.inputs, scratch / "inputs", heart, leave_weights=False)
        work = Work(
            spec=assignment.spec, inputs=inputs, out=scratch / "out", streams=False, node=node
        )
        word = run_engine(work, scratch, heart, Desk(platform))
    except StopOrdered:
        return None
    except TransferError as error:
        return Failure(code=error.code, fault="platform", message=error.message)
    return word.failure if isinstance(word, Failed) else None
