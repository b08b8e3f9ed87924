"""The organisation, its people, invitations and API keys."""

from datetime import datetime
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router, Status
from pydantic import BaseModel, Field, StrictBool

from alloyworks.accounts import fresh, invitations, keys, members, organisations
from alloyworks.accounts.models import ApiKey, Invitation, Membership, Organisation, Role
from alloyworks.accounts.principal import Principal, principal_of
from alloyworks.accounts.roles import Scope
from alloyworks.api.pagination import Cursor, Limit, Page, page_of
from alloyworks.api.problems import PROBLEMS

router = Router()


class OrganisationOut(BaseModel):
    id: UUID
    name: str
    created_at: datetime
    requires_mfa: bool = Field(description="Members need a second factor, for sessions and keys")
    role: Role = Field(description="Yours, here")


class OrganisationIn(BaseModel):
    """What is left out stays as it is."""

    name: str | None = None
    requires_mfa: StrictBool | None = Field(None, description="Only owners change it")


class MemberOut(BaseModel):
    user_id: UUID
    email: str
    name: str
    role: Role
    joined_at: datetime


class RoleIn(BaseModel):
    role: Role


class InvitationIn(BaseModel):
    email: str
    role: Role = Role.MEMBER


class InvitationOut(BaseModel):
    id: UUID
    email: str
    role: Role
    expires_at: datetime


class KeyIn(BaseModel):
    name: str = Field(description="What the key is for")
    role: Role = Field(Role.MEMBER, description="At most your own")
    scopes: list[Scope] = Field(
        ["all"], min_length=1, description="What of the role the key opens: one or several"
    )
    expires_at: datetime | None = Field(
        default_factory=keys.default_expiry,
        description=f"{keys.DEFAULT_LIFE.days} days from now when left out; null: never",
    )


class KeyOut(BaseModel):
    id: UUID
    name: str
    role: Role
    scopes: list[str]
    prefix: str = Field(description="How the key's text begins, after `alloy_`")
    created_by: str
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None


class NewKeyOut(KeyOut):
    api_key: str = Field(description="Shown this once")


@router.get("", response={200: OrganisationOut, **PROBLEMS}, summary="Your organisation")
def show(request: HttpRequest) -> OrganisationOut:
    principal = principal_of(request, "organisation.view")
    return organisation_out(principal, principal.organisation)


@router.patch("", response={200: OrganisationOut, **PROBLEMS}, summary="Change it")
def edit(request: HttpRequest, body: OrganisationIn) -> OrganisationOut:
    principal = principal_of(request, "organisation.edit")
    found = principal.organisation
    if body.name is not None:
        found = organisations.rename(principal, body.name)
    if body.requires_mfa is not None:
        fresh.require(request)
        found = organisations.demand_mfa(principal, body.requires_mfa)
    return organisation_out(principal, found)


@router.get("/members", response={200: Page[MemberOut], **PROBLEMS}, summary="List members")
def list_members(request: HttpRequest, cursor: Cursor = None, limit: Limit = 50) -> Page[MemberOut]:
    rows = members.members_of(principal_of(request, "members.view"))
    found, following = page_of(rows, cursor, limit)
    return Page(items=[member_out(row) for row in found], next=following)


@router.patch(
    "/members/{user_id}", response={200: MemberOut, **PROBLEMS}, summary="Change a member's role"
)
def change_role(request: HttpRequest, user_id: UUID, body: RoleIn) -> MemberOut:
    principal = principal_of(request, "members.manage")
    if members.concerns_owners(principal, user_id, body.role):
        fresh.require(request)
    return member_out(members.change_role(principal, user_id, body.role))


@router.delete(
    "/members/{user_id}", response={204: None, **PROBLEMS}, summary="Remove a member, or leave"
)
def remove_member(request: HttpRequest, user_id: UUID) -> Status[None]:
    principal = principal_of(request, "members.view")
    if members.concerns_owners(principal, user_id):
        fresh.require(request)
    members.remove(principal, user_id)
    return Status(204, None)


@router.get(
    "/invitations", response={200: Page[InvitationOut], **PROBLEMS}, summary="List open invitations"
)
def list_invitations(
    request: HttpRequest, cursor: Cursor = None, limit: Limit = 50
) -> Page[InvitationOut]:
    rows = invitations.pending(principal_of(request, "members.manage"))
    found, following = page_of(rows, cursor, limit)
    return Page(items=[invitation_out(row) for row in found], next=following)


@router.post("/invitations", response={201: InvitationOut, **PROBLEMS}, summary="Invite somebody")
def invite(request: HttpRequest, body: InvitationIn) -> Status[InvitationOut]:
    """Mails a link that works for seven days, once."""
    principal = principal_of(request, "members.manage")
    if body.role == Role.OWNER:
        fresh.require(request)
    return Status(201, invitation_out(invitations.invite(principal, body.email, body.role)))


@router.delete(
    "/invitations/{invitation_id}",
    response={204: None, **PROBLEMS},
    summary="Withdraw an invitation",
)
def withdraw_invitation(request: HttpRequest, invitation_id: UUID) -> Status[None]:
    invitations.withdraw(principal_of(request, "members.manage"), invitation_id)
    return Status(204, None)


@router.get("/keys", response={200: Page[KeyOut], **PROBLEMS}, summary="List API keys")
def list_keys(request: HttpRequest, cursor: Cursor = None, limit: Limit = 50) -> Page[KeyOut]:
    """Your own; those of everybody for owners and admins."""
    rows = keys.keys_of(principal_of(request, "keys.manage"))
    found, following = page_of(rows, cursor, limit)
    return Page(items=[key_out(row) for row in found], next=following)


@router.post("/keys", response={201: NewKeyOut, **PROBLEMS}, summary="Make an API key")
def create_key(request: HttpRequest, response: HttpResponse, body: KeyIn) -> Status[NewKeyOut]:
    principal = principal_of(request, "keys.manage")
    fresh.require(request)
    key, token = keys.create(principal, body.name, body.role, body.expires_at, body.scopes)
    response["Cache-Control"] = "no-store"
    return Status(201, NewKeyOut(**key_out(key).model_dump(), api_key=token))


@router.delete("/keys/{key_id}", response={204: None, **PROBLEMS}, summary="Revoke an API key")
def revoke_key(request: HttpRequest, key_id: UUID) -> Status[None]:
    keys.revoke(principal_of(request, "keys.manage"), key_id)
    return Status(204, None)


def organisation_out(principal: Principal, row: Organisation) -> OrganisationOut:
    return OrganisationOut(
        id=row.id,
        name=row.name,
        created_at=row.created_at,
        requires_mfa=row.requires_mfa,
        role=principal.role,
    )


def member_out(row: Membership) -> MemberOut:
    return MemberOut(
        user_id=row.user_id,
        email=row.user.email,
        name=row.user.name,
        role=Role(row.role),
        joined_at=row.created_at,
    )


def invitation_out(row: Invitation) -> InvitationOut:
    return InvitationOut(id=row.id, email=row.email, role=Role(row.role), expires_at=row.expires_at)


def key_out(row: ApiKey) -> KeyOut:
    return KeyOut(
        id=row.id,
        name=row.name,
        role=Role(row.role),
        scopes=row.scopes,
        prefix=row.prefix,
        created_by=row.created_by.email,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        expires_at=row.expires_at,
    )
