"""What people do on allauth's pages goes into the audit log. apps.py imports this once."""

from typing import Any

from allauth.account import signals as account
from allauth.account.authentication import get_authentication_records
from allauth.account.models import EmailAddress
from allauth.mfa import signals as mfa
from allauth.mfa.models import Authenticator
from allauth.socialaccount import signals as sso
from django.contrib.auth.signals import user_logged_out
from django.dispatch import receiver
from django.http import HttpRequest

from alloyworks.accounts.audit import Deed, address_of, note_person
from alloyworks.accounts.models import User


@receiver(account.user_logged_in)
def signed_in(request: HttpRequest, user: User, **more: Any) -> None:
    shown = get_authentication_records(request, user)
    by = [str(record.get("type") or record["method"]) for record in shown]
    note_person(user, "person.sign_in", address_of(request), by=by)


@receiver(user_logged_out)
def signed_out(request: HttpRequest, user: User | None, **more: Any) -> None:
    if user is not None:
        note_person(user, "person.sign_out", address_of(request))


@receiver([account.password_changed, account.password_set, account.password_reset])
def password_changed(request: HttpRequest, user: User, **more: Any) -> None:
    note_person(user, "person.password", address_of(request))


@receiver(account.email_changed)
def email_changed(
    request: HttpRequest,
    user: User,
    from_email_address: EmailAddress | None,
    to_email_address: EmailAddress,
    **more: Any,
) -> None:
    before = from_email_address.email if from_email_address else ""
    after = to_email_address.email
    note_person(user, "person.email", address_of(request), before=before, after=after)


def _factor(deed: Deed) -> Any:
    def noted(request: HttpRequest, user: User, authenticator: Authenticator, **more: Any) -> None:
        note_person(user, deed, address_of(request), factor=str(authenticator.type))

    return noted


FACTOR_DEEDS: dict[Any, Any] = {
    mfa.authenticator_added: _factor("person.mfa_add"),
    mfa.authenticator_removed: _factor("person.mfa_remove"),
    mfa.authenticator_reset: _factor("person.mfa_codes"),
}
for _signal, _noted in FACTOR_DEEDS.items():
    _signal.connect(_noted, weak=False)


@receiver(mfa.authentication_failed)
def factor_failed(
    request: HttpRequest, user: User, authenticator: Authenticator, **more: Any
) -> None:
    by = str(authenticator.type)
    note_person(user, "person.sign_in_failed", address_of(request), known=False, by=by)


@receiver(sso.social_account_added)
def linked(request: HttpRequest, sociallogin: Any, **more: Any) -> None:
    note_person(sociallogin.user, "person.sso_link", address_of(request))


@receiver(sso.social_account_removed)
def unlinked(request: HttpRequest, socialaccount: Any, **more: Any) -> None:
    note_person(socialaccount.user, "person.sso_unlink", address_of(request))
