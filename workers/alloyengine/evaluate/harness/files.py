"""Task files of users: YAML as the harness reads it, but data alone.

A file for the harness can name Python functions (!function), metrics and datasets to download, and any
file of the machine. Here every field is looked at, and only what can do no harm is passed on.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from alloyengine.errors import InputError
from alloyengine.evaluate.harness.names import documents

_FIELDS = frozenset(
    [
        "task",
        "task_alias",
        "dataset_path",
        "dataset_kwargs",
        "training_split",
        "validation_split",
        "test_split",
        "fewshot_split",
        "doc_to_text",
        "doc_to_target",
        "doc_to_choice",
        "description",
        "target_delimiter",
        "fewshot_delimiter",
        "fewshot_config",
        "num_fewshot",
        "metric_list",
        "output_type",
        "generation_kwargs",
        "repeats",
        "filter_list",
        "gen_prefix",
        "metadata",
    ]
)
_NEEDED = ("task", "output_type", "doc_to_text", "doc_to_target")
_READERS = ("json", "csv", "parquet")
# What the field may say, by field: of a list, each entry's fields.
_METRICS = frozenset(
    [
        "acc",
        "acc_norm",
        "acc_bytes",
        "acc_mutual_info",
        "brier_score",
        "exact_match",
        "perplexity",
        "word_perplexity",
        "byte_perplexity",
        "bits_per_byte",
        "likelihood",
        "f1",
        "mcc",
        "bleu",
        "chrf",
        "ter",
    ]
)
_METRIC = frozenset(
    [
        "metric",
        "aggregation",
        "higher_is_better",
        "ignore_case",
        "ignore_punctuation",
        "ignore_numbers",
    ]
)
_FILTERS = frozenset(
    [
        "take_first",
        "take_first_k",
        "majority_vote",
        "regex",
        "remove_whitespace",
        "lowercase",
        "uppercase",
        "map",
    ]
)
_FEWSHOT = frozenset(
    [
        "sampler",
        "split",
        "samples",
        "fewshot_indices",
        "doc_to_text",
        "doc_to_target",
        "doc_to_choice",
        "fewshot_delimiter",
        "target_delimiter",
    ]
)
_GENERATION = frozenset(["until", "max_gen_toks", "max_new_tokens", "do_sample", "temperature"])


def read_task(file: Path, data: Path | None) -> dict[str, Any]:
    """The task's configuration, with its documents. Raises InputError."""
    config = _parsed(file)
    for fault in _faults(config):
        raise InputError("task_file", f"{file.name}: {fault}.", "Remove or correct it.")
    where = documents(data, config) if data else _beside(config, file)
    return config | where


def _parsed(file: Path) -> dict[str, Any]:
    try:
        config = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("task_file", f"{file.name} can't be read: {error}.") from None
    except yaml.constructor.ConstructorError as error:
        raise InputError(
            "task_code",
            f"{file.name}: {error.problem}.",
            "Tasks are data here: no !function, no class. Use templates such as {{question}}.",
        ) from None
    except yaml.YAMLError as error:
        raise InputError("task_file", f"{file.name} is not YAML: {error}.") from None
    if not isinstance(config, dict):
        raise InputError("task_file", f"{file.name} is no task: its fields are missing.")
    return config


def _faults(config: Mapping[str, Any]) -> Iterator[str]:
    for name in _NEEDED:
        if config.get(name) is None:
            yield f"{name} is missing"
    if not isinstance(config.get("task"), str):
        yield "task is not one name"
    yield from _unknown(config, _FIELDS, "")
    yield from _unknown(config.get("fewshot_config"), _FEWSHOT, "fewshot_config.")
    yield from _unknown(config.get("generation_kwargs"), _GENERATION, "generation_kwargs.")
    for metric in _entries(config.get("metric_list")):
        yield from _unknown(metric, _METRIC, "metric_list.")
        if metric.get("metric") not in _METRICS:
            yield f"there is no metric {metric.get('metric')!r}"
        if not isinstance(metric.get("aggregation", ""), str):
            yield "aggregation is not a name"
    for pipeline in _entries(config.get("filter_list")):
        for step in _entries(pipeline.get("filter")):
            if step.get("function") not in _FILTERS:
                yield f"there is no filter {step.get('function')!r}"


def _unknown(value: Any, known: frozenset[str], under: str) -> Iterator[str]:
    if value is not None and not isinstance(value, dict):
        yield f"{under.rstrip('.')} is no object"
    elif value:
        yield from (f"{under}{name} is not supported" for name in value if name not in known)


def _entries(value: Any) -> list[dict[str, Any]]:
    """Of a list of objects; what is something else is refused by its reader."""
    if not isinstance(value, list):
        return []
    return [entry if isinstance(entry, dict) else {} for entry in value]


def _beside(config: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """Documents in files beside the task's, and nowhere else."""
    kwargs = config.get("dataset_kwargs") or {}
    files = kwargs.get("data_files") if isinstance(kwargs, dict) else None
    if config.get("dataset_path") not in _READERS or not files or len(kwargs) > 1:
        raise InputError(
            "task_data",
            f"{file.name} has no documents of its own.",
            "Give dataset_path: json and dataset_kwargs: {data_files: {test: FILE}}, or data.",
        )
    by_split = files if isinstance(files, dict) else {"train": files}
    found = {split: _inside(name, file) for split, name in by_split.items()}
    return {"dataset_name": None, "dataset_kwargs": {"data_files": found}}


def _inside(name: Any, file: Path) -> str:
    folder = file.parent.resolve()
    place = (folder / str(name)).resolve()
    if not (isinstance(name, str) and place.is_relative_to(folder) and place.is_file()):
        raise InputError(
            "task_data",
            f"{file.name}: there is no file {str(name)[:80]!r} beside it.",
            "Documents lie in the task's folder, and are named one by one.",
        )
    return str(place)
