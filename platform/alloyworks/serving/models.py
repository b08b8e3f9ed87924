"""Endpoints: models that answer, or sleep until somebody asks."""

from django.db import models
from django.utils import timezone

from alloyworks.accounts.models import Organisation, TenantModel, User
from alloyworks.catalog.models import ModelVersion


class EndpointState(models.TextChoices):
    ASLEEP = "asleep"
    WAKING = "waking"
    READY = "ready"
    FAILED = "failed"


class Endpoint(TenantModel):
    """A name that requests call a model by. Behind it is a version, or other endpoints (`mixture`).

    `launch` counts the times that a server was started for it: the fencing number of what runs. A
    mixture has no server and is always ready.
    """

    # Webhooks have endpoints, too: theirs have the usual names the other way round.
    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="model_endpoints"
    )
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    name = models.CharField(max_length=63)
    model_version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, null=True, related_name="endpoints"
    )
    mixture = models.JSONField(null=True)  # {"layers": [[name, …], …], "aggregator": name}
    idle_minutes = models.PositiveIntegerField(default=30)  # until it falls asleep; 0: never

    state = models.CharField(
        max_length=16, choices=EndpointState.choices, default=EndpointState.ASLEEP
    )
    since = models.DateTimeField(default=timezone.now)  # of the state
    asked_at = models.DateTimeField(null=True)  # last
    launch = models.PositiveIntegerField(default=0)
    tries = models.PositiveIntegerField(default=0)  # in a row that did not become ready
    secret_hash = models.CharField(max_length=64, blank=True)  # of the launch's token
    handle = models.JSONField(default=dict)  # what the launcher needs to find the server again
    address = models.CharField(max_length=300, blank=True)  # where the gateway reaches it
    trouble = models.CharField(max_length=1000, blank=True)  # why it failed

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organisation", "name"], name="one_endpoint_of_a_name"),
            models.CheckConstraint(
                condition=models.Q(model_version__isnull=True) ^ models.Q(mixture__isnull=True),
                name="model_or_mixture",
            ),
        ]
        indexes = [
            models.Index(fields=["organisation", "-id"]),
            models.Index(
                fields=["id"], condition=~models.Q(state="asleep"), name="endpoints_awake"
            ),
        ]


class EndpointUse(TenantModel):
    """What an endpoint was asked on one day (UTC)."""

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="uses")
    day = models.DateField()
    requests = models.PositiveBigIntegerField(default=0)
    failed = models.PositiveBigIntegerField(default=0)
    read = models.PositiveBigIntegerField(default=0)  # tokens
    written = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["endpoint", "day"], name="one_use_of_a_day")]
