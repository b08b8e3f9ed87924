"""What a training run learns from its data."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, TypeAdapter

from alloyengine.spec.base import InputRef, Reference, Spec, by_method


class Sft(Spec):
    """Supervised fine-tuning: what the assistant says is learned, given what comes before."""

    method: Literal["sft"] = "sft"

    def inputs(self) -> list[InputRef]:
        return []


class Replay(Spec):
    """General text mixed in, against forgetting."""

    dataset: Reference = Field(description="General text, such as the model was trained on before")
    share: float = Field(0.1, gt=0, lt=1, description="Of all tokens learned")


class Cpt(Spec):
    """Continued pre-training: every token of plain text is learned.

    Documents are packed into sequences of full length; none sees another.
    """

    method: Literal["cpt"] = "cpt"
    replay: Replay | None = None

    def inputs(self) -> list[InputRef]:
        if self.replay is None:
            return []
        loc = ("objective", "replay", "dataset")
        return [InputRef(loc=loc, kind="dataset", reference=self.replay.dataset)]


class Dpo(Spec):
    """Direct preference optimisation (arXiv 2305.18290): of two answers the chosen becomes likelier."""

    method: Literal["dpo"] = "dpo"
    beta: float = Field(0.1, gt=0, le=100, description="How dear it is to leave the base model")
    loss: Literal["sigmoid", "ipo", "hinge"] = Field(
        "sigmoid",
        description="sigmoid: as published; ipo: arXiv 2310.12036; hinge: arXiv 2305.10425",
    )
    label_smoothing: float = Field(0.0, ge=0, lt=0.5, description="Share of pairs that are wrong")
    sft_weight: float = Field(
        0.0,
        ge=0,
        le=100,
        description="Weight of also learning the chosen answer (arXiv 2404.19733)",
    )

    def inputs(self) -> list[InputRef]:
        return []


class Distill(Spec):
    """Distillation (arXiv 1503.02531): the model learns a teacher's distribution over next tokens."""

    method: Literal["distill"] = "distill"
    teacher: Reference = Field(description="A model with the same tokenizer")
    temperature: float = Field(
        2.0, gt=0, le=100, description="Higher: unlikely tokens of the teacher count for more"
    )
    teacher_weight: float = Field(
        0.5, ge=0, le=1, description="Weight of the teacher's distribution; the rest is the data's"
    )
    top_k: int | None = Field(
        64, ge=1, description="Only the teacher's likeliest tokens count; none: all"
    )
    hidden_weight: float = Field(
        0.0, ge=0, le=100, description="Weight of matching the teacher's hidden states"
    )

    def inputs(self) -> list[InputRef]:
        loc = ("objective", "teacher")
        return [InputRef(loc=loc, kind="model", reference=self.teacher)]


AnyObjective = Sft | Cpt | Dpo | Distill


Objective = Annotated[AnyObjective, Field(discriminator="method"), BeforeValidator(by_method)]


def objective_called(method: str) -> AnyObjective:
    """With its defaults: none of its settings decides which tokens are learned. Raises ValidationError."""
    more = {"teacher": "-"} if method == "distill" else {}
    found: AnyObjective = TypeAdapter(Objective).validate_python({"method": method, **more})
    return found
