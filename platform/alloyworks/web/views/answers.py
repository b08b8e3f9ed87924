"""What models answered in an evaluation: looked through, and deleted."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from alloyworks.accounts.principal import principal_of
from alloyworks.jobs import answers as kept
from alloyworks.jobs import reading
from alloyworks.web import answers_page
from alloyworks.web.requests import to_file


@require_GET
def answers(request: HttpRequest, job_id: UUID, kind: str, place: int) -> HttpResponse:
    principal = principal_of(request, "datasets.download")
    job = reading.get(principal, job_id)
    chosen, at = (request.GET.get(name, "") for name in ("show", "at"))
    context = answers_page.context_of(principal, job, (kind, place), chosen, at)
    return render(request, "jobs/answers.html", context)


@require_GET
def file(request: HttpRequest, job_id: UUID, path: str) -> HttpResponse:
    principal = principal_of(request, "datasets.download")
    return to_file(kept.downloads(principal, job_id), path)


@require_POST
def delete(request: HttpRequest, job_id: UUID) -> HttpResponse:
    kept.forget(principal_of(request, "datasets.delete"), job_id)
    messages.success(request, "The answers are deleted; the scores stay.")
    return redirect("job", job_id)
