"""What a training run changes of a model: everything, some modules, or an adapter beside it."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from alloyengine.spec.base import Spec, broken_rule, by_method

Pattern = Annotated[str, Field(min_length=1, max_length=500)]


class FullTuning(Spec):
    """Every weight is trained."""

    method: Literal["full"] = "full"


class SpectrumTuning(Spec):
    """Only the modules with the highest signal-to-noise ratio are trained (arXiv 2406.06623)."""

    method: Literal["spectrum"] = "spectrum"
    percent: float = Field(25, gt=0, le=100, description="Share of modules of each type, %")
    train_embeddings: bool = Field(True, description="Train token embeddings and output head too")
    score: Literal["spectrum", "mp"] = Field(
        "spectrum", description="As published, or with the edge of random matrices (mp)"
    )
    modules: tuple[Pattern, ...] | None = Field(
        None,
        min_length=1,
        max_length=10_000,
        description="Instead of a scan: regular expressions, as in an unfrozen_parameters list",
    )
    budget_gb: float | None = Field(
        None, gt=0, description="Instead of a share: train as much as this memory holds, GB"
    )

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        if self.modules is not None and self.budget_gb is not None:
            raise broken_rule("budget_gb", "modules are given already.", "Give one of the two.")
        return self


class AdapterTuning(Spec):
    """What LoRA and QLoRA share."""

    rank: int = Field(
        16, ge=1, le=1024, description="Size of the matrices: how much can be learned"
    )
    alpha: float | None = Field(None, gt=0, description="Strength; none: twice the rank")
    dropout: float = Field(0.0, ge=0, lt=1, description="Share of inputs left out at random")
    modules: tuple[Pattern, ...] | None = Field(
        None, min_length=1, max_length=1000, description="Names of linear modules; none: all"
    )
    rank_stabilised: bool = Field(False, description="Scale by alpha / √rank (arXiv 2312.03732)")
    decomposed: bool = Field(False, description="DoRA: direction and size apart (arXiv 2402.09353)")


class LoraTuning(AdapterTuning):
    """Small matrices beside the frozen weights are trained (arXiv 2106.09685), then merged."""

    method: Literal["lora"] = "lora"


class QloraTuning(AdapterTuning):
    """LoRA beside weights of 4 bits (arXiv 2305.14314). Needs a GPU."""

    method: Literal["qlora"] = "qlora"


AnyTuning = FullTuning | SpectrumTuning | LoraTuning | QloraTuning


Tuning = Annotated[AnyTuning, Field(discriminator="method"), BeforeValidator(by_method)]
