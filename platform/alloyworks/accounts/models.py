"""People, organisations, and who may do what in them."""

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models

from alloyworks.ids import new_id


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str, name: str = "") -> "User":
        user = User(email=self.normalize_email(email).lower(), name=name)
        user.set_password(password)
        user.save()
        return user


class User(AbstractBaseUser):
    """A person. Belongs to organisations by memberships; owns nothing itself."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, blank=True)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(auto_now_add=True)

    objects = UserManager()
    USERNAME_FIELD = "email"

    def __str__(self) -> str:
        return self.email


class Organisation(models.Model):
    """A tenant. Its `organisation_id` is its own id."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=120)
    requires_mfa = models.BooleanField(default=False)  # of everybody who works in it
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"


class TenantModel(models.Model):
    """A row that belongs to one organisation and is visible to it alone."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True


class Membership(TenantModel):
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role.choices)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organisation", "user"], name="one_membership")
        ]


class Invitation(TenantModel):
    """Opens an organisation to whoever holds the token that was mailed to `email`."""

    email = models.EmailField()
    role = models.CharField(max_length=16, choices=Role.choices)
    invited_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True)
    secret_hash = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)


def everything() -> list[str]:
    """The scopes of a key that is not narrowed."""
    return ["all"]


class ApiKey(TenantModel):
    """`alloy_<prefix>_<secret>`, shown once; only its SHA-256 is kept."""

    created_by = models.ForeignKey(User, on_delete=models.CASCADE)
    name = models.CharField(max_length=120)
    role = models.CharField(max_length=16, choices=Role.choices)
    scopes = ArrayField(models.CharField(max_length=16), default=everything)
    prefix = models.CharField(max_length=12)
    secret_hash = models.CharField(max_length=64, unique=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)


class IdempotencyKey(TenantModel):
    """A finished POST of the API and its answer, written in the transaction that did the work."""

    created_by = models.ForeignKey(User, on_delete=models.CASCADE)
    key = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=64)  # SHA-256 of what was asked
    status = models.PositiveSmallIntegerField()
    body = models.TextField(null=True)  # null: it held a secret, which is not kept

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "created_by", "key"], name="one_idempotency_key"
            )
        ]
        indexes = [models.Index(fields=["organisation", "created_at"])]


class AuditEntry(TenantModel):
    """What somebody did, and from where. The app role may add entries; nobody's app changes one.

    Names are copied: an entry outlives the person and the thing that it tells of.
    """

    actor_id = models.UUIDField(null=True)
    actor = models.CharField(max_length=254)  # e-mail address at the time; empty: nobody known
    api_key = models.CharField(max_length=12)  # prefix of the key that was used, if any
    address = models.GenericIPAddressField(null=True)
    action = models.CharField(max_length=40)
    object_id = models.CharField(max_length=64)
    object_name = models.CharField(max_length=300)
    details = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(fields=["organisation", "-id"]),
            models.Index(fields=["organisation", "actor", "-id"]),
        ]
