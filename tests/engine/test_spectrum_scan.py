from pathlib import Path

import pytest
import torch

from alloyengine.checkpoint import write
from alloyengine.errors import InputError, Stopped
from alloyengine.report import Silent
from alloyengine.spectrum.cache import scan_once
from alloyengine.spectrum.matrix import Matrix
from alloyengine.spectrum.scan import PHASE, scan
from alloyengine.spectrum.score import spectrum
from alloyengine.spectrum.singular import on_cpu
from tests.engine.tiny import tiny_tensors


class Listening(Silent):
    def __init__(self, stop: bool = False) -> None:
        self.heard: list[tuple[str, int, int]] = []
        self.stop = stop

    def progress(self, phase: str, done: int, total: int) -> None:
        self.heard.append((phase, done, total))

    def stopping(self) -> bool:
        return self.stop


def remade(llama: Path, tmp_path: Path, **changed: torch.Tensor | None) -> Path:
    tensors = tiny_tensors(seed=1) | changed
    kept = {name: tensor for name, tensor in tensors.items() if tensor is not None}
    write(tmp_path / "remade", kept, llama)
    return tmp_path / "remade"


def test_every_matrix_in_the_layers_is_scored(llama: Path):
    found = {item.module.tensor: item.snr for item in scan(llama, Silent()).scored}
    tensors = {n: t for n, t in tiny_tensors(seed=1).items() if t.ndim == 2 and ".layers." in n}
    assert found.keys() == tensors.keys() and len(found) == 14
    for name, tensor in tensors.items():
        values = on_cpu(Matrix(tensor.float().numpy()), True)
        assert found[name] == pytest.approx(spectrum(values, *tensor.shape), rel=1e-4)


def test_progress_runs_from_nothing_to_all(llama: Path):
    report = Listening()
    scan(llama, report)
    total = sum(t.numel() for n, t in tiny_tensors(1).items() if t.ndim == 2 and ".layers." in n)
    assert report.heard[0] == (PHASE, 0, total)
    assert report.heard[-1] == (PHASE, total, total)


def test_scores_that_float32_can_not_tell_apart_are_computed_exactly(llama: Path, tmp_path: Path):
    """A layer of nearly the same weights: which is better is decided by the sixth figure."""
    name = "model.layers.{}.mlp.up_proj.weight"
    first = tiny_tensors(seed=1)[name.format(0)]
    second = first * (1 - 3e-6)  # the published score is larger for smaller weights
    model = remade(llama, tmp_path, **{name.format(0): first, name.format(1): second})
    found = scan(model, Silent(), percents=[50])
    scores = {item.module.layer: item.snr for item in found.scored if "up_proj" in item.module.type}
    assert scores[1] > scores[0]
    assert found.settled == (50,)


def test_each_expert_of_a_stack_is_scored_and_the_mean_counts(llama: Path, tmp_path: Path):
    stacks = {f"model.layers.{n}.mlp.experts.up_proj": torch.randn(3, 8, 12) for n in range(2)}
    found = {i.module.tensor: i for i in scan(remade(llama, tmp_path, **stacks), Silent()).scored}
    for name, stack in stacks.items():
        alone = [spectrum(on_cpu(Matrix(expert.numpy()), True), 8, 12) for expert in stack]
        assert found[name].experts == pytest.approx(alone, rel=1e-4)
        assert found[name].snr == pytest.approx(sum(alone) / 3, rel=1e-4)


def test_a_model_is_scanned_once(llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first, again = Listening(), Listening()
    found = scan_once(llama, first, percents=[25])
    assert scan_once(llama, again, percents=[25]) == found
    assert first.heard and not again.heard
    assert scan_once(llama, Listening(), "mp").scored != found.scored
    other = Listening()
    scan_once(remade(llama, tmp_path, extra=torch.ones(2, 2)), other, percents=[25])
    assert other.heard  # other weights


def test_a_cache_that_can_not_be_used_is_done_without(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "cache").write_text("a file where a folder is wanted")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert len(scan_once(llama, Silent()).scored) == 14


def test_an_order_to_stop_is_obeyed(llama: Path):
    with pytest.raises(Stopped):
        scan(llama, Listening(stop=True))


def test_a_weight_with_nan_is_named(llama: Path, tmp_path: Path):
    name = "model.layers.1.mlp.up_proj.weight"
    broken = tiny_tensors(seed=1)[name].clone()
    broken[0, 0] = torch.nan
    with pytest.raises(InputError, match=r"model\.layers\.1\.mlp\.up_proj\.weight holds NaN"):
        scan(remade(llama, tmp_path, **{name: broken}), Silent())


def test_a_model_without_layers_is_refused(llama: Path, tmp_path: Path):
    gone = {name: None for name in tiny_tensors(seed=1) if ".layers." in name}
    with pytest.raises(InputError, match="nothing to scan"):
        scan(remade(llama, tmp_path, **gone), Silent())
