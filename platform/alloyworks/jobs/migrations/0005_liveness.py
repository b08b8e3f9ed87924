from django.db import migrations, models

# Like alloy_unfinished_jobs() (0002): of other organisations it tells numbers and nothing else.
PLACE = """
    GRANT CREATE ON SCHEMA public TO alloy_queue;
    CREATE FUNCTION alloy_queue_place(job uuid) RETURNS TABLE (ahead bigint, running bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        SELECT count(*) FILTER (WHERE state = 'queued' AND id < job),
               count(*) FILTER (WHERE state IN ('starting', 'running'))
        FROM public.jobs_job WHERE state IN ('queued', 'starting', 'running')
    $$;
    REVOKE EXECUTE ON FUNCTION alloy_queue_place(uuid) FROM PUBLIC;
    ALTER FUNCTION alloy_queue_place(uuid) OWNER TO alloy_queue;
    REVOKE CREATE ON SCHEMA public FROM alloy_queue;
"""


class Migration(migrations.Migration):
    dependencies = [("jobs", "0004_checkpoints")]

    operations = [
        migrations.AddField("job", "attempts_before", models.PositiveIntegerField(default=0)),
        migrations.AddField("job", "max_hours", models.FloatField(null=True)),
        migrations.CreateModel(
            name="Pulse",
            fields=[
                (
                    "name",
                    models.CharField(max_length=16, primary_key=True, serialize=False),
                ),
                ("at", models.DateTimeField()),
                ("since", models.DateTimeField()),
            ],
        ),
        migrations.RunSQL(PLACE, "DROP FUNCTION alloy_queue_place(uuid)"),
    ]
