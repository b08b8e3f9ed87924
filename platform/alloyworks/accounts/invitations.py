"""Invitations: mailed as a link whose secret opens the organisation once."""

import secrets
from datetime import timedelta
from urllib.parse import urljoin
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from alloyworks.accounts import audit, signup
from alloyworks.accounts.keys import hashed
from alloyworks.accounts.members import members_of, refuse_role_above
from alloyworks.accounts.models import Invitation, Membership, Organisation, Role, User
from alloyworks.accounts.principal import Principal
from alloyworks.config import config
from alloyworks.errors import Conflict, NotFound, invalid
from alloyworks.tenancy import scope

VALID_FOR = timedelta(days=7)
MAIL = """{inviter} invites you to {organisation} on Alloyworks, as {role}.

Accept here within {days} days:
{link}

If you do not know what this is about, do nothing.
"""


def invite(principal: Principal, email: str, role: Role) -> Invitation:
    """Mails an invitation; an earlier one to the same address stops working."""
    email = email.strip().lower()
    refuse_role_above(principal, role)
    _refuse_address(principal, email)
    pending(principal).filter(email=email).delete()
    token = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        organisation=principal.organisation,
        email=email,
        role=role,
        invited_by=principal.user,
        secret_hash=hashed(token),
        expires_at=timezone.now() + VALID_FOR,
    )
    audit.note(principal, "invitation.create", invitation.id, email, role=role.value)
    transaction.on_commit(lambda: _mail(principal, invitation, token), robust=True)
    return invitation


def pending(principal: Principal) -> QuerySet[Invitation]:
    sent = Invitation.objects.filter(organisation=principal.organisation, accepted_at=None)
    return sent.order_by("-id")


def withdraw(principal: Principal, invitation_id: UUID) -> None:
    invitation = pending(principal).filter(id=invitation_id).first()
    if invitation is None:
        raise NotFound(f"No open invitation {invitation_id} in this organisation.")
    invitation.delete()
    audit.note(principal, "invitation.withdraw", invitation_id, invitation.email)


def look_up(token: str) -> Invitation:
    """The open invitation of a link, with its organisation. Raises NotFound or Conflict."""
    with scope(secret=hashed(token)):
        invitation = Invitation.objects.filter(secret_hash=hashed(token)).first()
    if invitation is None:
        raise NotFound("This invitation does not exist any more; ask for a new one.")
    if invitation.accepted_at is not None:
        raise Conflict("This invitation was accepted already; sign in.")
    if invitation.expires_at <= timezone.now():
        raise Conflict("This invitation has expired; ask for a new one.")
    with scope(invitation.organisation_id):
        invitation.organisation = Organisation.objects.get(id=invitation.organisation_id)
    return invitation


def accept(token: str, user: User, address: str | None = None) -> Principal:
    """The holder of the link becomes a member."""
    invitation = look_up(token)
    organisation = invitation.organisation
    with scope(organisation.id, user.id):
        if Membership.objects.filter(organisation=organisation, user=user).exists():
            raise Conflict(f"You are a member of {organisation.name} already.")
        # Of two that use the link at once, one changes the row.
        still_open = Invitation.objects.filter(id=invitation.id, accepted_at=None)
        if still_open.update(accepted_at=timezone.now()) != 1:
            raise Conflict("This invitation was accepted already; sign in.")
        role = Role(invitation.role)
        Membership.objects.create(organisation=organisation, user=user, role=role)
        joined = Principal(user, organisation, role, address=address)
        audit.note(joined, "member.join", user.id, user.email, role=role.value)
    return joined


def accept_as_new(
    token: str, password: str, name: str = "", address: str | None = None
) -> Principal:
    """Makes the account for the invited address, which the mail has proved, and accepts."""
    with scope():
        invitation = look_up(token)
        user = signup.register_person(invitation.email, password, name, verified=True)
        return accept(token, user, address)


def has_account(invitation: Invitation) -> bool:
    return User.objects.filter(email=invitation.email).exists()


def _refuse_address(principal: Principal, email: str) -> None:
    try:
        validate_email(email)
    except ValidationError:
        remedy = "Use an address such as name@example.org."
        raise invalid(["email"], f"{email!r} is not an e-mail address.", remedy) from None
    if members_of(principal).filter(user__email=email).exists():
        raise Conflict(f"{email} is a member of {principal.organisation.name} already.")


def _mail(principal: Principal, invitation: Invitation, token: str) -> None:
    organisation = principal.organisation.name
    text = MAIL.format(
        inviter=principal.user.name or principal.user.email,
        organisation=organisation,
        role=invitation.role,
        days=VALID_FOR.days,
        link=urljoin(config.public_url, f"/accounts/invitations/{token}/"),
    )
    subject = " ".join(f"Join {organisation} on Alloyworks".split())
    send_mail(subject, text, None, [invitation.email])
