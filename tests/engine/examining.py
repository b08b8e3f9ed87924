"""Merges for the doctor to examine: models by their facts, recipes as mappings."""

from typing import Any

from alloyengine.spec.doctor import Finding, Report, examine
from alloyengine.spec.merge import MergeSpec
from alloyengine.spec.result import ModelFacts, Rope, SpecialToken, VocabularyFacts

END = {"eos": SpecialToken(text="</s>", id=2)}


def model(**facts: Any) -> ModelFacts:
    """A small Llama; `facts` say in what it is different."""
    usual = {
        "architecture": "LlamaForCausalLM",
        "parameters": 1_100_000_000,
        "dtype": "bfloat16",
        "layers": 22,
        "hidden_size": 2048,
        "intermediate_size": 5632,
        "attention_heads": 32,
        "key_value_heads": 4,
        "head_dim": 64,
        "vocabulary": 32_000,
        "embedding_rows": 32_000,
        "embedding_parameters": 100_000_000,
        "context": 2048,
        "rope": Rope(theta=10_000.0),
        "tied_embeddings": False,
        "tokenizer": VocabularyFacts(tokens=32_000, digest="llama"),
        "special_tokens": END,
        "chat_template": "zephyr",
        "licence": "apache-2.0",
        "shapes": "llama of 22 layers",
    }
    return ModelFacts.model_validate(usual | facts)


def recipe(method: Any = "linear", *models: str, **fields: Any) -> dict[str, Any]:
    listed = [{"model": name, "parameters": {"weight": 0.5}} for name in models or ("a", "b")]
    return {"merge_method": method, "models": listed} | fields


def slices(*pieces: tuple[str, int, int], method: str = "passthrough") -> dict[str, Any]:
    """One source each."""
    listed = [{"sources": [{"model": m, "layer_range": [i, j]}]} for m, i, j in pieces]
    return {"merge_method": method, "slices": listed}


def report(
    given: dict[str, Any], facts: dict[str, ModelFacts] | None = None, **more: Any
) -> Report:
    known = {"a": model(), "b": model()} if facts is None else facts
    return examine(MergeSpec.model_validate({"recipe": given}), known, **more)


def found(
    given: dict[str, Any], facts: dict[str, ModelFacts] | None = None, **more: Any
) -> dict[str, Finding]:
    """By code."""
    told = report(given, facts, **more).findings
    assert all(finding.what and finding.remedy for finding in told)
    return {finding.code: finding for finding in told}
