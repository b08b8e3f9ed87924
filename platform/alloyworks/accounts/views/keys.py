"""API keys: made, shown once, revoked."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from alloyworks.accounts import fresh
from alloyworks.accounts import keys as rules
from alloyworks.accounts.forms import KeyForm
from alloyworks.accounts.models import Role
from alloyworks.accounts.principal import principal_of
from alloyworks.accounts.views.forms import apply, role_choices, says_problems


@never_cache
def keys(request: HttpRequest) -> HttpResponse:
    principal = principal_of(request, "keys.manage")
    form = KeyForm(request.POST or None)
    token = None
    if request.method == "POST" and form.is_valid():
        fresh.require(request)
        data = form.cleaned_data
        name, role, scopes, until = data["name"], Role(data["role"]), data["scopes"], form.until()
        if made := apply(form, lambda: rules.create(principal, name, role, until, scopes)):
            token, form = made[1], KeyForm()
    form.fields["role"].choices = role_choices(principal)  # type: ignore[attr-defined]
    context = {"keys": rules.keys_of(principal), "form": form, "token": token}
    return render(request, "accounts/keys.html", context)


@require_POST
@says_problems("keys")
def revoke(request: HttpRequest, key_id: UUID) -> HttpResponse:
    rules.revoke(principal_of(request, "keys.manage"), key_id)
    messages.success(request, "The key was revoked.")
    return redirect("keys")
