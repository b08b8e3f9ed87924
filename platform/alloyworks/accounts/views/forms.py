"""What the pages with forms share: rules that refuse, said beside the field or on the page."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from alloyworks.accounts.principal import Principal
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


def apply(form: forms.Form, rule: Callable[[], Result]) -> Result | None:
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


def role_choices(principal: Principal) -> list[tuple[str, str]]:
    return [(role.value, str(role.label)) for role in roles_up_to(principal.role)]
