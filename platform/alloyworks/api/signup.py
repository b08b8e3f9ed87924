"""Sign-up without a browser: a person, their organisation and its first API key."""

from uuid import UUID

from allauth.core import ratelimit
from django.http import HttpRequest, HttpResponse
from ninja import Router, Status
from pydantic import BaseModel, Field

from alloyworks.accounts import keys, signup
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
    api_key: str = Field(description="Shown this once")


@router.post("", auth=None, response={201: SignedUp, **PROBLEMS}, summary="Sign up")
def sign_up(request: HttpRequest, response: HttpResponse, body: SignUp) -> Status[SignedUp]:
    """Makes a person, their organisation and its first API key, which has the role owner."""
    if not ratelimit.consume(request, action="signup"):
        raise TooMany("Too many sign-ups from this address; try again in a minute.")
    with scope():
        principal = signup.register(body.organisation, body.email, body.password, body.name)
        with scope(principal.organisation.id, principal.user.id):
            _, token = keys.create(principal, "Made at sign-up", principal.role)
    response["Cache-Control"] = "no-store"
    answer = SignedUp(
        organisation_id=principal.organisation.id, user_id=principal.user.id, api_key=token
    )
    return Status(201, answer)
