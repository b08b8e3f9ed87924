"""Who is asking: a person in one organisation, by session or by API key."""

from dataclasses import dataclass

from django.http import HttpRequest

from alloyworks.accounts.models import ApiKey, Organisation, Role, User
from alloyworks.accounts.roles import ALLOWED, Action
from alloyworks.errors import Forbidden, Unauthenticated


@dataclass(frozen=True)
class Principal:
    user: User
    organisation: Organisation
    role: Role
    api_key: ApiKey | None = None

    def may(self, action: Action) -> bool:
        return action in ALLOWED[self.role]

    def require(self, action: Action) -> None:
        """Raises Forbidden unless the role allows the action."""
        if not self.may(action):
            raise Forbidden(f"A {self.role} may not do this ({action}); ask an owner or admin.")


def principal_of(request: HttpRequest, action: Action) -> Principal:
    """Whoever sent the request, provided that they may do this.

    Raises Unauthenticated or Forbidden. Every view and API operation starts with it.
    """
    principal: Principal | None = getattr(request, "principal", None)
    if principal is None:
        raise Unauthenticated("Sign in, or send an API key as `Authorization: Bearer alloy_…`.")
    principal.require(action)
    return principal
