"""Where allauth asks us: about passwords and mails, second factors, and single sign-on."""

import base64
import hashlib
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from alloyworks.accounts import audit, factors, fresh, limits
from alloyworks.accounts.models import User
from alloyworks.errors import Conflict


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Too many wrong passwords are an answer of their own: 429, and how long to wait."""
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            answer = limits.too_many(request, limits.LOCKED_FOR)
            raise ImmediateHttpResponse(answer) from None

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        email = str(credentials.get("email", "")).lower()
        user = User.objects.filter(email=email).first() if "\0" not in email else None
        if user is not None:
            address = audit.address_of(request)
            audit.note_person(user, "person.sign_in_failed", address, known=False, by="password")

    def is_reauthentication_required(self, *, app: str, **more: Any) -> bool:
        demanded = super().is_reauthentication_required(app=app, **more)
        return demanded and not fresh.lately(context.request)


class SecondFactors(DefaultMFAAdapter):  # type: ignore[misc]
    """Secrets of authenticator apps are kept encrypted, under a key made of ALLOY_SECRET_KEY."""

    def encrypt(self, text: str) -> str:
        return _safe().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _safe().decrypt(encrypted_text.encode()).decode()

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        try:
            factors.refuse_to_drop(authenticator)
        except Conflict:
            return False
        return True

    def get_totp_issuer(self) -> str:
        return "Alloyworks"

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:  # noqa: A002
        number = Authenticator.objects.filter(user=user, type=type).count() + 1
        return "Passkey" if number == 1 else f"Passkey {number}"


def _safe() -> Fernet:
    digest = hashlib.sha256(b"second factors " + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(digest))
