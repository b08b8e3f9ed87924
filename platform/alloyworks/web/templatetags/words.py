"""Numbers and times as people read them."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from alloyworks.web.choices import count_words

register = template.Library()

COUNTABLE = 100_000
PAPER = re.compile(r"arXiv (\d{4}\.\d{4,5})")


@register.filter
def kind(name: str) -> str:
    """Of a job: `Train`, `MoE`."""
    return "MoE" if name == "moe" else name.capitalize()


@register.filter
def duration(seconds: float | None) -> str:
    """`8 s`, `2 min 05 s`, `3 h 20 min`, `2 d 4 h`; the pages' TypeScript says it alike."""
    if seconds is None:
        return ""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02d} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"


@register.filter
def time_left(seconds: float | None) -> str:
    """No more exact than anybody can know; the pages' TypeScript says it alike."""
    if not isinstance(seconds, int | float):
        return ""
    if seconds < 5:
        return "a few seconds left"
    if seconds < 55:
        return f"about {round(seconds / 5) * 5} s left"
    minutes = max(1, round(seconds / 60))
    if minutes < 60:
        return f"about {minutes} min left"
    hours = minutes // 60
    if hours < 10:
        return f"about {hours} h {minutes % 60:02d} min left"
    return f"about {hours} h left" if hours < 48 else f"about {round(hours / 24)} days left"


@register.filter
def lasted(begun: datetime | None, ended: datetime | None) -> str:
    """From its start to its end, or to now."""
    if begun is None:
        return ""
    return duration(((ended or timezone.now()) - begun).total_seconds())


@register.filter
def how_far(progress: Mapping[str, Any]) -> str:
    """`12 of 60`; as a percentage where nobody counts so far, as of bytes."""
    done, total = progress.get("done", 0), progress.get("total", 0)
    if not total:
        return ""
    if total < COUNTABLE:
        return f"{done:,} of {total:,}"
    return f"{100 * min(done, total) // total}%"


@register.filter
def commas(number: float) -> str:
    return f"{number:,.0f}"


@register.filter
def figure(number: float) -> str:
    """Four significant digits."""
    return f"{number:.4g}"


@register.filter
def short(count: int | None) -> str:
    """135M, 1.7B: as model names say it."""
    return count_words(count)


@register.filter
def ends(words: str, end: str) -> bool:
    return words.endswith(end)


@register.filter
def cited(words: str) -> SafeString:
    """With links to the papers that are named by their number of arXiv."""
    link = r'<a href="https://arxiv.org/abs/\1" target="_blank" rel="noopener noreferrer">\g<0></a>'
    return mark_safe(PAPER.sub(link, escape(words)))  # noqa: S308  # escaped, then linked
