"""What each process of a shared run does in these tests: every run that it is told, one after the other.

python -m tests.engine.sharing FOLDER    with torchrun's environment
"""

import json
import sys
from pathlib import Path
from typing import Any

from alloyengine.errors import Stopped
from alloyengine.report import Silent
from alloyengine.spec.train import TrainSpec
from alloyengine.train.parallel import World, joined, leave
from alloyengine.train.run import run

Curves = dict[str, dict[int, float]]  # metric, step


class Recording(Silent):
    def __init__(self, stop_after: int | None = None) -> None:
        self.heard: Curves = {}
        self._last = stop_after

    def metric(self, name: str, step: int, value: float) -> None:
        if name != "tokens_per_second":
            self.heard.setdefault(name, {})[step] = value

    def stopping(self) -> bool:
        return self._last is not None and self._last in self.heard.get("loss", {})


def trained(
    spec: TrainSpec, folder: Path, out: Path, world: World, stop_after: int | None = None
) -> Curves:
    """What was said of it. A run that is stopped leaves its checkpoints beside `out`."""
    report = Recording(stop_after)
    inputs = {reference: folder / reference for reference in (spec.model, spec.dataset)}
    try:
        run(spec, inputs, out, report, out.with_name(f"{out.name}.checkpoints"), world)
    except Stopped:
        if stop_after is None:
            raise
    return report.heard


def main(folder: Path) -> None:
    told: dict[str, Any] = json.loads((folder / "runs.json").read_text())
    with joined() as world:
        for name, (spec, stop_after) in told.items():
            # One process alone hears the order to stop.
            heard = trained(
                TrainSpec.model_validate(spec),
                folder,
                folder / f"{name}.shared",
                world,
                stop_after if world.rank == 1 else 1 << 30,
            )
            (folder / f"{name}.{world.rank}.json").write_text(json.dumps(heard))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    leave()
