"""What a run learned from, so that it can be known again."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from alloyengine.spec.train import TrainSpec

_BLOCK = 1 << 20  # bytes


@dataclass(frozen=True)
class Data:
    rows: int
    digest: str  # SHA-256 of the file, hexadecimal


def learned_from(spec: TrainSpec, inputs: Mapping[str, Path]) -> dict[str, Data]:
    """Every dataset of which something is learned, by its reference."""
    wanted = (ref for ref in spec.inputs() if ref.kind == "dataset" and ref.loc[0] != "forgetting")
    return {ref.reference: data_of(inputs[ref.reference]) for ref in wanted}


def digest_of(data: Mapping[str, Data]) -> str:
    """Of all of it."""
    return sha256("".join(each.digest for each in data.values()).encode()).hexdigest()


def data_of(path: Path) -> Data:
    """Of a JSON Lines file, or of `train.jsonl` in a folder."""
    digest, rows, filled = sha256(), 0, False
    with (path / "train.jsonl" if path.is_dir() else path).open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            first, *more = block.split(b"\n")
            filled |= bool(first.strip())
            for line in more:
                rows += filled
                filled = bool(line.strip())
    return Data(rows + filled, digest.hexdigest())
