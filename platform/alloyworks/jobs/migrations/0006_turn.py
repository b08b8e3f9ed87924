from django.db import migrations, models

# Like alloy_unfinished_jobs() (0002): of other organisations it tells ids and numbers, nothing else.
TURN = """
    GRANT SELECT (priority) ON jobs_job TO alloy_queue;
    GRANT CREATE ON SCHEMA public TO alloy_queue;
    CREATE FUNCTION alloy_queue() RETURNS TABLE (
        job_id uuid, organisation_id uuid, priority smallint, is_started boolean
    )
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        SELECT id, organisation_id, priority, state <> 'queued'
        FROM public.jobs_job WHERE state IN ('queued', 'starting', 'running')
    $$;
    REVOKE EXECUTE ON FUNCTION alloy_queue() FROM PUBLIC;
    ALTER FUNCTION alloy_queue() OWNER TO alloy_queue;
    REVOKE CREATE ON SCHEMA public FROM alloy_queue;
"""
TURN_AWAY = """
    DROP FUNCTION alloy_queue();
    REVOKE SELECT (priority) ON jobs_job FROM alloy_queue;
"""


class Migration(migrations.Migration):
    dependencies = [("jobs", "0005_liveness")]

    operations = [
        migrations.AddField("job", "priority", models.SmallIntegerField(default=0)),
        migrations.RunSQL(TURN, TURN_AWAY),
    ]
