"""Files put through the ingest, without a database or a server."""

import io
import json
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from alloyworks.catalog.ingest.pipeline import Ingested, ingest
from alloyworks.errors import FieldError, Invalid


class Result(NamedTuple):
    found: Ingested
    train: list[Any]
    test: list[Any]

    @property
    def rows(self) -> list[Any]:
        return self.train + self.test


def taken(content: str | bytes, filename: str = "data.jsonl", test_percent: int = 0) -> Result:
    """What comes out of a good file; everything is trained on unless something else is said."""
    data = content.encode() if isinstance(content, str) else content
    with tempfile.TemporaryDirectory() as folder:
        found = ingest(io.BytesIO(data), filename, Path(folder), test_percent)
        sides = [(Path(folder) / f"{side}.jsonl").read_bytes() for side in ("train", "test")]
    train, test = [[json.loads(line) for line in side.split(b"\n")[:-1]] for side in sides]
    assert (found.train_rows, found.test_rows) == (len(train), len(test))
    return Result(found, train, test)


def refused(content: str | bytes, filename: str = "data.jsonl") -> list[FieldError]:
    """Why a file is not taken; every fault says what to do."""
    with pytest.raises(Invalid) as caught:
        taken(content, filename)
    assert caught.value.detail
    assert all(error.remedy for error in caught.value.errors)
    return caught.value.errors


def lines(*rows: Any) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
