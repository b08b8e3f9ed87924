"""Declares every merge method: what it needs and which parameters it takes.

The engine, the platform's checks, the forms and the documentation all read this one table.
"""

from dataclasses import dataclass
from typing import Literal, get_args

MergeMethod = Literal[
    "linear",
    "slerp",
    "nuslerp",
    "multislerp",
    "karcher",
    "task_arithmetic",
    "ties",
    "dare_ties",
    "dare_linear",
    "breadcrumbs",
    "breadcrumbs_ties",
    "della",
    "della_linear",
    "model_stock",
    "sce",
    "arcee_fusion",
    "nearswap",
    "ram",
    "ramplus_tl",
    "passthrough",
]
Scope = Literal["global", "model", "non-base"]


@dataclass(frozen=True)
class Parameter:
    """A number (or flag) that a recipe gives once, for each model, or for each but the base."""

    name: str
    scope: Scope
    help: str
    default: float | None = None  # None: must be given, unless `optional`
    low: float | None = None
    high: float | None = None
    optional: bool = False

    @property
    def flag(self) -> bool:
        return isinstance(self.default, bool)


@dataclass(frozen=True)
class Declaration:
    """What a recipe must bring for a method."""

    summary: str
    parameters: tuple[Parameter, ...]
    base: Literal["required", "optional", "ignored"]
    fewest: int  # models beside the base (all models where the base is ignored)
    most: int | None = None
    paper: str = ""


Limit = float | None


def _own(
    name: str, told: str, default: float | None = None, low: Limit = None, high: Limit = None
) -> Parameter:
    return Parameter(name, "non-base", told, default, low, high)


def _all(
    name: str, told: str, default: float | None = None, low: Limit = None, high: Limit = None
) -> Parameter:
    return Parameter(name, "global", told, default, low, high)


_WEIGHT = _own("weight", "How much of this model's change goes into the result")
_DENSITY = _own("density", "Share of this model's changes that is kept", 1.0, low=0, high=1)
_LAMBDA = _all("lambda", "Scales the sum of the changes before it is added to the base", 1.0)
_GAMMA = _own("gamma", "Share of the largest changes that is dropped", 0.01, low=0, high=1)
_EPSILON = _own(
    "epsilon", "How far the chance to be kept goes above and below the density", 0.15, low=0
)
_MASK = _all("int8_mask", "Accepted for older recipes; it has no effect here", False)


def _normalize(default: bool) -> Parameter:
    return _all("normalize", "Divide by the sum of the weights that took part", default)


def _rescale(default: bool) -> Parameter:
    return _all("rescale", "Scale what was kept to the L1 norm of the whole change", default)


def _task_vectors(
    summary: str, paper: str, normalize: bool, rescale: bool, *more: Parameter
) -> Declaration:
    shared = (_LAMBDA, _normalize(normalize), _rescale(rescale), _MASK)
    return Declaration(summary, (_WEIGHT, _DENSITY, *more, *shared), "required", 1, paper=paper)


_DARE, _TIES = "https://arxiv.org/abs/2311.03099", "https://arxiv.org/abs/2306.01708"
_CRUMBS, _DELLA = "https://arxiv.org/abs/2312.06795", "https://arxiv.org/abs/2406.11617"
_RAM = "https://arxiv.org/abs/2601.13572"
_UNIQUE = _all("epsilon", "A change no larger than this counts as none", 1e-5, low=0)

DECLARATIONS: dict[MergeMethod, Declaration] = {
    "linear": Declaration(
        "Weighted average of the models (a model soup).",
        (
            Parameter("weight", "model", "How much of this model goes into the average"),
            _normalize(True),
        ),
        "ignored",
        1,
        paper="https://arxiv.org/abs/2203.05482",
    ),
    "slerp": Declaration(
        "Walks from the base to the other model along the arc between them.",
        (_all("t", "0 is the base, 1 the other model"),),
        "required",
        1,
        1,
        paper="https://doi.org/10.1145/325165.325242",
    ),
    "nuslerp": Declaration(
        "The arc between two models, or between their changes to a base, by weights.",
        (
            _WEIGHT,
            _all("nuslerp_row_wise", "Without flatten: by rows instead of columns", False),
            _all("nuslerp_flatten", "One arc for the whole tensor", True),
        ),
        "optional",
        2,
        2,
        paper="https://doi.org/10.1145/325165.325242",
    ),
    "multislerp": Declaration(
        "Spherical mean of any number of models, or of their changes to a base.",
        (
            _WEIGHT,
            _all("normalize_weights", "Let the weights sum to 1", True),
            _all("eps", "Shorter lengths count as nothing", 1e-8, low=0),
        ),
        "optional",
        1,
    ),
    "karcher": Declaration(
        "The Riemannian centre (Karcher mean) of the models on the sphere.",
        (
            _all("max_iter", "Most iterations", 10, low=1),
            _all("tol", "Stops when the step is shorter than this", 1e-5, low=0),
        ),
        "ignored",
        1,
        paper="https://arxiv.org/abs/2603.04972",
    ),
    "task_arithmetic": Declaration(
        "Adds each model's change (its task vector) to the base.",
        (_WEIGHT, _LAMBDA, _normalize(False), _DENSITY, _rescale(False), _MASK),
        "required",
        1,
        paper="https://arxiv.org/abs/2212.04089",
    ),
    "ties": _task_vectors(
        "Keeps each model's largest changes and resolves conflicts of sign by majority.",
        _TIES,
        True,
        False,
    ),
    "dare_ties": _task_vectors(
        "Drops changes at random, rescales the rest, resolves conflicts of sign.",
        _DARE,
        False,
        True,
    ),
    "dare_linear": _task_vectors(
        "Drops changes at random, rescales the rest, adds them up.", _DARE, False, True
    ),
    "breadcrumbs": _task_vectors(
        "Drops the largest and the smallest changes.", _CRUMBS, False, False, _GAMMA
    ),
    "breadcrumbs_ties": _task_vectors(
        "Drops the largest and smallest changes, resolves conflicts of sign.",
        _CRUMBS,
        False,
        False,
        _GAMMA,
    ),
    "della": _task_vectors(
        "Keeps changes at random, the larger the likelier; resolves conflicts of sign.",
        _DELLA,
        True,
        True,
        _EPSILON,
    ),
    "della_linear": _task_vectors(
        "Keeps changes at random, the larger the likelier; adds them up.",
        _DELLA,
        False,
        True,
        _EPSILON,
    ),
    "model_stock": Declaration(
        "Moves from the base towards the models' mean as far as their angles allow.",
        (
            _all("filter_wise", "An angle for every row instead of the whole tensor", False),
            _all("clamp", "Never step away from the models where their angles are wide", False),
        ),
        "required",
        2,
        paper="https://arxiv.org/abs/2403.19522",
    ),
    "sce": Declaration(
        "Selects the changes that vary most, weighs models by their energy, erases minority signs.",
        (_all("select_topk", "Share of the entries that is selected", 1.0, low=0, high=1), _MASK),
        "required",
        1,
        paper="https://arxiv.org/abs/2408.07990",
    ),
    "arcee_fusion": Declaration(
        "Takes only the changes that matter most to the base's distribution.",
        (),
        "required",
        1,
        1,
    ),
    "nearswap": Declaration(
        "Pulls the base towards the other model where the two are already near.",
        (_all("t", "Distance up to which entries are swapped entirely", low=0),),
        "required",
        1,
        1,
        paper="https://huggingface.co/alchemonaut/QuartetAnemoi-70B-t0.0001",
    ),
    "ram": Declaration(
        "Adds changes that one model alone made whole, and averages the shared ones.",
        (_UNIQUE,),
        "required",
        1,
        paper=_RAM,
    ),
    "ramplus_tl": Declaration(
        "As ram; changes that one model alone made are strengthened by how much it shares.",
        (
            _all("r", "Strength per ratio of shared to unique changes", 0.1),
            _all("alpha", "Largest ratio that counts", 0.2, low=0),
            _UNIQUE,
        ),
        "required",
        1,
        paper=_RAM,
    ),
    "passthrough": Declaration(
        "Copies one model, for stacking layers of several.",
        (Parameter("scale", "model", "Multiplies the tensor", optional=True),),
        "ignored",
        1,
        1,
    ),
}

PARAMETERS: dict[MergeMethod, tuple[Parameter, ...]] = {
    name: declaration.parameters for name, declaration in DECLARATIONS.items()
}

if set(DECLARATIONS) != set(get_args(MergeMethod)):
    raise RuntimeError("every merge method is declared exactly once")
