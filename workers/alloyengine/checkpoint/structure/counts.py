"""Where a config says how many layers a stack has.

Every config counts its layers in its own words (`num_hidden_layers`, `n_layer`, `depth`,
`decoder_layers`, `num_decoder_layers`, …) and at its own place (`text_config`, …). A count is an
entry whose last word is layers, blocks or depth and whose other words are filling or name the
stack: `max_window_layers` is none, `encoder_layers` is one of a stack in an encoder.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alloyengine.checkpoint.structure.words import akin, kind, words

Config = Mapping[str, Any]
_COUNT = re.compile(r"(?:^|_)(?:layers?|blocks|depth|hidden_groups)$")
_FILLING = {"n", "num", "number", "of", "hidden", "transformer", "layer", "layers"} | {
    "blocks",
    "depth",
    "groups",
}
ROLES = frozenset({"encoder", "decoder"})
SECOND_COUNT = "num_decoder_layers"
_DEEPEST = 4
# Layers that predict further tokens, kept behind the last one and not counted with the others.
_EXTRA = ("num_nextn_predict_layers", "num_mtp_layers")


@dataclass(frozen=True)
class Stack:
    """A list of layers: `model.layers`, `encoder.block`, `vision_tower.encoder.layers`."""

    prefix: str
    length: int


@dataclass(frozen=True)
class Scope:
    """One object of a config, by the keys that lead to it: () is the config itself."""

    path: tuple[str, ...]
    entries: Config

    @property
    def words(self) -> frozenset[str]:
        return words("_".join(self.path))

    @property
    def kind(self) -> str | None:
        return kind(self.words)


def scopes(config: Config, path: tuple[str, ...] = ()) -> Iterator[Scope]:
    """The config and the objects in it, outer ones first, as deep as configs go."""
    yield Scope(path, config)
    for key, value in config.items():
        if isinstance(value, dict) and len(path) < _DEEPEST:
            yield from scopes(value, (*path, key))


def candidates(config: Config, prefix: str) -> list[Scope]:
    """The scopes that may speak of the stack, the most fitting first."""
    every = list(scopes(config))
    kinds = {scope.kind for scope in every}
    fitting = [scope for scope in every if _fits(scope, prefix, kinds)]
    return sorted(fitting, key=lambda scope: -len(_shared(scope, prefix)))


def _fits(scope: Scope, prefix: str, kinds: set[str | None]) -> bool:
    ours = kind(words(prefix))
    if not scope.path:
        return ours in (None, "text") or ours not in kinds
    named = _shared(scope, prefix)
    return bool(named) and scope.kind in (None, "text", ours) and (scope.kind == ours or not ours)


def _shared(scope: Scope, prefix: str) -> frozenset[str]:
    """What the names of scope and stack have in common. A stack that says nothing is text."""
    ours = words(prefix)
    kinds = {kind(ours) or "text"} & {scope.kind or ""}
    return (ours & scope.words) | kinds


def counts(scope: Scope, prefix: str) -> dict[str, int]:
    """The scope's entries that may count the stack's layers."""
    return {
        key: value
        for key, value in scope.entries.items()
        if type(value) is int and _COUNT.search(key) and _is_about(key, scope, prefix)
    }


def _is_about(key: str, scope: Scope, prefix: str) -> bool:
    """Do its words name the stack? A config of encoders alone need not say so in the names."""
    ours = words(prefix)
    if not ours & ROLES and len({word for other in scope.entries for word in role(other)}) == 1:
        ours |= ROLES
    return all(akin(word, ours) for word in role(key))


def role(key: str) -> frozenset[str]:
    """The words of a count that say whose it is: `num_decoder_layers` → decoder."""
    return words(key) - _FILLING if _COUNT.search(key) else frozenset()


def counted(config: Config, prefix: str, length: int) -> int | None:
    """How many of `length` layers found in a file the config counts; None when it is silent.

    The same number, or fewer when the rest predict further tokens.
    """
    for scope in candidates(config, prefix):
        extra = sum(_number(scope.entries.get(key)) for key in _EXTRA)
        found = counts(scope, prefix).values()
        for number in (length, length - extra):
            if number in found:
                return number
    return None


def _number(value: Any) -> int:
    return value if type(value) is int else 0


def find_counts(config: Config, stacks: Sequence[Stack], stack: Stack) -> tuple[Scope, list[str]]:
    """The place that speaks of one of the stacks, and the names of its counts there.

    What names nobody (`num_hidden_layers`) counts a stack that nothing names, and an encoder.
    """
    fitting = candidates(config, stack.prefix)
    for scope in fitting:
        found = counts(scope, stack.prefix).items()
        keys = [key for key, value in found if value == stack.length]
        named = [key for key in keys if role(key)]
        # BART says encoder_layers, and sometimes the same again as num_hidden_layers.
        only_encoders = all(role(key) == {"encoder"} for key in named)
        if is_second(config, stacks, stack, scope) or not only_encoders:
            keys = named
        if keys:
            return scope, keys
    return fitting[0], []


def is_second(config: Config, stacks: Sequence[Stack], stack: Stack, scope: Scope) -> bool:
    """Is it a decoder, and does the scope speak of its encoder too?"""
    return "decoder" in words(stack.prefix) and any(
        "encoder" in words(other.prefix) and candidates(config, other.prefix)[0].path == scope.path
        for other in stacks
        if other != stack
    )
