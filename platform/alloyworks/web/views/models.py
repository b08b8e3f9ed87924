"""Models: the list, and the page of one."""

from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from alloyworks.accounts.principal import Principal, principal_of
from alloyworks.api.pagination import page_of
from alloyworks.catalog import versions
from alloyworks.catalog.models import ModelParent, ModelVersion
from alloyworks.errors import Conflict, Forbidden
from alloyworks.web import model_page
from alloyworks.web.requests import cursor_of, to_file

A_PAGE = 25
ORIGINS = {
    "": "All",
    "base": "Base models",
    "train": "Trained",
    "merge": "Merged",
    "evolve": "Evolved",
    "moe": "Mixtures",
}


@require_GET
def models(request: HttpRequest) -> HttpResponse:
    principal = principal_of(request, "models.view")
    origin = request.GET.get("origin", "")
    found, following = page_of(_wanted(principal, origin), cursor_of(request), A_PAGE)
    context = {
        "models": [(row, model_page.size_of(row)) for row in found],
        "next": following,
        "cursor": cursor_of(request),
        "origin": origin if origin in ORIGINS else "",
        "origins": ORIGINS.items(),
        "may_submit": principal.may("jobs.submit"),
    }
    return render(request, "models/list.html", context)


@require_GET
def model(request: HttpRequest, model_id: UUID) -> HttpResponse:
    principal = principal_of(request, "models.view")
    found = versions.get(principal, model_id)
    return render(request, "models/model.html", model_page.context_of(principal, found))


@require_GET
def file(request: HttpRequest, model_id: UUID, path: str) -> HttpResponse:
    principal = principal_of(request, "models.download")
    return to_file(versions.downloads(principal, model_id), path)


@require_POST
def delete(request: HttpRequest, model_id: UUID) -> HttpResponse:
    principal = principal_of(request, "models.delete")
    label = versions.label(versions.get(principal, model_id))
    try:
        with transaction.atomic():
            versions.delete(principal, model_id)
    except (Conflict, Forbidden) as problem:
        messages.error(request, problem.detail)
        return redirect("model", model_id)
    messages.success(request, f"The model {label} is deleted.")
    return redirect("models")


def _wanted(principal: Principal, origin: str) -> QuerySet[ModelVersion]:
    """A filter that names nothing known filters nothing out."""
    mine = ModelParent.objects.filter(organisation=principal.organisation)
    edges = mine.select_related("parent").defer("parent__files", "parent__facts").order_by("id")
    rows = versions.models_of(principal).prefetch_related(Prefetch("parent_edges", edges))
    return rows.filter(origin=origin) if origin in ORIGINS and origin else rows
