"""The spec of a training run."""

from typing import Annotated, Literal

from pydantic import Field

from alloyengine.spec.base import InputRef, Reference, Spec


class FullTuning(Spec):
    """Every weight is trained."""

    method: Literal["full"] = "full"


class SpectrumTuning(Spec):
    """Only the modules with the highest signal-to-noise ratio are trained (arXiv 2406.06623)."""

    method: Literal["spectrum"] = "spectrum"
    percent: float = Field(25, gt=0, le=100, description="Share of modules of each type, %")
    train_embeddings: bool = Field(True, description="Train token embeddings and output head too")


Tuning = Annotated[FullTuning | SpectrumTuning, Field(discriminator="method")]


class TrainSpec(Spec):
    """Fine-tune one model on one dataset."""

    kind: Literal["train"] = "train"
    version: Literal[1] = 1
    name: str = Field("", max_length=120, description="Name of the resulting model")
    model: Reference = Field(description="The model to start from")
    dataset: Reference = Field(description="The dataset whose train split is learned")
    objective: Literal["sft"] = "sft"
    tuning: Tuning = Field(default_factory=SpectrumTuning)
    epochs: float = Field(3, gt=0, le=100)
    max_steps: int | None = Field(None, ge=1, le=1_000_000, description="Stops before epochs end")
    batch_size: int = Field(16, ge=1, le=4096, description="Examples an optimiser step")
    learning_rate: float = Field(3e-4, gt=0, le=1)
    warmup_ratio: float = Field(0.1, ge=0, lt=1)
    weight_decay: float = Field(0.0, ge=0, le=1)
    max_length: int = Field(512, ge=8, le=131_072, description="Longest example, tokens")
    seed: int = Field(0, ge=0, lt=2**32)

    def inputs(self) -> list[InputRef]:
        return [
            InputRef(loc=("model",), kind="model", reference=self.model),
            InputRef(loc=("dataset",), kind="dataset", reference=self.dataset),
        ]
