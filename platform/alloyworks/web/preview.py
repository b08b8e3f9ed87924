"""The first rows of a dataset as people read them: who says what, whatever the format."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from alloyworks.catalog.ingest.faults import RowFault
from alloyworks.catalog.ingest.formats import detect
from alloyworks.catalog.models import Dataset, DatasetFormat
from alloyworks.errors import Invalid

LEARNED = {"assistant", "completion", "output", "chosen", "text"}
"""What a model learns to say; the rest it is only given."""


@dataclass(frozen=True)
class Turn:
    role: str
    text: str

    @property
    def learned(self) -> bool:
        return self.role in LEARNED

    @property
    def rejected(self) -> bool:
        return self.role == "rejected"


def examples_of(dataset: Dataset) -> list[list[Turn]]:
    """A list of turns an example. A row that was cut too short to be read is shown by columns."""
    return [list(_turns(row, DatasetFormat(dataset.format))) for row in dataset.preview]


def _turns(row: Mapping[str, Any], wanted: DatasetFormat) -> Iterable[Turn]:
    try:
        shape = detect(1, row)
        example = shape.example(row)
    except (RowFault, Invalid):
        return [Turn(str(name), _text(value)) for name, value in row.items()]
    if shape.format == wanted == DatasetFormat.CHAT:
        return _said(example["messages"])
    turns: list[Turn] = []
    for name, value in example.items():
        turns += _said(value) if isinstance(value, list) else [Turn(name, value)] if value else []
    return turns


def _said(messages: Iterable[Mapping[str, str]]) -> list[Turn]:
    return [Turn(message["role"], message["content"]) for message in messages]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)
