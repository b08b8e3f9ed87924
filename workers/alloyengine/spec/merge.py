"""The spec of a merge: a recipe in the field's standard YAML format (mergekit's), validated."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from alloyengine.spec.base import InputRef, Reference, Spec, broken_rule
from alloyengine.spec.methods import MergeMethod

DType = Literal["float32", "float16", "bfloat16"]
Gradient = Annotated[list[float], Field(min_length=1)]
"""Numbers spread evenly over the depth of the model, linear in between."""


class Filtered(Spec):
    """A value for the tensors whose names contain `filter`; for all the rest without one."""

    filter: str | None = None
    value: float | Gradient


Value = Annotated[
    float | bool | Gradient | Annotated[list[Filtered], Field(min_length=1)],
    Field(
        description="a number, a list of numbers spread over the layers, or a list of "
        "{filter, value}, of which the first that fits a tensor's name wins"
    ),
]
Parameters = dict[str, Value]


class RecipeModel(Spec):
    """One model of a recipe and its own parameters (weight, density, ...)."""

    model: Reference
    parameters: Parameters = Field(default_factory=dict)


class Recipe(Spec):
    """How models become one."""

    merge_method: MergeMethod
    models: list[RecipeModel] = Field(min_length=1, max_length=64)
    base_model: Reference | None = None
    parameters: Parameters = Field(default_factory=dict)
    dtype: DType | None = Field(None, description="Type of the output; the base's if absent")

    @model_validator(mode="after")
    def method_has_its_models(self) -> "Recipe":
        if self.merge_method != "linear" and self.base_model is None:
            msg = f"{self.merge_method} needs base_model"
            raise broken_rule("base_model", msg, "Name the model that the others are compared to.")
        if self.merge_method == "slerp" and len({*self._names(), self.base_model}) != 2:
            msg = "slerp joins exactly two models, one of which is base_model"
            raise broken_rule("models", msg, "List two models, or one beside base_model.")
        return self

    def _names(self) -> list[str]:
        return [entry.model for entry in self.models]


class MergeSpec(Spec):
    """Merge models by a recipe."""

    kind: Literal["merge"] = "merge"
    version: Literal[1] = 1
    name: str = Field("", max_length=120, description="Name of the resulting model")
    recipe: Recipe

    def inputs(self) -> list[InputRef]:
        refs = [
            InputRef(loc=("recipe", "models", i, "model"), kind="model", reference=entry.model)
            for i, entry in enumerate(self.recipe.models)
        ]
        if self.recipe.base_model is not None:
            loc = ("recipe", "base_model")
            refs.append(InputRef(loc=loc, kind="model", reference=self.recipe.base_model))
        return refs
