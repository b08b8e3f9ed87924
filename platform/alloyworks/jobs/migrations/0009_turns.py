from django.db import migrations, models

# Instead of alloy_queue() (0006), so that nobody reads a long queue to find a place in it or its head.
# Of other organisations it tells ids and numbers, nothing else.
TURNS = """
    DROP FUNCTION alloy_queue();
    GRANT CREATE ON SCHEMA public TO alloy_queue;
    CREATE FUNCTION alloy_started() RETURNS TABLE (organisation_id uuid, jobs bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        SELECT organisation_id, count(*) FROM public.jobs_job
        WHERE state IN ('starting', 'running') GROUP BY organisation_id
    $$;
    CREATE FUNCTION alloy_turns() RETURNS TABLE (
        place bigint, job_id uuid, organisation_id uuid
    )
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        SELECT row_number() OVER (ORDER BY has, id), id, organisation_id FROM (
            SELECT id, organisation_id, coalesce(started.jobs, 0) + row_number() OVER (
                PARTITION BY organisation_id ORDER BY priority DESC, id
            ) AS has
            FROM public.jobs_job LEFT JOIN public.alloy_started() started USING (organisation_id)
            WHERE state = 'queued'
        ) queued ORDER BY has, id
    $$;
    REVOKE EXECUTE ON FUNCTION alloy_started(), alloy_turns() FROM PUBLIC;
    ALTER FUNCTION alloy_started() OWNER TO alloy_queue;
    ALTER FUNCTION alloy_turns() OWNER TO alloy_queue;
    REVOKE CREATE ON SCHEMA public FROM alloy_queue;
"""
TURNS_AWAY = """
    GRANT CREATE ON SCHEMA public TO alloy_queue;
    DROP FUNCTION alloy_turns();
    DROP FUNCTION alloy_started();
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


class Migration(migrations.Migration):
    dependencies = [("jobs", "0008_answers")]

    operations = [
        migrations.RunSQL(TURNS, TURNS_AWAY),
        migrations.AddIndex(
            "job",
            models.Index(
                fields=["organisation"], condition=~models.Q(files=[]), name="jobs_with_files"
            ),
        ),
    ]
