"""Sign-up without a browser: a person, their organisation and its first API key."""

from uuid import UUID

from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from allauth.core import ratelimit
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest, HttpResponse
from ninja import Router, Status
from pydantic import BaseModel, Field

from alloyworks.accounts import audit, keys, signup
from alloyworks.accounts.models import User
from alloyworks.accounts.principal import Principal
from alloyworks.api.problems import PROBLEMS
from alloyworks.errors import TooMany
from alloyworks.tenancy import scope

router = Router()


class SignUp(BaseModel):
    organisation: str = Field(description="The name of the new organisation")
    email: str
    password: str = Field(description="At least 10 characters")
    name: str = Field("", max_length=120, description="How others see you")


class SignedUp(BaseModel):
    organisation_id: UUID
    user_id: UUID
    api_key: str = Field(description="Shown this once; opens everything, for 90 days")


class Mailed(BaseModel):
    detail: str = Field(description="What to do next")


ANSWERS = {201: SignedUp, 202: Mailed, **PROBLEMS}


@router.post("", auth=None, response=ANSWERS, summary="Sign up")
def sign_up(
    request: HttpRequest, response: HttpResponse, body: SignUp
) -> Status[SignedUp] | Status[Mailed]:
    """Makes a person, their organisation and its first API key, which has the role owner.

    Where the deployment demands a confirmed address, 202: a mail says how to go on, and so it
    does when there is an account with that address already.
    """
    if not ratelimit.consume(request, action="signup"):
        problem = "Too many sign-ups from this address; try again in a minute."
        raise TooMany(problem, retry_after=60)
    response["Cache-Control"] = "no-store"
    if settings.ACCOUNT_EMAIL_VERIFICATION == "mandatory":
        _by_mail(request, body)
        words = f"A mail to {body.email} says how to go on; sign in on the pages afterwards."
        return Status(202, Mailed(detail=words))
    with scope():
        principal = _register(request, body)
        with scope(principal.organisation.id, principal.user.id):
            until = keys.default_expiry()
            _, token = keys.create(principal, "Made at sign-up", principal.role, until)
    answer = SignedUp(
        organisation_id=principal.organisation.id, user_id=principal.user.id, api_key=token
    )
    return Status(201, answer)


def _by_mail(request: HttpRequest, body: SignUp) -> None:
    """The same answer, and a mail, for a new address and a known one."""
    signup.refuse_bad(body.email.strip().lower(), body.password)
    if User.objects.filter(email=body.email.strip().lower()).exists():
        signup.organisation_name(body.organisation)
        make_password(body.password)  # as long as it takes for an address that is free
        get_adapter().send_account_already_exists_mail(body.email.strip().lower())
        return
    principal = _register(request, body)
    address = EmailAddress.objects.get(user=principal.user)
    address.send_confirmation(request, signup=True)


def _register(request: HttpRequest, body: SignUp) -> Principal:
    address = audit.address_of(request)
    return signup.register(body.organisation, body.email, body.password, body.name, address)
