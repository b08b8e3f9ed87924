"""Hours of jobs a day, as the bars of an SVG."""

from collections.abc import Sequence

from alloyworks.usage.ledger import Sums
from alloyworks.web.histogram import BELOW, GAP, HEIGHT, WIDTH, Bar, Histogram, Mark
from alloyworks.web.templatetags.words import duration

EVERY = 5  # days between two numbers below


def drawn(days: Sequence[Sums]) -> Histogram | None:
    """None when nothing ran in the month."""
    most = max((day.seconds for day in days), default=0.0)
    if not most:
        return None
    step = WIDTH / len(days)
    bars = [_bar(day, number, step, most) for number, day in enumerate(days) if day.seconds]
    ticks = [Mark(round(n * step, 2), str(n + 1)) for n in range(0, len(days), EVERY)]
    return Histogram(bars, ticks, [], WIDTH, HEIGHT, HEIGHT + BELOW)


def _bar(day: Sums, number: int, step: float, most: float) -> Bar:
    # The shortest job is still to be seen.
    height = max(2.0, HEIGHT * day.seconds / most)
    return Bar(
        x=round(number * step + GAP / 2, 2),
        y=round(HEIGHT - height, 2),
        width=round(step - GAP, 2),
        height=round(height, 2),
        title=f"{day.name}: {duration(day.seconds)} of jobs, {day.attempts} attempts",
    )
