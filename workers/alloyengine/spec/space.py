"""A search space: a recipe, and the ranges that some of its numbers may be taken from.

A point is a list of numbers between 0 and 1, one for each dimension: where in the ranges a recipe is.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from pydantic import Field, model_validator

from alloyengine.spec.base import Spec, broken_rule
from alloyengine.spec.doctor.case import Case
from alloyengine.spec.doctor.parameters import check_parameters
from alloyengine.spec.merge import Recipe

Point = Sequence[float]
Place = tuple[str | int, ...]

_PLACES = ("models", "slices", "sources", "modules")  # what may hold parameters, below a recipe
_DEEPEST, _COPIED = 4, 16  # levels of a spec that are looked into, and that are copied for it
_MOST, _MOST_DIMENSIONS = 1e6, 1000
_DIGITS = 6  # of a number in a recipe: it is to be read by people


class Range(Spec):
    """One parameter of the recipe that is searched for. Its value there is where the search begins."""

    at: list[str | int] = Field(
        min_length=2,
        max_length=12,
        description="The way to it, such as [models, 0, parameters, weight]",
    )
    low: float = Field(ge=-_MOST, le=_MOST)
    high: float = Field(ge=-_MOST, le=_MOST)
    points: int = Field(
        1, ge=1, le=64, description="So many numbers, spread over the layers as a gradient"
    )
    scale: Literal["linear", "log"] = Field(
        "linear", description="log: by powers, for tiny numbers"
    )

    @model_validator(mode="after")
    def has_room(self) -> "Range":
        if self.low >= self.high:
            empty = "is empty" if self.low == self.high else "is upside down"
            msg = f"the range {self.low:g} to {self.high:g} {empty}"
            raise broken_rule("high", msg, f"Let high be larger than low ({self.low:g}).")
        if self.scale == "log" and self.low <= 0:
            raise broken_rule("low", f"{self.low:g} has no logarithm", "Use more than 0.")
        return self

    @property
    def where(self) -> str:
        return ".".join(map(str, self.at))

    def value(self, share: float) -> float:
        """The number at a share from 0 to 1 of the range."""
        if self.scale == "log":
            found = self.low * (self.high / self.low) ** share
        else:
            found = self.low + (self.high - self.low) * share
        return min(max(float(f"{found:.{_DIGITS}g}"), self.low), self.high)

    def share(self, value: float) -> float:
        if self.scale == "log":
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def size(ranges: Sequence[Range]) -> int:
    """How many dimensions there are."""
    return sum(item.points for item in ranges)


def recipe_at(recipe: Recipe, ranges: Sequence[Range], point: Point) -> Recipe:
    """The recipe with the numbers of a point."""
    raw, shares = recipe.model_dump(mode="json"), iter(point)
    for item in ranges:
        numbers = [item.value(next(shares)) for _ in range(item.points)]
        _holder(raw, item)[item.at[-1]] = numbers if item.points > 1 else numbers[0]
    return Recipe.model_validate(raw)


def start_of(recipe: Recipe, ranges: Sequence[Range]) -> list[float]:
    """The recipe's own point. A broken rule when it has no number there, or one out of its range."""
    raw, found = recipe.model_dump(mode="json"), list[float]()
    for item in ranges:
        numbers = _numbers(_holder(raw, item).get(item.at[-1]), item)
        if outside := [number for number in numbers if not item.low <= number <= item.high]:
            msg = f"{item.where} begins at {outside[0]:g}, outside {item.low:g} to {item.high:g}"
            raise broken_rule("search", msg, "Begin within the range, or widen it.")
        found += [item.share(number) for number in numbers]
    return found


def check_space(recipe: Recipe, ranges: Sequence[Range]) -> None:
    """A broken rule when there is nothing to search, or the recipe can't have what is searched."""
    if not ranges:
        remedy = "Write a parameter of the recipe as {low: 0, high: 1}."
        raise broken_rule("search", "there is no range, so there is nothing to search", remedy)
    if size(ranges) > _MOST_DIMENSIONS:
        msg = f"{size(ranges)} numbers are too many to search"
        raise broken_rule("search", msg, f"Search {_MOST_DIMENSIONS} at most.")
    places = [item.where for item in ranges]
    if twice := next((place for place in places if places.count(place) > 1), None):
        raise broken_rule("search", f"{twice} has two ranges", "Leave one of them out.")
    start_of(recipe, ranges)
    for end in (0.0, 1.0):
        corner = recipe_at(recipe, ranges, [end] * size(ranges))
        for finding in check_parameters(Case(corner, (), {}, {})):
            if finding.level == "error":
                place = ".".join(map(str, finding.loc))
                raise broken_rule("search", f"{place}: {finding.what.rstrip('.')}", finding.remedy)


def taken_out(raw: dict[str, Any]) -> dict[str, Any]:
    """A spec whose recipe has ranges in place of numbers, `{low, high, start, points, scale}`, with the
    ranges under `search`, and where they start (in the middle, if not told) in the recipe.
    """
    recipe = _copied(raw["recipe"])
    found = list(_taken(recipe, (), 0))
    search = raw.get("search")
    if not found or not isinstance(search, list | None):
        return raw
    return raw | {"recipe": recipe, "search": [*(search or ()), *found]}


def put_back(recipe: dict[str, Any], ranges: Sequence[Range]) -> dict[str, Any]:
    """The reverse: a recipe, as JSON has it, with ranges in place of the numbers that are searched."""
    found: dict[str, Any] = _copied(recipe)
    for item in ranges:
        holder = _holder(found, item)
        told = item.model_dump(exclude={"at"}, exclude_defaults=True)
        start = holder[item.at[-1]]
        # Of several numbers that are alike, one is said.
        alike = isinstance(start, list) and len(set(start)) == 1
        holder[item.at[-1]] = told | {"start": start[0] if alike else start}
    return found


def _copied(value: Any, depth: int = 0) -> Any:
    if isinstance(value, dict) and depth < _COPIED:
        return {key: _copied(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list) and depth < _COPIED:
        return [_copied(inner, depth + 1) for inner in value]
    return value


def _taken(holder: Any, place: Place, depth: int) -> Iterator[dict[str, Any]]:
    """Puts starts in place of the ranges below a recipe or a part of one."""
    if not isinstance(holder, dict) or depth > _DEEPEST:
        return
    parameters = holder.get("parameters")
    if isinstance(parameters, dict):
        for name in parameters:
            yield from _of_parameter(parameters, name, (*place, "parameters", name))
    for name in _PLACES:
        parts = holder.get(name)
        listed = enumerate(parts) if isinstance(parts, list) else ()
        for key, part in parts.items() if isinstance(parts, dict) else listed:
            yield from _taken(part, (*place, name, key), depth + 1)


def _of_parameter(holder: Any, key: Any, place: Place) -> Iterator[dict[str, Any]]:
    """A value is a range, or has them in its filters."""
    value = holder[key]
    if _is_range(value):
        holder[key] = _start(value)
        yield {name: value[name] for name in value if name != "start"} | {"at": list(place)}
    elif isinstance(value, dict) and _is_range(value.get("value")):
        yield from _of_parameter(value, "value", (*place, "value"))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            if isinstance(item, dict) and _is_range(item.get("value")):
                yield from _of_parameter(item, "value", (*place, number, "value"))


def _is_range(value: Any) -> bool:
    return isinstance(value, dict) and bool({"low", "high"} & value.keys())


def _start(told: dict[str, Any]) -> Any:
    """Of a range as it was written, which may be wrong: that is for others to say."""
    low, high, points = told.get("low"), told.get("high"), told.get("points", 1)
    start = told.get("start")
    if start is None:
        numbers: list[Any] = [end for end in (low, high) if _is_number(end)]
        ends = [float(number) for number in numbers if abs(number) <= _MOST]
        start = sum(ends) / len(ends) if ends else 0.0
        if told.get("scale") == "log" and len(ends) == 2 and min(ends) > 0:
            start = math.sqrt(ends[0]) * math.sqrt(ends[1])
    several = isinstance(points, int) and 1 < points <= 64 and not isinstance(start, list)
    return [start] * points if several else start


def _holder(raw: Any, item: Range) -> Any:
    """What holds the parameter of a range. A broken rule when there is none."""
    for step in item.at[:-1]:
        try:
            raw = raw[step]
        except (KeyError, IndexError, TypeError):
            raw = None
    named = item.at[-1] in raw if isinstance(raw, dict) else False
    if not named or "parameters" not in item.at[:-1]:
        remedy = "Name a parameter that is there, such as [models, 0, parameters, weight]."
        raise broken_rule("search", f"the recipe has no parameter at {item.where}", remedy)
    return raw


def _numbers(value: Any, item: Range) -> list[float]:
    numbers = value if isinstance(value, list) else [value] * item.points
    if len(numbers) != item.points or not all(_is_number(number) for number in numbers):
        wanted = "a number" if item.points == 1 else f"{item.points} numbers"
        msg = f"the search begins with {wanted}, which the recipe does not have at {item.where}"
        raise broken_rule("search", msg, f"Write {wanted} there, or change points.")
    return [float(number) for number in numbers]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
