"""Where one is signed in, and ending it."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from alloyworks.accounts import sessions as rules
from alloyworks.accounts.models import User
from alloyworks.errors import NotFound, Unauthenticated


@require_GET
@login_required
def sessions(request: HttpRequest) -> HttpResponse:
    found = rules.sessions_of(_user(request))
    here = request.session.session_key
    rows = [(row, rules.device(row.user_agent), row.session_key == here) for row in found]
    return render(request, "accounts/sessions.html", {"sessions": rows})


@require_POST
@login_required
def end(request: HttpRequest, session_id: int) -> HttpResponse:
    try:
        rules.end(request, _user(request), session_id)
        messages.success(request, "The session has ended.")
    except NotFound as problem:
        messages.error(request, problem.detail)
    return redirect("sessions")


@require_POST
@login_required
def end_all(request: HttpRequest) -> HttpResponse:
    rules.end_all(request, _user(request))
    messages.success(request, "You are signed out everywhere.")
    return redirect("account_login")


def _user(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise Unauthenticated("Sign in first.")
    return request.user
