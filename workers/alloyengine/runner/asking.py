"""The engine's side of the line to the agent, for what only the agent may do."""

import os
from collections.abc import Callable
from concurrent.futures import Future
from itertools import count
from threading import Thread

from pydantic import BaseModel

from alloyengine.errors import TransferError
from alloyengine.runner.messages import Answer, Ask, AskUpload, AskUrls
from alloyengine.spec.protocol import UploadPlan, UploadRequest

_PATIENCE = 1200.0  # seconds; the agent itself is patient


class Agent:
    """Asks on the pipe, hears on standard input. Safe to use from several threads.

    When standard input ends the agent is gone, and this process ends as well.
    """

    def __init__(self, say: Callable[[BaseModel], None]) -> None:
        self._say = say
        self._numbers = count()
        self._waiting: dict[int, Future[Answer]] = {}
        Thread(target=self._listen, name="listen", daemon=True).start()

    def urls(self, reference: str) -> dict[str, str]:
        """Fresh URLs of an input's files. Raises TransferError."""
        return self._ask(AskUrls(number=next(self._numbers), reference=reference)).urls

    def plan(self, path: str, size: int, upload_id: str | None = None) -> UploadPlan:
        """Where to send a file. Raises TransferError."""
        request = UploadRequest(path=path, size=size, upload_id=upload_id)
        answer = self._ask(AskUpload(number=next(self._numbers), request=request))
        if answer.plan is None:
            raise _refused("it gave no place for a file")
        return answer.plan

    def _ask(self, ask: Ask) -> Answer:
        self._waiting[ask.number] = future = Future[Answer]()
        self._say(ask)
        try:
            answer = future.result(_PATIENCE)
        except TimeoutError:
            raise _refused("it did not answer") from None
        finally:
            del self._waiting[ask.number]
        if answer.refusal:
            raise _refused(answer.refusal)
        return answer

    def _listen(self) -> None:
        # Raw reads: a daemon thread inside sys.stdin's lock would abort the exit of Python.
        heard = b""
        while piece := os.read(0, 1 << 16):
            *lines, heard = (heard + piece).split(b"\n")
            for line in lines:
                answer = Answer.model_validate_json(line)
                if future := self._waiting.get(answer.number):
                    future.set_result(answer)
        os._exit(1)


def _refused(why: str) -> TransferError:
    return TransferError("transfer_failed", f"The platform gives no fresh URLs: {why}.")
