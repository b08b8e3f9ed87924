"""The spec of an evaluation: models × test sets."""

from typing import Literal

from pydantic import Field

from alloyengine.spec.base import InputRef, Reference, Spec

Metric = Literal["exact_match", "perplexity"]


class TestSet(Spec):
    """A dataset whose test split is asked, and how answers are scored."""

    __test__ = False  # pytest: this is no test class

    dataset: Reference
    metric: Metric = "exact_match"
    max_new_tokens: int = Field(16, ge=1, le=4096, description="Longest answer, tokens")
    limit: int | None = Field(
        None, ge=1, le=1_000_000, description="Ask only the first so many examples"
    )


class EvaluateSpec(Spec):
    """Score models on test sets."""

    kind: Literal["evaluate"] = "evaluate"
    version: Literal[1] = 1
    name: str = Field("", max_length=120)
    models: list[Reference] = Field(min_length=1, max_length=32)
    test_sets: list[TestSet] = Field(min_length=1, max_length=32)
    batch_size: int = Field(32, ge=1, le=1024)

    def inputs(self) -> list[InputRef]:
        models = [
            InputRef(loc=("models", i), kind="model", reference=reference)
            for i, reference in enumerate(self.models)
        ]
        sets = [
            InputRef(loc=("test_sets", i, "dataset"), kind="dataset", reference=test.dataset)
            for i, test in enumerate(self.test_sets)
        ]
        return models + sets
