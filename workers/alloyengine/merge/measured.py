"""What was measured of each tensor, for a merge that is made again and again with other numbers."""

from collections.abc import Callable
from typing import Any

from alloyengine.merge.declare import T
from alloyengine.merge.steps import Step


class Measured:
    """Keeps the last measure of every tensor, and what does not depend on numbers at all, as long as
    the sources stay what they are.

    A task vector's thresholds, norms and random draws do not depend on its weight: a recipe with
    other weights needs them no second time. Nor do the models' dot products on anything.
    """

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Any, Any]] = {}
        self._found: dict[tuple[str, str, str], Any] = {}

    def of(self, step: Step, measure: Callable[[], Any]) -> Any:
        key, known = _read(step), self._kept.get(step.tensor)
        if known is not None and known[0] == key:
            return known[1]
        found = measure()
        self._kept[step.tensor] = key, found
        return found

    def once(self, step: Step, what: str, find: Callable[[], T]) -> T:
        place = step.tensor, step.method.name if step.method else "", what
        if place not in self._found:
            self._found[place] = find()
        found: T = self._found[place]
        return found


def _read(step: Step) -> Any:
    """All that the measure depends on, but for the sources."""
    settings, method = step.settings, step.method
    reads = method.reads if method else None
    given = [settings.shared, *settings.own]
    numbers = [
        {name: value for name, value in values.items() if reads is None or name in reads}
        for values in given
    ]
    return method and method.name, settings.key, numbers
