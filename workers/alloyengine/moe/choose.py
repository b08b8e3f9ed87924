"""Which sparse architecture a recipe's models become."""

from collections.abc import Mapping
from typing import Any

from alloyengine.errors import InputError
from alloyengine.merge.recipe import did_you_mean
from alloyengine.moe.kinds import BY_NAME, KINDS, Kind
from alloyengine.spec.moe import MoeRecipe

_ANY_QWEN = ("qwen", "qwen moe", "qwen_moe")
_NO_CODE = ("deepseek", "deepseek moe")
_WINDOWED = {"mixtral"}  # every layer through one sliding window


def choose(recipe: MoeRecipe, config: Mapping[str, Any]) -> Kind:
    """`config` is the base's. InputError when the recipe's architecture is unknown or does not fit, or
    when there is none for such models.
    """
    dense = str(config.get("model_type", ""))
    wanted = _named(recipe.architecture)
    reasons = {kind.name: _against(kind, recipe, config) for kind in wanted}
    for kind in wanted:
        if not reasons[kind.name]:
            return kind
    if len(wanted) == 1:
        (reason,) = reasons.values()
        raise _wrong(f"architecture: {wanted[0].name} {reason}.", _for(dense))
    possible = [kind for kind in wanted if dense in kind.takes]
    if not possible:
        raise InputError(
            "architecture_unknown",
            f"Models of the kind {dense or 'unknown'!r} can't become experts: no sparse "
            "architecture that transformers has takes them.",
            f"Use models of one of these kinds: {', '.join(_dense())}.",
        )
    told = "; ".join(f"{kind.name} {reasons[kind.name]}" for kind in possible)
    raise _wrong(f"no sparse architecture takes these experts: {told}.", "Change what is named.")


def _named(name: str | None) -> list[Kind]:
    """Those that the recipe's `architecture` means, the peer's short names included."""
    if name is None:
        return list(KINDS)
    text = name.strip().lower().replace("-", "_")
    if text in _NO_CODE:
        raise _wrong(
            f"architecture: {name!r} would need code of its own to be loaded.",
            "Leave architecture out: a shared expert without prompts makes granitemoeshared, "
            "which is built alike.",
        )
    if text in _ANY_QWEN:
        return [BY_NAME["qwen2_moe"], BY_NAME["qwen3_moe"]]
    short = text.replace(" ", "_").removesuffix("_moe")
    found = [kind for kind in KINDS if text == kind.name or short == kind.name.removesuffix("_moe")]
    if not found:
        raise _wrong(f"architecture: {name!r} is not known.", did_you_mean(text, BY_NAME))
    return found


def _against(kind: Kind, recipe: MoeRecipe, config: Mapping[str, Any]) -> str:
    """Why it can't be this one; empty when it can."""
    dense = str(config.get("model_type", ""))
    if dense not in kind.takes:
        return f"takes models of the kind {' or '.join(kind.takes)}, not {dense or 'unknown'!r}"
    if kind.needs_shared and not recipe.shared_experts:
        return "needs an expert in shared_experts"
    if recipe.shared_experts and not kind.takes_shared:
        return "has no shared expert"
    if recipe.shared_experts and (reason := _against_shared(kind, recipe)):
        return reason
    if _has_window(config) and kind.name not in _WINDOWED:
        return "can't look through the base's sliding window"
    return ""


def _against_shared(kind: Kind, recipe: MoeRecipe) -> str:
    """A gate of its own is made from prompts, or at random."""
    prompted = bool(recipe.shared_experts[0].positive_prompts)
    if kind.shared_gate and not prompted and not recipe.is_random:
        return "has a gate for its shared expert, which needs positive_prompts"
    if not kind.shared_gate and prompted:
        return "has no gate for its shared expert: its prompts would be lost"
    return ""


def _has_window(config: Mapping[str, Any]) -> bool:
    """Said by Mistral's configs without a switch, by Qwen's with one; both may leave it unsaid."""
    if config.get("model_type") == "mistral":
        return config.get("sliding_window", 4096) is not None
    return bool(config.get("use_sliding_window"))


def _for(dense: str) -> str:
    fitting = [kind.name for kind in KINDS if dense in kind.takes]
    return f"Models of the kind {dense!r} can become {' or '.join(fitting)}." if fitting else ""


def _dense() -> list[str]:
    return list(dict.fromkeys(name for kind in KINDS for name in kind.takes))


def _wrong(what: str, remedy: str) -> InputError:
    return InputError("recipe_wrong", f"recipe: {what}", remedy)
