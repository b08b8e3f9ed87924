"""The audit log: who did what to which thing, when and from where.

An entry is written in the transaction of the deed: neither is there without the other. The app
role may add entries and read its organisation's; it may not change or delete any.
"""

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from alloyworks.accounts.models import AuditEntry, Membership, User
from alloyworks.accounts.principal import Principal
from alloyworks.tenancy import scope

Deed = Literal[
    "organisation.create",
    "organisation.edit",
    "member.join",
    "member.role",
    "member.remove",
    "invitation.create",
    "invitation.withdraw",
    "key.create",
    "key.revoke",
    "dataset.create",
    "dataset.download",
    "dataset.delete",
    "model.download",
    "model.delete",
    "job.submit",
    "job.cancel",
    "job.retry",
    "job.answers_download",
    "job.answers_delete",
    "endpoint.create",
    "endpoint.change",
    "endpoint.wake",
    "endpoint.sleep",
    "endpoint.delete",
    "webhook.create",
    "webhook.change",
    "webhook.delete",
    "webhook.resend",
    "audit.export",
    "person.sign_in",
    "person.sign_in_failed",
    "person.sign_out",
    "person.sessions_end",
    "person.password",
    "person.email",
    "person.mfa_add",
    "person.mfa_remove",
    "person.mfa_codes",
    "person.sso_link",
    "person.sso_unlink",
]
Detail = str | int | bool | Sequence[str] | None
NAME_LENGTH = 300


def note(principal: Principal, deed: Deed, thing: object, name: str, **details: Detail) -> None:
    """One entry: the principal did this to the thing with this id and name. Never a secret."""
    AuditEntry.objects.create(
        organisation=principal.organisation,
        actor_id=principal.user.id,
        actor=principal.user.email,
        api_key=principal.api_key.prefix if principal.api_key else "",
        address=principal.address,
        action=deed,
        object_id=str(thing),
        object_name=name[:NAME_LENGTH],
        details=details,
    )


def note_person(
    user: User, deed: Deed, address: str | None, *, known: bool = True, **details: Detail
) -> None:
    """What concerns a person's account, in the log of each organisation that they belong to.

    `known` is false when it is not certain that they did it themselves: a failed sign-in.
    """
    with scope(user=user.id):
        mine = list(Membership.objects.filter(user=user).values_list("organisation_id", flat=True))
    for organisation in mine:
        with scope(organisation):
            AuditEntry.objects.create(
                organisation_id=organisation,
                actor_id=user.id if known else None,
                actor=user.email if known else "",
                address=address,
                action=deed,
                object_id=str(user.id),
                object_name=user.email,
                details=details,
            )


def entries(
    principal: Principal,
    *,
    action: str = "",
    actor: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[AuditEntry]:
    """Newest first. `action` is a deed (`job.submit`) or the kind of thing (`job`)."""
    principal.require("audit.view")
    found = AuditEntry.objects.filter(organisation=principal.organisation).order_by("-id")
    if action:
        found = found.filter(**{"action" if "." in action else "action__startswith": action})
    if actor:
        found = found.filter(actor=actor.strip().lower())
    if since is not None:
        found = found.filter(created_at__gte=_aware(since))
    return found if until is None else found.filter(created_at__lt=_aware(until))


def address_of(request: HttpRequest) -> str | None:
    """Whom the server talks to; behind a proxy, whom the proxy says it talks to.

    uvicorn has read X-Forwarded-For already, from the proxies that it trusts and no others.
    """
    try:
        return str(ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")))
    except ValueError:
        return None


def _aware(at: datetime) -> datetime:
    """Without a zone, UTC is meant."""
    return at if timezone.is_aware(at) else timezone.make_aware(at, UTC)
