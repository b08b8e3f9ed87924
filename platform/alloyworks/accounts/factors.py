"""Second factors: who has one, and organisations that demand one of their members."""

from allauth.mfa.models import Authenticator

from alloyworks.accounts.models import Membership, Organisation, User
from alloyworks.errors import Conflict, Forbidden
from alloyworks.tenancy import scope

FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
SETTINGS_PAGE = "/accounts/2fa/"


class SecondFactorMissing(Forbidden):
    """The organisation demands two factors of its members, and this person has one."""

    type, title = "second-factor-missing", "Set up a second factor first"


def has_second(user: User) -> bool:
    """A passkey or an authenticator app; recovery codes alone are none."""
    mine = Authenticator.objects.filter(user=user, type__in=FACTORS)
    return bool(mine.exists())


def refuse_without(user: User, organisation: Organisation) -> None:
    """Raises SecondFactorMissing where the organisation demands one and the person has none."""
    if organisation.requires_mfa and not has_second(user):
        raise SecondFactorMissing(
            f"{organisation.name} demands a second factor of its members; set yours up on the "
            f"page {SETTINGS_PAGE}."
        )


def refuse_to_drop(authenticator: Authenticator) -> None:
    """Raises Conflict when it is the last factor of somebody whose organisation demands one."""
    user = authenticator.user
    others = Authenticator.objects.filter(user=user, type__in=FACTORS).exclude(pk=authenticator.pk)
    if authenticator.type not in FACTORS or others.exists():
        return
    with scope(user=user.id):
        mine = Membership.objects.filter(user=user).select_related("organisation")
        demanding = mine.filter(organisation__requires_mfa=True).first()
    if demanding is not None:
        raise Conflict(f"{demanding.organisation.name} demands a second factor; add another first.")
