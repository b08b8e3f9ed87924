"""One model on one task of the harness (or on a group of them)."""

import math
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alloyengine.errors import EngineError, InputError
from alloyengine.evaluate.models import Loaded
from alloyengine.spec.evaluate import Task

_DRAWS = 1000  # for the error of scores that are no mean
_SEED = 1234  # of the harness
Json = dict[str, Any]
Watch = Callable[[int, int], None]
"""Told how many requests of a kind are done, and of how many; may raise to stop."""


@dataclass(frozen=True)
class Outcome:
    """`figures`: task, metric, filter, value, stderr, examples, lower_is_better. `samples`: what each
    document gave, with its metrics by name and filter (`acc,none`).
    """

    figures: list[Json]
    samples: list[Json]


def run_task(
    loaded: Loaded,
    task: Task,
    inputs: Mapping[str, Path],
    batch_size: int,
    watch: Watch = lambda done, total: None,
) -> Outcome:
    """Raises InputError (a task that is unknown, not here, not safe, or wrong), and whatever `watch`
    raises.
    """
    check_installed()
    from lm_eval.evaluator import evaluate

    from alloyengine.evaluate.harness.guard import guarded
    from alloyengine.evaluate.harness.model import HarnessModel

    with guarded(of_user=bool(task.file)), _told(task):
        found = evaluate(
            lm=HarnessModel(loaded, batch_size, watch),
            task_dict=_prepared(_wanted(task, inputs), task.num_fewshot),
            limit=task.limit,
            apply_chat_template=task.chat_template,
            fewshot_as_multiturn=True,
            bootstrap_iters=_DRAWS,
        )
    return Outcome(list(_figures(found)), list(_samples(found)))


def check_installed() -> None:
    """Raises InputError."""
    try:
        import lm_eval  # noqa: F401
    except ImportError:
        raise InputError(
            "harness_missing",
            "lm-evaluation-harness is not installed, so its tasks can't be run.",
            "Install the engine with its extras: pip install 'alloyworks[engine]'.",
        ) from None


def check_task(task: Task, inputs: Mapping[str, Path]) -> None:
    """Whether there is such a task, before any model is loaded. Raises InputError."""
    check_installed()
    from alloyengine.evaluate.harness.guard import guarded

    with guarded(of_user=bool(task.file)), _told(task):
        _wanted(task, inputs)


def _wanted(task: Task, inputs: Mapping[str, Path]) -> str | Json:
    from alloyengine.evaluate.harness.files import read_task
    from alloyengine.evaluate.harness.names import named

    data = inputs[task.data] if task.data else None
    return read_task(inputs[task.file], data) if task.file else named(task.name, data)


def _prepared(wanted: str | Json, num_fewshot: int | None) -> Json:
    """The harness' own objects, with the settings and seeds of its command line, but not all that it
    finds out about the machine by running programs.
    """
    import numpy

    from alloyengine.evaluate.harness.names import manager

    random.seed(0)
    numpy.random.seed(_SEED)  # the one that the tasks' own code draws from
    loaded: Json = manager(known=isinstance(wanted, str)).load([wanted])
    for each in loaded["tasks"].values():
        given = each.get_config("num_fewshot")
        if num_fewshot is not None and given != 0:  # a task that says 0 means it
            each.set_config(key="num_fewshot", value=num_fewshot)
        elif given is None:
            each.set_config(key="num_fewshot", value=0)
        each.set_fewshot_seed(seed=_SEED)
    return loaded


@contextmanager
def _told(task: Task) -> Iterator[None]:
    """A task's own code and templates raise anything; what is said is the task's name and why."""
    try:
        yield
    except EngineError:
        raise
    except Exception as error:
        if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
            raise  # the machine's fault
        raise _failure(task, error) from error


def _failure(task: Task, error: Exception) -> InputError:
    from alloyengine.evaluate.harness.names import unsafe

    name = task.name or str(task.file)
    if isinstance(error, ConnectionError | FileNotFoundError):
        return InputError(
            "task_data",
            f"The documents of {name} are not on this machine, and nothing is downloaded.",
            "Give data: a folder with its documents as SPLIT.jsonl, or load them once by the "
            "datasets package where there is a network.",
        )
    if "unsafe" in str(error) and isinstance(error, ValueError):
        return unsafe(name)
    reason = f"{type(error).__name__}: {error}".splitlines()[0][:300]
    return InputError(
        "task_failed", f"{name} can't be run: {reason}", "Check the task and its data."
    )


def _figures(found: Json) -> Iterator[Json]:
    for task, measured in found["results"].items():
        directions = found["higher_is_better"].get(task) or {}
        for key, value in measured.items():
            metric, comma, through = key.partition(",")
            if not comma or metric.endswith("_stderr") or not _is_number(value):
                continue
            error = measured.get(f"{metric}_stderr,{through}")
            yield {
                "task": task,
                "metric": metric,
                "filter": through,
                "value": float(value),
                "stderr": float(error) if _is_number(error) else None,
                "examples": int(measured.get("sample_len") or 0),
                "lower_is_better": directions.get(metric) is False,
            }


def _samples(found: Json) -> Iterator[Json]:
    for task, samples in found["samples"].items():
        for sample in samples:
            values = {
                f"{metric},{sample['filter']}": float(sample[metric])
                for metric in sample["metrics"]
                if _is_number(sample[metric])
            }
            yield {
                "task": task,
                "document": sample["doc_id"],
                "prompt": sample["arguments"][0][0],
                "target": str(sample["target"]),
                "responses": _plain(sample["filtered_resps"]),
                "metrics": values,
            }


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _plain(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
