"""Answers what the engine's process asks: the token stays with the agent."""

from contextlib import suppress
from threading import Lock, Thread
from typing import IO

import httpx

from alloyengine.retry import words
from alloyengine.runner.client import Platform, StaleAttempt
from alloyengine.runner.messages import Answer, Ask, AskUpload


class Desk:
    """Each question has a thread of its own: the platform may be slow, the engine's news must flow."""

    def __init__(self, platform: Platform) -> None:
        self._platform, self._writing = platform, Lock()

    def serve(self, ask: Ask, reply: IO[bytes]) -> None:
        Thread(target=self._serve, args=(ask, reply), name="desk", daemon=True).start()

    def _serve(self, ask: Ask, reply: IO[bytes]) -> None:
        line = self._answer(ask).model_dump_json().encode() + b"\n"
        with self._writing, suppress(OSError, ValueError):  # the engine may be gone by now
            reply.write(line)
            reply.flush()

    def _answer(self, ask: Ask) -> Answer:
        try:
            if isinstance(ask, AskUpload):
                return Answer(number=ask.number, plan=self._platform.plan_upload(ask.request))
            return Answer(number=ask.number, urls=self._urls(ask.reference))
        except StaleAttempt:
            return Answer(number=ask.number, refusal="this attempt is over")
        except httpx.HTTPError as error:
            return Answer(number=ask.number, refusal=words(error).replace("storage", "it"))

    def _urls(self, reference: str) -> dict[str, str]:
        inputs = self._platform.assignment().inputs
        return {
            file.path: file.url
            for each in inputs
            if each.reference == reference
            for file in each.files
        }
