"""What the template draws of the merge form's rows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, get_args

from alloyengine.spec.merge import DType
from alloyengine.spec.tokenizer import NAMED_TEMPLATES
from alloyworks.web import choices
from alloyworks.web.choices import Choice, Group
from alloyworks.web.forms.base import Where
from alloyworks.web.forms.fields import Faults, Field
from alloyworks.web.forms.methods import GROUPED, WITHOUT_EFFECT, Parameter
from alloyworks.web.forms.names import dotted
from alloyworks.web.forms.rows import Row

if TYPE_CHECKING:
    from alloyworks.web.forms.merge import MergeForm

MODELS, SHARED, METHOD = "recipe.models", "recipe.parameters", "recipe.merge_method"
BASE, DTYPE, SEED = "recipe.base_model", "recipe.dtype", "recipe.seed"
TOKENIZER, TEMPLATE = "recipe.tokenizer_source", "recipe.chat_template"
VOCABULARIES = Group(
    "Made of the models'",
    [
        Choice("union", "Union", "every token that one of the models has"),
        Choice("base", "The base's", "whatever the others have"),
    ],
)
TEMPLATES = (("", "As in the models"), ("auto", "The one that most models have"))
LABELS = {
    METHOD: "Method",
    BASE: "Base model",
    DTYPE: "Type of the weights",
    TOKENIZER: "Vocabulary",
    TEMPLATE: "Chat template",
    SEED: "Seed",
    "name": "Name",
}


def drawn(form: "MergeForm", faults: Faults) -> dict[str, Any]:
    method, values = form.method, form.values
    chosen = [*(row.get("model", "") for row in form.models), values.get(BASE, "")]
    tokenizer = values.get(TOKENIZER, "")
    others = [tokenizer] if tokenizer not in ("union", "base") else []
    groups = choices.of_models(form.principal, [*chosen, *others])
    return {
        "name": _field("name", form, faults, placeholder="Named after the number of models"),
        "yaml": form.yaml,
        "method": method,
        "grouped": GROUPED,
        "method_errors": faults.at(METHOD),
        "recipe_errors": faults.at("recipe"),
        "base": _base(form, groups, faults) if method.has_base else None,
        "models": [_row(i, form, groups, faults) for i in range(len(form.models))],
        "models_errors": faults.at(MODELS),
        "may_add": method.most is None or len(form.models) < method.most,
        "shared": [
            _parameter(p, f"{SHARED}.{p.name}", form.shared, faults)
            for p in method.shared
            if p.name != WITHOUT_EFFECT or form.shared.get(p.name)
        ],
        "dtype": _field(DTYPE, form, faults),
        "dtypes": _options(("", "As in the models"), get_args(DType), values.get(DTYPE, "")),
        "tokenizer": _field(
            TOKENIZER,
            form,
            faults,
            groups=[VOCABULARIES, *groups],
            placeholder="As in the models",
            help="Needed where the models' vocabularies differ",
        ),
        "template": _field(TEMPLATE, form, faults),
        "templates": _templates(values.get(TEMPLATE, "")),
        "seed": _seed(form, faults) if method.draws else None,
    }


def where(form: "MergeForm", loc: Sequence[str | int]) -> Where:
    """The input of a place in the spec, which has no rows that were left empty."""
    given = [i for i, row in enumerate(form.models) if row.get("model")]
    match list(loc):
        case ["recipe", "models"]:
            return Where("Models")
        case ["recipe", "models", int(entry), *path] if entry < len(given):
            number = given[entry]
            steps = ["parameters", path[1]] if path[:1] == ["parameters"] and path[1:] else path
            place = dotted(["recipe", "models", number, *steps[:2]])
            label = f"Model {number + 1}" + (f", {steps[1]}" if steps[1:] else "")
            return Where(label, Field(place, "").id if steps else "")
        case ["recipe", "parameters", str(name), *_]:
            return Where(name, Field(f"{SHARED}.{name}", "").id)
        case [*path] if dotted(path[:2]) in LABELS:
            place = dotted(path[:2])
            return Where(LABELS[place], "field-method" if place == METHOD else Field(place, "").id)
    return Where()


def _base(form: "MergeForm", groups: list[Group], faults: Faults) -> Field:
    optional = form.method.base == "optional"
    return _field(
        BASE,
        form,
        faults,
        groups=groups,
        placeholder="None" if optional else "",
        help="Optional: with one, the changes from it are merged" if optional else "",
    )


def _row(i: int, form: "MergeForm", groups: list[Group], faults: Faults) -> dict[str, Any]:
    row, under, method = form.models[i], f"{MODELS}.{i}", form.method
    place = f"{under}.model"
    return {
        "number": i + 1,
        "remove": f"remove.{under}" if len(form.models) > 1 else "",
        "model": Field(
            place, "Model", row.get("model", ""), groups=groups, errors=faults.at(place)
        ),
        "parameters": [
            _parameter(p, f"{under}.parameters.{p.name}", row, faults, told=False)
            for p in method.each
        ],
    }


def _field(place: str, form: "MergeForm", faults: Faults, **more: Any) -> Field:
    return Field(place, LABELS[place], form.values.get(place, ""), errors=faults.at(place), **more)


def _seed(form: "MergeForm", faults: Faults) -> Field:
    told = "This method draws at random; the same seed draws the same"
    return _field(SEED, form, faults, placeholder="0", help=told)


def _options(
    first: tuple[str, str], values: Sequence[str], chosen: str
) -> list[tuple[str, str, bool]]:
    """Value, label, and whether it is chosen; what is chosen is always among them."""
    known = [first, *((value, value) for value in values)]
    if chosen not in [value for value, _ in known]:
        known.append((chosen, chosen))
    return [(value, label, value == chosen) for value, label in known]


def _templates(chosen: str) -> list[tuple[str, str, bool]]:
    named = [name for name in NAMED_TEMPLATES if name != "auto"]
    first, auto = TEMPLATES
    options = _options(first, [auto[0], *named], chosen)
    return [(value, dict(TEMPLATES).get(value, label), picked) for value, label, picked in options]


def _parameter(
    parameter: Parameter, place: str, row: Row, faults: Faults, *, told: bool = True
) -> dict[str, Any]:
    """Faults deep inside a value come once for every type that it is not; one is enough."""
    field = Field(
        place,
        parameter.label,
        row.get(parameter.name, ""),
        help=parameter.told if told else "",
        placeholder=parameter.placeholder,
        errors=faults.at(place)[:1],
    )
    return {"field": field, "flag": parameter.flag, "default": parameter.default}
