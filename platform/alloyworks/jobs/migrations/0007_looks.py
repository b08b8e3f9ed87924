from django.db import migrations

# Instead of alloy_unfinished_jobs() (0002): a job that waits for its first start needs no look but the
# queue's own, so a round takes no longer when thousands wait.
LOOKS = """
    GRANT SELECT (started_at) ON jobs_job TO alloy_queue;
    GRANT CREATE ON SCHEMA public TO alloy_queue;
    DROP FUNCTION alloy_unfinished_jobs();
    CREATE FUNCTION alloy_jobs_to_look_at() RETURNS TABLE (job_id uuid, organisation_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        SELECT id, organisation_id FROM public.jobs_job
        WHERE state IN ('waiting', 'starting', 'running')
           OR (state = 'queued' AND started_at IS NOT NULL)
        ORDER BY id
    $$;
    REVOKE EXECUTE ON FUNCTION alloy_jobs_to_look_at() FROM PUBLIC;
    ALTER FUNCTION alloy_jobs_to_look_at() OWNER TO alloy_queue;
    REVOKE CREATE ON SCHEMA public FROM alloy_queue;
"""
LOOKS_AWAY = """
    GRANT CREATE ON SCHEMA public TO alloy_queue;
    DROP FUNCTION alloy_jobs_to_look_at();
    REVOKE SELECT (started_at) ON jobs_job FROM alloy_queue;
    CREATE FUNCTION alloy_unfinished_jobs() RETURNS TABLE (job_id uuid, organisation_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        SELECT id, organisation_id FROM public.jobs_job
        WHERE state IN ('waiting', 'queued', 'starting', 'running') ORDER BY id
    $$;
    REVOKE EXECUTE ON FUNCTION alloy_unfinished_jobs() FROM PUBLIC;
    ALTER FUNCTION alloy_unfinished_jobs() OWNER TO alloy_queue;
    REVOKE CREATE ON SCHEMA public FROM alloy_queue;
"""


class Migration(migrations.Migration):
    dependencies = [("jobs", "0006_turn")]

    operations = [migrations.RunSQL(LOOKS, LOOKS_AWAY)]
