"""adapter_config.json of an extracted adapter."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

_TASKS = {
    "ForCausalLM": "CAUSAL_LM",
    "LMHeadModel": "CAUSAL_LM",
    "ForSequenceClassification": "SEQ_CLS",
    "ForTokenClassification": "TOKEN_CLS",
    "ForQuestionAnswering": "QUESTION_ANS",
    "T5ForConditionalGeneration": "SEQ_2_SEQ_LM",
    "BartForConditionalGeneration": "SEQ_2_SEQ_LM",
}


@dataclass(frozen=True)
class Adapted:
    """The modules of an adapter, by their names in memory."""

    ranks: Mapping[str, int]
    saved: Collection[str]
    biases: bool
    inputs_first: bool
    modules: Collection[str]  # all that the base has


def targets(adapted: Collection[str], modules: Collection[str]) -> list[str]:
    """The shortest list that names exactly the adapted modules: `q_proj` if it is each of them."""
    others = {module.rpartition(".")[2] for module in modules if module not in adapted}
    found = (module.rpartition(".")[2] for module in adapted)
    whole = {last for last in found if last not in others}
    return sorted(whole | {m for m in adapted if m.rpartition(".")[2] not in whole})


def adapter_config(
    adapted: Adapted, rank: int | None, scale: float, base: str, model: Mapping[str, Any]
) -> dict[str, Any]:
    """What PEFT needs to load it. `rank` None: the largest there is; `model` is the base's config.

    `scale` is alpha over rank, the same of every module.
    """
    most = rank or max(adapted.ranks.values())
    others = {module: own for module, own in adapted.ranks.items() if own != most}
    return {
        "peft_type": "LORA",
        "task_type": _task(model),
        "base_model_name_or_path": base,
        "inference_mode": True,
        "r": most,
        "lora_alpha": _plain(scale * most),
        "lora_dropout": 0.0,
        "target_modules": targets(adapted.ranks, adapted.modules),
        "rank_pattern": others,
        "alpha_pattern": {module: _plain(scale * own) for module, own in others.items()},
        "modules_to_save": sorted(adapted.saved) or None,
        "bias": "all" if adapted.biases else "none",
        "fan_in_fan_out": adapted.inputs_first,
        "init_lora_weights": True,
        "use_rslora": False,
        "use_dora": False,
    }


def _task(model: Mapping[str, Any]) -> str | None:
    architecture = str(next(iter(model.get("architectures") or ()), ""))
    return next((task for end, task in _TASKS.items() if architecture.endswith(end)), None)


def _plain(number: float) -> float:
    """Whole numbers as such, which older versions of PEFT ask for."""
    return int(number) if number == int(number) else number
