"""What an organisation is called, and what it demands of its members."""

from alloyworks.accounts import audit, factors
from alloyworks.accounts.models import Organisation
from alloyworks.accounts.principal import Principal
from alloyworks.accounts.signup import organisation_name
from alloyworks.errors import Conflict


def rename(principal: Principal, name: str) -> Organisation:
    principal.require("organisation.edit")
    organisation = _locked(principal)
    before, organisation.name = organisation.name, organisation_name(name)
    organisation.save(update_fields=["name"])
    audit.note(principal, "organisation.edit", organisation.id, organisation.name, before=before)
    return organisation


def demand_mfa(principal: Principal, demanded: bool) -> Organisation:
    """Members without a second factor are shut out, sessions and keys, until they set one up."""
    principal.require("organisation.secure")
    organisation = _locked(principal)
    if demanded and not factors.has_second(principal.user):
        raise Conflict("Set up a second factor yourself first, or you would shut yourself out.")
    organisation.requires_mfa = demanded
    organisation.save(update_fields=["requires_mfa"])
    audit.note(
        principal,
        "organisation.edit",
        organisation.id,
        organisation.name,
        requires_mfa=demanded,
    )
    return organisation


def _locked(principal: Principal) -> Organisation:
    return Organisation.objects.select_for_update().get(id=principal.organisation.id)
