"""What is better when there are several objectives, all to be made large.

Candidates are ranked by what they would add to the front found so far: the uncrowded hypervolume
improvement (Touré, Hansen, Auger and Brockhoff, "Uncrowded hypervolume improvement", GECCO 2019,
arXiv 1904.08823). One that adds nothing is the better the nearer it is to the front; near means here how
much all its objectives would have to grow (the additive epsilon indicator).
"""

from collections.abc import Sequence

Worths = Sequence[float]
_MARGIN = 0.1  # of what was seen, between the worst of it and the reference point


def dominates(one: Worths, other: Worths) -> bool:
    """Nowhere worse, and somewhere better."""
    pairs = list(zip(one, other, strict=True))
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)


def front_of(points: Sequence[Worths]) -> list[int]:
    """The numbers of those that none dominates, of equal ones the first."""
    return [
        number
        for number, point in enumerate(points)
        if not any(dominates(other, point) for other in points)
        and tuple(point) not in map(tuple, points[:number])
    ]


def improvements(points: Sequence[Worths], known: Sequence[Worths]) -> list[float]:
    """For each point, what it adds to the front of those known before; a negative distance if nothing."""
    axes = list(zip(*known, *points, strict=True))
    lows = [min(axis) for axis in axes]
    spans = [max(axis) - min(axis) or 1.0 for axis in axes]

    def scaled(point: Worths) -> tuple[float, ...]:
        """The reference point is 0."""
        return tuple(
            (value - low) / span + _MARGIN
            for value, low, span in zip(point, lows, spans, strict=True)
        )

    before = [scaled(known[number]) for number in front_of(known)]
    volume = hypervolume(before)
    return [_improvement(scaled(point), before, volume) for point in points]


def hypervolume(points: Sequence[Worths]) -> float:
    """Of all that is between 0 and one of the points, by slices along the last objective."""
    if not points:
        return 0.0
    if len(points[0]) == 1:
        return max(0.0, *(point[0] for point in points))
    ordered = sorted(points, key=lambda point: -point[-1])
    ends = [*(point[-1] for point in ordered[1:]), 0.0]
    return sum(
        (point[-1] - end) * hypervolume([above[:-1] for above in ordered[: number + 1]])
        for number, (point, end) in enumerate(zip(ordered, ends, strict=True))
        if point[-1] > end
    )


def _improvement(point: Worths, front: Sequence[Worths], volume: float) -> float:
    if any(dominates(other, point) or tuple(other) == tuple(point) for other in front):
        return -max(min(a - b for a, b in zip(other, point, strict=True)) for other in front)
    return hypervolume([*front, point]) - volume
