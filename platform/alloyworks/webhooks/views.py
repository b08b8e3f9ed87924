"""Pages: the webhooks of an organisation, the deliveries of one, and which mails I want."""

from datetime import timedelta
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from alloyworks.accounts.principal import principal_of
from alloyworks.api.pagination import page_of
from alloyworks.errors import Conflict, Problem, Unauthenticated
from alloyworks.web.requests import cursor_of
from alloyworks.webhooks import choices, endpoints
from alloyworks.webhooks.forms import EndpointForm, MailForm
from alloyworks.webhooks.models import Delivery, MessageState

A_PAGE = 25
SOON = timedelta(minutes=1)


@never_cache
def webhooks(request: HttpRequest) -> HttpResponse:
    principal = principal_of(request, "webhooks.manage")
    form, secret = EndpointForm(request.POST or None), None
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                data = form.cleaned_data
                secret = endpoints.create(principal, data["url"], data["events"])[1]
            form = EndpointForm()
        except Unauthenticated:
            raise
        except Problem as problem:
            _say(form, problem)
    context = {"endpoints": endpoints.endpoints_of(principal), "form": form, "secret": secret}
    return render(request, "webhooks/list.html", context)


@require_GET
def webhook(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    principal = principal_of(request, "webhooks.manage")
    rows = endpoints.deliveries_of(principal, webhook_id).select_related("job")
    found, following = page_of(rows, cursor_of(request), A_PAGE)
    context = {
        "endpoint": endpoints.get(principal, webhook_id),
        "deliveries": found,
        "next": following,
        "cursor": cursor_of(request),
        "live": any(_is_on_its_way(delivery) for delivery in found),
    }
    return render(request, "webhooks/webhook.html", context)


@require_POST
def test(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    endpoints.test(principal_of(request, "webhooks.manage"), webhook_id)
    messages.success(request, "A test is on its way; it is listed below.")
    return redirect("webhook", webhook_id)


@require_POST
def switch(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    principal = principal_of(request, "webhooks.manage")
    on = request.POST.get("active") == "on"
    endpoints.change(principal, webhook_id, active=on)
    messages.success(request, f"The webhook is switched {'on' if on else 'off'}.")
    return redirect("webhook", webhook_id)


@require_POST
def delete(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    endpoints.delete(principal_of(request, "webhooks.manage"), webhook_id)
    messages.success(request, "The webhook is deleted.")
    return redirect("webhooks")


@require_POST
def resend(request: HttpRequest, webhook_id: UUID, delivery_id: UUID) -> HttpResponse:
    principal = principal_of(request, "webhooks.manage")
    try:
        with transaction.atomic():
            endpoints.resend(principal, webhook_id, delivery_id)
        messages.success(request, "It is on its way again.")
    except Conflict as problem:
        messages.error(request, problem.detail)
    return redirect("webhook", webhook_id)


def mails(request: HttpRequest) -> HttpResponse:
    """Which mails the person wants, in the organisation that they look at."""
    principal = principal_of(request, "organisation.view")
    if request.method == "POST":
        form = MailForm(request.POST)
        if form.is_valid():
            choices.choose_job_mail(principal, form.cleaned_data["job_end"])
            messages.success(request, "Your choice is saved.")
            return redirect("mails")
    form = MailForm(initial={"job_end": choices.wants_job_mail(principal)})
    return render(request, "account/mails.html", {"form": form})


def _is_on_its_way(delivery: Delivery) -> bool:
    """The page looks again while something happens."""
    soon = delivery.next_at <= timezone.now() + SOON
    return delivery.state == MessageState.PENDING and soon


def _say(form: EndpointForm, problem: Problem) -> None:
    for error in problem.errors:
        field = str(error.loc[0]) if error.loc and error.loc[0] in form.fields else None
        form.add_error(field, f"{error.msg} {error.remedy}".strip())
    if not problem.errors:
        form.add_error(None, problem.detail)
