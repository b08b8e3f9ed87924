"""What every page is made of: the built assets, icons, times and sizes."""

import json
from datetime import datetime
from functools import cache
from typing import Any

from django import template
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.core.serializers.json import DjangoJSONEncoder
from django.forms import BoundField
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from alloyworks.config import config

register = template.Library()

ENTRY = "src/app.ts"
FIRST_FONT = "inter-latin-wght"  # of every page's words


@register.simple_tag
def assets() -> SafeString:
    """The links to the script and the styles that Vite built; nothing when it did not."""
    entry = _manifest().get(ENTRY, {})
    fonts = [path for path in entry.get("assets", []) if FIRST_FONT in path]
    return format_html(
        "{}{}{}",
        _links('<link rel="preload" href="{}" as="font" type="font/woff2" crossorigin>', fonts),
        _links('<link rel="stylesheet" href="{}">', entry.get("css", [])),
        _links('<script type="module" src="{}"></script>', [entry["file"]] if entry else []),
    )


@register.simple_tag
def icon(name: str) -> SafeString:
    """A symbol of icons.svg. It says nothing to screen readers: words stand beside it."""
    markup = '<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>'
    return format_html(markup, static("icons.svg"), name)


@register.inclusion_tag("components/field.html")
def field(bound: BoundField, label: str = "", hint: str = "") -> dict[str, BoundField]:
    """A form's field with its label, help and faults; in other words than the form's, if given."""
    bound.label = label or bound.label
    bound.help_text = hint or bound.help_text  # now the input points to it
    return {"field": bound}


@register.filter
def when(at: datetime | None) -> SafeString:
    """`3 minutes ago`, and the exact time for who asks."""
    if at is None:
        return SafeString("")
    exact = f"{at:%Y-%m-%d %H:%M:%S} UTC"
    markup = '<time datetime="{}" title="{}">{}</time>'
    return format_html(markup, at.isoformat(), exact, naturaltime(at).replace("\xa0", " "))


@register.filter
def as_json(value: Any) -> str:
    """For a script to read from an attribute."""
    return json.dumps(value, cls=DjangoJSONEncoder)


@register.filter
def size(count: int | None) -> str:
    """`0 B`, `1.2 kB`, `269 MB`: decimal, as disks and downloads are."""
    left = float(count or 0)
    for unit in ("B", "kB", "MB", "GB"):
        if left < 999.5:
            return f"{left:.0f} {unit}" if unit == "B" else f"{left:.3g} {unit}"
        left /= 1000
    return f"{left:.3g} TB"


@cache
def _manifest() -> dict[str, Any]:
    path = config.frontend_dir / "dist" / "assets.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def _links(markup: str, paths: list[str]) -> SafeString:
    return format_html_join("\n", markup, ((static(path),) for path in paths))
