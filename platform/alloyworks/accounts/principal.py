"""Who is asking: a person in one organisation, by session or by API key."""

from dataclasses import dataclass

from django.http import HttpRequest

from alloyworks.accounts.models import ApiKey, Organisation, Role, User
from alloyworks.accounts.roles import ALLOWED, Action, allowed
from alloyworks.errors import Forbidden, Unauthenticated

SIGN_IN = "Sign in, or send an API key as `Authorization: Bearer alloy_…`."


@dataclass(frozen=True)
class Principal:
    user: User
    organisation: Organisation
    role: Role
    api_key: ApiKey | None = None
    address: str | None = None  # where the request came from

    @property
    def allowed(self) -> frozenset[Action]:
        """By the role and, for an API key, its scopes."""
        return allowed(self.role, self.api_key.scopes) if self.api_key else ALLOWED[self.role]

    def may(self, action: Action) -> bool:
        return action in self.allowed

    def require(self, action: Action) -> None:
        """Raises Forbidden unless the role, and the key's scopes, allow the action."""
        if action not in ALLOWED[self.role]:
            raise Forbidden(f"A {self.role} may not do this ({action}); ask an owner or admin.")
        if not self.may(action):
            scopes = ", ".join(self.api_key.scopes) if self.api_key else ""
            raise Forbidden(f"This API key's scopes ({scopes}) do not open {action}; make another.")


def principal_of(request: HttpRequest, action: Action) -> Principal:
    """Whoever sent the request, provided that they may do this.

    Raises Unauthenticated or Forbidden, or why the middleware let nobody in. Every view and API
    operation starts with it.
    """
    principal: Principal | None = getattr(request, "principal", None)
    if principal is None:
        raise getattr(request, "refusal", None) or Unauthenticated(SIGN_IN)
    principal.require(action)
    return principal
