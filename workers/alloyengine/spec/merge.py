"""The spec of a merge: a recipe in the field's standard YAML format (mergekit's), validated."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from alloyengine.spec.base import InputRef, Reference, Spec, broken_rule
from alloyengine.spec.methods import DECLARATIONS, MergeMethod
from alloyengine.spec.tokenizer import ChatTemplate, Tokenizer

DType = Literal["float32", "float16", "bfloat16"]
Gradient = Annotated[list[float], Field(min_length=1, max_length=1000)]
"""Numbers spread evenly over the depth of the model, linear in between."""

Place = tuple[str | int, ...]


class Filtered(Spec):
    """A value for the tensors whose names contain `filter`; for all the rest without one."""

    filter: str | None = None
    value: float | Gradient


class FilteredMethod(Spec):
    """A method for the tensors whose names contain `filter`; for all the rest without one."""

    filter: str | None = None
    value: MergeMethod


Value = Annotated[
    float | bool | Gradient | Filtered | Annotated[list[Filtered], Field(min_length=1)],
    Field(
        description="a number, a list of numbers spread over the layers, or a list of "
        "{filter, value}, of which the first that fits a tensor's name wins"
    ),
]
Parameters = dict[str, Value]
MethodChoice = Annotated[
    MergeMethod | Annotated[list[FilteredMethod], Field(min_length=1)],
    Field(description="a method, or a list of {filter, value}: the first that fits a tensor wins"),
]


def _as_text(value: Any) -> Any:
    """A model reference written out as a mapping, in the short form `path@revision+lora`."""
    match value:
        case {"model": dict() | str() as model, **rest} if rest.keys() <= {"lora"}:
            lora = rest.get("lora")
            return f"{_as_text(model)}+{_as_text(lora)}" if lora else _as_text(model)
        case {"path": str() as path, **rest} if rest.keys() <= {"revision"}:
            return f"{path}@{rest['revision']}" if rest.get("revision") else path
    return value


ModelReference = Annotated[Reference, BeforeValidator(_as_text)]
"""A model, or `model+adapter`: a model with a LoRA adapter merged into it."""


def split_reference(reference: str) -> tuple[str, str | None]:
    """The model and the adapter of a reference."""
    model, plus, adapter = reference.partition("+")
    return model, adapter if plus else None


class RecipeModel(Spec):
    """One model of a recipe and its own parameters (weight, density, ...)."""

    model: ModelReference
    parameters: Parameters = Field(default_factory=dict)


class SliceSource(RecipeModel):
    """Some consecutive layers of one model."""

    layer_range: Annotated[
        tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=1)]],
        Field(description="first layer, and the one after the last"),
    ]

    @model_validator(mode="after")
    def has_layers(self) -> "SliceSource":
        if self.layer_range[0] >= self.layer_range[1]:
            msg = f"layer_range {list(self.layer_range)} holds no layer"
            remedy = "Give the first layer and the one after the last."
            raise broken_rule("layer_range", msg, remedy)
        return self


class Slice(Spec):
    """Layers of the result, made from equally many layers of each source."""

    sources: list[SliceSource] = Field(min_length=1, max_length=64)
    base_model: ModelReference | None = None
    parameters: Parameters = Field(default_factory=dict)
    merge_method: MethodChoice | None = Field(None, description="The recipe's if absent")
    residual_weight: float | None = Field(None, description="Accepted for older recipes; unused")

    @model_validator(mode="after")
    def lengths_agree(self) -> "Slice":
        lengths = {b - a for a, b in (source.layer_range for source in self.sources)}
        if len(lengths) > 1:
            msg = f"the sources of a slice have {sorted(lengths)} layers"
            raise broken_rule("sources", msg, "Give every source the same number of layers.")
        return self


class Module(Spec):
    """One tower of a model that has several, such as a vision encoder."""

    models: list[RecipeModel] = Field(default_factory=list, max_length=64)
    slices: list[Slice] = Field(default_factory=list, max_length=1000)
    base_model: ModelReference | None = None
    parameters: Parameters = Field(default_factory=dict)
    merge_method: MethodChoice | None = Field(None, description="The recipe's if absent")

    @model_validator(mode="after")
    def has_one_form(self) -> "Module":
        if bool(self.models) == bool(self.slices):
            raise broken_rule("models", "a module has either models or slices", "Give one of them.")
        return self


class Recipe(Spec):
    """How models become one."""

    merge_method: MethodChoice
    models: list[RecipeModel] = Field(default_factory=list, max_length=64)
    slices: list[Slice] = Field(default_factory=list, max_length=1000)
    modules: dict[str, Module] = Field(default_factory=dict)
    base_model: ModelReference | None = None
    parameters: Parameters = Field(default_factory=dict)
    dtype: DType | None = Field(None, description="Type of the output; the base's if absent")
    out_dtype: DType | None = Field(None, description="Type of the output, before `dtype`")
    tokenizer_source: ModelReference | None = Field(
        None, description="`union`, `base` or a model: the vocabulary of the result"
    )
    tokenizer: Tokenizer | None = Field(None, description="The vocabulary, token by token")
    chat_template: ChatTemplate | None = None
    name: str | None = Field(None, max_length=120, description="For later stages to refer to")
    gradients_reach_head: bool = Field(
        False,
        description="Gradients end at the final norm and head, too; else these have the value of "
        "the first layer, as in the field's other tools",
    )
    seed: int = Field(0, ge=0, lt=2**63, description="Of the methods that draw at random")

    @model_validator(mode="after")
    def has_one_form(self) -> "Recipe":
        given = [name for name in ("models", "slices", "modules") if getattr(self, name)]
        if len(given) != 1:
            msg = f"a recipe has one of models, slices and modules, not {' and '.join(given)}"
            raise broken_rule("models", msg if given else msg.partition(", not")[0], "Give one.")
        if self.tokenizer and self.tokenizer_source:
            msg = "tokenizer_source and tokenizer say the same thing twice"
            raise broken_rule("tokenizer", msg, "Leave tokenizer_source out.")
        return self

    @model_validator(mode="after")
    def methods_have_their_models(self) -> "Recipe":
        for group in self.groups():
            for method in group.methods:
                group.check(method)
        return self

    def groups(self) -> "Iterator[Group]":
        """Every set of models that is merged together."""
        scopes: list[tuple[Place, Parameters]] = [(("parameters",), self.parameters)]
        yield from _groups((), self, self.base_model, self.merge_method, scopes)
        for name, module in self.modules.items():
            place: Place = ("modules", name)
            base = module.base_model or self.base_model
            method = module.merge_method or self.merge_method
            own = ((*place, "parameters"), module.parameters)
            yield from _groups(place, module, base, method, [own, *scopes])

    def references(self) -> Iterator[tuple[Place, str]]:
        """Where every model is named, adapters and tokenizers included."""
        if self.base_model is not None:
            yield ("base_model",), self.base_model
        for name, module in self.modules.items():
            if module.base_model is not None:
                yield ("modules", name, "base_model"), module.base_model
        for group in self.groups():
            if group.place and group.place[-2:-1] == ("slices",) and group.own_base:
                yield (*group.place, "base_model"), group.own_base
            for i, entry in enumerate(group.sources):
                yield (*group.place, group.listed, i, "model"), entry.model
        if self.tokenizer_source not in (None, "union", "base"):
            yield ("tokenizer_source",), str(self.tokenizer_source)
        if self.tokenizer is not None:
            for place, reference in self.tokenizer.references():
                yield ("tokenizer", *place), reference


class Group:
    """Models that are merged together: the recipe's, a module's, or a slice's."""

    def __init__(
        self,
        place: Place,
        holder: "Recipe | Module | Slice",
        base: str | None,
        method: MethodChoice,
        scopes: "list[tuple[Place, Parameters]]",
    ) -> None:
        self.place, self.base, self.method = place, base, method
        self._scopes = scopes
        self.own_base = holder.base_model
        self.listed = "sources" if isinstance(holder, Slice) else "models"
        self.sources: list[RecipeModel] = list(getattr(holder, self.listed))

    def parameters(self) -> Iterator[tuple[Place, Parameters]]:
        """Everywhere that parameters are given for these models, and what is given there."""
        yield from self._scopes
        for i, entry in enumerate(self.sources):
            yield (*self.place, self.listed, i, "parameters"), entry.parameters

    @property
    def methods(self) -> list[MergeMethod]:
        chosen = self.method
        return [chosen] if isinstance(chosen, str) else [item.value for item in chosen]

    def check(self, method: MergeMethod) -> None:
        declared = DECLARATIONS[method]
        if declared.base == "required" and self.base is None:
            msg = f"{method} needs base_model"
            raise broken_rule("base_model", msg, "Name the model that the others are compared to.")
        base = None if declared.base == "ignored" else self.base
        count = sum(entry.model != base for entry in self.sources)
        if count < declared.fewest or count > (declared.most or count):
            place = ".".join(map(str, (*self.place, self.listed)))
            raise broken_rule(place, *_wrong_number(method, count))


def _wrong_number(method: MergeMethod, count: int) -> tuple[str, str]:
    declared = DECLARATIONS[method]
    beside = "" if declared.base == "ignored" else " beside the base"
    few, most = declared.fewest, declared.most
    wanted = f"exactly {few}" if few == most else f"{few} or more"
    plural = "" if (few == most == 1) else "s"
    return f"{method} joins {wanted} model{plural}{beside}, not {count}", "List the models again."


def _groups(
    place: Place,
    holder: Recipe | Module,
    base: str | None,
    method: MethodChoice,
    scopes: list[tuple[Place, Parameters]],
) -> Iterator[Group]:
    if holder.models:
        yield Group(place, holder, base, method, scopes)
    for i, piece in enumerate(holder.slices):
        inner: Place = (*place, "slices", i)
        own_base, own_method = piece.base_model or base, piece.merge_method or method
        own = ((*inner, "parameters"), piece.parameters)
        yield Group(inner, piece, own_base, own_method, [own, *scopes])


class MergeSpec(Spec):
    """Merge models by a recipe."""

    kind: Literal["merge"] = "merge"
    version: Literal[1] = 1
    name: str = Field("", max_length=120, description="Name of the resulting model")
    recipe: Recipe
    stages: list[Recipe] = Field(
        default_factory=list,
        max_length=32,
        description="Merges made before, in this order; later ones use them by their names",
    )

    @model_validator(mode="after")
    def stages_have_names(self) -> "MergeSpec":
        names = [stage.name for stage in self.stages]
        if not all(names) or len(set(names)) != len(names):
            remedy = "Give every document but the last a name of its own."
            raise broken_rule("stages", "every stage needs a name of its own", remedy)
        return self

    def inputs(self) -> list[InputRef]:
        made = {stage.name for stage in self.stages}
        recipes: list[tuple[Place, Recipe]] = [
            (("stages", i), stage) for i, stage in enumerate(self.stages)
        ]
        return [
            InputRef(loc=(*place, *inner), kind="model", reference=part)
            for place, recipe in [*recipes, (("recipe",), self.recipe)]
            for inner, reference in recipe.references()
            for part in split_reference(reference)
            if part is not None and part not in made
        ]
