"""The forms that make jobs."""

from typing import Any
from uuid import UUID

import yaml
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from alloyworks import strictjson
from alloyworks.accounts.principal import Principal, principal_of
from alloyworks.errors import NotFound, Problem, Unauthenticated, invalid
from alloyworks.jobs import check, reading, submission
from alloyworks.jobs.models import Job
from alloyworks.web.forms.base import JobForm
from alloyworks.web.forms.evaluate import EvaluateForm
from alloyworks.web.forms.fields import Faults, as_values
from alloyworks.web.forms.merge import MergeForm
from alloyworks.web.forms.train import TrainForm

FORMS: dict[str, type[JobForm]] = {form.kind: form for form in (TrainForm, MergeForm, EvaluateForm)}


def new_job(request: HttpRequest, kind: str) -> HttpResponse:
    principal = principal_of(request, "jobs.submit")
    if kind not in FORMS:
        raise NotFound(f"There is no form for jobs of the kind {kind!r}.")
    if request.method != "POST":
        return _first(request, principal, kind)
    form = FORMS[kind].posted(principal, request.POST)
    if do := request.POST.get("do"):
        if do == "preview":
            return render(request, "jobs/_preview.html", {"preview": _preview(form)})
        return _page(request, form, form.act(do))
    form = form.settled()
    try:
        with transaction.atomic():
            job = submission.submit(principal, _storable(form.spec()))
    except Unauthenticated:
        raise
    except Problem as problem:
        return _page(request, form, Faults(problem, form.places()), problem.status)
    return redirect("job", job.id)


def _first(request: HttpRequest, principal: Principal, kind: str) -> HttpResponse:
    """The form before anything was typed, or filled with the spec of another job."""
    if "from" not in request.GET:
        return _page(request, FORMS[kind].fresh(principal, request.GET), Faults())
    job = _source(principal, request.GET["from"])
    if job.kind != kind:
        return redirect(f"/jobs/new/{job.kind}/?from={job.id}")
    return _page(request, FORMS[kind].of_spec(principal, job.spec), Faults(), source=job)


def _source(principal: Principal, text: str) -> Job:
    try:
        return reading.get(principal, UUID(text))
    except ValueError:
        raise NotFound(f"There is no job {text}.") from None


def _page(
    request: HttpRequest, form: JobForm, faults: Faults, status: int = 200, **more: Any
) -> HttpResponse:
    context = {
        "form": form,
        "drawn": form.drawn(faults),
        "faults": faults,
        "kinds": list(FORMS),
        "preview": _preview(form),
    }
    return render(request, f"jobs/new_{form.kind}.html", context | more, status=status)


def _preview(form: JobForm) -> dict[str, Any]:
    """The spec as it stands, and what would be said against it."""
    try:
        spec = _storable(form.spec())
    except Problem as problem:
        return {"faults": problem.errors}
    text = yaml.safe_dump(as_values(spec), sort_keys=False, allow_unicode=True)
    try:
        check.check(form.principal, spec)
    except Problem as problem:
        return {"text": text, "faults": problem.errors}
    return {"text": text, "faults": []}


def _storable(spec: dict[str, Any]) -> dict[str, Any]:
    """Refuses what the API's parser refuses, too."""
    try:
        strictjson.refuse_unstorable(spec)
    except ValueError as error:
        raise invalid([], f"The form can't be stored: {error}.", "Remove it.") from None
    return spec
