"""Where allauth asks us: about passwords and mails, second factors, and single sign-on."""

import base64
import hashlib
import logging
import os
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from alloyworks.accounts import audit, factors, fresh, limits
from alloyworks.accounts.models import User
from alloyworks.errors import Conflict

_logger = logging.getLogger(__name__)


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

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Somebody else may have made an account with the address since it was wanted."""
        others = User.objects.exclude(pk=email_address.user_id)
        if others.filter(email=email_address.email).exists():
            messages.error(request, "Another account has this address.")
            return False
        return bool(super().confirm_email(request, email_address))

    def is_reauthentication_required(self, *, app: str, **more: Any) -> bool:
        demanded = super().is_reauthentication_required(app=app, **more)
        if not demanded or fresh.lately(context.request):
            return False
        fresh.refuse_who_signs_in_elsewhere(context.request)
        return True


class SecondFactors(DefaultMFAAdapter):  # type: ignore[misc]
    """Secrets of authenticator apps are kept encrypted, under a key made of ALLOY_SECRET_KEY."""

    def encrypt(self, text: str) -> str:
        return _safe().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """What was written under another ALLOY_SECRET_KEY becomes a secret that nobody has."""
        try:
            return _safe().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            _logger.warning("A second factor was set up under another ALLOY_SECRET_KEY.")
            return base64.b32encode(os.urandom(20)).decode()

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
