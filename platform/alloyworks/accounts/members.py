"""The people of an organisation: their roles, and their leaving."""

from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from alloyworks.accounts import audit
from alloyworks.accounts.models import ApiKey, Membership, Role
from alloyworks.accounts.principal import Principal
from alloyworks.accounts.roles import roles_up_to
from alloyworks.errors import Conflict, Forbidden, NotFound


def members_of(principal: Principal) -> QuerySet[Membership]:
    members = Membership.objects.filter(organisation=principal.organisation)
    return members.select_related("user").order_by("id")


def organisations_of(principal: Principal) -> QuerySet[Membership]:
    """The person's memberships, in every organisation."""
    mine = Membership.objects.filter(user=principal.user).select_related("organisation")
    return mine.order_by("organisation__name")


def change_role(principal: Principal, user_id: UUID, role: Role) -> Membership:
    membership = _locked(principal, user_id)
    _refuse_above(principal, Role(membership.role), role)
    if role != Role.OWNER:
        _refuse_last_owner(membership)
    before, membership.role = membership.role, role
    membership.save(update_fields=["role"])
    audit.note(
        principal, "member.role", user_id, membership.user.email, before=before, after=role.value
    )
    return membership


def remove(principal: Principal, user_id: UUID) -> None:
    """Ends a membership; everybody may end their own. The person's keys here die with it."""
    if user_id != principal.user.id:
        principal.require("members.manage")
    membership = _locked(principal, user_id)
    _refuse_above(principal, Role(membership.role))
    _refuse_last_owner(membership)
    keys = ApiKey.objects.filter(organisation=principal.organisation, created_by_id=user_id)
    keys.filter(revoked_at=None).update(revoked_at=timezone.now())
    membership.delete()
    audit.note(principal, "member.remove", user_id, membership.user.email, role=membership.role)


def concerns_owners(principal: Principal, user_id: UUID, role: Role | None = None) -> bool:
    """Whether somebody becomes an owner, or an owner stops being one."""
    owners = members_of(principal).filter(role=Role.OWNER)
    return role == Role.OWNER or owners.filter(user_id=user_id).exists()


def refuse_role_above(principal: Principal, role: Role) -> None:
    """Nobody makes somebody more than they are themselves."""
    if role not in roles_up_to(principal.role):
        raise Forbidden(f"A {principal.role} may not give the role {role}; ask an owner.")


def _refuse_above(principal: Principal, *roles: Role) -> None:
    for role in roles:
        refuse_role_above(principal, role)


def _locked(principal: Principal, user_id: UUID) -> Membership:
    """All owners are locked with it, so that two owners can't leave at the same moment."""
    rows = members_of(principal).select_for_update(of=("self",))
    found = {membership.user_id: membership for membership in rows}
    if user_id not in found:
        raise NotFound(f"No member {user_id} in this organisation.")
    return found[user_id]


def _refuse_last_owner(membership: Membership) -> None:
    if membership.role != Role.OWNER:
        return
    owners = Membership.objects.filter(organisation=membership.organisation_id, role=Role.OWNER)
    if owners.count() == 1:
        raise Conflict("This is the last owner; make somebody else an owner first.")
