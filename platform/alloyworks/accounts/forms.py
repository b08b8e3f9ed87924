"""The forms behind the account pages."""

import struct
from datetime import datetime, timedelta
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.forms import AddEmailForm, SignupForm
from allauth.account.internal.flows.email_verification import send_verification_email_to_address
from allauth.account.internal.flows.login import record_authentication
from allauth.account.models import EmailAddress
from allauth.mfa.webauthn.forms import AddWebAuthnForm
from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from alloyworks.accounts import audit, signup
from alloyworks.accounts.keys import DEFAULT_LIFE
from alloyworks.accounts.models import Role, User
from alloyworks.accounts.roles import Scope

SCOPE_WORDS: dict[Scope, str] = {
    "all": "Everything that the role may do",
    "read": "Look at everything, and download",
    "data": "Upload and delete datasets and models",
    "jobs": "Submit and cancel jobs",
    "people": "Members, keys, webhooks and the audit log",
}
DEED_WORDS = [
    ("organisation", "The organisation"),
    ("member", "Members"),
    ("invitation", "Invitations"),
    ("key", "API keys"),
    ("dataset", "Datasets"),
    ("model", "Models"),
    ("job", "Jobs"),
    ("webhook", "Webhooks"),
    ("person", "Signing in, passwords, factors"),
    ("audit", "This log"),
]


class SignUpForm(SignupForm):  # type: ignore[misc]  # allauth ships no types
    """A person and their organisation, all or nothing."""

    organisation = forms.CharField(
        max_length=signup.NAME_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    field_order = ("organisation", "email", "password1")

    def clean_email(self) -> str:
        """Taken is what somebody has, not what somebody else wants to change to."""
        email: str = get_adapter().clean_email(self.cleaned_data["email"].lower())
        self.account_already_exists = False
        return str(super().clean_email()) if User.objects.filter(email=email).exists() else email

    def save(self, request: HttpRequest) -> Any:
        with transaction.atomic():
            return super().save(request)

    def custom_signup(self, request: HttpRequest, user: User) -> None:
        record_authentication(request, user, method="password")  # it was typed just now
        signup.forget_wishes(user.email)
        signup.found(user, self.cleaned_data["organisation"], audit.address_of(request))


class ChangeAddressForm(AddEmailForm):  # type: ignore[misc]
    """Unlike allauth's own, it leaves an unconfirmed address in use until the new one counts."""

    def save(self, request: HttpRequest) -> EmailAddress:
        email = self.cleaned_data["email"].lower()
        theirs = EmailAddress.objects.filter(user=self.user)
        theirs.exclude(email=self.user.email).delete()  # what they wanted before
        wanted = EmailAddress(user=self.user, email=email)
        if User.objects.filter(email=email).exists():
            # Whose address it is hears of it; whoever asked sees no difference.
            get_adapter().send_account_already_exists_mail(email)
            told = {"email": email}
            template = "account/messages/email_confirmation_sent.txt"
            get_adapter().add_message(request, messages.INFO, template, told)
            return wanted
        wanted.save()
        send_verification_email_to_address(request, wanted)
        return wanted


class AddPasskeyForm(AddWebAuthnForm):  # type: ignore[misc]
    """What is no passkey at all is wrong, too, and not our fault."""

    def clean(self) -> dict[str, Any]:
        try:
            cleaned: dict[str, Any] = super().clean()
        except (ValueError, TypeError, LookupError, struct.error):
            raise forms.ValidationError("That is no passkey; try again.") from None
        return cleaned


class InviteForm(forms.Form):
    email = forms.EmailField()
    role = forms.ChoiceField(choices=Role.choices, initial=Role.MEMBER)


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=Role.choices)


class KeyForm(forms.Form):
    """A key that is made on the page opens everything unless it is narrowed."""

    DAYS = [(7, "7 days"), (30, "30 days"), (90, "90 days"), (365, "1 year"), (0, "never")]

    name = forms.CharField(max_length=120)
    role = forms.ChoiceField(choices=Role.choices, initial=Role.MEMBER)
    scopes = forms.MultipleChoiceField(
        choices=SCOPE_WORDS.items(),
        initial=["all"],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    days = forms.TypedChoiceField(choices=DAYS, coerce=int, initial=DEFAULT_LIFE.days)

    def clean_scopes(self) -> list[str]:
        return self.cleaned_data["scopes"] or ["all"]

    def until(self) -> datetime | None:
        """When the key ends; None for never."""
        days = self.cleaned_data["days"]
        return timezone.now() + timedelta(days=days) if days else None


class OrganisationForm(forms.Form):
    name = forms.CharField(max_length=signup.NAME_LENGTH)


class AuditForm(forms.Form):
    """What to show of the audit log; every field may be left empty."""

    action = forms.ChoiceField(choices=[("", "Everything"), *DEED_WORDS], required=False)
    actor = forms.EmailField(required=False)
    since = forms.DateTimeField(required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateTimeField(required=False, widget=forms.DateInput(attrs={"type": "date"}))


class JoinForm(forms.Form):
    """An invited person who has no account yet."""

    name = forms.CharField(max_length=120, required=False)
    password = forms.CharField(
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}), strip=False
    )
