"""Tells a platform what a run will take: `python -m alloyengine.train.foresee.asked FOLDER`.

FOLDER holds request.json ({"spec", "inputs", "held"}) and for each input a folder of its own, which
"inputs" names by the spec's references: of models the small files, and the weights' files with their
headers alone, as long as they are (the rest may be a hole); of datasets the first rows, of which the
training set's are the share "held" of all. Prints what `foresee.told` says; see `alloyengine.apart`.
"""

import json
import sys
from pathlib import Path
from typing import Any

from alloyengine.apart import answer
from alloyengine.report import Silent
from alloyengine.spec.train import TrainSpec
from alloyengine.train.foresee.foresee import REPORT, foresee_spec


class _Listening(Silent):
    """Keeps the estimate."""

    def __init__(self) -> None:
        self.estimate: dict[str, Any] = {}

    def report(self, name: str, data: dict[str, Any]) -> None:
        if name == REPORT:
            self.estimate = data


def estimate(folder: Path) -> dict[str, Any]:
    """InputError when the data can't be learned from, or the run does not fit."""
    asked, heard = json.loads((folder / "request.json").read_bytes()), _Listening()
    spec = TrainSpec.model_validate(asked["spec"])
    inputs = {reference: folder / place for reference, place in asked["inputs"].items()}
    foresee_spec(spec, inputs, heard, asked["held"])
    return heard.estimate


if __name__ == "__main__":
    sys.exit(answer(estimate, Path(sys.argv[1])))
