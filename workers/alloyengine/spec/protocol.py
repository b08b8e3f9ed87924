"""What a runner and the platform say to each other, over HTTPS, with a per-attempt token.

    GET  /runner/v1/assignment                        -> Assignment  (again: with fresh URLs)
    GET  /runner/v1/companion                         -> Assignment  (of a machine that does not lead)
    POST /runner/v1/events            EventBatch      -> Orders      (the heartbeat; may be empty)
    POST /runner/v1/uploads           UploadRequest   -> UploadPlan
    POST /runner/v1/uploads/complete  UploadParts     -> Orders
    POST /runner/v1/checkpoints       CheckpointFacts -> Orders      (its files are in storage)
    POST /runner/v1/finish            Finish          -> Orders

The token names one attempt. When a later attempt was opened, or the job ended, every call
answers 409: the runner stops at once and uploads nothing more.
"""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from alloyengine.spec.base import InputKind, Reference, Spec
from alloyengine.spec.job import JobSpec
from alloyengine.spec.result import JobResult

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
FilePath = Annotated[str, Field(pattern=rf"^{_SEGMENT}(/{_SEGMENT}){{0,3}}$", max_length=200)]
Step = Annotated[int, Field(ge=1, le=2**53, description="Optimiser steps that are done")]


class FileSize(Spec):
    path: FilePath
    size: int = Field(ge=0, description="bytes")


class FileFacts(FileSize):
    """A file as a manifest lists it."""

    sha256: Sha256


class RemoteFile(FileFacts):
    url: str = Field(description="Presigned GET")


class ResolvedInput(Spec):
    """An input of the spec with the files behind it."""

    reference: Reference
    kind: InputKind
    name: str
    files: list[RemoteFile]


class ServedModel(Spec):
    """What a server of an endpoint needs to know (GET /serving/v1/model, with a token of its launch)."""

    name: str = Field(description="As requests call it")
    files: list[RemoteFile] = Field(min_length=1)


class SavedCheckpoint(Spec):
    """Where an earlier attempt of the job came, complete."""

    attempt: int = Field(ge=1)
    step: Step
    files: list[RemoteFile] = Field(min_length=1)


class Assignment(Spec):
    """Everything a runner needs to know to run one attempt."""

    job: UUID
    attempt: int = Field(ge=1)
    spec: JobSpec
    inputs: list[ResolvedInput]
    checkpoints: list[SavedCheckpoint] = Field(
        default_factory=list, description="To go on from, the newest first"
    )


class LogEvent(Spec):
    type: Literal["log"] = "log"
    level: Literal["info", "warning", "error"] = "info"
    message: str = Field(max_length=8192)


class ProgressEvent(Spec):
    type: Literal["progress"] = "progress"
    phase: str = Field(max_length=80)
    done: int = Field(ge=0)
    total: int = Field(ge=0)
    seconds_left: float | None = Field(None, ge=0)


class MetricEvent(Spec):
    type: Literal["metric"] = "metric"
    name: str = Field(max_length=80)
    step: int = Field(ge=0)
    value: float


class ReportEvent(Spec):
    """A structured finding to be drawn on the job's page, such as the SNR map (`snr`)."""

    type: Literal["report"] = "report"
    name: str = Field(max_length=80)
    data: dict[str, Any]


EventBody = Annotated[
    LogEvent | ProgressEvent | MetricEvent | ReportEvent, Field(discriminator="type")
]


class Event(Spec):
    """One numbered event; resending a number is harmless."""

    seq: int = Field(ge=0)
    at: datetime
    body: EventBody


class EventBatch(Spec):
    events: list[Event] = Field(default_factory=list, max_length=1000)


class Orders(Spec):
    """The platform's answer to a heartbeat."""

    stop: bool = Field(description="Stop now: the job was cancelled")


class UploadRequest(FileSize):
    """A file to come. Its content need not be known yet: it may be sent while it is made."""

    upload_id: str | None = Field(
        None, description="Fresh URLs for this upload instead of another one"
    )
    checkpoint: Step | None = Field(
        None, description="It is of the checkpoint after this step, not of the result"
    )


class UploadPlan(Spec):
    """Where to PUT a file: to one URL as it is, or in parts of `part_size` bytes."""

    urls: list[str] = Field(min_length=1)
    part_size: int | None = Field(None, description="bytes; None: a single PUT")
    upload_id: str | None = Field(None, description="Names the multipart upload")


class UploadParts(Spec):
    """Joins the parts of a multipart upload, in order."""

    path: FilePath
    upload_id: str
    etags: list[str] = Field(min_length=1, max_length=10_000)
    checkpoint: Step | None = Field(None, description="As it was asked for")


class CheckpointFacts(Spec):
    """The manifest of a checkpoint, told when all its files are in storage: only now it exists."""

    step: Step
    files: list[FileFacts] = Field(min_length=1, max_length=100)


class Failure(Spec):
    """Why an attempt did not succeed, in words for the user."""

    code: str = Field(max_length=80)
    fault: Literal["user", "platform", "capacity"]
    message: str = Field(max_length=8192)
    remedy: str = Field("", max_length=2048)


class Finish(Spec):
    """Exactly one of `result` (with the manifest of uploaded files) and `failure`."""

    result: JobResult | None = None
    files: list[FileFacts] = Field(default_factory=list, max_length=10_000)
    failure: Failure | None = None
    stopped: bool = Field(False, description="Obeyed an order to stop")
