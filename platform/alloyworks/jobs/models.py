"""Jobs, their attempts, and what the attempts told."""

from django.db import models

from alloyworks.accounts.models import Organisation, TenantModel, User
from alloyworks.catalog.models import Dataset, ModelVersion


class JobState(models.TextChoices):
    WAITING = "waiting"  # for the output of another job
    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Job(TenantModel):
    """What a user asked for. The row is the truth; messages are only hints to look at it."""

    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=24)
    spec = models.JSONField()
    state = models.CharField(max_length=16, choices=JobState.choices)
    attempt_number = models.PositiveIntegerField(default=0)  # the fencing token
    attempt_limit = models.PositiveIntegerField()  # the last attempt that opens by itself
    attempts_before = models.PositiveIntegerField(default=0)  # those before the last retry
    max_hours = models.FloatField(null=True)  # of all attempts together; null: the setting
    priority = models.SmallIntegerField(default=0)  # within its organisation; higher goes first
    not_before = models.DateTimeField(null=True)  # back-off before the next attempt
    cancel_requested_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    progress = models.JSONField(default=dict)  # the latest ProgressEvent
    failure = models.JSONField(null=True)  # alloyengine.spec.protocol.Failure
    result = models.JSONField(null=True)  # alloyengine.spec.result.JobResult
    reports = models.JSONField(default=dict)  # name -> data, such as the SNR map
    files = models.JSONField(default=list)  # an evaluation's answers, [{path, size, sha256}]
    tidy_at = models.DateTimeField(null=True)  # when what it left in storage is due

    class Meta:
        indexes = [
            models.Index(fields=["organisation", "-id"]),
            models.Index(fields=["organisation", "state", "-id"]),
            models.Index(fields=["organisation", "kind", "-id"]),
            models.Index(fields=["organisation", "kind", "state", "-id"]),
            models.Index(
                fields=["state", "id"],
                condition=models.Q(state__in=["waiting", "queued", "starting", "running"]),
                name="unfinished_jobs",
            ),
            models.Index(
                fields=["tidy_at"],
                condition=models.Q(tidy_at__isnull=False),
                name="untidy_jobs",
            ),
            models.Index(
                fields=["organisation"], condition=~models.Q(files=[]), name="jobs_with_files"
            ),
        ]


class JobInput(TenantModel):
    """One resolved input of a job: a model version, a dataset, or another job's model to come."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="inputs")
    reference = models.CharField(max_length=1024)
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, null=True)
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, null=True)
    source_job = models.ForeignKey(
        Job, on_delete=models.PROTECT, null=True, related_name="dependants"
    )


class AttemptState(models.TextChoices):
    STARTING = "starting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    LOST = "lost"
    CANCELLED = "cancelled"


class Attempt(TenantModel):
    """One try at a job, by one runner, with a token of its own."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=16, choices=AttemptState.choices)
    secret_hash = models.CharField(max_length=64, unique=True)
    handle = models.JSONField(default=dict)  # the executor's name for it: pid and start time
    started_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    failure = models.JSONField(null=True)  # alloyengine.spec.protocol.Failure

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="one_attempt")]


class Checkpoint(TenantModel):
    """A complete checkpoint of a job: all its files are in storage. Without a row there is none."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="checkpoints")
    attempt_number = models.PositiveIntegerField()
    step = models.PositiveBigIntegerField()
    files = models.JSONField()  # [{path, size, sha256}]

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "attempt_number", "step"], name="one_checkpoint")
        ]


class Event(models.Model):
    """A log line or a change of state, in the order the platform learned of it."""

    id = models.BigAutoField(primary_key=True)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="events")
    attempt_number = models.PositiveIntegerField()
    seq = models.BigIntegerField(null=True)  # the runner's number; null: the platform's own
    at = models.DateTimeField()
    type = models.CharField(max_length=16)  # log, state
    data = models.JSONField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "attempt_number", "seq"], name="one_event")
        ]
        indexes = [models.Index(fields=["job", "id"])]


class Pulse(models.Model):
    """Nobody's row: the last sign of life of a part of the platform, and since when they came in time."""

    name = models.CharField(max_length=16, primary_key=True)
    at = models.DateTimeField()
    since = models.DateTimeField()


class Metric(models.Model):
    """One point of a curve. A later attempt that repeats a step overwrites the point."""

    id = models.BigAutoField(primary_key=True)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="metrics")
    name = models.CharField(max_length=80)
    step = models.PositiveBigIntegerField()
    value = models.FloatField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "name", "step"], name="one_metric_point")
        ]
        indexes = [models.Index(fields=["job", "id"])]
