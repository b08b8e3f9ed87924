"""`model+adapter` in a recipe is the model that PEFT makes of the two."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alloyengine.errors import InputError
from alloyengine.merge.recipe import parse
from alloyengine.merge.run import run
from alloyengine.report import Silent
from alloyengine.spec.merge import MergeSpec
from tests.engine.adapting import adapted_by_peft, random_gpt2, random_llama, read_all
from tests.engine.test_adapter import GPT2_KINDS, KINDS, LINEAR

ALONE = "{merge_method: passthrough, models: [{model: base+lora}]}"
HALF = """
merge_method: task_arithmetic
base_model: base
models: [{model: base+lora, parameters: {weight: 0.5}}]
"""


def merged(made: Any, text: str, out: Path) -> dict[str, np.ndarray]:
    inputs = {"base": made.base, "lora": made.adapter}
    run(MergeSpec(recipe=parse(text)), inputs, out, Silent())
    return read_all(out)


def agree(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    for name, tensor in found.items():
        np.testing.assert_allclose(tensor, expected[name], atol=1e-6, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
def test_an_adapter_is_merged_into_a_llama(tmp_path: Path, kind: str):
    made = adapted_by_peft(tmp_path, random_llama(), **KINDS[kind])
    agree(merged(made, ALONE, tmp_path / "out"), read_all(made.merged))


@pytest.mark.parametrize("kind", GPT2_KINDS)
def test_an_adapter_is_merged_into_a_gpt2(tmp_path: Path, kind: str):
    made = adapted_by_peft(tmp_path, random_gpt2(), **GPT2_KINDS[kind])
    agree(merged(made, ALONE, tmp_path / "out"), read_all(made.merged))


def test_an_adapter_is_a_task_vector(tmp_path: Path):
    made = adapted_by_peft(tmp_path, random_llama(), target_modules=LINEAR)
    base, whole = read_all(made.base), read_all(made.merged)
    half = {name: (base[name] + whole[name]) / 2 for name in base}
    agree(merged(made, HALF, tmp_path / "out"), half)


def test_an_adapter_of_another_model_is_refused(tmp_path: Path):
    made = adapted_by_peft(tmp_path / "one", random_llama(), target_modules=LINEAR)
    other = adapted_by_peft(tmp_path / "two", random_gpt2(), target_modules=["c_attn"])
    inputs = {"base": made.base, "lora": other.adapter}
    with pytest.raises(InputError, match="c_attn"):
        run(MergeSpec(recipe=parse(ALONE)), inputs, tmp_path / "out", Silent())
    assert not (tmp_path / "out").exists()
