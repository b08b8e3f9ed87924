"""One run shared by two processes is the run of one: the same losses, the same model."""

import json
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

from alloyengine.errors import CapacityError, InputError
from alloyengine.report import Silent
from alloyengine.spec.objective import Dpo
from alloyengine.spec.resources import Resources
from alloyengine.spec.train import Evaluation, Forgetting, TrainSpec
from alloyengine.spec.tuning import FullTuning, LoraTuning, QloraTuning, SpectrumTuning
from alloyengine.train.parallel import ALONE, World, check_machine, check_world
from alloyengine.train.parallel.launch import launch
from alloyengine.train.run import run
from tests.engine.sharing import Curves, trained
from tests.engine.tiny import tiny_llama

# Of 13 rows that are learned the fifth batch has one, and none for the second process.
ROWS, STOPPED = 16, 4
SPEC = TrainSpec(
    model="llama",
    dataset="facts",
    tuning=SpectrumTuning(percent=50, train_embeddings=False),
    epochs=2,
    batch_size=3,
    learning_rate=1e-3,
    max_length=64,
    evaluation=Evaluation(share=0.2, every=2),
)
CASES: dict[str, dict[str, Any]] = {
    "spectrum": {},
    "full": {"tuning": FullTuning(), "gradient_checkpointing": True},
    "lora": {"tuning": LoraTuning(rank=4)},
    "dpo": {"objective": Dpo(), "dataset": "pairs"},
}
TWO = Resources(gpus=2)


def shared(**changes: Any) -> TrainSpec:
    return SPEC.model_copy(update=changes)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two processes have done every case in it, and one run that was stopped on the way."""
    folder = tmp_path_factory.mktemp("shared")
    tiny_llama(folder / "llama", seed=1)
    _write(folder / "facts", [_fact(n) for n in range(100, 100 + ROWS)])
    _write(folder / "pairs", [_fact(n, "chosen") | {"rejected": "no"} for n in range(ROWS)])
    runs = {name: (shared(resources=TWO, **changes), None) for name, changes in CASES.items()}
    runs["stopped"] = (shared(resources=TWO), STOPPED)
    told = {name: (spec.model_dump(mode="json"), last) for name, (spec, last) in runs.items()}
    (folder / "runs.json").write_text(json.dumps(told))
    assert launch([sys.executable, "-m", "tests.engine.sharing", str(folder)], 2) == 0
    return folder


def _write(dataset: Path, rows: list[dict[str, str]]) -> None:
    dataset.mkdir()
    (dataset / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))


def _fact(number: int, answer: str = "completion") -> dict[str, str]:
    """Of many lengths, so that processes need unequal numbers of parts."""
    return {"prompt": f"Symbol of {'gold ' * (number % 5)}?", answer: str(number)[:2]}


def heard(folder: Path, name: str, rank: int = 0) -> Curves:
    told = json.loads((folder / f"{name}.{rank}.json").read_text())
    return {metric: {int(n): v for n, v in curve.items()} for metric, curve in told.items()}


def alike(found: Curves, expected: Curves) -> bool:
    """Before the first step both answers are equally likely: which is likelier is rounding alone."""
    for curves in (found, expected):
        curves.get("preferred", {}).pop(1, None)
    assert found.keys() == expected.keys() and all(found.values())
    return all(found[name] == pytest.approx(expected[name], rel=1e-3, abs=1e-4) for name in found)


@pytest.mark.parametrize("name", CASES)
def test_two_processes_have_the_curve_and_the_model_of_one(folder: Path, name: str):
    expected = trained(shared(**CASES[name]), folder, folder / f"{name}.alone", ALONE)
    assert alike(heard(folder, name), expected)
    found, alone = (
        load_file(folder / f"{name}.{how}/model.safetensors") for how in ("shared", "alone")
    )
    base = load_file(folder / "llama/model.safetensors")
    assert any(not torch.allclose(alone[tensor], base[tensor], atol=1e-3) for tensor in base)
    for tensor, weight in alone.items():
        assert torch.allclose(found[tensor], weight, atol=1e-4), tensor


def test_both_processes_know_the_loss_of_the_whole_batch(folder: Path):
    assert heard(folder, "full", 0) == heard(folder, "full", 1)


def test_one_process_goes_on_where_two_were_stopped(folder: Path):
    """They stop at the same step, though one alone was told to."""
    kept = folder / "stopped.shared.checkpoints"
    assert {path.name for path in kept.glob("step-*")} == {f"step-{STOPPED:06}"}
    assert not (folder / "stopped.shared").exists()
    first = heard(folder, "stopped")
    rest = trained(shared(), folder, folder / "stopped.shared", ALONE)
    assert sorted(rest["loss"]) == list(range(STOPPED + 1, 11))
    whole = {name: first.get(name, {}) | rest[name] for name in rest}
    assert alike(whole, heard(folder, "spectrum"))


def test_the_command_starts_the_processes_and_passes_orders_on(folder: Path):
    """All of them stop, leave one checkpoint, and it is said once."""
    process = subprocess.Popen(_told(folder), stderr=subprocess.PIPE, text=True)
    kept = folder / "out.checkpoints"
    deadline = time.monotonic() + 90
    while not any(kept.glob("step-??????")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1, said
    assert said.count("Run the same command again to go on") == 1
    assert "Traceback" not in said


def _told(folder: Path) -> list[str]:
    changes = {"resources": {"gpus": 2}, "checkpoint_minutes": 1e-9, "epochs": 100}
    spec = SPEC.model_dump(mode="json") | changes
    (folder / "spec.yml").write_text(yaml.safe_dump(spec))
    program = Path(sys.executable).with_name("alloy")
    return [str(program), "train", str(folder / "spec.yml"), str(folder / "out")]


def test_the_first_failure_ends_all_processes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("alloyengine.train.parallel.launch._GRACE", 0.5)
    code = "import os, sys, time; os.environ['RANK'] == '1' and sys.exit(3); time.sleep(60)"
    begun = time.monotonic()
    assert launch([sys.executable, "-c", code], 2) == 3
    assert time.monotonic() - begun < 30


def test_a_killed_process_is_named():
    code = "import os, time; os.environ['RANK'] == '1' and os.kill(os.getpid(), 9); time.sleep(60)"
    with pytest.raises(CapacityError, match=r"Process 2 of 2 was killed \(signal 9\)"):
        launch([sys.executable, "-c", code], 2)


def test_more_processes_than_the_machine_has_room_for_are_refused(
    monkeypatch: pytest.MonkeyPatch,
):
    with pytest.raises(InputError, match=r"resources\.gpus = 64: this machine has no GPU"):
        monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
        check_machine(shared(resources=Resources(gpus=64)))
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    check_machine(shared(resources=TWO))
    with pytest.raises(InputError, match=r"resources\.gpus = 3: this machine has 2"):
        check_machine(shared(resources=Resources(gpus=3)))


@pytest.mark.parametrize(
    ("changes", "world", "words"),
    [
        ({"resources": TWO}, ALONE, "gpus × nodes is 2, and the number of processes 1"),
        ({}, World(0, 2), "gpus × nodes is 1, and the number of processes 2"),
        (
            {"resources": TWO, "tuning": QloraTuning()},
            World(0, 2),
            r"resources\.gpus: weights of 4",
        ),
        (
            {"resources": TWO, "forgetting": Forgetting(dataset="g")},
            World(0, 2),
            "forgetting is measured by one process",
        ),
    ],
)
def test_what_can_not_be_shared_is_refused_before_anything_is_loaded(
    tmp_path: Path, changes: dict[str, Any], world: World, words: str
):
    with pytest.raises(InputError, match=words):
        run(shared(**changes), {}, tmp_path / "out", Silent(), None, world)


def test_one_gpu_needs_no_other_process():
    check_world(SPEC, ALONE)
