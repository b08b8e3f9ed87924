"""The platform's runner API, as the agent sees it (see spec/protocol.py)."""

from collections.abc import Callable
from typing import TypeVar

import httpx
from pydantic import BaseModel

from alloyengine.retry import persistently
from alloyengine.spec.protocol import (
    Assignment,
    CheckpointFacts,
    EventBatch,
    Finish,
    Orders,
    UploadParts,
    UploadPlan,
    UploadRequest,
)

Answer = TypeVar("Answer", bound=BaseModel)
Check = Callable[[], None]
"""Called before every try; raises to give up."""
_PATIENCE = 900.0  # seconds; by then a reconciler has long opened the next attempt


class StaleAttempt(Exception):
    """A later attempt was opened, or the job ended: stop at once, upload nothing more."""


class Platform:
    """One attempt's line to the platform. Safe to use from several threads."""

    def __init__(self, url: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx.Client(
            base_url=f"{url.rstrip('/')}/runner/v1", headers=headers, timeout=20
        )

    def assignment(self) -> Assignment:
        return self._patiently(lambda: self._call(Assignment, "GET", "/assignment"))

    def companion(self) -> Assignment:
        """The same for a machine that does not lead; the attempt does not begin by it."""
        return self._patiently(lambda: self._call(Assignment, "GET", "/companion"))

    def events(self, batch: EventBatch) -> Orders:
        """One try only: the next heartbeat carries what this one could not."""
        return self._call(Orders, "POST", "/events", batch)

    def plan_upload(self, request: UploadRequest, check: Check = lambda: None) -> UploadPlan:
        return self._patiently(lambda: self._call(UploadPlan, "POST", "/uploads", request), check)

    def complete_upload(self, parts: UploadParts, check: Check = lambda: None) -> Orders:
        return self._patiently(
            lambda: self._call(Orders, "POST", "/uploads/complete", parts), check
        )

    def keep_checkpoint(self, facts: CheckpointFacts, check: Check) -> Orders:
        """All its files are in storage."""
        return self._patiently(lambda: self._call(Orders, "POST", "/checkpoints", facts), check)

    def finish(self, finish: Finish) -> Orders:
        return self._patiently(lambda: self._call(Orders, "POST", "/finish", finish))

    def close(self) -> None:
        self._http.close()

    def _patiently(self, call: Callable[[], Answer], check: Check = lambda: None) -> Answer:
        return persistently(call, _PATIENCE, check)

    def _call(
        self, answer: type[Answer], verb: str, path: str, body: BaseModel | None = None
    ) -> Answer:
        content = body.model_dump_json() if body else None
        headers = {"Content-Type": "application/json"} if body else {}
        response = self._http.request(verb, path, content=content, headers=headers)
        if response.status_code == httpx.codes.CONFLICT:
            raise StaleAttempt
        response.raise_for_status()
        return answer.model_validate_json(response.content)
