"""Datasets, models, their versions and lineage, and what evaluations said of them."""

from django.db import models

from alloyworks.accounts.models import Organisation, TenantModel, User
from alloyworks.ids import new_id


class DatasetFormat(models.TextChoices):
    CHAT = "chat", "Chat messages"
    PROMPT = "prompt_completion", "Prompt and completion"
    INSTRUCTION = "instruction", "Instruction, input, output"
    TEXT = "text", "Plain text"
    PREFERENCE = "preference", "Preference pairs"


class Dataset(TenantModel):
    """An uploaded dataset that passed validation: train.jsonl and test.jsonl under its prefix.

    `stats` holds counts and length quantiles, `preview` the first rows as they were read.
    """

    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True)
    name = models.CharField(max_length=120)
    format = models.CharField(max_length=24, choices=DatasetFormat.choices)
    columns = models.JSONField(default=list)
    train_rows = models.PositiveIntegerField()
    test_rows = models.PositiveIntegerField()
    files = models.JSONField(default=list)  # [{path, size, sha256}]
    stats = models.JSONField(default=dict)
    preview = models.JSONField(default=list)

    class Meta:
        indexes = [models.Index(fields=["organisation", "-id"])]


class ModelVersion(models.Model):
    """A checkpoint. Without an organisation it is a base model, visible to everyone.

    Name and version number name it for people (`elements v2`); `files` is its manifest.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    name = models.CharField(max_length=120)
    version = models.PositiveIntegerField(default=1)
    origin = models.CharField(max_length=16)  # base, train, merge, evolve, moe
    source = models.CharField(max_length=300, default="", blank=True)  # of a base model: where from
    job = models.OneToOneField(
        "jobs.Job", on_delete=models.SET_NULL, null=True, related_name="model_version"
    )
    storage_prefix = models.CharField(max_length=200)  # ends with /
    files = models.JSONField(default=list)  # [{path, size, sha256}]
    facts = models.JSONField(default=dict)  # alloyengine.spec.result.ModelFacts

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "name", "version"],
                nulls_distinct=False,
                name="one_version_of_a_name",
            )
        ]
        indexes = [models.Index(fields=["organisation", "-id"])]


class ModelParent(TenantModel):
    """An edge of the family tree: `child` was made from `parent`."""

    child = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="parent_edges")
    parent = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="child_edges")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["child", "parent"], name="one_edge")]


class Evaluation(TenantModel):
    """One model's score by one metric on one test set, or on a task of lm-evaluation-harness."""

    job = models.ForeignKey("jobs.Job", on_delete=models.CASCADE, related_name="evaluations")
    model_version = models.ForeignKey(
        ModelVersion, on_delete=models.CASCADE, related_name="evaluations"
    )
    dataset = models.ForeignKey(
        Dataset, on_delete=models.CASCADE, null=True, related_name="evaluations"
    )
    task = models.CharField(max_length=300, default="", blank=True)
    metric = models.CharField(max_length=120)
    lower_is_better = models.BooleanField(default=False)
    value = models.FloatField()
    stderr = models.FloatField(null=True)
    examples = models.PositiveIntegerField()

    class Meta:
        indexes = [models.Index(fields=["organisation", "model_version"])]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(dataset=None) ^ models.Q(task=""),
                name="test_set_or_task",
            )
        ]

    @property
    def asked(self) -> str:
        """Names the test set or the task, among all of an organisation."""
        return f"task:{self.task}" if self.task else str(self.dataset_id)
