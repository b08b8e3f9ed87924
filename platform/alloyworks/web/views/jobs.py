"""The list of jobs, and the buttons that order jobs about."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_POST

from alloyworks.accounts.principal import Principal, principal_of
from alloyworks.api.pagination import page_of
from alloyworks.errors import Conflict, Invalid
from alloyworks.jobs import lifecycle, reading, submission
from alloyworks.jobs.models import Job, JobState
from alloyworks.jobs.states import UNFINISHED
from alloyworks.web.requests import cursor_of
from alloyworks.web.views.new_job import FORMS

A_PAGE = 25


@require_GET
def jobs(request: HttpRequest) -> HttpResponse:
    principal = principal_of(request, "jobs.view")
    state, kind = request.GET.get("state", ""), request.GET.get("kind", "")
    found, following = page_of(_wanted(principal, state, kind), cursor_of(request), A_PAGE)
    context = {
        "jobs": found,
        "next": following,
        "cursor": request.GET.get("cursor", ""),
        "filters": urlencode({"state": state, "kind": kind}),
        "state": state,
        "kind": kind,
        "states": JobState.choices,
        "kinds": list(FORMS),
        "may_submit": principal.may("jobs.submit"),
        "live": any(job.state in UNFINISHED for job in found),
        "filtered": bool(state or kind or request.GET.get("cursor")),
    }
    return render(request, "jobs/list.html", context)


@require_POST
def cancel(request: HttpRequest, job_id: UUID) -> HttpResponse:
    principal = principal_of(request, "jobs.cancel")
    return _ordered(request, job_id, lambda: lifecycle.cancel(principal, job_id))


@require_POST
def retry(request: HttpRequest, job_id: UUID) -> HttpResponse:
    principal = principal_of(request, "jobs.submit")
    return _ordered(request, job_id, lambda: lifecycle.retry(principal, job_id))


@require_POST
def clone(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """The same spec at once, without the form."""
    principal = principal_of(request, "jobs.submit")
    return _ordered(request, job_id, lambda: submission.clone(principal, job_id))


def _ordered(request: HttpRequest, job_id: UUID, order: Callable[[], Job]) -> HttpResponse:
    """On to the job's page, which says why when it is not possible."""
    try:
        with transaction.atomic():
            job_id = order().id
    except (Conflict, Invalid) as problem:
        messages.error(request, problem.detail)
    return redirect("job", job_id)


def _wanted(principal: Principal, state: str, kind: str) -> QuerySet[Job]:
    """A filter that names nothing known filters nothing out."""
    return reading.listed(
        principal,
        state=state if state in JobState.values else "",
        kind=kind if kind in FORMS else "",
    )
