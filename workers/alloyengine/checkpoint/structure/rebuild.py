"""The config of a model whose layers or vocabulary were changed."""

from collections.abc import Sequence
from typing import Any

from alloyengine.checkpoint.structure.counts import (
    ROLES,
    SECOND_COUNT,
    Config,
    Scope,
    Stack,
    candidates,
    counts,
    find_counts,
    is_second,
    role,
    scopes,
)
from alloyengine.checkpoint.structure.entries import picked
from alloyengine.checkpoint.structure.model import Structure
from alloyengine.checkpoint.structure.words import words
from alloyengine.errors import InputError


def with_layers(
    config: Config, structure: Structure, stack: Stack, layers: Sequence[int]
) -> dict[str, Any]:
    """The config of a model whose `stack` has these of its layers, in this order.

    Counts and everything that is said layer by layer follow; the rest stays. Layers of a deeper
    model may be among them where nothing is said layer by layer.

    InputError when that is said and a layer is not among them, when the config gives kinds of
    layers by a rule (every second one, the first three) that these break, or when they begin
    without the first layer and no other has all that it has.
    """
    if not layers or min(layers) < 0:
        raise InputError(
            "layer_missing", f"No layers of {stack.prefix} are left.", "Choose other layer ranges."
        )
    if list(layers) == list(range(stack.length)):
        return dict(config)
    _check_first(structure, stack, layers)
    scope, keys = find_counts(config, structure.stacks, stack)
    others = (ROLES | {"conv"}) - words(stack.prefix)
    anew = picked(scope.entries, stack.length, layers, others)
    if not keys and not anew:
        # Neither count nor list: a default is left unsaid.
        second = is_second(config, structure.stacks, stack, scope)
        keys = [SECOND_COUNT if second else "num_hidden_layers"]
    anew |= dict.fromkeys(keys, len(layers))
    return _replaced(config, scope.path, anew | _of_others(config, structure, stack, scope, keys))


def with_vocabulary(config: Config, size: int) -> dict[str, Any]:
    """The config of a model of so many tokens: said wherever the text's vocab_size is said."""
    texts = candidates(config, "model")
    speaking = [scope for scope in scopes(config) if scope.kind in (None, "text")]
    stated = [scope for scope in speaking if "vocab_size" in scope.entries]
    sure = [scope for scope in stated if scope in texts]
    sure = sure or [scope for scope in stated if "decoder" in scope.words]
    sizes = [scope.entries["vocab_size"] for scope in sure]
    changed = dict(config)
    for scope in [scope for scope in stated if scope.entries["vocab_size"] in sizes] or texts[:1]:
        changed = _replaced(changed, scope.path, {"vocab_size": size})
    return changed


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


def _of_others(
    config: Config, structure: Structure, stack: Stack, scope: Scope, keys: Sequence[str]
) -> dict[str, int]:
    """The counts that other stacks need for themselves once the stack's count changes.

    A decoder may have shared its encoder's; InputError when another stack can't do without.
    """
    needed: dict[str, int] = {}
    for other in structure.stacks:
        place, theirs = find_counts(config, structure.stacks, other)
        if other == stack or place.path != scope.path:
            continue
        own = any(role(key) for key in counts(scope, other.prefix))
        if not own and is_second(config, structure.stacks, other, scope):
            needed[SECOND_COUNT] = other.length
        if shared := set(keys) & set(theirs):
            raise InputError(
                "layers_inexpressible",
                f"config.json counts the layers of {stack.prefix} and {other.prefix} in one: "
                f"{min(shared)}.",
                "Use models instead of slices.",
            )
    return needed


def _replaced(config: Config, path: Sequence[str], entries: Config) -> dict[str, Any]:
    """A copy of the config with these entries in the object that the keys of `path` lead to."""
    if not path:
        return {**config, **entries}
    return {**config, path[0]: _replaced(config[path[0]], path[1:], entries)}
