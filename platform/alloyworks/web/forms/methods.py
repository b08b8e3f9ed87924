"""The merge methods as the form offers them: everything that they are is declared in the spec."""

from dataclasses import dataclass
from typing import Literal

from alloyengine.spec import methods as spec
from alloyworks.web.forms.fields import text_of

# What people look for together.
GROUPS: tuple[tuple[str, tuple[spec.MergeMethod, ...]], ...] = (
    ("Averages", ("linear", "model_stock")),
    ("Spherical", ("slerp", "nuslerp", "multislerp", "karcher")),
    (
        "Task vectors",
        (
            "task_arithmetic",
            "ties",
            "dare_ties",
            "dare_linear",
            "breadcrumbs",
            "breadcrumbs_ties",
            "della",
            "della_linear",
        ),
    ),
    ("Selection", ("sce", "arcee_fusion", "nearswap", "ram", "ramplus_tl")),
    ("Stacking", ("passthrough",)),
)
# Words that the field does not write like others.
SPELT = {
    "slerp": "SLERP",
    "nuslerp": "NuSLERP",
    "multislerp": "Multi-SLERP",
    "ties": "TIES",
    "dare": "DARE",
    "della": "DELLA",
    "sce": "SCE",
    "ram": "RAM",
    "ramplus": "RAM+",
    "tl": "TL",
    "topk": "top-k",
    "int8": "int8",
}
DRAWING = ("dare", "della")  # these draw at random
WITHOUT_EFFECT = "int8_mask"  # shown only where an older recipe says it


@dataclass(frozen=True)
class Parameter:
    name: str
    help: str
    default: str  # what the engine takes when the recipe says nothing; "" when there is none
    flag: bool
    needed: bool
    bounds: str  # in words; "" when every number is allowed

    @property
    def label(self) -> str:
        return self.name if len(self.name) == 1 else _label(self.name)

    @property
    def placeholder(self) -> str:
        return self.default or ("needed" if self.needed else "none")

    @property
    def told(self) -> str:
        return ". ".join(part for part in (self.help, self.bounds) if part)


@dataclass(frozen=True)
class Method:
    name: str
    label: str
    help: str
    paper: str
    base: Literal["required", "optional", "ignored"]
    each: tuple[Parameter, ...]  # given for every model (but the base)
    shared: tuple[Parameter, ...]  # given once
    fewest: int  # models, beside the base where there is one
    most: int | None

    @property
    def has_base(self) -> bool:
        return self.base != "ignored"

    @property
    def draws(self) -> bool:
        """At random, so that a seed says which of its results is meant."""
        return self.name.startswith(DRAWING)

    @property
    def rows(self) -> int:
        """So many there are at least to fill in."""
        return 1 if self.most == 1 else max(2, self.fewest)

    @property
    def wants(self) -> str:
        """How many models it joins, in words."""
        if self.fewest == self.most:
            count = "one model" if self.most == 1 else f"exactly {self.most} models"
        else:
            count = "any number of models" if self.fewest == 1 else f"{self.fewest} or more models"
        beside = {"required": " and the base", "optional": ", with or without a base"}
        return count + beside.get(self.base, "")


def _method(name: spec.MergeMethod) -> Method:
    declared = spec.DECLARATIONS[name]
    return Method(
        name=name,
        label=_label(name),
        help=declared.summary,
        paper=declared.paper,
        base=declared.base,
        each=tuple(_parameter(p) for p in declared.parameters if p.scope != "global"),
        shared=tuple(_parameter(p) for p in declared.parameters if p.scope == "global"),
        fewest=declared.fewest,
        most=declared.most,
    )


def _parameter(declared: spec.Parameter) -> Parameter:
    return Parameter(
        name=declared.name,
        help=declared.help,
        default=text_of(declared.default),
        flag=declared.flag,
        needed=declared.default is None and not declared.optional,
        bounds=_bounds(declared.low, declared.high),
    )


def _bounds(low: float | None, high: float | None) -> str:
    match low, high:
        case None, None:
            return ""
        case _, None:
            return f"At least {text_of(low)}"
        case None, _:
            return f"At most {text_of(high)}"
    return f"From {text_of(low)} to {text_of(high)}"


def _label(name: str) -> str:
    """`dare_ties`: DARE TIES; `task_arithmetic`: Task arithmetic."""
    first, *others = name.split("_")
    words = [SPELT.get(first, first.capitalize()), *(SPELT.get(word, word) for word in others)]
    return " ".join(words)


METHODS = {name: _method(name) for _, names in GROUPS for name in names}
GROUPED = [(label, [METHODS[name] for name in names]) for label, names in GROUPS]
