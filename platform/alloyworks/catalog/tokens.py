"""How many tokens a dataset's examples have for a model, counted once and kept with it."""

import json
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import TypedDict
from uuid import UUID

from django.db import transaction

from alloyworks.accounts.principal import Principal
from alloyworks.catalog import apart, datasets, manifest, versions
from alloyworks.catalog.ingest.stats import summary
from alloyworks.catalog.models import Dataset, ModelVersion
from alloyworks.catalog.tokencount import SAMPLE, TOKENIZER
from alloyworks.errors import Invalid, invalid
from alloyworks.storage import keys, objects

KEY = "tokens"  # in Dataset.stats: model id -> Lengths
WHOLE_BYTES = 8 * 1024**2
"""A larger dataset is sampled."""
_SPANS, _SPAN_BYTES = 4, 2 * 1024**2
_TOKENIZER_BYTES = 64 * 1024**2
_SECONDS = 60
_BINS = 24


class Bin(TypedDict):
    start: int
    end: int
    examples: int


class Lengths(TypedDict):
    examples: int
    sampled: bool
    tokens: dict[str, float]
    histogram: list[Bin]


def lengths(principal: Principal, dataset_id: UUID, model_id: UUID) -> Lengths:
    """Counts the texts of each example. Invalid when the model's tokenizer is not usable."""
    dataset = datasets.get(principal, dataset_id)
    model = versions.get(principal, model_id)
    known: Lengths | None = dataset.stats.get(KEY, {}).get(str(model.id))
    if known is not None:
        return known
    with tempfile.TemporaryDirectory(prefix="alloy-tokens-") as folder:
        (Path(folder) / TOKENIZER).write_bytes(_tokenizer(model))
        sample, sampled = _sample(dataset)
        (Path(folder) / SAMPLE).write_bytes(sample)
        counts = _count(Path(folder))
    found = Lengths(
        examples=counts.total(),
        sampled=sampled,
        tokens=summary(counts),
        histogram=histogram(counts),
    )
    _remember(dataset, model, found)
    return found


def histogram(counts: Counter[int]) -> list[Bin]:
    """Bins of one round width, from 0 to the longest."""
    if not counts:
        return []
    width = _width(max(counts))
    bins = Counter[int]()
    for length, examples in counts.items():
        bins[length // width] += examples
    return [
        Bin(start=place * width, end=(place + 1) * width, examples=bins[place])
        for place in range(max(bins) + 1)
    ]


def _width(longest: int) -> int:
    """The least of 1, 2, 5, 10, 20, … that needs no more than `_BINS` bins."""
    width, steps = 1, 0
    while longest // width >= _BINS:
        steps += 1
        width = (1, 2, 5)[steps % 3] * 10 ** (steps // 3)
    return width


def spans(size: int) -> list[tuple[int, int]]:
    """Where a large file is read, evenly over its length: (start, end), at least one."""
    length = min(size, _SPAN_BYTES)
    gap = (size - length) // (_SPANS - 1)
    return sorted({(place * gap, place * gap + length) for place in range(_SPANS)})


def _sample(dataset: Dataset) -> tuple[bytes, bool]:
    """All lines of both files, or whole lines from several places of each; and which it is."""
    sampled = sum(file["size"] for file in dataset.files) > WHOLE_BYTES
    pieces = []
    for file in dataset.files:
        key, size = keys.key(datasets.prefix_of(dataset), file["path"]), file["size"]
        for start, end in spans(size) if sampled else [(0, size)]:
            piece = objects.get_bytes(key, start, end - start)
            pieces.append(_whole_lines(piece, start > 0, end < size))
    return b"".join(pieces), sampled


def _whole_lines(piece: bytes, begins_inside: bool, ends_inside: bool) -> bytes:
    if begins_inside:
        piece = piece.partition(b"\n")[2]
    return piece[: piece.rfind(b"\n") + 1] if ends_inside else piece


def _tokenizer(model: ModelVersion) -> bytes:
    entries: list[manifest.Entry] = model.files
    size = next((entry["size"] for entry in entries if entry["path"] == TOKENIZER), None)
    if size is None:
        raise _unusable("The model has no tokenizer.json.")
    if size > _TOKENIZER_BYTES:
        raise _unusable(f"Its tokenizer.json is larger than {_TOKENIZER_BYTES:,} bytes.")
    return objects.get_bytes(keys.key(versions.prefix_of(model), TOKENIZER), 0, size)


def _count(folder: Path) -> Counter[int]:
    """In a process of its own: a hostile tokenizer may loop, crash or take all memory."""
    try:
        done = apart.run("alloyworks.catalog.tokencount", folder, _SECONDS)
    except subprocess.TimeoutExpired:
        raise _unusable(f"Counting took longer than {_SECONDS} seconds.") from None
    if done.returncode == apart.REFUSED:
        raise _unusable(
            f"Its tokenizer.json can't be used: {done.stdout.decode(errors='replace')[:200]}"
        )
    if done.returncode:
        raise _unusable("Its tokenizer.json can't be used: the tokenizer crashed.")
    return Counter({int(length): count for length, count in json.loads(done.stdout).items()})


def _unusable(msg: str) -> Invalid:
    return invalid(["model"], msg, "Choose a model with a tokenizer.json that tokenizers reads.")


def _remember(dataset: Dataset, model: ModelVersion, found: Lengths) -> None:
    """Beside what others counted meanwhile."""
    with transaction.atomic():
        row = Dataset.objects.select_for_update().filter(id=dataset.id).first()
        if row is not None:
            row.stats = row.stats | {KEY: row.stats.get(KEY, {}) | {str(model.id): found}}
            row.save(update_fields=["stats"])
