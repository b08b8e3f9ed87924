"""What the engine's process and the agent say to each other.

The engine tells events, asks for URLs (the agent alone has the token), and ends with one last word.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from alloyengine.node import ONE, Node
from alloyengine.spec.base import Reference, Spec
from alloyengine.spec.job import JobSpec
from alloyengine.spec.protocol import (
    Failure,
    FileFacts,
    FilePath,
    LogEvent,
    MetricEvent,
    ProgressEvent,
    RemoteFile,
    ReportEvent,
    UploadParts,
    UploadPlan,
    UploadRequest,
)
from alloyengine.spec.result import JobResult


class Place(Spec):
    """Where an input is."""

    folder: Path
    weights: list[RemoteFile] = Field(default_factory=list, description="Left in storage")


class Work(Spec):
    """The task file that the agent leaves for the engine's process."""

    spec: JobSpec
    inputs: dict[Reference, Place]
    out: Path
    streams: bool = Field(description="Weights are read from storage, and sent there as they come")
    checkpoints: Path | None = Field(None, description="Training keeps its own here")
    node: Node = Field(ONE, description="Of the machines that share a training")

    @property
    def folders(self) -> dict[Reference, Path]:
        return {reference: place.folder for reference, place in self.inputs.items()}


class AskUrls(Spec):
    """Fresh URLs of an input's files, please."""

    type: Literal["ask_urls"] = "ask_urls"
    number: int
    reference: Reference


class AskUpload(Spec):
    """Where to send a file, please."""

    type: Literal["ask_upload"] = "ask_upload"
    number: int
    request: UploadRequest


Ask = AskUrls | AskUpload


class Answer(Spec):
    """What was asked for under this number, or why not."""

    number: int
    urls: dict[FilePath, str] = Field(default_factory=dict)
    plan: UploadPlan | None = None
    refusal: str = ""


class Done(Spec):
    """With the weights that were sent already, and the uploads whose parts must be joined."""

    type: Literal["done"] = "done"
    result: JobResult
    files: list[FileFacts] = Field(default_factory=list)
    parts: list[UploadParts] = Field(default_factory=list)


class Failed(Spec):
    type: Literal["failed"] = "failed"
    failure: Failure


class Obeyed(Spec):
    """Stopped because it was told to."""

    type: Literal["obeyed"] = "obeyed"


LastWord = Done | Failed | Obeyed
News = LogEvent | ProgressEvent | MetricEvent | ReportEvent | AskUrls | AskUpload | LastWord
message: TypeAdapter[News] = TypeAdapter(Annotated[News, Field(discriminator="type")])
