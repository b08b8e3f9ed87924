"""What keeps the harness from running what users wrote, and from the network.

What is not on this machine is not fetched. And while a user's task is worked on, two more doors are
shut: the harness' templates are Jinja's, made in an environment from which a template reaches all of
Python, so a sandbox takes its place; its filters search by expressions that may never end, so searches
get a time limit. Its own tasks run as it has them: they are code that was installed.
"""

import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from alloyengine.evaluate.metrics.pattern import Pattern


@contextmanager
def guarded(of_user: bool) -> Iterator[None]:
    """Around everything that is asked of the harness; it is quiet, too."""
    import datasets.config
    import datasets.utils
    import huggingface_hub.constants
    import lm_eval.api.task
    import lm_eval.filters.extraction
    import lm_eval.utils

    doors: list[tuple[Any, str, Any]] = [
        (lm_eval.api.task, "tqdm", _no_bar),
        (datasets.config, "HF_HUB_OFFLINE", True),
        (datasets.config, "HF_DATASETS_OFFLINE", True),
        (huggingface_hub.constants, "HF_HUB_OFFLINE", True),
    ]
    if of_user:
        doors.append((lm_eval.utils, "env", _sandbox()))
        doors.append((lm_eval.filters.extraction, "re", _Bounded()))
    log = logging.getLogger("lm_eval")
    level = log.level
    with ExitStack() as shut:
        for door in doors:
            shut.enter_context(_instead(*door))
        shut.callback(log.setLevel, level)
        log.setLevel(logging.ERROR)
        if not datasets.utils.are_progress_bars_disabled():
            shut.callback(datasets.utils.enable_progress_bars)
            datasets.utils.disable_progress_bars()
        yield


@contextmanager
def _instead(place: Any, name: str, value: Any) -> Iterator[None]:
    """AttributeError when the harness has changed and no longer has the door that is to be shut."""
    before = getattr(place, name)
    setattr(place, name, value)
    try:
        yield
    finally:
        setattr(place, name, before)


def _sandbox() -> Any:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    made = SandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
    made.filters["regex_replace"] = _replaced
    return made


def _replaced(text: str, pattern: str, replacement: str, count: int = 0) -> str:
    return Pattern(pattern).replaced(text, replacement, count)


class _Bounded:
    """The standard `re` for the harness' filters, but that compiled expressions end."""

    def compile(self, expression: str, flags: int = 0) -> Any:
        return Pattern(expression, flags)

    def __getattr__(self, name: str) -> Any:
        return getattr(re, name)


def _no_bar(rows: Iterable[Any], **_: Any) -> Iterable[Any]:
    return rows
