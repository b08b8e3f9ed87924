from pathlib import Path

import pytest
import torch

from alloyengine.checkpoint import write
from alloyengine.errors import InputError, Stopped
from alloyengine.report import Silent
from alloyengine.spectrum.scan import PHASE, scan
from alloyengine.spectrum.score import snr
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
    found = {item.module.tensor: item.snr for item in scan(llama, Silent())}
    tensors = tiny_tensors(seed=1)
    expected = {n: snr(t) for n, t in tensors.items() if t.ndim == 2 and ".layers." in n}
    assert found == expected
    assert len(found) == 14


def test_progress_runs_from_nothing_to_all(llama: Path):
    report = Listening()
    scan(llama, report)
    assert report.heard[0] == (PHASE, 0, 14)
    assert report.heard[-1] == (PHASE, 14, 14)


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
