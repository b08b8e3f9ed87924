from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from alloyengine.checkpoint import write
from alloyengine.errors import InputError
from alloyengine.report import Silent
from alloyengine.spec.tuning import FullTuning, SpectrumTuning, Tuning
from alloyengine.train import freeze as freeze_module
from alloyengine.train.freeze import freeze
from tests.engine.tiny import tiny_tensors

HALF = SpectrumTuning(percent=50, train_embeddings=False)


class Hearing(Silent):
    def __init__(self) -> None:
        self.reports: dict[str, dict[str, Any]] = {}

    def report(self, name: str, data: dict[str, Any]) -> None:
        self.reports[name] = data


def frozen(llama: Path, tuning: Tuning) -> tuple[Any, dict[str, torch.nn.Parameter]]:
    model = AutoModelForCausalLM.from_pretrained(llama, dtype=torch.float32)
    return model, freeze(model, tuning, llama, Silent())


def test_full_tuning_trains_everything(llama: Path):
    model, trained = frozen(llama, FullTuning())
    assert trained.keys() == dict(model.named_parameters()).keys()


def test_spectrum_trains_its_share_of_every_type(llama: Path):
    _, trained = frozen(llama, HALF)
    kinds = sorted(name.split(".", 3)[3] for name in trained)
    assert len(trained) == 7
    assert kinds == sorted(set(kinds))


def test_the_rest_has_no_gradient(llama: Path):
    model, trained = frozen(llama, HALF)
    assert {name for name, p in model.named_parameters() if p.requires_grad} == trained.keys()


def test_embeddings_and_the_head_tied_to_them_can_be_trained_too(llama: Path):
    _, trained = frozen(llama, SpectrumTuning(percent=50))
    assert "model.embed_tokens.weight" in trained
    assert len(trained) == 8


def test_an_untied_head_is_trained_with_the_embeddings(llama: Path, tmp_path: Path):
    head = {"lm_head.weight": tiny_tensors(seed=2)["model.embed_tokens.weight"]}
    write(tmp_path / "untied", tiny_tensors(seed=1) | head, llama)
    config = tmp_path / "untied" / "config.json"
    config.write_text(config.read_text().replace('ings": true', 'ings": false'))
    _, trained = frozen(tmp_path / "untied", SpectrumTuning(percent=50))
    assert {"model.embed_tokens.weight", "lm_head.weight"} < trained.keys()


@pytest.mark.parametrize(("fast", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_frozen_matrices_are_bf16_where_that_is_fast(
    llama: Path, monkeypatch: pytest.MonkeyPatch, fast: bool, dtype: torch.dtype
):
    monkeypatch.setattr(freeze_module, "is_fast", lambda _: fast)
    model, trained = frozen(llama, HALF)
    assert {weight.dtype for weight in trained.values()} == {torch.float32}
    matrices = {n: p for n, p in model.named_parameters() if ".layers." in n and p.ndim == 2}
    frozen_types = {p.dtype for name, p in matrices.items() if name not in trained}
    assert frozen_types == {dtype}
    assert model.get_input_embeddings().weight.dtype == torch.float32


def test_the_map_of_ratios_is_reported(llama: Path):
    report = Hearing()
    model = AutoModelForCausalLM.from_pretrained(llama, dtype=torch.float32)
    freeze(model, HALF, llama, report)
    assert sum(row["selected"] for row in report.reports["snr"]["rows"]) == 7


def test_a_share_that_selects_nothing_says_the_least_that_does(llama: Path):
    with pytest.raises(InputError, match=r"25 of 2 layers .* Use at least 50"):
        frozen(llama, SpectrumTuning(percent=25))


def test_names_that_the_checkpoint_does_not_know_are_refused(llama: Path, tmp_path: Path):
    renamed = {name.removeprefix("model."): t for name, t in tiny_tensors(seed=1).items()}
    write(tmp_path / "renamed", renamed, llama)
    with pytest.raises(InputError, match="named differently in the checkpoint"):
        frozen(tmp_path / "renamed", HALF)
