"""A dataset of a gigabyte, from the upload's bytes to its two files: seconds and peak memory.

    ./alloy bench ingest --json bench/results/ingest.json

Asked of it: less than 120 s on one core, less than 0.3 GB. A process of its own does what the web
process does with an upload; --quick takes a hundredth of the rows.
"""

import csv
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.machine import where
from bench.merge_measure import measure
from bench.models import room

Figures = dict[str, Any]
SIZE = 1 << 30  # bytes
SECONDS, GB = 120, 0.3
SETTINGS = {
    "ALLOY_SECRET_KEY": "nothing is signed here, but there must be a key",
    "ALLOY_DATABASE_URL": "postgresql://nobody:nothing@127.0.0.1:9/none",
    "ALLOY_BROKER_URL": "redis://127.0.0.1:9/0",
    "DJANGO_SETTINGS_MODULE": "alloyworks.settings",
}


def run(quick: bool = False, only: Sequence[str] = ()) -> Iterator[tuple[str, Figures]]:
    for name in ("conversations.jsonl", "instructions.csv"):
        if not only or any(part in name for part in only):
            yield name, _taken(name, SIZE // 100 if quick else SIZE)


def _taken(name: str, size: int) -> Figures:
    with tempfile.TemporaryDirectory(dir=room()) as folder:
        file, out = Path(folder) / name, Path(folder) / "out"
        out.mkdir()
        rows = _write(file, size)
        found = measure([sys.executable, "-m", "bench.ingest", file, out])
        kept = sum(_lines(path) for path in out.iterdir())
    gigabytes = round(found.peak / 1e9, 2)
    return {
        "GB in": round(size / 1e9, 2),
        "rows": rows,
        "rows kept": kept,
        "s": round(found.seconds, 1),
        "≤ s": SECONDS,
        "GB": gigabytes,
        "≤ GB": GB,
        "ok": found.seconds <= SECONDS and gigabytes <= GB and kept == rows,
        "where": where(),
    }


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)


def _write(file: Path, size: int) -> int:
    """How many rows it took."""
    with file.open("w", encoding="utf-8", newline="") as out:
        write = _csv_writer(out) if file.suffix == ".csv" else _json_writer(out)
        rows = 0
        while out.tell() < size:
            for _ in range(1000):
                write(rows)
                rows += 1
    return rows


def _json_writer(out: Any) -> Any:
    def write(number: int) -> None:
        said = [
            {"role": "user", "content": _ask(number)},
            {"role": "assistant", "content": "Ja. " * 40},
        ]
        out.write(json.dumps({"messages": said}) + "\n")

    return write


def _csv_writer(out: Any) -> Any:
    table = csv.writer(out)
    table.writerow(["instruction", "output"])
    return lambda number: table.writerow([_ask(number), 'He said, "yes". ' * 9 + '\n"No"'])


def _ask(number: int) -> str:
    return f"What is to be known of the substance with number {number}? " * 4


def _ingest(file: Path, out: Path) -> None:
    import django

    os.environ.update(SETTINGS)
    django.setup()
    from alloyworks.catalog.ingest.pipeline import ingest

    with file.open("rb") as source:
        ingest(source, file.name, out)


if __name__ == "__main__":
    _ingest(Path(sys.argv[1]), Path(sys.argv[2]))
