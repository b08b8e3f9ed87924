"""Single sign-on: whom the deployment's OpenID Connect provider vouches for, and where they join.

A person is known by the provider's `sub`. The provider's word for an e-mail address makes a new
account; it never opens one that exists: whoever has one signs in first, and then links the two.
"""

from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import redirect, render

from alloyworks.accounts import audit, signup
from alloyworks.accounts.models import Membership, Organisation, Role, User
from alloyworks.accounts.principal import Principal
from alloyworks.config import config, split
from alloyworks.errors import Forbidden, Problem
from alloyworks.tenancy import scope

CONNECT = "connect"  # allauth's word for linking to the account that is signed in


class SingleSignOn(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        try:
            email = vouched_for(sociallogin)
        except Problem as problem:
            answer = render(request, "problem.html", {"problem": problem}, status=problem.status)
            raise ImmediateHttpResponse(answer) from None
        signup.forget_wishes(email)
        linking = sociallogin.state.get("process") == CONNECT
        if not linking and not sociallogin.is_existing and _has_account(email):
            messages.error(
                request,
                f"There is an account for {email} already. Sign in with its password, then link "
                "it on the page Single sign-on.",
            )
            raise ImmediateHttpResponse(redirect("account_login"))

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return True

    def save_user(self, request: HttpRequest, sociallogin: Any, form: Any = None) -> User:
        with transaction.atomic():
            user: User = super().save_user(request, sociallogin, form)
            join(user, audit.address_of(request))
        return user

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: dict[str, Any]) -> Any:
        user = super().populate_user(request, sociallogin, data)
        user.email = user.email.lower()
        user.name = str(data.get("name") or "")[:120]
        return user


def vouched_for(sociallogin: Any) -> str:
    """The address that the provider has verified. Raises Forbidden when there is none."""
    claims = sociallogin.account.extra_data
    subjects = {part.get("sub") for part in claims.values() if isinstance(part, dict)}
    if len(subjects) > 1:
        raise Forbidden("The provider's two answers tell of two persons; sign in again.")
    address = next(iter(sociallogin.email_addresses), None)
    # Some providers send the word "false", which is true to Python.
    if address is None or address.verified is not True:
        raise Forbidden(
            "The provider has not verified your e-mail address; have it verified there."
        )
    email: str = address.email.lower()
    allowed = [domain.lower() for domain in split(config.oidc_domains)]
    if allowed and email.rpartition("@")[2] not in allowed:
        raise Forbidden(f"Only addresses of {', '.join(allowed)} sign in here, not {email}.")
    return email


def join(user: User, address: str | None) -> None:
    """A newcomer becomes a member of the deployment's organisation, where it names one."""
    if config.oidc_organisation is None:
        return
    role = Role(config.oidc_role)
    with scope(config.oidc_organisation, user.id):
        organisation = Organisation.objects.filter(id=config.oidc_organisation).first()
        if organisation is None:
            raise RuntimeError("ALLOY_OIDC_ORGANISATION is the id of no organisation.")
        Membership.objects.create(organisation=organisation, user=user, role=role)
        joined = Principal(user, organisation, role, address=address)
        audit.note(joined, "member.join", user.id, user.email, role=role.value, by="sso")


def _has_account(email: str) -> bool:
    return User.objects.filter(email=email).exists()
