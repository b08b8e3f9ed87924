"""The merge methods in words; what they take comes from the spec."""

from dataclasses import dataclass

from alloyengine.spec import methods as spec
from alloyworks.web.forms.fields import text_of


@dataclass(frozen=True)
class Parameter:
    name: str
    help: str
    default: str  # what the engine takes when the recipe says nothing
    flag: bool

    @property
    def label(self) -> str:
        return self.name if len(self.name) == 1 else self.name.capitalize()


@dataclass(frozen=True)
class Method:
    name: str
    label: str
    help: str
    each: tuple[Parameter, ...]  # given for every model (but the base)
    shared: tuple[Parameter, ...]  # given once
    has_base: bool


WORDS: dict[str, tuple[str, str, bool]] = {
    "linear": ("Linear", "The weighted average of all models, also called a model soup.", False),
    "slerp": ("Slerp", "Walks from the base to one other model along an arc.", True),
    "task_arithmetic": (
        "Task arithmetic",
        "Adds what each model has learned since the base to the base.",
        True,
    ),
}
PARAMETER_WORDS = {
    "weight": "How much this model counts",
    "normalize": "Divide by the sum of the weights",
    "t": "From 0, the base, to 1, the other model",
    "lambda": "Scales everything that is added to the base",
}


def _method(name: str) -> Method:
    label, told, has_base = WORDS[name]
    declared = spec.PARAMETERS[name]  # type: ignore[index]  # a plain text here
    return Method(
        name=name,
        label=label,
        help=told,
        each=tuple(_parameter(p) for p in declared if p.scope != "global"),
        shared=tuple(_parameter(p) for p in declared if p.scope == "global"),
        has_base=has_base,
    )


def _parameter(declared: spec.Parameter) -> Parameter:
    default = declared.default
    words = PARAMETER_WORDS.get(declared.name, "")
    return Parameter(declared.name, words, text_of(default), isinstance(default, bool))


METHODS = {name: _method(name) for name in WORDS}
