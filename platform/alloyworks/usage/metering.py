"""Writes down what an attempt used, in the transaction that ends it."""

from typing import Any

from alloyworks.jobs.models import Attempt
from alloyworks.usage.models import Usage


def meter(attempt: Attempt, tokens: int = 0, stored_bytes: int = 0) -> None:
    """Of an attempt that is over. Asked again it changes nothing; one that never ran costs nothing."""
    if attempt.started_at is None or attempt.finished_at is None:
        return
    Usage.objects.get_or_create(
        job_id=attempt.job_id,
        attempt_number=attempt.number,
        defaults={
            "organisation_id": attempt.organisation_id,
            "kind": attempt.job.kind,
            "begun_at": attempt.started_at,
            "seconds": (attempt.finished_at - attempt.started_at).total_seconds(),
            "gpus": _gpus(attempt.handle),
            "tokens": tokens,
            "stored_bytes": stored_bytes,
        },
    )


def _gpus(handle: Any) -> int:
    """As many as the executor gave it."""
    return int(handle.get("gpus", 0)) if isinstance(handle, dict) else 0
