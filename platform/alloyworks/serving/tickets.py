"""What a page's chat shows the gateway: that a signed-in person may ask one endpoint, for some hours.

Signed and not stored. Whether the person is still a member, and may still ask, is looked up each time.
"""

from dataclasses import dataclass
from uuid import UUID

from django.core import signing

from alloyworks.accounts import factors
from alloyworks.accounts.models import Membership, Role
from alloyworks.accounts.principal import Principal
from alloyworks.errors import Unauthenticated
from alloyworks.serving.models import Endpoint
from alloyworks.tenancy import scope

PREFIX = "try_"
HOURS = 12
_SALT = "alloyworks.serving.ticket"


@dataclass(frozen=True)
class Ticket:
    principal: Principal
    endpoint: str  # the only name that it is good for


def issued(principal: Principal, endpoint: Endpoint) -> str:
    told = [str(principal.organisation.id), str(principal.user.id), endpoint.name]
    return PREFIX + signing.dumps(told, salt=_SALT)


def read(token: str, address: str | None) -> Ticket:
    """Raises Unauthenticated, and Forbidden where a second factor is missing."""
    try:
        told = signing.loads(token.removeprefix(PREFIX), salt=_SALT, max_age=HOURS * 3600)
        organisation_id, user_id, name = UUID(told[0]), UUID(told[1]), str(told[2])
    except (signing.BadSignature, ValueError, TypeError, IndexError):
        raise Unauthenticated("The page is too old; reload it.") from None
    with scope(organisation_id, user_id):
        rows = Membership.objects.select_related("user", "organisation")
        mine = rows.filter(organisation_id=organisation_id, user_id=user_id).first()
        if mine is None or not mine.user.is_active:
            raise Unauthenticated("You are not a member any more.")
        factors.refuse_without(mine.user, mine.organisation)
        principal = Principal(mine.user, mine.organisation, Role(mine.role), address=address)
        return Ticket(principal, name)
