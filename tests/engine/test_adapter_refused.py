"""Adapters that lie, don't fit or can't be merged get one clear error."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from alloyengine.checkpoint import Checkpoint, TensorInfo
from alloyengine.checkpoint.adapter import Adapter
from alloyengine.checkpoint.adapter.patterns import Patterns
from alloyengine.errors import InputError
from tests.engine.adapting import PREFIX, Q, factors, write_adapter


def refused(adapter: Path, base: Path | None = None) -> InputError:
    with pytest.raises(InputError) as error:
        opened = Adapter.open(adapter)
        if base:
            with Checkpoint.open(base) as model:
                opened.check(model.tensors)
    assert error.value.remedy
    return error.value


@pytest.mark.parametrize(
    "config",
    [
        {"peft_type": "LOHA"},
        {"init_lora_weights": "pissa_niter_16"},
        {"target_parameters": ["mlp.experts.gate_up_proj"]},
        {"trainable_token_indices": [7]},
        {"lora_bias": True},
        {"alora_invocation_tokens": [1]},
    ],
    ids=lambda config: next(iter(config)),
)
def test_kinds_that_are_no_sum_are_named(tmp_path: Path, config: dict[str, Any]) -> None:
    error = refused(write_adapter(tmp_path / "adapter", **config))
    assert error.code == "adapter_unsupported"
    assert str(next(iter(config.values()))) in error.message or next(iter(config)) in error.message


@pytest.mark.parametrize(
    "config",
    [
        {"r": 0},
        {"r": "eight"},
        {"r": 2.5},
        {"lora_alpha": float("nan")},
        {"lora_alpha": True},
        {"rank_pattern": [4]},
        {"rank_pattern": {"q_proj": 0}},
        {"alpha_pattern": {"q_proj": None}},
        {"alpha_pattern": {"(": 1}},
    ],
    ids=str,
)
def test_a_config_that_makes_no_sense_is_refused(tmp_path: Path, config: dict[str, Any]) -> None:
    assert refused(write_adapter(tmp_path / "adapter", **config)).code == "adapter_damaged"


@pytest.mark.parametrize(
    "pattern", ["(a+)+b", "(a|a)*", ".*.*.*.*x", "(?:x{1,9}){1,9}", "[a-z]" * 101]
)
def test_patterns_that_match_for_ever_are_refused(pattern: str) -> None:
    with pytest.raises(InputError, match="for ever"):
        Patterns.of("alpha_pattern", {pattern: 1})


def test_the_first_matching_pattern_counts() -> None:
    patterns = Patterns.of("alpha_pattern", {"v_proj": 1, "self_attn.*": 2, "q_proj": 3, Q: 4})
    assert patterns.find(Q, 9) == 2
    assert patterns.find("model.layers.0.self_attn.v_proj", 9) == 1
    assert patterns.find("model.layers.0.mlp.q_proj", 9) == 3
    assert patterns.find("model.layers.0.mlp.xq_proj", 9) == 9


def test_a_pickle_is_refused_unread(tmp_path: Path) -> None:
    adapter = write_adapter(tmp_path / "adapter")
    (adapter / "adapter_model.safetensors").unlink()
    (adapter / "adapter_model.bin").write_bytes(pickle.dumps({}))
    assert refused(adapter).code == "model_pickle"


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    adapter = write_adapter(tmp_path / "adapter")
    weights = adapter / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert refused(adapter).code == "checkpoint_damaged"


def test_missing_files_are_named(tmp_path: Path) -> None:
    adapter = write_adapter(tmp_path / "adapter")
    (adapter / "adapter_model.safetensors").unlink()
    assert "adapter_model.safetensors" in refused(adapter).message
    (adapter / "adapter_config.json").unlink()
    assert "adapter_config.json" in refused(adapter).message


A, B = (f"{PREFIX}{Q}.lora_{part}.weight" for part in "AB")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({B: None}, "not exactly an A and a B"),
        ({B: torch.zeros(32, 3)}, "rank"),
        ({A: torch.zeros(4, 32), B: torch.zeros(32, 4)}, "4 in A, 4 in B and 2 by its config"),
        ({A: torch.zeros(2, 32, 1)}, "no matrix"),
        ({A: torch.zeros(2, 32, dtype=torch.int8)}, "int8"),
        ({f"{PREFIX}{Q}.lora_A.default.weight": torch.zeros(2, 32)}, "the same"),
        ({f"{PREFIX}{Q}.lora_C.weight": torch.zeros(2, 32)}, "not known"),
        ({f"{PREFIX}{Q}.lora_magnitude_vector": torch.zeros(31)}, "32 numbers"),
        ({A: None, B: None}, "holds nothing"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_factors_that_fit_not_together_are_refused(
    tmp_path: Path, change: dict[str, torch.Tensor | None], words: str
) -> None:
    tensors = {name: t for name, t in (factors(Q) | change).items() if t is not None}
    error = refused(write_adapter(tmp_path / "adapter", tensors))
    assert error.code == "adapter_damaged"
    assert words in error.message


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        (factors("model.layers.7.self_attn.q_proj"), "'model.layers.7.self_attn.q_proj.weight'"),
        (factors("model.layers.0.self_attn.q_proj", inputs=64), "[32, 32] in the model"),
        (factors("lm_head", outputs=320), "tied to the embedding"),
        ({f"{PREFIX}lm_head.weight": torch.zeros(320, 32)}, "lm_head"),
        ({f"{PREFIX}model.embed_tokens.weight": torch.zeros(322, 32)}, "tokens were added"),
        (
            factors("model.layers.0.mlp.up_proj", inputs=48, outputs=32)
            | {f"{PREFIX}model.layers.0.mlp.up_proj.lora_magnitude_vector": torch.ones(32)},
            "DoRA",
        ),
    ],
    ids=["layer", "width", "tied head", "saved head", "more tokens", "dora of conv1d"],
)
def test_an_adapter_of_another_model_is_refused(
    tmp_path: Path, llama: Path, tensors: dict[str, torch.Tensor], words: str
) -> None:
    adapter = write_adapter(tmp_path / "adapter", tensors, base_model_name_or_path="org/base-1b")
    error = refused(adapter, llama)
    assert error.code == "adapter_misfit"
    assert words in error.message
    assert "org/base-1b" in error.remedy


def test_an_adapter_that_fits_two_parts_of_a_model_is_refused(tmp_path: Path) -> None:
    adapter = Adapter.open(write_adapter(tmp_path / "adapter", factors("layers.0.q_proj")))
    towers = {f"{tower}.layers.0.q_proj.weight": TensorInfo((32, 32), "F32") for tower in "ab"}
    with pytest.raises(InputError, match=r"could be any of a\., b\."):
        adapter.check(towers)


def test_dora_is_not_mistaken_for_a_sum(tmp_path: Path) -> None:
    magnitude = {f"{PREFIX}{Q}.lora_magnitude_vector": torch.ones(32)}
    adapter = Adapter.open(write_adapter(tmp_path / "adapter", factors(Q) | magnitude))
    with pytest.raises(InputError, match="DoRA"):
        adapter.rows(f"{Q}.weight", 0, 4)
