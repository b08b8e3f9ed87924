"""What a config says layer by layer, when its layers are picked anew.

It comes in five forms: a list (or a string of letters) with an entry for every layer, a list of
layers' numbers, a list of repeated patterns, a number of first layers, and a period with an offset.
"""

from collections.abc import Sequence
from typing import Any

from alloyengine.checkpoint.structure.counts import Config
from alloyengine.checkpoint.structure.words import words
from alloyengine.errors import InputError

# Lists that may have as many entries as there are layers, but by chance.
_BY_CHANCE = {"architectures", "image_size", "patch_size", "time_step_limit"}
_BY_CHANCE_WORDS = {"token", "tokens", "section", "sections", "range", "pinpoints", "mtp"}
_NUMBERS = ("indices", "indexes", "idxs", "ids", "layers")
_FIRST = ("first_k_dense_replace", "num_dense_layers")
_START, _END = "moe_layer_start_index", "moe_layer_end_index"
_WINDOW = "sliding_window_pattern"


def picked(
    entries: Config, length: int, layers: Sequence[int], others: frozenset[str]
) -> dict[str, Any]:
    """The entries that change when these of `length` layers are left, in this order.

    Entries whose names have a word of `others` are about another stack.
    """
    changed = _windows(entries, layers) | _span(entries, layers)
    for key, value in entries.items():
        if words(key) & others or words(key) & _BY_CHANCE_WORDS or key in _BY_CHANCE:
            continue
        if key in _FIRST and type(value) is int:
            changed[key] = _first(key, value, layers)
        elif isinstance(value, list) and (new := _list(key, value, length, layers)) is not None:
            changed[key] = new
        elif isinstance(value, str) and "pattern" in words(key) and len(value) == length:
            changed[key] = "".join(_those(key, value, layers))
    _check_periods(entries, layers)
    return changed


def _list(key: str, value: list[Any], length: int, layers: Sequence[int]) -> list[Any] | None:
    """None when the list is not about layers."""
    if key.endswith(_NUMBERS) and _are_numbers(value, length):
        return [at for at, layer in enumerate(layers) if layer in set(value)]
    if len(value) == length:
        return _those(key, value, layers)
    repeated = _repeated(value, length)
    if len(repeated) == length:
        return [[_those(key, repeated, layers), 1]]
    return None


def _those(key: str, value: Sequence[Any], layers: Sequence[int]) -> list[Any]:
    if max(layers) >= len(value):
        raise InputError(
            "layer_missing",
            f"config.json says {key} of {len(value)} layers, but not of layer {max(layers)}.",
            "Take those layers from a model as deep, or make the deepest one the base.",
        )
    return [value[layer] for layer in layers]


def _are_numbers(value: list[Any], length: int) -> bool:
    """Layers' numbers rise; a list of yes and no (1, 0, 1, 1) does not."""
    if not value or not all(type(item) is int and 0 <= item < length for item in value):
        return False
    flags = len(value) == length and set(value) <= {0, 1}
    return not flags and value == sorted(set(value))


def _repeated(value: list[Any], length: int) -> list[Any]:
    """`[[["global", "local"], 12]]` written out; empty when it is something else, or longer."""
    found: list[Any] = []
    for item in value:
        match item:
            case [list(pattern), int(times)] if len(found) + len(pattern) * times <= length:
                found += pattern * times
            case _:
                return []
    return found


def _windows(entries: Config, layers: Sequence[int]) -> dict[str, Any]:
    """A sliding window in all but every n-th layer, written out once the order is another."""
    period = entries.get(_WINDOW)
    kept = list(layers) == list(range(len(layers)))
    if type(period) is not int or period < 1 or "layer_types" in entries or kept:
        return {}
    kinds = ["sliding_attention" if (layer + 1) % period else "full_attention" for layer in layers]
    return {"layer_types": kinds}


def _first(key: str, value: int, layers: Sequence[int]) -> int:
    """How many of the picked layers are among the first `value`; they must still come first."""
    ahead = [layer < value for layer in layers]
    if ahead != sorted(ahead, reverse=True):
        raise _inexpressible(key, value)
    return sum(ahead)


def _span(entries: Config, layers: Sequence[int]) -> dict[str, Any]:
    """From the first to the last layer with experts, both counted; -1 is the last of all."""
    start, end = entries.get(_START), entries.get(_END)
    if type(start) is not int or type(end) is not int:
        return {}
    inside = [at for at, layer in enumerate(layers) if start <= layer and (layer <= end or end < 0)]
    if not inside or inside[-1] - inside[0] + 1 != len(inside):
        raise _inexpressible(_START, start)
    return {_START: inside[0], _END: inside[-1]}


def _check_periods(entries: Config, layers: Sequence[int]) -> None:
    for key, period in entries.items():
        offset = entries.get(key.removesuffix("_period") + "_offset")
        if not key.endswith("_layer_period") or type(period) is not int or type(offset) is not int:
            continue
        if any((at - layer) % max(period, 1) for at, layer in enumerate(layers)):
            raise _inexpressible(key, period)


def _inexpressible(key: str, value: int) -> InputError:
    return InputError(
        "layers_inexpressible",
        f"config.json says by {key}: {value} which layers are of which kind, "
        "and in the new order they no longer follow that rule.",
        "Choose layer ranges that keep it.",
    )
