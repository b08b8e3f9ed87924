"""Pages for members, invitations, API keys and switching organisations."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth import login
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from alloyworks.accounts import invitations
from alloyworks.accounts import keys as key_rules
from alloyworks.accounts import members as member_rules
from alloyworks.accounts.forms import InviteForm, JoinForm, KeyForm, RoleForm
from alloyworks.accounts.middleware import ACTIVE_ORGANISATION
from alloyworks.accounts.models import Role, User
from alloyworks.accounts.principal import Principal, principal_of
from alloyworks.accounts.roles import roles_up_to
from alloyworks.errors import Problem, Unauthenticated

Result = TypeVar("Result")
View = Callable[..., HttpResponse]


def says_problems(back_to: str) -> Callable[[View], View]:
    """A problem of the view is undone, and said on the page that it came from."""

    def around(view: View) -> View:
        @wraps(view)
        def wrapped(request: HttpRequest, **route: UUID) -> HttpResponse:
            try:
                with transaction.atomic():
                    return view(request, **route)
            except Unauthenticated:
                raise
            except Problem as problem:
                messages.error(request, problem.detail)
                return redirect(back_to)

        return wrapped

    return around


def members(request: HttpRequest) -> HttpResponse:
    principal = principal_of(request, "members.view")
    form = InviteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        principal.require("members.manage")
        email, role = form.cleaned_data["email"], Role(form.cleaned_data["role"])
        if done := _apply(form, lambda: invitations.invite(principal, email, role)):
            messages.success(request, f"An invitation is on its way to {done.email}.")
            return redirect("members")
    return render(request, "accounts/members.html", _members_page(principal, form))


@require_POST
@says_problems("members")
def change_role(request: HttpRequest, user_id: UUID) -> HttpResponse:
    principal = principal_of(request, "members.manage")
    form = RoleForm(request.POST)
    if form.is_valid():
        member_rules.change_role(principal, user_id, Role(form.cleaned_data["role"]))
        messages.success(request, "The role was changed.")
    return redirect("members")


@require_POST
@says_problems("members")
def remove(request: HttpRequest, user_id: UUID) -> HttpResponse:
    principal = principal_of(request, "members.view")
    member_rules.remove(principal, user_id)
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

        def join() -> Principal:
            if user is not None:
                return invitations.accept(token, user)
            return invitations.accept_as_new(token, **_password_and_name(form))

        if joined := _apply(form, join):
            return _enter(request, joined)
    context = {"invitation": found, "form": form, "has_account": invitations.has_account(found)}
    return render(request, "accounts/invitation.html", context)


@never_cache
def keys(request: HttpRequest) -> HttpResponse:
    principal = principal_of(request, "keys.manage")
    form = KeyForm(request.POST or None)
    token = None
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        name, role, expires = data["name"], Role(data["role"]), data["expires_at"]
        if made := _apply(form, lambda: key_rules.create(principal, name, role, expires)):
            token, form = made[1], KeyForm()
    form.fields["role"].choices = _choices(principal)  # type: ignore[attr-defined]
    context = {"keys": key_rules.keys_of(principal), "form": form, "token": token}
    return render(request, "accounts/keys.html", context)


@require_POST
@says_problems("keys")
def revoke(request: HttpRequest, key_id: UUID) -> HttpResponse:
    key_rules.revoke(principal_of(request, "keys.manage"), key_id)
    messages.success(request, "The key was revoked.")
    return redirect("keys")


@require_POST
def switch(request: HttpRequest) -> HttpResponse:
    """An organisation that is not the person's own changes nothing: the middleware looks again."""
    principal_of(request, "organisation.view")
    request.session[ACTIVE_ORGANISATION] = request.POST.get("organisation", "")
    return redirect("/")


def _apply(form: forms.Form, rule: Callable[[], Result]) -> Result | None:
    """What the rule returns; None when it refused, and the form says why."""
    try:
        with transaction.atomic():
            return rule()
    except Unauthenticated:
        raise
    except Problem as problem:
        for error in problem.errors:
            field = str(error.loc[-1]) if error.loc and error.loc[-1] in form.fields else None
            form.add_error(field, f"{error.msg} {error.remedy}".strip())
        if not problem.errors:
            form.add_error(None, problem.detail)
        return None


def _enter(request: HttpRequest, joined: Principal) -> HttpResponse:
    if not request.user.is_authenticated:
        login(request, joined.user)
    request.session[ACTIVE_ORGANISATION] = str(joined.organisation.id)
    messages.success(request, f"Welcome to {joined.organisation.name}.")
    return redirect("/")


def _password_and_name(form: forms.Form) -> dict[str, str]:
    return {"password": form.cleaned_data["password"], "name": form.cleaned_data["name"]}


def _members_page(principal: Principal, form: InviteForm) -> dict[str, object]:
    form.fields["role"].choices = _choices(principal)  # type: ignore[attr-defined]
    manages = principal.may("members.manage")
    return {
        "members": member_rules.members_of(principal),
        "invitations": invitations.pending(principal) if manages else [],
        "form": form,
        "roles": _choices(principal),
        "manages": manages,
    }


def _choices(principal: Principal) -> list[tuple[str, str]]:
    return [(role.value, str(role.label)) for role in roles_up_to(principal.role)]
