"""The people of an organisation, and who is invited."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from alloyworks.accounts import audit, fresh, invitations
from alloyworks.accounts import members as rules
from alloyworks.accounts.forms import InviteForm, JoinForm, RoleForm
from alloyworks.accounts.middleware import ACTIVE_ORGANISATION
from alloyworks.accounts.models import Role, User
from alloyworks.accounts.principal import Principal, principal_of
from alloyworks.accounts.views.forms import apply, role_choices, says_problems


def members(request: HttpRequest) -> HttpResponse:
    principal = principal_of(request, "members.view")
    form = InviteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        principal.require("members.manage")
        email, role = form.cleaned_data["email"], Role(form.cleaned_data["role"])
        if role == Role.OWNER:
            fresh.require(request)
        if done := apply(form, lambda: invitations.invite(principal, email, role)):
            messages.success(request, f"An invitation is on its way to {done.email}.")
            return redirect("members")
    return render(request, "accounts/members.html", _page(principal, form))


@require_POST
@says_problems("members")
def change_role(request: HttpRequest, user_id: UUID) -> HttpResponse:
    principal = principal_of(request, "members.manage")
    form = RoleForm(request.POST)
    if form.is_valid():
        role = Role(form.cleaned_data["role"])
        if rules.concerns_owners(principal, user_id, role):
            fresh.require(request)
        rules.change_role(principal, user_id, role)
        messages.success(request, "The role was changed.")
    return redirect("members")


@require_POST
@says_problems("members")
def remove(request: HttpRequest, user_id: UUID) -> HttpResponse:
    principal = principal_of(request, "members.view")
    if rules.concerns_owners(principal, user_id):
        fresh.require(request)
    rules.remove(principal, user_id)
    messages.success(request, "The membership has ended.")
    return redirect("/" if user_id == principal.user.id else "members")


@require_POST
@says_problems("members")
def withdraw(request: HttpRequest, invitation_id: UUID) -> HttpResponse:
    invitations.withdraw(principal_of(request, "members.manage"), invitation_id)
    messages.success(request, "The invitation was withdrawn.")
    return redirect("members")


@never_cache
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """What the mailed link opens: join as who is signed in, or make an account and join."""
    found = invitations.look_up(token)
    user = request.user if isinstance(request.user, User) else None
    data = request.POST if request.method == "POST" else None
    form = JoinForm(data) if user is None else forms.Form(data)
    if request.method == "POST" and form.is_valid():
        address = audit.address_of(request)

        def join() -> Principal:
            if user is not None:
                return invitations.accept(token, user, address)
            chosen = form.cleaned_data
            return invitations.accept_as_new(token, chosen["password"], chosen["name"], address)

        if joined := apply(form, join):
            return _enter(request, joined)
    context = {"invitation": found, "form": form, "has_account": invitations.has_account(found)}
    return render(request, "accounts/invitation.html", context)


def _enter(request: HttpRequest, joined: Principal) -> HttpResponse:
    if not request.user.is_authenticated:
        login(request, joined.user)
    request.session[ACTIVE_ORGANISATION] = str(joined.organisation.id)
    messages.success(request, f"Welcome to {joined.organisation.name}.")
    return redirect("/")


def _page(principal: Principal, form: InviteForm) -> dict[str, object]:
    form.fields["role"].choices = role_choices(principal)  # type: ignore[attr-defined]
    manages = principal.may("members.manage")
    return {
        "members": rules.members_of(principal),
        "invitations": invitations.pending(principal) if manages else [],
        "form": form,
        "roles": role_choices(principal),
        "manages": manages,
    }
