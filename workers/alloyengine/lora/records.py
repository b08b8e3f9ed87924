"""What became of every module of an extraction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Fate = Literal["lora", "saved", "left out"]


@dataclass(frozen=True)
class Record:
    """Energies are squared Frobenius norms of the change: all of it, and what the adapter has."""

    tensor: str
    fate: Fate
    total: float
    kept: float
    rank: int = 0
    why: str = ""

    @property
    def share(self) -> float:
        return self.kept / self.total if self.total else 1.0


@dataclass(frozen=True)
class Extraction:
    records: Sequence[Record]
    size: int  # bytes of the adapter's tensors

    @property
    def share(self) -> float:
        """Of the energy of all changes, what the adapter has."""
        return _share(self.records)

    def of(self, fate: Fate) -> list[Record]:
        return [record for record in self.records if record.fate == fate]

    def to_json(self) -> dict[str, Any]:
        """{"kept": share, "bytes": int, "tensors": [{"tensor", "fate", "rank", "kept", "why"}]}"""
        tensors = [
            {"tensor": r.tensor, "fate": r.fate, "rank": r.rank, "kept": r.share, "why": r.why}
            for r in self.records
        ]
        return {"kept": self.share, "bytes": self.size, "tensors": tensors}


def _share(records: Iterable[Record]) -> float:
    total = kept = 0.0
    for record in records:
        total, kept = total + record.total, kept + record.kept
    return kept / total if total else 1.0
