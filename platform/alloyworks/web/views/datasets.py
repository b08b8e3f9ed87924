"""Datasets: the list, the upload, and the page of one."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from alloyworks.accounts.principal import principal_of
from alloyworks.api.pagination import page_of
from alloyworks.catalog import datasets as rules
from alloyworks.catalog import tokens as counts
from alloyworks.catalog import versions
from alloyworks.catalog.names import LONGEST
from alloyworks.config import config
from alloyworks.errors import Conflict, Problem, Unauthenticated
from alloyworks.web import dataset_page
from alloyworks.web.requests import cursor_of, to_file

A_PAGE = 25


class UploadForm(forms.Form):
    file = forms.FileField(label="File", allow_empty_file=True)
    name = forms.CharField(max_length=LONGEST)
    test_percent = forms.IntegerField(label="Held out for tests", initial=10)


@require_GET
def datasets(request: HttpRequest) -> HttpResponse:
    principal = principal_of(request, "datasets.view")
    rows = rules.datasets_of(principal).select_related("created_by").defer("stats", "preview")
    found, following = page_of(rows, cursor_of(request), A_PAGE)
    context = {
        "datasets": [(row, dataset_page.size_of(row)) for row in found],
        "next": following,
        "cursor": cursor_of(request),
        "may_upload": principal.may("datasets.create"),
    }
    return render(request, "datasets/list.html", context)


def new(request: HttpRequest) -> HttpResponse:
    """With scripts the form is sent to the API instead, which says the same words."""
    principal = principal_of(request, "datasets.create")
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method != "POST" or not form.is_valid():
        return _upload_page(request, form, None, 422 if request.method == "POST" else 200)
    data = form.cleaned_data
    file = data["file"]
    try:
        with transaction.atomic():
            made = rules.create(principal, data["name"], file.name, file, data["test_percent"])
    except Unauthenticated:
        raise
    except Problem as problem:
        return _upload_page(request, form, problem, problem.status)
    return redirect("dataset", made.id)


@require_GET
def dataset(request: HttpRequest, dataset_id: UUID) -> HttpResponse:
    principal = principal_of(request, "datasets.view")
    found = rules.get(principal, dataset_id)
    return render(request, "datasets/dataset.html", dataset_page.context_of(principal, found))


@require_GET
def tokens(request: HttpRequest, dataset_id: UUID) -> HttpResponse:
    """How long its examples are for the model of the query, as a part of the page."""
    principal = principal_of(request, "datasets.view")
    context: dict[str, Any] = {"dataset": rules.get(principal, dataset_id)}
    try:
        with transaction.atomic():
            model = versions.get(principal, dataset_page.id_of(request.GET.get("model", "")))
            context |= dataset_page.lengths(counts.lengths(principal, dataset_id, model.id), model)
    except Problem as problem:
        context["problem"] = problem
    return render(request, "datasets/_lengths.html", context)


@require_GET
def file(request: HttpRequest, dataset_id: UUID, path: str) -> HttpResponse:
    principal = principal_of(request, "datasets.download")
    return to_file(rules.downloads(principal, dataset_id), path)


@require_POST
def delete(request: HttpRequest, dataset_id: UUID) -> HttpResponse:
    principal = principal_of(request, "datasets.delete")
    name = rules.get(principal, dataset_id).name
    try:
        with transaction.atomic():
            rules.delete(principal, dataset_id)
    except Conflict as problem:
        messages.error(request, problem.detail)
        return redirect("dataset", dataset_id)
    messages.success(request, f"The dataset {name} is deleted.")
    return redirect("datasets")


def _upload_page(
    request: HttpRequest, form: UploadForm, problem: Problem | None, status: int
) -> HttpResponse:
    faults = dataset_page.faults_of(problem, form) if problem else None
    context = {
        "form": form,
        "faults": faults,
        "most_bytes": config.upload_max_bytes,
        "shapes": dataset_page.SHAPES.items(),
    }
    return render(request, "datasets/new.html", context, status=status)
