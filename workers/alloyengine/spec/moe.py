"""The spec of an upcycling: dense models become the experts of one sparse model.

The recipe is the one of mergekit-moe's YAML; `seed` is ours.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from alloyengine.spec.base import InputRef, Spec, broken_rule
from alloyengine.spec.merge import DType, ModelReference, Place, split_reference

GateMode = Literal["hidden", "cheap_embed", "random", "uniform_random"]
RANDOM: tuple[GateMode, ...] = ("random", "uniform_random")
DENSE = ("llama", "mistral", "qwen3", "qwen2", "granite", "olmo2", "ernie4_5", "lfm2")
"""Kinds of models (`model_type` of a config) that can become experts."""


def _none_is_empty(value: Any) -> Any:
    return [] if value is None else value


Prompt = Annotated[str, Field(min_length=1, max_length=100_000)]
Prompts = Annotated[list[Prompt], Field(max_length=10_000), BeforeValidator(_none_is_empty)]


class Expert(Spec):
    """A model whose MLPs become one expert of each layer."""

    source_model: ModelReference
    positive_prompts: Prompts = Field(default_factory=list, description="What it should be asked")
    negative_prompts: Prompts = Field(default_factory=list, description="What it should not")
    noise_scale: float | None = Field(
        None, ge=0, le=1, description="Deviation of the noise added to its weights; none: no noise"
    )
    residual_scale: float | None = Field(
        None, description="What its output is multiplied by; none: 1"
    )

    @property
    def prompts(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return tuple(self.positive_prompts), tuple(self.negative_prompts)


class MoeRecipe(Spec):
    """How dense models become one sparse model."""

    base_model: ModelReference = Field(description="Gives everything but the experts")
    experts: list[Expert] = Field(min_length=1, max_length=256)
    gate_mode: GateMode = Field(
        "hidden",
        description="Routers from the base's hidden states of the prompts, from their embeddings "
        "alone, or random, to be trained",
    )
    dtype: DType | None = Field(None, description="Type of the output; the base's if absent")
    experts_per_token: int = Field(2, ge=1, description="So many of the experts see each token")
    shared_experts: Annotated[list[Expert], BeforeValidator(_none_is_empty)] = Field(
        default_factory=list, max_length=1, description="An expert that sees every token"
    )
    architecture: str | None = Field(
        None, max_length=60, description="As transformers calls it; what fits the models if absent"
    )
    seed: int = Field(0, ge=0, lt=2**63, description="Of random routers and of noise")

    @property
    def is_random(self) -> bool:
        return self.gate_mode in RANDOM

    @property
    def sources(self) -> list[Expert]:
        """The experts, the shared one last."""
        return [*self.experts, *self.shared_experts]

    @model_validator(mode="after")
    def has_enough_experts(self) -> "MoeRecipe":
        if len(self.experts) < self.experts_per_token:
            msg = (
                f"{self.experts_per_token} experts are asked for each token, "
                f"but there are only {len(self.experts)}"
            )
            remedy = "List more experts, or lower experts_per_token."
            raise broken_rule("experts_per_token", msg, remedy)
        return self

    @model_validator(mode="after")
    def prompts_tell_experts_apart(self) -> "MoeRecipe":
        if self.is_random:
            return self
        for number, expert in enumerate(self.experts):
            if not expert.positive_prompts:
                msg = f"expert {number} has no positive_prompts, which gate_mode {self.gate_mode} needs"
                remedy = "Add some that it should answer, or use gate_mode: random and train."
                raise broken_rule(f"experts.{number}.positive_prompts", msg, remedy)
        if len(self.experts) > 1 and len({expert.prompts for expert in self.experts}) == 1:
            msg = "all experts have the same prompts: nothing would tell which of them to ask"
            remedy = "Give each prompts of what it is good at, or use gate_mode: random and train."
            raise broken_rule("experts", msg, remedy)
        return self

    @model_validator(mode="after")
    def experts_are_different(self) -> "MoeRecipe":
        """Equal ones make sense only as the beginning of a training."""
        models = {expert.source_model for expert in self.experts}
        noisy = any(expert.noise_scale for expert in self.experts)
        if len(self.experts) > 1 and len(models) == 1 and not (self.is_random or noisy):
            msg = (
                "all experts are the same model: the result would answer as it does, and be larger"
            )
            remedy = (
                "Name different models; or, to train the result, use gate_mode: random "
                "or give the experts a noise_scale."
            )
            raise broken_rule("experts", msg, remedy)
        return self

    def references(self) -> Iterator[tuple[Place, str]]:
        """Where every model is named."""
        yield ("base_model",), self.base_model
        for field in ("experts", "shared_experts"):
            for number, expert in enumerate(getattr(self, field)):
                yield (field, number, "source_model"), expert.source_model


class MoeSpec(Spec):
    """Make dense models the experts of one sparse model."""

    kind: Literal["moe"] = "moe"
    version: Literal[1] = 1
    name: str = Field("", max_length=120, description="Name of the resulting model")
    recipe: MoeRecipe
    balance: bool = Field(
        True,
        description="Send the prompts through the result, and tell how evenly experts are used",
    )

    def inputs(self) -> list[InputRef]:
        return [
            InputRef(loc=("recipe", *place), kind="model", reference=part)
            for place, reference in self.recipe.references()
            for part in split_reference(reference)
            if part is not None
        ]
