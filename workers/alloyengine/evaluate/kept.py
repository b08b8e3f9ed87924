"""Results that were computed before: of the same model, asked the same in the same way.

They lie in the user's cache directory, under a digest of all that a result depends on: the weights and
what is beside them, the number type and the kind of machine, what was asked, and the versions of the
programs. Nothing else can be found under that name, and the folder may be deleted at any time.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from alloyengine import cache
from alloyengine.checkpoint.digest import file_digest, weights_digest
from alloyengine.evaluate.judge.pairs import Ask
from alloyengine.train.data import Messages

_FORM = 2  # of what is kept and how it is computed; raise it when either changes
_BESIDE = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
)
_PROGRAMS = ("torch", "transformers", "tokenizers")


class Kept:
    """Of one model. Switched off, everything is computed anew and nothing is written."""

    def __init__(self, model: Path, on: bool) -> None:
        self._model, self._on = model, on

    def result(self, asked: Mapping[str, Any], compute: Callable[[], Any]) -> tuple[Any, bool]:
        """What `compute` gives, as JSON has it; True when it was known already."""
        if not self._on:
            return compute(), False
        place = cache.folder("scores") / f"{self._name(asked)}.json"
        known = _read(place)
        if known is not None:
            return known, True
        found = compute()
        cache.keep(place, json.dumps(found, ensure_ascii=False))
        return found, False

    def _name(self, asked: Mapping[str, Any]) -> str:
        told = json.dumps([self._identity, asked], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(told.encode()).hexdigest()

    @cached_property
    def _identity(self) -> list[str]:
        from alloyengine.evaluate.models import way_of_loading

        files = [self._model / name for name in _BESIDE]
        beside = [f"{file.name} {file_digest(file)}" for file in files if file.is_file()]
        programs = [f"{name} {version(name)}" for name in _PROGRAMS]
        return [
            str(_FORM),
            weights_digest(self._model),
            way_of_loading(self._model),
            *beside,
            *programs,
        ]


def remembered(ask: Ask, where: str) -> Ask:
    """A judge who is not asked twice; `where` tells judges of one name apart, and is kept as a digest."""

    def asked(model: str, asked: Messages, timeout: float) -> str:
        told = json.dumps([_FORM, where, model, asked], ensure_ascii=False)
        place = cache.folder("verdicts") / f"{hashlib.sha256(told.encode()).hexdigest()}.json"
        known = _read(place)
        if isinstance(known, str):
            return known
        said = ask(model, asked, timeout)
        cache.keep(place, json.dumps(said, ensure_ascii=False))
        return said

    return asked


def _read(place: Path) -> Any:
    """None where nothing is, or nothing that can be read."""
    try:
        return json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
