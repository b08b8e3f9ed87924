"""What a finished job says about itself, beside the files it made."""

from typing import Annotated, Literal

from pydantic import Field

from alloyengine.spec.base import Reference, Spec
from alloyengine.spec.evaluate import Metric


class ModelFacts(Spec):
    """What the catalogue shows of a checkpoint."""

    architecture: str
    parameters: int = Field(ge=0, description="Number of weights")
    dtype: str
    layers: int | None = None
    hidden_size: int | None = None
    vocabulary: int | None = None
    context: int | None = Field(None, description="Longest input, tokens")


class TrainResult(Spec):
    kind: Literal["train"] = "train"
    facts: ModelFacts
    steps: int
    tokens: int
    trained_parameters: int
    final_loss: float


class MergeResult(Spec):
    kind: Literal["merge"] = "merge"
    facts: ModelFacts


class Score(Spec):
    """One model on one test set."""

    model: Reference
    dataset: Reference
    metric: Metric
    value: float
    stderr: float | None = None
    examples: int


class EvaluateResult(Spec):
    kind: Literal["evaluate"] = "evaluate"
    scores: list[Score]


JobResult = Annotated[TrainResult | MergeResult | EvaluateResult, Field(discriminator="kind")]
