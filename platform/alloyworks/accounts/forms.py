"""The forms behind the account pages."""

from typing import Any

from allauth.account.forms import SignupForm
from django import forms
from django.db import transaction
from django.http import HttpRequest

from alloyworks.accounts import signup
from alloyworks.accounts.models import Role, User


class SignUpForm(SignupForm):  # type: ignore[misc]  # allauth ships no types
    """A person and their organisation, all or nothing."""

    organisation = forms.CharField(
        max_length=signup.NAME_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    field_order = ("organisation", "email", "password1")

    def save(self, request: HttpRequest) -> Any:
        with transaction.atomic():
            return super().save(request)

    def custom_signup(self, request: HttpRequest, user: User) -> None:
        signup.found(user, self.cleaned_data["organisation"])


class InviteForm(forms.Form):
    email = forms.EmailField()
    role = forms.ChoiceField(choices=Role.choices, initial=Role.MEMBER)


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=Role.choices)


class KeyForm(forms.Form):
    name = forms.CharField(max_length=120)
    role = forms.ChoiceField(choices=Role.choices, initial=Role.MEMBER)
    expires_at = forms.DateTimeField(
        required=False, widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )


class JoinForm(forms.Form):
    """An invited person who has no account yet."""

    name = forms.CharField(max_length=120, required=False)
    password = forms.CharField(
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}), strip=False
    )
