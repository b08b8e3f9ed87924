"""The page of one job, and its log as a file."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from alloyworks.accounts.principal import principal_of
from alloyworks.jobs import reading
from alloyworks.web import answers_page, job_page
from alloyworks.web.job_log import as_text


@require_GET
def job(request: HttpRequest, job_id: UUID) -> HttpResponse:
    principal = principal_of(request, "jobs.view")
    found = reading.get(principal, job_id)
    context = job_page.context_of(principal, found)
    if principal.may("datasets.download"):
        context["answers"] = answers_page.kept(found, context["inputs"])
        context["may_forget"] = principal.may("datasets.delete")
    return render(request, "jobs/job.html", context)


@require_GET
def log(request: HttpRequest, job_id: UUID) -> HttpResponse:
    found = reading.get(principal_of(request, "jobs.view"), job_id)
    lines = as_text(found, job_page.names_of(job_page.inputs_of(found)))
    answer = HttpResponse(lines, content_type="text/plain; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="job-{found.id}.log"'
    return answer
