"""What a finished job says about itself, beside the files it made."""

from typing import Annotated, Literal

from pydantic import Field

from alloyengine.spec.base import Reference, Spec
from alloyengine.spec.evaluate import Metric


class SpecialToken(Spec):
    """A token with a task, such as ending an answer: as the tokenizer and config name it."""

    text: str | None = None
    id: int | None = None


class VocabularyFacts(Spec):
    """The tokens of a model's tokenizer."""

    tokens: int = Field(ge=0, description="Added tokens included")
    digest: str = Field(description="Equal for tokenizers that give every token the same id")


class Rope(Spec):
    """Rotary position embeddings."""

    theta: float | None = None
    scaling: str | None = Field(None, description="Kind and factors; none: not scaled")


class AdapterFacts(Spec):
    """Of a LoRA adapter in place of a model."""

    rank: int
    base: str = Field("", description="What its model was called where it was trained")


class ModelFacts(Spec):
    """What the catalogue shows of a checkpoint, and what tells whether it fits others.

    Everything but the first three came later or is not known of every model.
    """

    architecture: str
    parameters: int = Field(ge=0, description="Number of weights")
    dtype: str
    layers: int | None = None
    hidden_size: int | None = None
    vocabulary: int | None = None
    context: int | None = Field(None, description="Longest input, tokens")
    model_type: str | None = None
    intermediate_size: int | None = None
    attention_heads: int | None = None
    key_value_heads: int | None = None
    head_dim: int | None = None
    rope: Rope | None = None
    tied_embeddings: bool | None = Field(
        None, description="Does the output head share the embedding's numbers?"
    )
    embedding_rows: int | None = None
    embedding_parameters: int | None = Field(None, description="Of everything with a row a token")
    tokenizer: VocabularyFacts | None = None
    special_tokens: dict[str, SpecialToken] = Field(default_factory=dict)
    chat_template: str | None = Field(None, description="Digest of its text")
    licence: str | None = Field(None, description="As model hubs call it, such as apache-2.0")
    shapes: str | None = Field(
        None, description="Digest of names and shapes of all weights but those of the vocabulary"
    )
    dtypes: dict[str, float] = Field(default_factory=dict, description="Shares of the weights")
    quantised: bool = False
    adapter: AdapterFacts | None = None


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


class MoeResult(Spec):
    kind: Literal["moe"] = "moe"
    facts: ModelFacts
    active_parameters: int = Field(ge=0, description="Weights that each token meets")


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


JobResult = Annotated[
    TrainResult | MergeResult | MoeResult | EvaluateResult, Field(discriminator="kind")
]
