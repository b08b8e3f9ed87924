"""API keys: made, recognised, revoked. A key is `alloy_<prefix>_<secret>`."""

import hashlib
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from alloyworks.accounts.models import ApiKey, Membership, Role
from alloyworks.accounts.principal import Principal
from alloyworks.accounts.roles import roles_up_to, weaker
from alloyworks.errors import FieldError, Invalid, NotFound, invalid
from alloyworks.tenancy import scope

SEEN_EVERY = timedelta(minutes=1)
NAME_LENGTH = 120


def hashed(secret: str) -> str:
    """What is stored of a secret with 256 random bits: its SHA-256, in hexadecimal."""
    return hashlib.sha256(secret.encode()).hexdigest()


def create(
    principal: Principal, name: str, role: Role, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """A new key and its text, which is shown this once."""
    _refuse_bad(principal, name, role, expires_at)
    prefix = secrets.token_hex(4)
    token = f"alloy_{prefix}_{secrets.token_urlsafe(32)}"
    key = ApiKey.objects.create(
        organisation=principal.organisation,
        created_by=principal.user,
        name=name.strip(),
        role=role,
        prefix=prefix,
        secret_hash=hashed(token),
        expires_at=expires_at,
    )
    return key, token


def authenticate(token: str) -> Principal | None:
    """The key's owner, at most with the role they have today; None for a dead or unknown key."""
    digest = hashed(token)
    with scope(secret=digest):
        known = ApiKey.objects.select_related("created_by").filter(secret_hash=digest)
        key = _live(known).first()
    if key is None or not key.created_by.is_active:
        return None
    with scope(key.organisation_id, key.created_by_id):
        membership = Membership.objects.filter(user_id=key.created_by_id).first()
        if membership is None:
            return None
        _note_use(key)
        role = weaker(Role(membership.role), Role(key.role))
        return Principal(key.created_by, key.organisation, role, key)


def keys_of(principal: Principal) -> QuerySet[ApiKey]:
    """The living keys that the principal may revoke: their own, or all for who manages members."""
    living = _live(ApiKey.objects.select_related("created_by").order_by("-id"))
    living = living.filter(organisation=principal.organisation)
    return living if principal.may("members.manage") else living.filter(created_by=principal.user)


def revoke(principal: Principal, key_id: UUID) -> None:
    key = keys_of(principal).filter(id=key_id)
    if key.order_by().update(revoked_at=timezone.now()) != 1:
        raise NotFound(f"No live API key {key_id} that you may revoke.")


def _refuse_bad(principal: Principal, name: str, role: Role, expires_at: datetime | None) -> None:
    if not 1 <= len(name.strip()) <= NAME_LENGTH:
        remedy = f"Use 1 to {NAME_LENGTH} characters that say what the key is for."
        raise invalid(["name"], f"The key's name has {len(name.strip())} characters.", remedy)
    if role not in roles_up_to(principal.role):
        error = FieldError(
            ["role"], f"{role} is above your own role.", f"At most {principal.role}."
        )
        raise Invalid("A key may not do more than whoever makes it.", [error])
    if expires_at is not None and timezone.is_naive(expires_at):
        raise invalid(["expires_at"], f"{expires_at} has no time zone.", "Add Z, or an offset.")
    if expires_at is not None and expires_at <= timezone.now():
        raise invalid(["expires_at"], f"{expires_at:%c} has passed.", "Choose a time to come.")


def _live(found: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
    return found.filter(revoked_at=None).exclude(Q(expires_at__lte=timezone.now()))


def _note_use(key: ApiKey) -> None:
    """Writes at most once a minute: a busy key would otherwise make a hot row."""
    now = timezone.now()
    if key.last_used_at is None or key.last_used_at < now - SEEN_EVERY:
        ApiKey.objects.filter(id=key.id).update(last_used_at=now)
