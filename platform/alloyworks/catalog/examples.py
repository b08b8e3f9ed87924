"""The first examples of a dataset as a model is given them: which tokens it would learn."""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any, TypedDict
from uuid import UUID

from alloyworks.accounts.principal import Principal
from alloyworks.catalog import apart, datasets, manifest, versions
from alloyworks.catalog.models import Dataset, ModelVersion
from alloyworks.errors import FieldError, Invalid, invalid
from alloyworks.storage import keys, objects

ROWS = 4
TRAIN = "train.jsonl"
_ENGINE = "alloyengine.train.examples"
_NEEDED = (
    "config.json", "tokenizer.json", "tokenizer_config.json", "tokenizer.model",
    "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt",
    "chat_template.jinja", "chat_template.json",
)  # fmt: skip
_MOST_BYTES = 64 * 1024**2  # of a file of the tokenizer
_HEAD_BYTES = 4 * 1024**2  # of the dataset
_SECONDS = 60


class Piece(TypedDict):
    text: str
    more: int  # characters that are not shown
    trained: bool
    cut: bool  # beyond the longest example


class Example(TypedDict):
    title: str
    pieces: list[Piece]
    tokens: int
    trained: int
    cut: int
    alarm: str  # empty when nothing is wrong


def examples(
    principal: Principal, dataset_id: UUID, model_id: UUID, objective: str, longest: int
) -> list[Example]:
    """By the engine, as training by this objective would see them, cut to `longest` tokens.

    Invalid when it can't, in its words.
    """
    dataset = datasets.get(principal, dataset_id)
    model = versions.get(principal, model_id)
    with tempfile.TemporaryDirectory(prefix="alloy-examples-") as name:
        folder = Path(name)
        _fetch_tokenizer(model, folder / "model")
        (folder / TRAIN).write_bytes(_head(dataset))
        wanted = {"objective": objective, "max_length": longest, "rows": ROWS}
        (folder / "request.json").write_text(json.dumps(wanted))
        return _shown(folder)


def _fetch_tokenizer(model: ModelVersion, folder: Path) -> None:
    """Never the weights: they are large, and say nothing about tokens."""
    folder.mkdir()
    entries: list[manifest.Entry] = model.files
    for entry in entries:
        if entry["path"] not in _NEEDED:
            continue
        if entry["size"] > _MOST_BYTES:
            raise _refused("model", f"Its {entry['path']} is larger than {_MOST_BYTES:,} bytes.")
        key = keys.key(versions.prefix_of(model), entry["path"])
        (folder / entry["path"]).write_bytes(objects.get_bytes(key, 0, entry["size"]))


def _head(dataset: Dataset) -> bytes:
    """The first rows, however large the dataset is."""
    size = next((file["size"] for file in dataset.files if file["path"] == TRAIN), 0)
    if not size:
        raise _refused("dataset", "It has no training rows.")
    key = keys.key(datasets.prefix_of(dataset), TRAIN)
    head = objects.get_bytes(key, 0, min(size, _HEAD_BYTES))
    lines = head.splitlines(keepends=True)[:ROWS]
    whole = [line for line in lines if line.endswith(b"\n") or size <= _HEAD_BYTES]
    if not whole:
        raise _refused("dataset", f"Its first row is longer than {_HEAD_BYTES:,} bytes.")
    return b"".join(whole)


def _shown(folder: Path) -> list[Example]:
    try:
        done = apart.run(_ENGINE, folder, _SECONDS)
    except subprocess.TimeoutExpired:
        raise _refused("model", f"Its tokenizer took longer than {_SECONDS} seconds.") from None
    if done.returncode not in (0, apart.REFUSED):
        raise _refused("model", "Its tokenizer can't be used: it crashed.")
    answer: Any = json.loads(done.stdout)
    if done.returncode == apart.REFUSED:
        fault = FieldError([answer["place"]], answer["message"], answer["remedy"])
        raise Invalid(f"{answer['message']} {answer['remedy']}".strip(), [fault])
    found: list[Example] = answer
    return found


def _refused(place: str, msg: str) -> Invalid:
    return invalid([place], msg, f"Choose another {place}.")
