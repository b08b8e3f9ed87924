"""The tasks that the harness knows by name, and those whose documents lie beside the evaluation."""

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from alloyengine.errors import InputError

_SPLITS = ("training_split", "validation_split", "test_split", "fewshot_split")
_KINDS = {".jsonl": "json", ".json": "json", ".parquet": "parquet", ".csv": "csv"}


@cache
def manager(known: bool) -> Any:
    """With the tasks that it knows, which are thousands of files and take seconds, or with none."""
    from lm_eval.tasks import TaskManager

    return TaskManager(include_defaults=known)


def named(name: str, data: Path | None) -> str | dict[str, Any]:
    """What the harness is to load. Raises InputError for names that it does not know."""
    harness = manager(known=True)
    if name not in harness.task_index:
        close = get_close_matches(name, harness.all_tasks, n=3)
        raise InputError(
            "task_unknown",
            f"lm-evaluation-harness has no task {name!r}.",
            f"Did you mean {' or '.join(close)}?" if close else "Give a file of your own.",
        )
    from lm_eval.tasks._yaml_loader import load_yaml

    place = harness.task_index[name].yaml_path
    if place and load_yaml(place, resolve_func=False).get("unsafe_code"):
        raise unsafe(name)
    if data is None:
        return name
    if place is None or name not in harness.all_subtasks:
        raise InputError(
            "task_data", f"{name} is several tasks.", "Give data to each of them by its own name."
        )
    config: dict[str, Any] = load_yaml(place)
    return config | documents(data, config)


def unsafe(name: str) -> InputError:
    return InputError("task_unsafe", f"{name} runs what models write.", "That is not done here.")


def documents(data: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """What of a task's configuration says where its documents are: SPLIT.jsonl in a folder, or one file
    for all of its splits. Splits that are not there are not the task's any more. Raises InputError.
    """
    files = sorted(data.iterdir()) if data.is_dir() else [data]
    readable = [file for file in files if file.suffix in _KINDS and file.is_file()]
    kinds = {_KINDS[file.suffix] for file in readable}
    if len(kinds) != 1:
        raise InputError(
            "task_data",
            f"{data.name!r} has no documents that can be read.",
            "Give test.jsonl, train.jsonl, … (or .parquet, or .csv), all of one kind.",
        )
    asked = {name: config.get(name) for name in _SPLITS}
    found = {file.stem: str(file) for file in readable}
    if not data.is_dir():
        found = {split: str(data) for split in asked.values() if split}
    return {
        "dataset_path": kinds.pop(),
        "dataset_name": None,
        "dataset_kwargs": {"data_files": found},
    } | {name: split if split in found else None for name, split in asked.items()}
