"""The spec of a merge: a recipe in the field's standard YAML format (mergekit's), validated."""

from typing import Any, Literal

from pydantic import Field, model_validator

from alloyengine.spec.base import InputRef, Reference, Spec

MergeMethod = Literal["linear", "slerp", "task_arithmetic"]
DType = Literal["float32", "float16", "bfloat16"]
Parameters = dict[str, float | bool | list[float] | list[dict[str, Any]]]


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
            raise ValueError(f"{self.merge_method} needs base_model")
        if self.merge_method == "slerp" and len({*self._names(), self.base_model}) != 2:
            raise ValueError("slerp joins exactly two models, one of which is base_model")
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
