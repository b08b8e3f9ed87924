"""People, invitations, members and keys, as plain rules."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from alloyworks.accounts import invitations, keys, members, signup
from alloyworks.accounts.models import ApiKey, Invitation, Membership, Organisation, Role, User
from alloyworks.accounts.principal import Principal
from alloyworks.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from alloyworks.tenancy import scope

PASSWORD = "a long enough one"


def invited(principal: Principal, email: str, role: Role, mails: list, commit) -> str:
    """The token of a mailed invitation."""
    with commit(execute=True), scope(principal.organisation.id, principal.user.id):
        invitations.invite(principal, email, role)
    return re.search(r"/accounts/invitations/([^/]+)/", mails[-1].body)[1]


@pytest.fixture
def token(alice: Principal, mailoutbox: list, django_capture_on_commit_callbacks) -> str:
    commit: DjangoCaptureOnCommitCallbacks = django_capture_on_commit_callbacks
    return invited(alice, "dora@acme.example", Role.MEMBER, mailoutbox, commit)


def test_sign_up_makes_an_owner_of_a_new_organisation(alice: Principal) -> None:
    with scope(alice.organisation.id):
        assert Membership.objects.get().role == Role.OWNER


@pytest.mark.parametrize(
    ("organisation", "email", "password", "field"),
    [
        (" ", "x@y.example", PASSWORD, "organisation"),
        ("O" * 121, "x@y.example", PASSWORD, "organisation"),
        ("Initech", "nobody", PASSWORD, "email"),
        ("Initech", "x@y.example", "short", "password"),
        ("Initech", "x@y.example", "password123", "password"),
    ],
)
def test_a_bad_sign_up_names_the_field_and_leaves_nothing(
    db: None, organisation: str, email: str, password: str, field: str
) -> None:
    with pytest.raises(Invalid) as caught:
        signup.register(organisation, email, password)

    assert [list(error.loc) for error in caught.value.errors] == [[field]]
    assert not User.objects.exists()


def test_an_address_signs_up_once_however_it_is_spelt(alice: Principal) -> None:
    with pytest.raises(Conflict, match="account"):
        signup.register("Initech", "Alice@ACME.example", PASSWORD)


def test_an_invitation_is_mailed_and_opens_the_organisation_once(
    token: str, charlie: Principal, alice: Principal
) -> None:
    joined = invitations.accept(token, charlie.user)

    assert (joined.organisation.name, joined.role) == ("Acme", Role.MEMBER)
    with pytest.raises(Conflict, match="accepted"):
        invitations.accept(token, charlie.user)


def test_a_newcomer_joins_with_a_password_alone(token: str) -> None:
    joined = invitations.accept_as_new(token, PASSWORD, "Dora")

    assert joined.user.email == "dora@acme.example"
    assert joined.user.emailaddress_set.get().verified


def test_a_newcomer_with_a_bad_password_stays_outside(token: str) -> None:
    with pytest.raises(Invalid):
        invitations.accept_as_new(token, "short")

    assert invitations.look_up(token).accepted_at is None


def test_an_expired_invitation_says_so(token: str, alice: Principal, charlie: Principal) -> None:
    with scope(alice.organisation.id):
        Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    with pytest.raises(Conflict, match="expired"):
        invitations.accept(token, charlie.user)


def test_a_withdrawn_invitation_opens_nothing(token: str, alice: Principal) -> None:
    with scope(alice.organisation.id):
        invitations.withdraw(alice, invitations.pending(alice).get().id)

    with pytest.raises(NotFound):
        invitations.look_up(token)


def test_a_second_invitation_replaces_the_first(
    token: str, alice: Principal, mailoutbox: list, django_capture_on_commit_callbacks
) -> None:
    commit = django_capture_on_commit_callbacks
    second = invited(alice, "Dora@acme.example", Role.ADMIN, mailoutbox, commit)

    assert invitations.look_up(second).role == Role.ADMIN
    with pytest.raises(NotFound):
        invitations.look_up(token)


def test_members_are_not_invited_again(alice: Principal, bob: Principal) -> None:
    with scope(alice.organisation.id), pytest.raises(Conflict, match="member"):
        invitations.invite(alice, bob.user.email, Role.MEMBER)


def test_an_admin_can_not_make_an_owner(alice: Principal, bob: Principal) -> None:
    admin = Principal(bob.user, bob.organisation, Role.ADMIN)

    with scope(alice.organisation.id), pytest.raises(Forbidden):
        invitations.invite(admin, "eve@acme.example", Role.OWNER)


def test_an_admin_can_not_touch_an_owner(alice: Principal, bob: Principal) -> None:
    admin = Principal(bob.user, bob.organisation, Role.ADMIN)

    with scope(alice.organisation.id), pytest.raises(Forbidden):
        members.change_role(admin, alice.user.id, Role.VIEWER)


def test_the_last_owner_can_not_leave(alice: Principal) -> None:
    with scope(alice.organisation.id), pytest.raises(Conflict, match="last owner"):
        members.remove(alice, alice.user.id)


def test_the_last_owner_can_not_step_down(alice: Principal) -> None:
    with scope(alice.organisation.id), pytest.raises(Conflict, match="last owner"):
        members.change_role(alice, alice.user.id, Role.ADMIN)


def test_an_owner_may_leave_once_there_is_another(alice: Principal, bob: Principal) -> None:
    with scope(alice.organisation.id):
        members.change_role(alice, bob.user.id, Role.OWNER)
        members.remove(alice, alice.user.id)

        assert [m.user_id for m in members.members_of(alice)] == [bob.user.id]


def test_a_viewer_may_leave_but_remove_nobody(vera: Principal, bob: Principal) -> None:
    with scope(vera.organisation.id):
        with pytest.raises(Forbidden):
            members.remove(vera, bob.user.id)
        members.remove(vera, vera.user.id)


def test_a_member_of_another_organisation_is_not_found(
    alice: Principal, charlie: Principal
) -> None:
    with scope(alice.organisation.id), pytest.raises(NotFound):
        members.remove(alice, charlie.user.id)


def made(principal: Principal, role: Role = Role.MEMBER, **options) -> tuple[ApiKey, str]:
    with scope(principal.organisation.id):
        return keys.create(principal, "laptop", role, **options)


def test_a_key_stands_for_its_maker_with_the_weaker_role(alice: Principal) -> None:
    _, token = made(alice, Role.VIEWER)

    found = keys.authenticate(token)

    assert found is not None
    assert (found.user, found.organisation, found.role) == (
        alice.user,
        alice.organisation,
        Role.VIEWER,
    )


def test_a_key_falls_with_the_role_of_its_maker(alice: Principal, bob: Principal) -> None:
    _, token = made(bob)
    with scope(alice.organisation.id):
        members.change_role(alice, bob.user.id, Role.VIEWER)

    assert keys.authenticate(token).role == Role.VIEWER


def test_a_key_has_the_role_of_its_own_organisation(alice: Principal, charlie: Principal) -> None:
    """Its maker may be more elsewhere."""
    with scope(charlie.organisation.id):
        Membership.objects.create(
            organisation=charlie.organisation, user=alice.user, role=Role.VIEWER
        )
        guest = Principal(alice.user, charlie.organisation, Role.OWNER)
        _, token = keys.create(guest, "laptop", Role.OWNER)

    assert keys.authenticate(token).role == Role.VIEWER


def test_a_key_dies_with_the_membership_and_stays_dead(alice: Principal, bob: Principal) -> None:
    _, token = made(bob)
    with scope(alice.organisation.id):
        members.remove(alice, bob.user.id)
        Membership.objects.create(organisation=alice.organisation, user=bob.user, role=Role.MEMBER)

    with pytest.raises(Unauthenticated, match="revoked"):
        keys.authenticate(token)


def test_a_key_of_a_disabled_person_is_dead(bob: Principal) -> None:
    _, token = made(bob)
    User.objects.filter(id=bob.user.id).update(is_active=False)

    with pytest.raises(Unauthenticated, match="not a member"):
        keys.authenticate(token)


def test_the_text_of_a_key_is_not_stored(alice: Principal) -> None:
    key, token = made(alice)

    assert token not in {str(value) for value in vars(key).values()}
    assert token.startswith(f"alloy_{key.prefix}_")


def test_revoked_and_expired_keys_are_dead(alice: Principal) -> None:
    key, revoked = made(alice)
    soon, expired = made(alice, expires_at=timezone.now() + timedelta(hours=1))
    with scope(alice.organisation.id):
        keys.revoke(alice, key.id)
        ApiKey.objects.filter(id=soon.id).update(expires_at=timezone.now())

    for token, words in ((revoked, "was revoked on"), (expired, "expired on")):
        with pytest.raises(Unauthenticated, match=f"{words} .* Make a new one"):
            keys.authenticate(token)


@pytest.mark.parametrize("token", ["", "alloy_", "alloy_x_y", "nonsense", "\0", "ü" * 9000])
def test_nonsense_is_no_key(db: None, token: str) -> None:
    with pytest.raises(Unauthenticated, match="not known"):
        keys.authenticate(token)


def test_members_revoke_their_own_keys_alone(alice: Principal, bob: Principal) -> None:
    key, _ = made(alice)

    with scope(alice.organisation.id), pytest.raises(NotFound):
        keys.revoke(bob, key.id)


def test_nobody_revokes_a_key_of_another_organisation(alice: Principal, charlie: Principal) -> None:
    key, _ = made(charlie)

    for unknown in (key.id, uuid4()):
        with scope(alice.organisation.id), pytest.raises(NotFound, match=str(unknown)):
            keys.revoke(alice, unknown)


def test_a_key_can_not_do_more_than_its_maker(bob: Principal) -> None:
    with pytest.raises(Invalid, match="may not do more"):
        made(bob, Role.ADMIN)


def test_a_key_can_not_expire_in_the_past(alice: Principal) -> None:
    with pytest.raises(Invalid, match="passed"):
        made(alice, expires_at=timezone.now() - timedelta(days=1))


def test_organisations_of_a_person_are_all_theirs(token: str, charlie: Principal) -> None:
    invitations.accept(token, charlie.user)

    with scope(charlie.organisation.id, charlie.user.id):
        names = [m.organisation.name for m in members.organisations_of(charlie)]
    assert names == ["Acme", "Globex"]
    assert Organisation.objects.count() == 0
