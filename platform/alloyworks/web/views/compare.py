"""The comparison of evaluated models."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from alloyworks.accounts.principal import principal_of
from alloyworks.web.compare import comparison, id_of


@require_GET
def compare(request: HttpRequest) -> HttpResponse:
    principal = principal_of(request, "models.view")
    models = [id_of(text) for text in request.GET.getlist("models")]
    datasets = request.GET.getlist("datasets")
    reference = request.GET.get("reference")
    found = comparison(principal, models, datasets, id_of(reference) if reference else None)
    context = {"found": found, "may_submit": principal.may("jobs.submit")}
    return render(request, "compare/compare.html", context)
