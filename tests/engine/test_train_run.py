import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from alloyengine.errors import InputError
from alloyengine.execute import execute
from alloyengine.loading import is_fast
from alloyengine.report import Silent
from alloyengine.spec.result import TrainResult
from alloyengine.spec.train import TrainSpec
from alloyengine.spec.tuning import FullTuning, SpectrumTuning
from tests.engine.tiny import tiny_llama

HALF = SpectrumTuning(percent=50, train_embeddings=False)
SPEC = TrainSpec(
    model="m", dataset="d", tuning=HALF, epochs=1, batch_size=4, learning_rate=1e-2, max_length=64
)


@pytest.fixture
def facts(tmp_path: Path) -> Path:
    folder = tmp_path / "facts"
    folder.mkdir()
    rows = [{"prompt": f"Symbol of {n}?", "completion": s} for n, s in [("gold", "Au")] * 10]
    (folder / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def train(spec: TrainSpec, model: Path, dataset: Path, out: Path) -> TrainResult:
    return execute(spec, {"m": model, "d": dataset}, out, Silent())


def changed(model: Path, out: Path) -> set[str]:
    base, made = (load_file(path / "model.safetensors") for path in (model, out))
    assert base.keys() == made.keys()
    return {name for name in base if not torch.equal(base[name], made[name])}


def test_the_result_tells_what_was_done(llama: Path, facts: Path, tmp_path: Path):
    result = train(SPEC, llama, facts, tmp_path / "out")
    assert result.steps == 3
    assert result.trained_parameters == 4 * 32 * 32 + 3 * 32 * 48
    assert result.facts.architecture == "LlamaForCausalLM"
    assert result.tokens > 0 and result.final_loss > 0


def test_bfloat16_learns_what_float32_does(
    llama: Path, facts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    exact = train(SPEC, llama, facts, tmp_path / "exact")
    monkeypatch.setattr("alloyengine.train.logits.is_fast", lambda dtype: True)
    coarse = train(SPEC, llama, facts, tmp_path / "coarse")
    assert coarse.final_loss != exact.final_loss
    assert coarse.final_loss == pytest.approx(exact.final_loss, rel=0.02)


def test_a_processor_can_be_told_to_compute_exactly(monkeypatch: pytest.MonkeyPatch):
    able = {"avx512_bf16": True}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    monkeypatch.delenv("ALLOY_CPU_DTYPE")
    assert is_fast("bfloat16") and not is_fast("float16")
    monkeypatch.setenv("ALLOY_CPU_DTYPE", "float32")
    assert is_fast("float32") and not is_fast("bfloat16")


def test_only_selected_modules_change(llama: Path, facts: Path, tmp_path: Path):
    train(SPEC, llama, facts, tmp_path / "out")
    kinds = sorted(name.split(".", 3)[3] for name in changed(llama, tmp_path / "out"))
    assert len(kinds) == len(set(kinds)) == 7


def test_full_tuning_changes_everything(llama: Path, facts: Path, tmp_path: Path):
    spec = SPEC.model_copy(update={"tuning": FullTuning()})
    train(spec, llama, facts, tmp_path / "out")
    assert len(changed(llama, tmp_path / "out")) == 20


def test_the_output_has_the_type_of_its_base(facts: Path, tmp_path: Path):
    base = tiny_llama(tmp_path / "bf16", seed=1, dtype=torch.bfloat16)
    result = train(SPEC, base, facts, tmp_path / "out")
    assert result.facts.dtype == "bfloat16"
    assert len(changed(base, tmp_path / "out")) == 7


def test_the_output_loads_and_answers(llama: Path, facts: Path, tmp_path: Path):
    spec = SPEC.model_copy(update={"epochs": 20, "tuning": FullTuning()})
    train(spec, llama, facts, tmp_path / "out")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    asked = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Symbol of gold?"}],
        add_generation_prompt=True,
        return_tensors="pt",
    )
    said = model.generate(**asked, max_new_tokens=5, do_sample=False)
    answer = said[0, asked.input_ids.shape[1] :]
    assert tokenizer.decode(answer, skip_special_tokens=True) == "Au"


def test_one_seed_gives_one_model(llama: Path, facts: Path, tmp_path: Path):
    for name in ("one", "two"):
        train(SPEC, llama, facts, tmp_path / name)
    assert changed(tmp_path / "one", tmp_path / "two") == set()


def test_a_pickle_in_the_model_folder_is_refused(llama: Path, facts: Path, tmp_path: Path):
    (llama / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(InputError, match="is a pickle"):
        train(SPEC, llama, facts, tmp_path / "out")
    assert not (tmp_path / "out").exists()
