"""The audit log, for owners and admins: searched on the page, taken away as a file."""

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from alloyworks.accounts import audit as rules
from alloyworks.accounts import audit_export
from alloyworks.accounts.audit_export import FORMATS
from alloyworks.accounts.forms import AuditForm
from alloyworks.accounts.principal import principal_of
from alloyworks.api.pagination import page_of
from alloyworks.web.requests import cursor_of

A_PAGE = 50


@require_GET
def audit(request: HttpRequest) -> HttpResponseBase:
    principal = principal_of(request, "audit.view")
    form = AuditForm(request.GET)
    filters = _filters(form)
    if (wanted := request.GET.get("format")) in FORMATS:
        return audit_export.file(principal, wanted, **filters)
    found, following = page_of(rules.entries(principal, **filters), cursor_of(request), A_PAGE)
    context = {
        "entries": [(row, _words(row.details)) for row in found],
        "next": following,
        "cursor": request.GET.get("cursor", ""),
        "filters": urlencode({name: form[name].value() or "" for name in form.fields}) + "&",
        "form": form,
        "filtered": bool(filters),
    }
    return render(request, "accounts/audit.html", context)


def _words(details: dict[str, Any]) -> str:
    """`role: admin · scopes: jobs, data`"""
    parts = []
    for name, value in details.items():
        told = ", ".join(value) if isinstance(value, list) else value
        parts.append(f"{name}: {told}")
    return " · ".join(parts)


def _filters(form: AuditForm) -> dict[str, Any]:
    """What was filled in and can be read; nonsense filters nothing out."""
    form.full_clean()
    filters = {name: value for name, value in form.cleaned_data.items() if value}
    if "until" in filters:
        filters["until"] += timedelta(days=1)  # that day too
    return filters
