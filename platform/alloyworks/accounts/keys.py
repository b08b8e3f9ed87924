"""API keys: made, recognised, revoked. A key is `alloy_<prefix>_<secret>`.

Scanners for leaked secrets find one by `alloy_[0-9a-f]{8}_[A-Za-z0-9_-]{43}`.
"""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from alloyworks.accounts import audit, factors
from alloyworks.accounts.models import ApiKey, Organisation, Role, User
from alloyworks.accounts.principal import Principal
from alloyworks.accounts.roles import SCOPES, Scope, allowed, roles_up_to, weaker
from alloyworks.errors import FieldError, Invalid, NotFound, Unauthenticated, invalid
from alloyworks.rows import as_read
from alloyworks.tenancy import scope

SEEN_EVERY = timedelta(minutes=1)
DEFAULT_LIFE = timedelta(days=90)
NAME_LENGTH = 120
NEW_KEY = "Make a new one on the page /accounts/keys/."


_OF_THE_KEY = (
    *("id", "organisation_id", "created_by_id", "created_at", "name", "prefix", "role", "scopes"),
    *("expires_at", "revoked_at", "last_used_at"),
)


def hashed(secret: str) -> str:
    """What is stored of a secret with 256 random bits: its SHA-256, in hexadecimal."""
    return hashlib.sha256(secret.encode()).hexdigest()


def create(
    principal: Principal,
    name: str,
    role: Role,
    expires_at: datetime | None = None,
    scopes: Sequence[Scope] = ("all",),
) -> tuple[ApiKey, str]:
    """A new key and its text, which is shown this once. Without a date it does not expire."""
    scopes = list(dict.fromkeys(scopes))
    _refuse_bad(principal, name, role, expires_at)
    _refuse_wide(principal, role, scopes)
    prefix = secrets.token_hex(4)
    token = f"alloy_{prefix}_{secrets.token_urlsafe(32)}"
    key = ApiKey.objects.create(
        organisation=principal.organisation,
        created_by=principal.user,
        name=name.strip(),
        role=role,
        scopes=scopes,
        prefix=prefix,
        secret_hash=hashed(token),
        expires_at=expires_at,
    )
    until = expires_at.isoformat() if expires_at else None
    audit.note(
        principal, "key.create", key.id, key.name, prefix=prefix, scopes=scopes, expires_at=until
    )
    return key, token


def default_expiry() -> datetime:
    return timezone.now() + DEFAULT_LIFE


def authenticate(token: str, address: str | None = None) -> Principal:
    """The key's owner, at most with the role they have today.

    Raises Unauthenticated, with what to do, for an unknown or dead key, and Forbidden when the
    organisation demands a second factor that the owner has not set up.
    """
    key, membership = _known(hashed(token))
    _refuse_dead(key)
    if not membership or not key.created_by.is_active:
        raise Unauthenticated("Whoever made this API key is not a member any more.")
    factors.refuse_without(key.created_by, key.organisation)
    _note_use(key)
    role = weaker(Role(membership), Role(key.role))
    return Principal(key.created_by, key.organisation, role, key, address)


def _known(digest: str) -> tuple[ApiKey, str]:
    """The key with its maker and organisation, and the maker's role there today, if they have one.

    One look for every request of a program. Fields that it leaves out are read when they are asked for.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM alloy_key(%s)", [digest])
        found = cursor.fetchone()
        if found is None:
            raise Unauthenticated(f"This API key is not known. {NEW_KEY}")
        told = dict(zip([column.name for column in cursor.description], found, strict=True))
    organisation = as_read(
        Organisation,
        id=told["organisation_id"],
        name=told["organisation_name"],
        requires_mfa=told["requires_mfa"],
        created_at=told["organisation_created_at"],
    )
    user = as_read(
        User,
        id=told["created_by_id"],
        email=told["email"],
        name=told["person"],
        is_active=told["is_active"],
    )
    key = as_read(ApiKey, **{name: told[name] for name in _OF_THE_KEY})
    key.organisation, key.created_by = organisation, user
    return key, told["membership"] or ""


def keys_of(principal: Principal) -> QuerySet[ApiKey]:
    """The living keys that the principal may revoke: their own, or all for who manages members."""
    living = _live(ApiKey.objects.select_related("created_by").order_by("-id"))
    living = living.filter(organisation=principal.organisation)
    return living if principal.may("members.manage") else living.filter(created_by=principal.user)


def revoke(principal: Principal, key_id: UUID) -> None:
    key = keys_of(principal).filter(id=key_id).first()
    if key is None:
        raise NotFound(f"No live API key {key_id} that you may revoke.")
    ApiKey.objects.filter(id=key.id, revoked_at=None).update(revoked_at=timezone.now())
    audit.note(principal, "key.revoke", key.id, key.name, prefix=key.prefix)


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


def _refuse_wide(principal: Principal, role: Role, scopes: Sequence[Scope]) -> None:
    """A key that may make keys must not make one that does more than itself."""
    if unknown := set(scopes) - set(SCOPES):
        remedy = f"Known are {', '.join(SCOPES)}."
        raise invalid(["scopes"], f"There is no scope {min(unknown)!r}.", remedy)
    if not scopes:
        raise invalid(["scopes"], "The key would open nothing.", f"Name some of {list(SCOPES)}.")
    if beyond := allowed(role, scopes) - principal.allowed:
        msg = f"The key that you use does not open {min(beyond)} itself."
        raise invalid(["scopes"], msg, "Name fewer scopes, or use a key with more.")


def _refuse_dead(key: ApiKey) -> None:
    if key.revoked_at is not None:
        raise Unauthenticated(f"This API key was revoked on {key.revoked_at:%Y-%m-%d}. {NEW_KEY}")
    if key.expires_at is not None and key.expires_at <= timezone.now():
        raise Unauthenticated(f"This API key expired on {key.expires_at:%Y-%m-%d}. {NEW_KEY}")


def _live(found: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
    return found.filter(revoked_at=None).exclude(Q(expires_at__lte=timezone.now()))


def _note_use(key: ApiKey) -> None:
    """Writes at most once a minute: a busy key would otherwise make a hot row."""
    now = timezone.now()
    if key.last_used_at is None or key.last_used_at < now - SEEN_EVERY:
        with scope(key.organisation_id, key.created_by_id):
            ApiKey.objects.filter(id=key.id).update(last_used_at=now)
