"""A run that was cut off goes on as if nothing had happened: the same losses, the same model."""

import json
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file

from alloyengine.cli.console import ConsoleReporter
from alloyengine.cli.train import _stop
from alloyengine.errors import InputError, Stopped
from alloyengine.report import Silent
from alloyengine.spec.train import Evaluation, Forgetting, TrainSpec
from alloyengine.spec.tuning import FullTuning, LoraTuning, SpectrumTuning
from alloyengine.train.run import run
from alloyengine.train.state import KEPT, identity

HALF = SpectrumTuning(percent=50, train_embeddings=False)
SPEC = TrainSpec(
    model="m", dataset="d", tuning=HALF, epochs=4, batch_size=3, learning_rate=1e-2, max_length=64
)


class Recording(Silent):
    def __init__(self, stop_after: int = 1 << 30) -> None:
        self.losses: dict[int, float] = {}
        self.logs: list[str] = []
        self._left = stop_after

    def metric(self, name: str, step: int, value: float) -> None:
        if name == "loss":
            self.losses[step] = value
            self._left -= 1

    def log(self, message: str, level: Any = "info") -> None:
        self.logs.append(message)

    def stopping(self) -> bool:
        return self._left <= 0


@pytest.fixture
def facts(tmp_path: Path) -> Path:
    folder = tmp_path / "facts"
    folder.mkdir()
    rows = [{"prompt": f"Symbol of {n}?", "completion": n[:2]} for n in map(str, range(100, 120))]
    (folder / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def trained(
    spec: TrainSpec, model: Path, dataset: Path, out: Path, report: Silent
) -> dict[str, torch.Tensor]:
    run(spec, {"m": model, "d": dataset}, out, report, out.with_name(f"{out.name}.checkpoints"))
    return load_file(out / "model.safetensors")


@pytest.mark.parametrize(
    "tuning",
    [
        FullTuning(),
        HALF,
        LoraTuning(rank=4, dropout=0.2),
    ],
    ids=lambda tuning: tuning.method,
)
def test_an_interrupted_run_has_the_same_curve_and_model(
    llama: Path, facts: Path, tmp_path: Path, tuning: Any
):
    """Dropout makes the random state count, too."""
    spec = SPEC.model_copy(update={"tuning": tuning, "evaluation": Evaluation(share=0.2, every=5)})
    whole = Recording()
    expected = trained(spec, llama, facts, tmp_path / "whole", whole)
    curve: dict[int, float] = {}
    order = random.Random(0)
    for _ in range(3):
        part = Recording(stop_after=order.randint(2, 6))
        with pytest.raises(Stopped):
            trained(spec, llama, facts, tmp_path / "parts", part)
        curve |= part.losses
        assert not (tmp_path / "parts").exists()
    last = Recording()
    found = trained(spec, llama, facts, tmp_path / "parts", last)
    assert any("Goes on after step" in line for line in last.logs)
    assert curve | last.losses == whole.losses
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert not (tmp_path / "parts.checkpoints").exists()
    files = {path.name for path in (tmp_path / "parts").iterdir()}
    assert files == {path.name for path in llama.iterdir()} | {"README.md", "training.png"}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_killed_run_goes_on(llama: Path, facts: Path, tmp_path: Path, seed: int):
    """SIGKILL at a random step, also while a checkpoint is written: one is written at every step.

    The run is so long that it has not ended when it is killed.
    """
    order, spec = random.Random(seed), SPEC.model_copy(update={"epochs": 30})
    command = told(tmp_path, llama, facts, epochs=spec.epochs, checkpoint_minutes=1e-9)
    checkpoints, step = tmp_path / "out.checkpoints", order.randint(1, 30)
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    _wait(lambda: _latest(checkpoints) >= step, process)
    time.sleep(order.random() / 20)
    process.kill()
    process.wait()
    assert process.returncode == -signal.SIGKILL
    assert step <= _latest(checkpoints) < 30 * 7
    assert len(list(checkpoints.glob("step-??????"))) <= KEPT + 1
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert "Goes on after step" in again.stderr
    expected = trained(spec, llama, facts, tmp_path / "whole", Silent())
    found = load_file(tmp_path / "out/model.safetensors")
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_an_order_to_stop_leaves_a_checkpoint(llama: Path, facts: Path, tmp_path: Path):
    command = told(tmp_path, llama, facts, epochs=100, checkpoint_minutes=1e-9)
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    checkpoints = tmp_path / "out.checkpoints"
    _wait(lambda: any(checkpoints.glob("step-??????")), process)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    stopped = re.search(r"stopped before step (\d+)\. Run the same command again to go on", said)
    assert stopped, said
    assert (checkpoints / f"step-{int(stopped[1]) - 1:06}/state.json").is_file()


def test_a_second_order_ends_it_at_once():
    report = ConsoleReporter()
    _stop(report, signal.SIGINT, None)
    assert report.stopping()
    with pytest.raises(KeyboardInterrupt):
        _stop(report, signal.SIGINT, None)


def test_without_a_folder_for_them_there_are_no_checkpoints(
    llama: Path, facts: Path, tmp_path: Path
):
    spec = SPEC.model_copy(update={"checkpoint_minutes": 1e-9, "evaluation": Evaluation(share=0.2)})
    with pytest.raises(Stopped):
        run(spec, {"m": llama, "d": facts}, tmp_path / "o" / "out", Recording(stop_after=3))
    assert list((tmp_path / "o").iterdir()) == []


def test_a_folder_in_the_way_is_found_before_the_work(llama: Path, facts: Path, tmp_path: Path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years of work")
    report = Recording()
    with pytest.raises(InputError, match="out is already there"):
        trained(SPEC, llama, facts, tmp_path / "out", report)
    assert not report.losses


def test_a_checkpoint_of_another_spec_is_refused(llama: Path, facts: Path, tmp_path: Path):
    with pytest.raises(Stopped):
        trained(SPEC, llama, facts, tmp_path / "out", Recording(stop_after=2))
    other = SPEC.model_copy(update={"learning_rate": 1e-3})
    with pytest.raises(InputError, match=r"checkpoints in out\.checkpoints are of another spec"):
        trained(other, llama, facts, tmp_path / "out", Silent())
    (facts / "train.jsonl").write_text(json.dumps({"prompt": "Other?", "completion": "data"}))
    with pytest.raises(InputError, match="of another spec or other data"):
        trained(SPEC, llama, facts, tmp_path / "out", Silent())


def test_what_is_done_after_training_may_change_on_the_way():
    later = {"save": "delta", "forgetting": Forgetting(dataset="general"), "name": "Other"}
    assert identity(SPEC, "data") == identity(SPEC.model_copy(update=later), "data")
    assert identity(SPEC, "data") != identity(SPEC.model_copy(update={"seed": 9}), "data")


def test_training_ends_early_and_keeps_the_best(llama: Path, facts: Path, tmp_path: Path):
    """At a rate that soon makes it worse on what it has not seen."""
    how = Evaluation(share=0.3, every=2, patience=2)
    spec = SPEC.model_copy(
        update={"evaluation": how, "epochs": 60, "learning_rate": 3e-2, "tuning": FullTuning()}
    )
    report = Recording()
    result = run(spec, {"m": llama, "d": facts}, tmp_path / "out", report)
    assert result.steps < 60 * 14 // 3
    assert any("ended early" in line for line in report.logs)
    assert any("weights of the best evaluation" in line for line in report.logs)


def told(folder: Path, model: Path, dataset: Path, **more: Any) -> list[str]:
    """The command that trains as a file says."""
    spec = SPEC.model_dump(mode="json") | {"model": str(model), "dataset": str(dataset)} | more
    (folder / "spec.yml").write_text(yaml.safe_dump(spec))
    program = Path(sys.executable).with_name("alloy")
    return [str(program), "train", str(folder / "spec.yml"), str(folder / "out")]


def _latest(checkpoints: Path) -> int:
    """The last step with a complete checkpoint; 0 when there is none."""
    return max((int(path.name[5:]) for path in checkpoints.glob("step-??????")), default=0)


def _wait(ready: Any, process: Any) -> None:
    deadline = time.monotonic() + 90
    while not ready():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
