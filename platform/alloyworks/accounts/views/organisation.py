"""The organisation's own settings, and switching to another of one's organisations."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from alloyworks.accounts import fresh
from alloyworks.accounts import organisations as rules
from alloyworks.accounts.forms import OrganisationForm
from alloyworks.accounts.middleware import ACTIVE_ORGANISATION
from alloyworks.accounts.principal import principal_of
from alloyworks.accounts.views.forms import apply, says_problems


def organisation(request: HttpRequest) -> HttpResponse:
    principal = principal_of(request, "organisation.edit")
    form = OrganisationForm(request.POST or None, initial={"name": principal.organisation.name})
    if request.method == "POST" and form.is_valid():
        name = form.cleaned_data["name"]
        if apply(form, lambda: rules.rename(principal, name)):
            messages.success(request, "The organisation has its new name.")
            return redirect("organisation")
    secures = principal.may("organisation.secure")
    context = {"form": form, "organisation": principal.organisation, "secures": secures}
    return render(request, "accounts/organisation.html", context)


@require_POST
@says_problems("organisation")
def demand_mfa(request: HttpRequest) -> HttpResponse:
    principal = principal_of(request, "organisation.secure")
    fresh.require(request)
    changed = rules.demand_mfa(principal, request.POST.get("demanded") == "yes")
    words = "now need" if changed.requires_mfa else "do not need"
    messages.success(request, f"Members {words} a second factor.")
    return redirect("organisation")


@require_POST
def switch(request: HttpRequest) -> HttpResponse:
    """An organisation that is not the person's own changes nothing: the middleware looks again."""
    principal_of(request, "organisation.view")
    request.session[ACTIVE_ORGANISATION] = request.POST.get("organisation", "")
    return redirect("/")
