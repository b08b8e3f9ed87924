"""What a finished job says about itself, beside the files it made."""

from typing import Annotated, Literal

from pydantic import Field

from alloyengine.spec.base import Reference, Spec
from alloyengine.spec.merge import Recipe
from alloyengine.spec.metrics import Metric
from alloyengine.spec.significance import Verdict


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


class Cost(Spec):
    """What a test set took on the machine that did it, loading not counted."""

    seconds: float = Field(ge=0)
    memory: int = Field(ge=0, description="Bytes of the weights of all models that took part")
    read: int | None = Field(None, ge=0, description="Tokens of what was asked")
    written: int | None = Field(None, ge=0, description="Tokens of answers")


class Score(Spec):
    """One model, or one mixture of agents, on one test set. `cost` came later."""

    model: Reference
    dataset: Reference
    metric: Metric
    value: float
    stderr: float | None = None
    examples: int
    cost: Cost | None = None


class TaskScore(Spec):
    """One model on one task of lm-evaluation-harness, or on a group of them, by one metric."""

    model: Reference
    task: str = Field(min_length=1, max_length=300)
    metric: str = Field(max_length=60, description="As the harness calls it, such as acc_norm")
    filter: str = Field(
        "none", max_length=60, description="What answers went through before they were scored"
    )
    value: float
    stderr: float | None = None
    examples: int
    lower_is_better: bool = False

    @property
    def called(self) -> str:
        """The metric, with what answers went through."""
        return self.metric if self.filter == "none" else f"{self.metric},{self.filter}"


class Compared(Spec):
    """A model beside another on the same examples, which both were asked."""

    model: Reference
    baseline: Reference
    asked: str = Field(description="The test set or task")
    metric: str
    difference: float = Field(description="Model less baseline; perplexity: in nats a token")
    low: float = Field(description="Of the interval that holds 95% of resampled differences")
    high: float
    p: float = Field(description="Two-sided: how often chance alone would do as much")
    examples: int
    verdict: Verdict


class EvaluateResult(Spec):
    """`tasks` and `comparisons` came later; what is not known is left out."""

    kind: Literal["evaluate"] = "evaluate"
    scores: list[Score]
    tasks: list[TaskScore] = Field(default_factory=list)
    comparisons: list[Compared] = Field(default_factory=list)
    unjudged: int = Field(0, description="Answers on which the judge gave no verdict")


RESULT, START = "result", "start"
"""What scores of an evolution call the model that it made, and where it began."""


class EvolveResult(Spec):
    """Scores are on the questions of the report, which the search has not seen."""

    kind: Literal["evolve"] = "evolve"
    facts: ModelFacts
    recipe: Recipe = Field(description="Of the winner")
    evaluations: int = Field(description="Candidates, the start among them")
    generations: int
    score: float = Field(description="Of the winner in the search")
    scores: list[Score] = Field(
        description="Of the winner (`result`), the recipe it began with (`start`) and its parents"
    )


JobResult = Annotated[
    TrainResult | MergeResult | MoeResult | EvaluateResult | EvolveResult,
    Field(discriminator="kind"),
]
