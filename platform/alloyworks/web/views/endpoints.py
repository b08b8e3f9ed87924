"""Endpoints: the list with a form for a new one, and the page of one, where it can be tried."""

from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from alloyworks.accounts.principal import Principal, principal_of
from alloyworks.config import config
from alloyworks.errors import Conflict, Invalid, NotFound, Problem
from alloyworks.serving import endpoints as serving
from alloyworks.serving import tickets
from alloyworks.serving.models import Endpoint, EndpointState, EndpointUse
from alloyworks.web.forms.endpoint import MIXTURE, EndpointForm

DAYS = 30
LIVE = (EndpointState.WAKING, EndpointState.READY)


def endpoints(request: HttpRequest) -> HttpResponse:
    principal = principal_of(request, "endpoints.view")
    chosen = {"model_id": request.GET.get("model", ""), "kind": "model"}
    form = EndpointForm(principal, request.POST or None, initial=chosen)
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                made = _made(principal, form)
            return redirect("endpoint", made.id)
        except (Invalid, NotFound, Conflict) as problem:
            _say(form, problem)
    rows = list(serving.endpoints_of(principal))
    context = {
        "endpoints": rows,
        "form": form,
        "may_manage": principal.may("endpoints.manage"),
        "live": any(row.state == EndpointState.WAKING for row in rows),
    }
    return render(request, "endpoints/list.html", context)


@require_GET
def endpoint(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    principal = principal_of(request, "endpoints.view")
    found = serving.get(principal, endpoint_id)
    may_use = principal.may("endpoints.use")
    context = {
        "endpoint": found,
        "may_use": may_use,
        "may_manage": principal.may("endpoints.manage"),
        "live": found.state == EndpointState.WAKING,
        "ticket": tickets.issued(principal, found) if may_use else "",
        "uses": EndpointUse.objects.filter(endpoint=found).order_by("-day")[:DAYS],
        "url": f"{config.public_url.rstrip('/')}/v1",
    }
    return render(request, "endpoints/endpoint.html", context)


@require_POST
def wake(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    serving.wake(principal_of(request, "endpoints.use"), endpoint_id)
    return redirect("endpoint", endpoint_id)


@require_POST
def sleep(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    serving.sleep(principal_of(request, "endpoints.manage"), endpoint_id)
    return redirect("endpoint", endpoint_id)


@require_POST
def delete(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    principal = principal_of(request, "endpoints.manage")
    try:
        with transaction.atomic():
            serving.delete(principal, endpoint_id)
    except Conflict as problem:
        messages.error(request, problem.detail)
        return redirect("endpoint", endpoint_id)
    messages.success(request, "The endpoint is deleted.")
    return redirect("endpoints")


def _made(principal: Principal, form: EndpointForm) -> Endpoint:
    data = form.cleaned_data
    if data["kind"] == MIXTURE:
        layers = [data["agents"]]
        return serving.create_mixture(principal, data["name"], layers, data["aggregator"])
    return serving.create(principal, data["name"], UUID(data["model_id"]), data["idle_minutes"])


def _say(form: EndpointForm, problem: Problem) -> None:
    for error in problem.errors:
        place = str(error.loc[0]) if error.loc else ""
        field = {"layers": "agents"}.get(place, place)
        form.add_error(
            field if field in form.fields else None, f"{error.msg} {error.remedy}".strip()
        )
    if not problem.errors:
        form.add_error(None, problem.detail)
