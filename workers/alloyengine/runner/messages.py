"""What the engine's process says to the agent: events, then one last word."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from alloyengine.spec.base import Reference, Spec
from alloyengine.spec.job import JobSpec
from alloyengine.spec.protocol import Failure, LogEvent, MetricEvent, ProgressEvent, ReportEvent
from alloyengine.spec.result import JobResult


class Work(Spec):
    """The task file that the agent leaves for the engine's process."""

    spec: JobSpec
    inputs: dict[Reference, Path]
    out: Path


class Done(Spec):
    type: Literal["done"] = "done"
    result: JobResult


class Failed(Spec):
    type: Literal["failed"] = "failed"
    failure: Failure


class Obeyed(Spec):
    """Stopped because it was told to."""

    type: Literal["obeyed"] = "obeyed"


LastWord = Done | Failed | Obeyed
Message = Annotated[
    LogEvent | ProgressEvent | MetricEvent | ReportEvent | Done | Failed | Obeyed,
    Field(discriminator="type"),
]
message: TypeAdapter[
    LogEvent | ProgressEvent | MetricEvent | ReportEvent | Done | Failed | Obeyed
] = TypeAdapter(Message)
