"""The comparison of evaluated models."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from alloyworks.accounts.principal import principal_of
from alloyworks.errors import NotFound
from alloyworks.web.compare import comparison


@require_GET
def compare(request: HttpRequest) -> HttpResponse:
    principal = principal_of(request, "models.view")
    models = [_id(text) for text in request.GET.getlist("models")]
    datasets = [_id(text) for text in request.GET.getlist("datasets")]
    reference = request.GET.get("reference")
    found = comparison(principal, models, datasets, _id(reference) if reference else None)
    context = {"found": found, "may_submit": principal.may("jobs.submit")}
    return render(request, "compare/compare.html", context)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"There is nothing with the id {text[:80]!r} here.") from None
