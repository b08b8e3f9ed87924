"""Making people and their organisations."""

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from alloyworks.accounts import audit
from alloyworks.accounts.models import Membership, Organisation, Role, User
from alloyworks.accounts.principal import Principal
from alloyworks.errors import Conflict, FieldError, Invalid
from alloyworks.ids import new_id
from alloyworks.tenancy import scope

NAME_LENGTH = 120


def register(
    organisation: str, email: str, password: str, name: str = "", address: str | None = None
) -> Principal:
    """A new person and their organisation, all or nothing."""
    with scope():
        return found(register_person(email, password, name), organisation, address)


def register_person(email: str, password: str, name: str = "", *, verified: bool = False) -> User:
    """A new person, who belongs nowhere yet."""
    email = email.strip().lower()
    refuse_bad(email, password)
    if User.objects.filter(email=email).exists():
        raise Conflict(
            "There is an account with this e-mail address already.",
            [FieldError(["email"], f"{email} is taken.", "Sign in, or use another address.")],
        )
    with transaction.atomic():
        forget_wishes(email)
        user = User.objects.create_user(email, password, name.strip())
        EmailAddress.objects.create(user=user, email=email, primary=True, verified=verified)
    return user


def forget_wishes(email: str) -> None:
    """Who only wanted to change to this address can't any more: it has an account."""
    EmailAddress.objects.filter(email=email, verified=False, primary=False).delete()


def found(user: User, name: str, address: str | None = None) -> Principal:
    """A new organisation, owned by `user`."""
    organisation = Organisation(id=new_id(), name=organisation_name(name))
    with scope(organisation.id, user.id):
        organisation.save(force_insert=True)
        Membership.objects.create(organisation=organisation, user=user, role=Role.OWNER)
        owner = Principal(user, organisation, Role.OWNER, address=address)
        audit.note(owner, "organisation.create", organisation.id, organisation.name)
    return owner


def organisation_name(given: str) -> str:
    name = given.strip()
    if not 1 <= len(name) <= NAME_LENGTH:
        msg = f"The name has {len(name)} characters."
        error = FieldError(["organisation"], msg, f"Use 1 to {NAME_LENGTH} characters.")
        raise Invalid("The organisation needs a name.", [error])
    return name


def refuse_bad(email: str, password: str) -> None:
    """Raises Invalid with every fault of the address and the password at once."""
    errors = []
    try:
        validate_email(email)
    except ValidationError:
        remedy = "Use an address such as name@example.org."
        errors.append(FieldError(["email"], f"{email!r} is not an e-mail address.", remedy))
    try:
        validate_password(password, User(email=email))
    except ValidationError as fault:
        remedy = "Choose a longer or less common password."
        errors += [FieldError(["password"], message, remedy) for message in fault.messages]
    if errors:
        raise Invalid("The account can't be made.", errors)
