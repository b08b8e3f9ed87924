"""API keys: made, recognised, revoked. A key is `alloy_<prefix>_<secret>`."""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from alloyworks.accounts.models import ApiKey, Membership, Role
from alloyworks.accounts.principal import Principal
from alloyworks.errors import NotFound
from alloyworks.tenancy import scope

SEEN_EVERY = timedelta(minutes=1)


def hashed(secret: str) -> str:
    """What is stored of a secret with 256 random bits: its SHA-256, in hexadecimal."""
    return hashlib.sha256(secret.encode()).hexdigest()


def create(
    principal: Principal, name: str, role: Role, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """A new key and its text, which is shown this once."""
    prefix = secrets.token_hex(4)
    token = f"alloy_{prefix}_{secrets.token_urlsafe(32)}"
    key = ApiKey.objects.create(
        organisation=principal.organisation,
        created_by=principal.user,
        name=name,
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
        key = _live_keys().filter(secret_hash=digest).first()
    if key is None:
        return None
    with scope(key.organisation_id, key.created_by_id):
        membership = Membership.objects.filter(user_id=key.created_by_id).first()
        if membership is None:
            return None
        _note_use(key)
        role = min(Role(membership.role), Role(key.role), key=RANK.index)
        return Principal(key.created_by, key.organisation, role, key)


RANK = [Role.VIEWER, Role.MEMBER, Role.ADMIN, Role.OWNER]


def revoke(key_id: str) -> None:
    changed = ApiKey.objects.filter(id=key_id, revoked_at=None).update(revoked_at=timezone.now())
    if changed != 1:
        raise NotFound(f"No live API key {key_id} in this organisation.")


def _live_keys() -> QuerySet[ApiKey]:
    now = timezone.now()
    return ApiKey.objects.filter(revoked_at=None).exclude(Q(expires_at__lte=now))


def _note_use(key: ApiKey) -> None:
    """Writes at most once a minute: a busy key would otherwise make a hot row."""
    now = timezone.now()
    if key.last_used_at is None or key.last_used_at < now - SEEN_EVERY:
        ApiKey.objects.filter(id=key.id).update(last_used_at=now)
