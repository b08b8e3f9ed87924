"""As much of a model or a dataset as tells what it is, for processes that look at strangers' files."""

from itertools import islice
from pathlib import Path

from alloyworks.catalog import datasets, manifest, versions
from alloyworks.catalog.models import Dataset, ModelVersion
from alloyworks.errors import Invalid, invalid
from alloyworks.storage import keys, objects

TRAIN = "train.jsonl"
_SMALL = (
    "config.json", "tokenizer.json", "tokenizer_config.json", "tokenizer.model",
    "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt",
    "chat_template.jinja", "chat_template.json", "model.safetensors.index.json",
)  # fmt: skip
_WEIGHTS = ".safetensors"
_MOST_BYTES = 64 * 1024**2  # of a small file, or of a header
_ROWS_BYTES = 4 * 1024**2


def fetch_model(model: ModelVersion, folder: Path) -> None:
    """The files of config and tokenizer, into a new folder. Invalid when one is too large."""
    folder.mkdir()
    for entry in _entries(model):
        if entry["path"] in _SMALL:
            _check(entry["path"], entry["size"])
            content = objects.get_bytes(_key(model, entry), 0, entry["size"])
            (folder / entry["path"]).write_bytes(content)


def fetch_headers(model: ModelVersion, folder: Path) -> None:
    """Of the weights the headers alone: names, types and shapes. What follows is a hole as long as the
    weights, which takes no room. Invalid when a header is too large.
    """
    for entry in _entries(model):
        if entry["path"].endswith(_WEIGHTS) and "/" not in entry["path"]:
            length = objects.get_bytes(_key(model, entry), 0, 8)
            size = int.from_bytes(length, "little")
            _check(f"header of {entry['path']}", size)
            with (folder / entry["path"]).open("wb") as file:
                file.write(length + objects.get_bytes(_key(model, entry), 8, size))
                file.truncate(entry["size"])


def fetch_rows(dataset: Dataset, file: Path, most: int | None = None) -> float:
    """The first rows for training, `most` or as many as fit into some megabytes; which share of all
    bytes they are. Invalid when there is none.
    """
    size = next((entry["size"] for entry in dataset.files if entry["path"] == TRAIN), 0)
    if not size:
        raise _refused("dataset", "It has no training rows.")
    key = keys.key(datasets.prefix_of(dataset), TRAIN)
    head = objects.get_bytes(key, 0, min(size, _ROWS_BYTES))
    lines = (line for line in head.splitlines(keepends=True) if _is_whole(line, size))
    rows = b"".join(islice(lines, most))
    if not rows:
        raise _refused("dataset", f"Its first row is longer than {_ROWS_BYTES:,} bytes.")
    file.write_bytes(rows)
    return len(rows) / size


def _is_whole(line: bytes, size: int) -> bool:
    return line.endswith(b"\n") or size <= _ROWS_BYTES


def _entries(model: ModelVersion) -> list[manifest.Entry]:
    entries: list[manifest.Entry] = model.files
    return entries


def _key(model: ModelVersion, entry: manifest.Entry) -> str:
    return keys.key(versions.prefix_of(model), entry["path"])


def _check(what: str, size: int) -> None:
    if size > _MOST_BYTES:
        raise _refused("model", f"Its {what} is larger than {_MOST_BYTES:,} bytes.")


def _refused(place: str, msg: str) -> Invalid:
    return invalid([place], msg, f"Choose another {place}.")
