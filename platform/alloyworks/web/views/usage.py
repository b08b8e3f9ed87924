"""What the organisation has used this month, and what it may."""

from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from alloyworks.accounts.principal import principal_of
from alloyworks.api.pagination import page_of
from alloyworks.usage import ledger, limits, months
from alloyworks.usage.limits import Allowance, Used
from alloyworks.web import day_chart
from alloyworks.web.requests import cursor_of

A_PAGE = 50
HOUR, GB = 3600, 1e9
# What is limited: its name, the field, and in which unit it is told.
LIMITED = (
    ("Jobs running now", "running_jobs", 1.0, ""),
    ("Jobs waiting or running", "open_jobs", 1.0, ""),
    ("GPU-hours this month", "gpu_hours", 1.0, "h"),
    ("Hours of jobs this month", "job_hours", 1.0, "h"),
    ("Storage", "storage_bytes", GB, "GB"),
)


@require_GET
def usage(request: HttpRequest) -> HttpResponse:
    principal = principal_of(request, "usage.view")
    begin = _month(request.GET.get("month", ""))
    rows = ledger.entries(principal, begin)
    found, following = page_of(rows, cursor_of(request), A_PAGE)
    organisation = principal.organisation.id
    context = {
        "month": begin,
        "before": begin - timedelta(days=1),
        "after": _after(begin),
        "total": ledger.total(rows),
        "kinds": ledger.by_kind(rows),
        "chart": day_chart.drawn(ledger.by_day(rows, begin)),
        "entries": found,
        "next": following,
        "cursor": cursor_of(request),
        "filters": f"month={begin:%Y-%m}&",
        "limits": list(told(limits.used(organisation), limits.allowance(organisation))),
    }
    return render(request, "usage/usage.html", context)


def told(used: Used, may: Allowance) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "used": getattr(used, field) / size,
            "may": None if getattr(may, field) is None else getattr(may, field) / size,
            "unit": unit,
        }
        for name, field, size, unit in LIMITED
    ]


def _month(text: str) -> datetime:
    """Nonsense is this month."""
    try:
        return months.named(text)
    except ValueError:
        return months.this_month()


def _after(month: datetime) -> datetime | None:
    following = months.next_month(month)
    return following if following <= months.this_month() else None
