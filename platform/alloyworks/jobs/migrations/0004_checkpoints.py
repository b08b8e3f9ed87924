import django.db.models.deletion
from django.db import migrations, models

import alloyworks.ids
from alloyworks.tenancy import isolate, refer_inside

# Like alloy_unfinished_jobs() (0002): ids of finished jobs that have left something in storage.
TO_TIDY = """
    GRANT CREATE ON SCHEMA public TO alloy_queue;
    GRANT SELECT (tidy_at) ON jobs_job TO alloy_queue;
    CREATE POLICY tidy ON jobs_job FOR SELECT TO alloy_queue USING (tidy_at <= now());
    CREATE FUNCTION alloy_jobs_to_tidy() RETURNS TABLE (job_id uuid, organisation_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        SELECT id, organisation_id FROM public.jobs_job WHERE tidy_at <= now() ORDER BY tidy_at
    $$;
    REVOKE EXECUTE ON FUNCTION alloy_jobs_to_tidy() FROM PUBLIC;
    ALTER FUNCTION alloy_jobs_to_tidy() OWNER TO alloy_queue;
    REVOKE CREATE ON SCHEMA public FROM alloy_queue;
"""
TO_TIDY_AWAY = """
    DROP FUNCTION alloy_jobs_to_tidy();
    DROP POLICY tidy ON jobs_job;
    REVOKE SELECT (tidy_at) ON jobs_job FROM alloy_queue;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_idempotency"), ("jobs", "0003_listings")]

    operations = [
        migrations.AddField("job", "tidy_at", models.DateTimeField(null=True)),
        migrations.AddIndex(
            "job",
            models.Index(
                condition=models.Q(("tidy_at__isnull", False)),
                fields=["tidy_at"],
                name="untidy_jobs",
            ),
        ),
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=alloyworks.ids.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("attempt_number", models.PositiveIntegerField()),
                ("step", models.PositiveBigIntegerField()),
                ("files", models.JSONField()),
                (
                    "job",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="checkpoints",
                        to="jobs.job",
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, to="accounts.organisation"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("job", "attempt_number", "step"), name="one_checkpoint"
                    )
                ]
            },
        ),
        isolate("jobs_checkpoint"),
        refer_inside("jobs_checkpoint", "job_id", "jobs_job"),
        migrations.RunSQL(TO_TIDY, TO_TIDY_AWAY),
    ]
