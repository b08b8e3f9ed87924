"""One's own account: second factors, and where one is signed in."""

from datetime import datetime
from uuid import UUID

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.http import HttpRequest
from ninja import Router, Status
from pydantic import BaseModel, Field

from alloyworks.accounts import sessions
from alloyworks.accounts.models import User
from alloyworks.accounts.principal import principal_of
from alloyworks.api.problems import PROBLEMS
from alloyworks.errors import Forbidden

router = Router()


class AccountOut(BaseModel):
    user_id: UUID
    email: str
    email_confirmed: bool
    name: str
    second_factors: list[str] = Field(description="totp, webauthn (a passkey), recovery_codes")


class SessionOut(BaseModel):
    id: int
    device: str
    address: str
    created_at: datetime
    last_seen_at: datetime
    current: bool


@router.get("", response={200: AccountOut, **PROBLEMS}, summary="Your account")
def show(request: HttpRequest) -> AccountOut:
    user = principal_of(request, "organisation.view").user
    addresses = EmailAddress.objects.filter(user=user)
    return AccountOut(
        user_id=user.id,
        email=user.email,
        email_confirmed=addresses.filter(email=user.email, verified=True).exists(),
        name=user.name,
        second_factors=sorted(
            set(Authenticator.objects.filter(user=user).values_list("type", flat=True))
        ),
    )


@router.get("/sessions", response={200: list[SessionOut], **PROBLEMS}, summary="List sessions")
def list_sessions(request: HttpRequest) -> list[SessionOut]:
    """Browsers that are signed in as you; last used first."""
    return [session_out(request, row) for row in sessions.sessions_of(_own(request))]


@router.delete("/sessions", response={204: None, **PROBLEMS}, summary="Sign out everywhere")
def end_sessions(request: HttpRequest) -> Status[None]:
    """All browsers; API keys go on working."""
    sessions.end_all(request, _own(request))
    return Status(204, None)


@router.delete("/sessions/{session_id}", response={204: None, **PROBLEMS}, summary="End a session")
def end_session(request: HttpRequest, session_id: int) -> Status[None]:
    sessions.end(request, _own(request), session_id)
    return Status(204, None)


def _own(request: HttpRequest) -> User:
    """Sessions are the person's, not an organisation's: a narrowed key does not reach them."""
    principal = principal_of(request, "organisation.view")
    if principal.api_key is not None and "all" not in principal.api_key.scopes:
        raise Forbidden("Only a key with the scope `all` reaches sessions; make one, or sign in.")
    return principal.user


def session_out(request: HttpRequest, row: UserSession) -> SessionOut:
    return SessionOut(
        id=row.id,
        device=sessions.device(row.user_agent),
        address=row.ip,
        created_at=row.created_at,
        last_seen_at=row.last_seen_at,
        current=row.session_key == request.session.session_key,
    )
