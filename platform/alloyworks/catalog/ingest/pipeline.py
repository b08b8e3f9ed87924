"""The whole way of an upload, in one pass: read, check, normalise, split, count."""

import json
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alloyworks.catalog.ingest.faults import Faults, RowFault, refuse_file
from alloyworks.catalog.ingest.formats import Shape, detect
from alloyworks.catalog.ingest.lines import Source
from alloyworks.catalog.ingest.rows import Row, read_rows
from alloyworks.catalog.ingest.split import COLUMN, Splits, named_side
from alloyworks.catalog.ingest.stats import PREVIEW_ROWS, clipped, summary, texts
from alloyworks.catalog.models import DatasetFormat
from alloyworks.errors import invalid

_MOST_COLUMNS = 100
_ENCODER = json.JSONEncoder(ensure_ascii=False)


@dataclass(frozen=True)
class Ingested:
    """What was found; train.jsonl and test.jsonl lie in the folder."""

    format: DatasetFormat
    columns: list[str]
    train_rows: int
    test_rows: int
    stats: dict[str, Any]
    preview: list[dict[str, Any]]


@dataclass
class _Seen:
    """What is remembered of the rows on their way."""

    columns: dict[str, None] = field(default_factory=dict)
    preview: list[dict[str, Any]] = field(default_factory=list)
    lengths: Counter[int] = field(default_factory=Counter)

    def note(self, row: Row, example: dict[str, Any]) -> None:
        if len(self.columns) < _MOST_COLUMNS:
            self.columns |= dict.fromkeys(row.values)
        if len(self.preview) < PREVIEW_ROWS:
            self.preview.append(clipped(row.values))
        self.lengths[sum(map(len, texts(example)))] += 1


def ingest(source: Source, filename: str, folder: Path, test_percent: int = 10) -> Ingested:
    """Fills an empty folder. Raises Invalid with the first faults; leaves rubbish behind then."""
    if not 0 <= test_percent <= 100:
        remedy = "Use 0 to 100."
        raise invalid(["test_percent"], f"{test_percent} is no percentage.", remedy)
    faults, seen, shape = Faults(), _Seen(), None
    with ExitStack() as stack:
        splits = Splits(folder, test_percent, stack)
        named = False
        for row in read_rows(source, filename, faults):
            if shape is None:
                shape, named = detect(row.line, row.values), COLUMN in row.values
            _take(row, shape, named, splits, seen, faults)
    faults.check()
    if shape is None:
        raise refuse_file("The file has no rows.", "Upload one example a line.")
    if not named:
        splits.settle()
    return _result(shape, splits, seen)


def _take(row: Row, shape: Shape, named: bool, splits: Splits, seen: _Seen, faults: Faults) -> None:
    try:
        example = shape.example(row.values)
        side = named_side(row.values) if named else None
    except RowFault as fault:
        faults.add_row(row.line, fault)
        return
    seen.note(row, example)
    splits.add(_ENCODER.encode(example).encode() + b"\n", side)


def _result(shape: Shape, splits: Splits, seen: _Seen) -> Ingested:
    return Ingested(
        format=shape.format,
        columns=[clipped(name) for name in seen.columns][:_MOST_COLUMNS],
        train_rows=splits.rows["train"],
        test_rows=splits.rows["test"],
        stats={"rows": sum(splits.rows.values()), "characters": summary(seen.lengths)},
        preview=seen.preview,
    )
