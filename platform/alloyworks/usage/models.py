"""What each attempt used, and how much of everything an organisation may use."""

from django.db import models

from alloyworks.accounts.models import TenantModel
from alloyworks.jobs.models import Job


class Usage(TenantModel):
    """One attempt's row in the ledger. An attempt is metered once, however often that is asked."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="usage")
    attempt_number = models.PositiveIntegerField()
    kind = models.CharField(max_length=24)
    begun_at = models.DateTimeField()
    seconds = models.FloatField()  # from the runner's first word to the attempt's end
    gpus = models.PositiveIntegerField(default=0)
    tokens = models.BigIntegerField(default=0)  # learned by training
    stored_bytes = models.BigIntegerField(default=0)  # of the model that it made

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "attempt_number"], name="metered_once")
        ]
        indexes = [models.Index(fields=["organisation", "begun_at"], name="usage_by_month")]


class Limits(TenantModel):
    """The operator's word for one organisation; null is what the deployment's settings say."""

    running_jobs = models.PositiveIntegerField(null=True)
    open_jobs = models.PositiveIntegerField(null=True)
    gpu_hours = models.FloatField(null=True)  # a calendar month, UTC
    job_hours = models.FloatField(null=True)  # of all jobs together, a calendar month, UTC
    storage_bytes = models.BigIntegerField(null=True)
    upload_bytes = models.BigIntegerField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organisation"], name="one_row_of_limits")]
