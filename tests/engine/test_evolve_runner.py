"""An evolution as a job: its candidates leave the machine, and another attempt goes on from them."""

import json
from pathlib import Path
from typing import Any

import pytest

from alloyengine.evolve.history import NAME
from alloyengine.evolve.run import run
from alloyengine.report import Silent
from alloyengine.spec.evolve import EvolveSpec
from tests.engine.evolving import RECIPE
from tests.engine.platform_standin import Standin, standin
from tests.engine.running import alive, children, runners, until
from tests.engine.test_evolve_run import WORDS, candidates, dataset

EVOLVE: dict[str, Any] = {
    "kind": "evolve",
    "recipe": RECIPE,
    "tasks": [{"dataset": "d", "metric": "perplexity"}],
    "budget": {"evaluations": 150},
}


@pytest.fixture
def inputs(three_llamas: dict[str, Path], tmp_path: Path) -> dict[str, Path]:
    return three_llamas | {"d": dataset(tmp_path / "d", WORDS)}


def test_another_attempt_tries_the_same_candidates(inputs: dict[str, Path], tmp_path: Path):
    kept = killed(inputs, tmp_path)
    with standin() as platform, runners(platform, tmp_path / "again") as start:
        platform.assign(EVOLVE, inputs)
        platform.storage |= {k: v for k, v in kept.storage.items() if k.startswith("checkpoints/")}
        platform.offer(kept.checkpoints[-1])
        assert start().wait(120) == 0
        said = "\n".join(event["message"] for event in platform.said("log"))
        assert platform.finish is not None and platform.finish["result"]["kind"] == "evolve"
        assert "candidates that are scored already" in said
        (tmp_path / NAME).write_bytes(platform.storage[f"out/{NAME}"])
        metrics = {(point["name"], point["step"]) for point in platform.said("metric")}
        weights = platform.storage["out/model.safetensors"]
    run(EvolveSpec.model_validate(EVOLVE), inputs, tmp_path / "whole", Silent())
    assert candidates(tmp_path / NAME) == candidates(tmp_path / "whole" / NAME)
    assert weights == (tmp_path / "whole/model.safetensors").read_bytes()
    assert {("best", 1), ("mean", 1), ("spread", 1)} <= metrics


def killed(inputs: dict[str, Path], tmp_path: Path) -> Standin:
    """What the first attempt has told and sent before it died, runner and engine."""
    (tmp_path / "killed").mkdir()
    (tmp_path / "again").mkdir()
    with standin() as platform, runners(platform, tmp_path / "killed") as start:
        platform.assign(EVOLVE, inputs)
        runner = start()
        until(lambda: platform.checkpoints)
        [engine] = children(runner)
        runner.kill()
        until(lambda: not alive(engine))
        assert platform.finish is None
        files = {file["path"] for file in platform.checkpoints[-1]["files"]}
        step = platform.checkpoints[-1]["step"]
        assert files == {NAME, f"step-{step:06}/state.json"}
        assert json.loads(platform.storage[f"checkpoints/{step}/{NAME}"].splitlines()[0])["of"]
    return platform
