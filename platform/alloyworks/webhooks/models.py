"""Who is told when a job ends, and every message on its way.

A message is a row of the transaction that ended the job, so that there is never one without the
other: whoever sends it comes later, and comes again until it has arrived.
"""

from django.db import models
from django.utils import timezone

from alloyworks.accounts.models import TenantModel, User
from alloyworks.jobs.models import Job


class Endpoint(TenantModel):
    """A URL of the tenant's. Its secret is derived (`signing.secret_of`), not stored."""

    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True)
    url = models.CharField(max_length=2000)
    events = models.JSONField()  # of events.EVENTS
    active = models.BooleanField(default=True)
    trouble = models.CharField(max_length=500, blank=True)  # why it was switched off, by us


class MessageState(models.TextChoices):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class Message(TenantModel):
    """Something to be sent until it has arrived, or a day has passed."""

    state = models.CharField(
        max_length=16, choices=MessageState.choices, default=MessageState.PENDING
    )
    tries = models.PositiveIntegerField(default=0)
    due_since = models.DateTimeField(default=timezone.now)  # the day begins here
    next_at = models.DateTimeField(default=timezone.now)  # while it is being sent: its lease's end
    tried_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        abstract = True


class Delivery(Message):
    """One event for one endpoint. The id is the event's, the same at every try."""

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="deliveries")
    job = models.ForeignKey(Job, on_delete=models.SET_NULL, null=True)
    event = models.CharField(max_length=32)  # of events.EVENTS, or test
    body = models.TextField()  # the very text that is signed and sent
    status = models.PositiveSmallIntegerField(null=True)  # of the latest answer
    answer = models.TextField(blank=True)  # its first characters

    @property
    def message_id(self) -> str:
        """The header webhook-id."""
        return f"msg_{self.id.hex}"

    class Meta:
        indexes = [
            models.Index(fields=["endpoint", "-id"]),
            models.Index(
                fields=["next_at"], condition=models.Q(state="pending"), name="due_deliveries"
            ),
        ]


class Mail(Message):
    address = models.EmailField()
    subject = models.CharField(max_length=200)
    text = models.TextField()

    class Meta:
        indexes = [
            models.Index(fields=["next_at"], condition=models.Q(state="pending"), name="due_mails")
        ]


class NoJobMail(TenantModel):
    """Somebody who wants no mail when a job of theirs ends in this organisation."""

    user = models.ForeignKey(User, on_delete=models.CASCADE)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organisation", "user"], name="one_no_job_mail")
        ]
