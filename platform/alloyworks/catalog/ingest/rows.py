"""Lines to rows: JSON Lines or CSV, told apart by the file's name or its first byte."""

from collections.abc import Iterator
from itertools import chain
from pathlib import PurePath
from typing import Any, NamedTuple

from alloyworks import strictjson
from alloyworks.catalog.ingest.csvrows import read_csv
from alloyworks.catalog.ingest.faults import Faults, refuse_file, refuse_line, shown
from alloyworks.catalog.ingest.lines import Lines, Source, decode, read_lines

_JSON = {".jsonl", ".ndjson", ".json"}
_CSV = {".csv", ".tsv"}


class Row(NamedTuple):
    line: int  # where it begins, from 1
    values: dict[str, Any]


def read_rows(source: Source, filename: str, faults: Faults) -> Iterator[Row]:
    """Rows of an uploaded file; blank lines are skipped. Raises Invalid."""
    lines = read_lines(source)
    first = next(((number, line) for number, line in lines if line.strip()), None)
    if first is None:
        raise refuse_file("The file is empty.", "Upload one example a line.")
    whole = chain([first], lines)
    if _is_json(filename, first[1]):
        return _json_rows(whole, faults)
    return (Row(line, values) for line, values in read_csv(whole, faults))


def _is_json(filename: str, first: bytes) -> bool:
    suffix = PurePath(filename).suffix.lower()
    return suffix in _JSON or (suffix not in _CSV and first.lstrip().startswith((b"{", b"[")))


def _json_rows(lines: Lines, faults: Faults) -> Iterator[Row]:
    for number, line in lines:
        before = len(faults.found)
        text = decode(number, line, faults).strip()
        if not text or len(faults.found) > before:
            continue
        try:
            value = strictjson.parse(text)
        except ValueError as error:
            _refuse_list(number, text)
            faults.add(number, f"is not JSON: {error}", "Correct it, or remove the line.")
            continue
        if isinstance(value, dict):
            yield Row(number, value)
        else:
            remedy = 'Write an object such as {"prompt": "…", "completion": "…"}.'
            faults.add(number, f"is {shown(value)}, not a JSON object", remedy)


def _refuse_list(number: int, text: str) -> None:
    """A list over many lines would be a fault in each of them."""
    if text == "[":
        remedy = "Write one JSON object a line, without [ ] around them."
        raise refuse_line(number, "begins a JSON list", remedy)
