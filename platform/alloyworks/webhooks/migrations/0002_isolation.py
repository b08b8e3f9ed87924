from django.db import migrations

from alloyworks.tenancy import isolate, refer_inside

DUE = "state = 'pending'"

# As alloy_unfinished_jobs(): ids of what waits to be sent, read by a role that can't log in.
# One after the other of each organisation, so that nobody's heap keeps the others waiting.
OUTBOX = f"""
    GRANT USAGE, CREATE ON SCHEMA public TO alloy_queue;
    GRANT SELECT (id, organisation_id, state, next_at) ON webhooks_delivery TO alloy_queue;
    GRANT SELECT (id, organisation_id, state, next_at) ON webhooks_mail TO alloy_queue;
    CREATE POLICY queue ON webhooks_delivery FOR SELECT TO alloy_queue USING ({DUE});
    CREATE POLICY queue ON webhooks_mail FOR SELECT TO alloy_queue USING ({DUE});
    CREATE FUNCTION alloy_due_messages()
    RETURNS TABLE (kind text, message_id uuid, organisation_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        SELECT kind, id, organisation_id FROM (
            SELECT *, row_number() OVER (PARTITION BY organisation_id ORDER BY next_at) AS turn
            FROM (
                SELECT 'webhook' AS kind, id, organisation_id, next_at
                FROM public.webhooks_delivery WHERE {DUE} AND next_at <= now()
                UNION ALL
                SELECT 'mail', id, organisation_id, next_at
                FROM public.webhooks_mail WHERE {DUE} AND next_at <= now()
            ) AS due
        ) AS queued
        ORDER BY turn, next_at LIMIT 40
    $$;
    REVOKE EXECUTE ON FUNCTION alloy_due_messages() FROM PUBLIC;
    ALTER FUNCTION alloy_due_messages() OWNER TO alloy_queue;
    REVOKE CREATE ON SCHEMA public FROM alloy_queue;
"""
OUTBOX_AWAY = """
    DROP FUNCTION alloy_due_messages();
    DROP POLICY queue ON webhooks_delivery;
    DROP POLICY queue ON webhooks_mail;
    REVOKE SELECT (id, organisation_id, state, next_at) ON webhooks_delivery FROM alloy_queue;
    REVOKE SELECT (id, organisation_id, state, next_at) ON webhooks_mail FROM alloy_queue;
"""


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0001_initial"), ("jobs", "0002_isolation")]

    operations = [
        isolate("webhooks_endpoint"),
        isolate("webhooks_delivery"),
        isolate("webhooks_mail"),
        isolate("webhooks_nojobmail"),
        refer_inside("webhooks_delivery", "endpoint_id", "webhooks_endpoint"),
        refer_inside("webhooks_delivery", "job_id", "jobs_job"),
        migrations.RunSQL(OUTBOX, OUTBOX_AWAY),
    ]
