"""Which examples are held out: by the column `split`, or by a hash that never changes."""

import hashlib
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

from alloyworks.catalog.ingest.faults import RowFault, shown

Side = Literal["train", "test"]
SIDES: tuple[Side, Side] = ("train", "test")
COLUMN = "split"


def named_side(values: Mapping[str, Any]) -> Side:
    """What the row's own column says. Raises RowFault."""
    given = values.get(COLUMN)
    match given.strip().lower() if isinstance(given, str) else given:
        case "train":
            return "train"
        case "test":
            return "test"
    raise RowFault([COLUMN], f"is {shown(given)}", "Write train or test in every row.")


def place(line: bytes) -> float:
    """Where an example stands between 0 and 1; equal examples stand together."""
    return int.from_bytes(hashlib.sha256(line).digest()[:8]) / 2**64


class Splits:
    """The two files, filled example by example."""

    def __init__(self, folder: Path, test_percent: int, stack: ExitStack) -> None:
        self.folder, self.test_percent = folder, test_percent
        self.rows: dict[Side, int] = {"train": 0, "test": 0}
        self._files = {side: stack.enter_context(self.path(side).open("wb")) for side in SIDES}

    def path(self, side: Side) -> Path:
        return self.folder / f"{side}.jsonl"

    def add(self, line: bytes, side: Side | None) -> None:
        """`line` ends with a newline; without a side its hash decides."""
        chosen = side or ("test" if place(line) * 100 < self.test_percent else "train")
        self._files[chosen].write(line)
        self.rows[chosen] += 1

    def settle(self) -> None:
        """Once the files are closed: a side that chance left empty gets one example."""
        if sum(self.rows.values()) < 2:
            return
        if self.test_percent > 0 and not self.rows["test"]:
            self._move_one("train", "test")
        elif self.test_percent < 100 and not self.rows["train"]:
            self._move_one("test", "train")

    def _move_one(self, source: Side, target: Side) -> None:
        """The example that stands nearest to the other side."""
        pick = min if target == "test" else max
        with self.path(source).open("rb") as lines:
            _, chosen = pick((place(line), number) for number, line in enumerate(lines))
        rest = self.folder / "rest.jsonl"
        with (
            self.path(source).open("rb") as lines,
            rest.open("wb") as kept,
            self.path(target).open("wb") as moved,
        ):
            for number, line in enumerate(lines):
                (moved if number == chosen else kept).write(line)
        rest.replace(self.path(source))
        self.rows[source] -= 1
        self.rows[target] += 1
