"""Numbers that an adapter gives for some modules, by patterns of their names.

PEFT takes the first pattern that matches the end of a module's name, from a dot on. Patterns are
regular expressions of a stranger, so those that could run for ever are refused. Most are plain
names, one for every module, and are looked up instead of tried in turn.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from alloyengine.errors import InputError

_PLAIN = re.compile(r"[\w.-]+")
_REPEATS_GROUP = re.compile(r"\)[*+{?]")
_REPEATS = re.compile(r"[*+{]")
_MOST, _LONGEST, _MOST_REPEATS = 200, 500, 3


@dataclass(frozen=True)
class _Pattern:
    order: int
    text: str
    value: float

    def matches(self, module: str) -> bool:
        return re.match(rf"(.*\.)?({self.text})$", module) is not None


@dataclass(frozen=True)
class Patterns:
    """Made by `Patterns.of`."""

    plain: Mapping[str, list[_Pattern]]  # a dot in them may stand for an underscore
    others: list[_Pattern]

    @classmethod
    def of(cls, name: str, values: Mapping[str, float]) -> "Patterns":
        """InputError for patterns that are no regular expressions or could take too long."""
        plain: dict[str, list[_Pattern]] = {}
        others = []
        for order, (text, value) in enumerate(values.items()):
            pattern = _Pattern(order, text, value)
            if _PLAIN.fullmatch(text):
                plain.setdefault(_even(text), []).append(pattern)
            else:
                _check(name, text)
                others.append(pattern)
        if len(others) > _MOST:
            raise _refused(name, f"has {len(others)} regular expressions, {_MOST} are the most")
        return cls(plain, others)

    def find(self, module: str, default: float) -> float:
        """The value for a module such as `model.layers.0.self_attn.q_proj`."""
        hits = (found for found in self._candidates(module) if found.matches(module))
        best = min(hits, key=lambda found: found.order, default=None)
        return best.value if best else default

    def _candidates(self, module: str) -> Iterator[_Pattern]:
        parts = module.split(".")
        for start in range(len(parts)):
            yield from self.plain.get(_even(".".join(parts[start:])), ())
        yield from self.others


def _even(text: str) -> str:
    return text.replace(".", "_")


def _check(name: str, text: str) -> None:
    repeats = len(_REPEATS.findall(text))
    if len(text) > _LONGEST or repeats > _MOST_REPEATS or _REPEATS_GROUP.search(text):
        raise _refused(name, f"holds {text[:60]!r}, which could take for ever to match")
    try:
        re.compile(text)
    except re.error as error:
        raise _refused(name, f"holds {text[:60]!r}: {error}") from None


def _refused(name: str, why: str) -> InputError:
    return InputError(
        "adapter_damaged", f"adapter_config.json: {name} {why}.", "Name the modules in full."
    )
