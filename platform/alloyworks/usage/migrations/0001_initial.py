import django.db.models.deletion
from django.db import migrations, models

import alloyworks.ids
from alloyworks.tenancy import isolate, refer_inside

ROW = [
    (
        "id",
        models.UUIDField(
            default=alloyworks.ids.new_id, editable=False, primary_key=True, serialize=False
        ),
    ),
    ("created_at", models.DateTimeField(auto_now_add=True)),
    (
        "organisation",
        models.ForeignKey(
            on_delete=django.db.models.deletion.CASCADE, to="accounts.organisation"
        ),
    ),
]

class Migration(migrations.Migration):
    initial = True
    dependencies = [("jobs", "0002_isolation"), ("accounts", "0002_isolation")]

    operations = [
        migrations.CreateModel(
            name="Usage",
            fields=[
                *ROW,
                ("attempt_number", models.PositiveIntegerField()),
                ("kind", models.CharField(max_length=24)),
                ("begun_at", models.DateTimeField()),
                ("seconds", models.FloatField()),
                ("gpus", models.PositiveIntegerField(default=0)),
                ("tokens", models.BigIntegerField(default=0)),
                ("stored_bytes", models.BigIntegerField(default=0)),
                (
                    "job",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="usage",
                        to="jobs.job",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["organisation", "begun_at"], name="usage_by_month")
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("job", "attempt_number"), name="metered_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Limits",
            fields=[
                *ROW,
                ("running_jobs", models.PositiveIntegerField(null=True)),
                ("open_jobs", models.PositiveIntegerField(null=True)),
                ("gpu_hours", models.FloatField(null=True)),
                ("job_hours", models.FloatField(null=True)),
                ("storage_bytes", models.BigIntegerField(null=True)),
                ("upload_bytes", models.BigIntegerField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("organisation",), name="one_row_of_limits")
                ],
            },
        ),
        isolate("usage_usage"),
        isolate("usage_limits"),
        refer_inside("usage_usage", "job_id", "jobs_job"),
    ]
