from django.db import migrations

OPEN = "state IN ('starting', 'running')"
COLUMNS = {
    "jobs_job": "kind, created_at, not_before",
    "jobs_attempt": "state, created_at, heartbeat_at",
}

# As alloy_unfinished_jobs(), but numbers alone: nobody's ids, names or texts.
FIGURES = f"""
    GRANT USAGE, CREATE ON SCHEMA public TO alloy_queue;
    GRANT SELECT ({COLUMNS["jobs_job"]}) ON jobs_job TO alloy_queue;
    GRANT SELECT ({COLUMNS["jobs_attempt"]}) ON jobs_attempt TO alloy_queue;
    CREATE POLICY queue ON jobs_attempt FOR SELECT TO alloy_queue USING ({OPEN});
    CREATE FUNCTION alloy_figures()
    RETURNS TABLE (figure text, first text, second text, value double precision)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        SELECT 'jobs', state, kind, count(*)
        FROM public.jobs_job GROUP BY state, kind
        UNION ALL
        SELECT 'oldest_queued', '', '', extract(epoch FROM now() - min(created_at))
        FROM public.jobs_job
        WHERE state = 'queued' AND coalesce(not_before <= now(), true)
        UNION ALL
        SELECT 'heartbeat_age', '', '',
            extract(epoch FROM now() - min(coalesce(heartbeat_at, created_at)))
        FROM public.jobs_attempt WHERE {OPEN}
        UNION ALL
        SELECT 'messages', 'webhook', '', count(*)
        FROM public.webhooks_delivery WHERE state = 'pending'
        UNION ALL
        SELECT 'messages', 'mail', '', count(*)
        FROM public.webhooks_mail WHERE state = 'pending'
        UNION ALL
        SELECT 'oldest_due', 'webhook', '', extract(epoch FROM now() - min(next_at))
        FROM public.webhooks_delivery WHERE state = 'pending' AND next_at <= now()
        UNION ALL
        SELECT 'oldest_due', 'mail', '', extract(epoch FROM now() - min(next_at))
        FROM public.webhooks_mail WHERE state = 'pending' AND next_at <= now()
    $$;
    REVOKE EXECUTE ON FUNCTION alloy_figures() FROM PUBLIC;
    ALTER FUNCTION alloy_figures() OWNER TO alloy_queue;
    REVOKE CREATE ON SCHEMA public FROM alloy_queue;
"""
FIGURES_AWAY = f"""
    DROP FUNCTION alloy_figures();
    DROP POLICY queue ON jobs_attempt;
    REVOKE SELECT ({COLUMNS["jobs_attempt"]}) ON jobs_attempt FROM alloy_queue;
    REVOKE SELECT ({COLUMNS["jobs_job"]}) ON jobs_job FROM alloy_queue;
"""


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0002_isolation"), ("jobs", "0003_listings")]

    operations = [migrations.RunSQL(FIGURES, FIGURES_AWAY)]
