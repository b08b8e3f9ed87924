"""The spec of a training run."""

from typing import Literal

from pydantic import Field

from alloyengine.spec.base import InputRef, Reference, Spec
from alloyengine.spec.objective import Objective, Sft
from alloyengine.spec.resources import Resources
from alloyengine.spec.tuning import SpectrumTuning, Tuning


class Evaluation(Spec):
    """Losses on examples that are not learned, while training goes on."""

    share: float = Field(
        0.05, ge=0, lt=1, description="Of the train split, held out; 0: no evaluation"
    )
    every: int | None = Field(None, ge=1, description="Steps between two; none: ten times a run")
    patience: int | None = Field(
        None, ge=1, description="Stop after so many evaluations without a better loss; none: never"
    )


class Forgetting(Spec):
    """What the model loses of what it could before, and the merge back that recovers it."""

    dataset: Reference = Field(description="General text or conversations that are not learned")
    rows: int = Field(200, ge=1, le=100_000, description="Scored of these, and of the task")
    keep: float = Field(0.99, gt=0, le=1, description="Share of what was learned that must be kept")
    method: Literal["linear", "slerp"] = Field(
        "linear", description="The way between base and result: a line, or an arc"
    )
    merge_back: bool = Field(
        False, description="Deliver the best place found instead of the trained model"
    )


class TrainSpec(Spec):
    """Fine-tune one model on one dataset."""

    kind: Literal["train"] = "train"
    version: Literal[1] = 1
    name: str = Field("", max_length=120, description="Name of the resulting model")
    model: Reference = Field(description="The model to start from")
    dataset: Reference = Field(description="The dataset whose train split is learned")
    objective: Objective = Field(default_factory=Sft)
    tuning: Tuning = Field(default_factory=SpectrumTuning)
    epochs: float = Field(3, gt=0, le=100, description="How often the train split is seen")
    max_steps: int | None = Field(
        None, ge=1, le=1_000_000, description="Stops before epochs end; none: no limit"
    )
    batch_size: int = Field(16, ge=1, le=4096, description="Examples an optimiser step")
    learning_rate: float = Field(3e-4, gt=0, le=1, description="Of AdamW, at its peak")
    schedule: Literal["linear", "cosine", "constant"] = Field(
        "linear", description="How the learning rate falls after warm-up"
    )
    warmup_ratio: float = Field(
        0.1, ge=0, lt=1, description="Share of steps in which the learning rate rises"
    )
    weight_decay: float = Field(0.0, ge=0, le=1, description="Pull of the weights towards zero")
    max_gradient: float = Field(1.0, gt=0, description="Longer gradients are cut to this norm")
    max_length: int = Field(
        512, ge=8, le=131_072, description="Tokens of an example; the rest is cut"
    )
    evaluation: Evaluation = Field(default_factory=lambda: Evaluation(share=0))
    forgetting: Forgetting | None = Field(
        None, description="Measure what was forgotten once training is done"
    )
    gradient_checkpointing: bool = Field(
        False, description="Compute activations twice instead of keeping them"
    )
    save: Literal["model", "delta"] = Field(
        "model", description="The whole model, or only the tensors that differ from the base"
    )
    resources: Resources = Field(
        default_factory=Resources, description="The GPUs that share the run"
    )
    checkpoint_minutes: float = Field(10, gt=0, description="How much work may be lost")
    seed: int = Field(
        0, ge=0, lt=2**32, description="The same seed gives the same order of examples"
    )

    def inputs(self) -> list[InputRef]:
        inputs = [
            InputRef(loc=("model",), kind="model", reference=self.model),
            InputRef(loc=("dataset",), kind="dataset", reference=self.dataset),
            *self.objective.inputs(),
        ]
        if self.forgetting:
            loc, general = ("forgetting", "dataset"), self.forgetting.dataset
            inputs.append(InputRef(loc=loc, kind="dataset", reference=general))
        return inputs
