"""The config of a model whose layers or vocabulary were changed."""

from collections.abc import Sequence
from typing import Any

from alloyengine.checkpoint.structure.counts import Config, Scope, candidates, counts, role
from alloyengine.checkpoint.structure.entries import picked
from alloyengine.checkpoint.structure.model import Structure
from alloyengine.checkpoint.structure.stacks import Stack
from alloyengine.checkpoint.structure.words import kind, words
from alloyengine.errors import InputError


def with_layers(
    config: Config, structure: Structure, stack: Stack, layers: Sequence[int]
) -> dict[str, Any]:
    """The config of a model whose `stack` has these of its layers, in this order.

    Counts and everything that is said layer by layer follow; the rest stays. InputError when the
    config gives kinds of layers by a rule (every second one, the first three) that these break,
    or when they begin without the first layer and no other has all that it has.
    """
    _check_numbers(stack, layers)
    if list(layers) == list(range(stack.length)):
        return dict(config)
    _check_first(structure, stack, layers)
    scope, keys = _where(config, structure, stack)
    anew = picked(scope.entries, stack.length, layers, _of_others(structure, stack))
    # A config without a count may have a list instead; without both it leaves a default unsaid.
    anew |= dict.fromkeys(keys or ([] if anew else [_default(structure, stack)]), len(layers))
    return _replaced(config, scope.path, anew)


def with_vocabulary(config: Config, size: int) -> dict[str, Any]:
    """The config of a model of so many tokens: said wherever the text's vocab_size is said."""
    texts = candidates(config, "model")
    stated = [scope for scope in texts if "vocab_size" in scope.entries]
    changed = dict(config)
    for scope in stated or texts[:1]:
        changed = _replaced(changed, scope.path, {"vocab_size": size})
    return changed


def _check_numbers(stack: Stack, layers: Sequence[int]) -> None:
    wrong = [layer for layer in layers if not 0 <= layer < stack.length]
    if wrong or not layers:
        why = f"none of number {wrong[0]}" if wrong else "of which none is left"
        raise InputError(
            "layer_missing",
            f"{stack.prefix} has the layers 0 to {stack.length - 1}, {why}.",
            "Choose other layer ranges.",
        )


def _check_first(structure: Structure, stack: Stack, layers: Sequence[int]) -> None:
    """T5 computes in its first layer what all use: no stack can begin without it."""
    own: list[set[str]] = [set() for _ in range(stack.length)]
    for place in map(structure.place, structure.tensors):
        if place and place.stack == stack:
            own[place.layer].add(place.rest)
    first, *others = own
    alike = len(others) > 1 and all(other == others[0] for other in others)
    if layers[0] != 0 and alike and first > others[0]:
        raise InputError(
            "layers_inexpressible",
            f"Only the first layer of {stack.prefix} has {min(first - others[0])!r}, for all.",
            "Let the slices begin with layer 0.",
        )


def _where(config: Config, structure: Structure, stack: Stack) -> tuple[Scope, list[str]]:
    """The place that speaks of the stack, and the names of the stack's counts there."""
    fitting = candidates(config, stack.prefix)
    for scope in fitting:
        found = counts(scope, stack.prefix)
        keys = [key for key, value in found.items() if value == stack.length]
        keys = [key for key in keys if role(key) or not _second(structure, stack)]
        if keys:
            return scope, keys
    return fitting[0], []


def _default(structure: Structure, stack: Stack) -> str:
    """The name of a count that every config understands."""
    return "num_decoder_layers" if _second(structure, stack) else "num_hidden_layers"


def _second(structure: Structure, stack: Stack) -> bool:
    """Is it a decoder beside an encoder? Then what names nobody counts the encoder's layers."""
    ours = words(stack.prefix)
    beside = (words(other.prefix) for other in structure.stacks if other is not stack)
    return "decoder" in ours and any(
        "encoder" in theirs and kind(theirs) == kind(ours) for theirs in beside
    )


def _of_others(structure: Structure, stack: Stack) -> frozenset[str]:
    """Words that mark an entry as another stack's."""
    theirs: set[str] = set()
    for other in structure.stacks:
        theirs |= words(other.prefix)
    return frozenset(theirs) - words(stack.prefix)


def _replaced(config: Config, path: Sequence[str], entries: Config) -> dict[str, Any]:
    """A copy of the config with these entries in the object that the keys of `path` lead to."""
    if not path:
        return {**config, **entries}
    return {**config, path[0]: _replaced(config[path[0]], path[1:], entries)}
