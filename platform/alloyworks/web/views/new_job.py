"""The forms that make jobs."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from alloyworks.accounts.principal import Principal, principal_of
from alloyworks.errors import NotFound, Problem, Unauthenticated
from alloyworks.jobs import check, reading, submission
from alloyworks.jobs.models import Job
from alloyworks.web.estimate import takes
from alloyworks.web.examination import examination_of, storable
from alloyworks.web.examples import look_at
from alloyworks.web.forms.base import JobForm
from alloyworks.web.forms.evaluate import EvaluateForm
from alloyworks.web.forms.evolve import EvolveForm
from alloyworks.web.forms.fields import Faults
from alloyworks.web.forms.merge import MergeForm
from alloyworks.web.forms.moe import MoeForm
from alloyworks.web.forms.running import PLACES, Running
from alloyworks.web.forms.train import TrainForm

FORMS: dict[str, type[JobForm]] = {
    form.kind: form for form in (TrainForm, MergeForm, EvolveForm, MoeForm, EvaluateForm)
}


def new_job(request: HttpRequest, kind: str) -> HttpResponse:
    principal = principal_of(request, "jobs.submit")
    if kind not in FORMS:
        raise NotFound(f"There is no form for jobs of the kind {kind!r}.")
    if request.method != "POST":
        return _first(request, principal, kind)
    form = FORMS[kind].posted(principal, request.POST)
    if do := request.POST.get("do"):
        if do == "preview":
            told = {"form": form, "examination": examination_of(form)}
            return render(request, "jobs/_preview.html", told)
        if do == "examples" and isinstance(form, TrainForm):
            look = look_at(form)
            return _page(request, form, Faults(), look.status, look=look)
        if do == "estimate" and isinstance(form, TrainForm):
            found = takes(form)
            return _page(request, form, Faults(), found.status, takes=found)
        return _page(request, form, _checked(form) if do == "check" else form.act(do))
    form = form.settled()
    try:
        with transaction.atomic():
            when = Running.posted(request.POST).arguments()
            job = submission.submit(principal, storable(form.spec()), **when)
    except Unauthenticated:
        raise
    except Problem as problem:
        return _page(request, form, Faults(problem, form.places() + PLACES), problem.status)
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
        "running": Running.posted(request.POST).drawn(faults),
        "faults": faults,
        "kinds": list(FORMS),
        "examination": examination_of(form),
    }
    return render(request, f"jobs/new_{form.kind}.html", context | more, status=status)


def _checked(form: JobForm) -> Faults:
    """What is wrong, to stand beside the inputs; for those who use no JavaScript."""
    try:
        check.check(form.principal, storable(form.spec()))
    except Unauthenticated:
        raise
    except Problem as problem:
        return Faults(problem, form.places())
    return Faults()
