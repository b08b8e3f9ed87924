from django.db import migrations

from alloyworks.tenancy import isolate, refer_inside, setting

UNFINISHED = "state IN ('waiting', 'queued', 'starting', 'running')"

# The only look across tenants: ids of unfinished jobs, read by a role that can't log in and may
# see those two columns (and the state, which it filters by).
QUEUE = f"""
    DO $$ BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'alloy_queue') THEN
            CREATE ROLE alloy_queue NOLOGIN;
        END IF;
        -- Without membership a function can't be given to a role.
        IF NOT pg_has_role(current_user, 'alloy_queue', 'USAGE') THEN
            GRANT alloy_queue TO CURRENT_USER;
        END IF;
    END $$;
    GRANT USAGE, CREATE ON SCHEMA public TO alloy_queue;
    GRANT SELECT (id, organisation_id, state) ON jobs_job TO alloy_queue;
    CREATE POLICY queue ON jobs_job FOR SELECT TO alloy_queue USING ({UNFINISHED});
    CREATE FUNCTION alloy_unfinished_jobs() RETURNS TABLE (job_id uuid, organisation_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        SELECT id, organisation_id FROM public.jobs_job WHERE {UNFINISHED} ORDER BY id
    $$;
    REVOKE EXECUTE ON FUNCTION alloy_unfinished_jobs() FROM PUBLIC;
    ALTER FUNCTION alloy_unfinished_jobs() OWNER TO alloy_queue;
    REVOKE CREATE ON SCHEMA public FROM alloy_queue;
"""
QUEUE_AWAY = """
    DROP FUNCTION alloy_unfinished_jobs();
    DROP POLICY queue ON jobs_job;
    REVOKE SELECT (id, organisation_id, state) ON jobs_job FROM alloy_queue;
    REVOKE USAGE ON SCHEMA public FROM alloy_queue;
"""

# The same table as alloyworks.jobs.states, kept equal by a test.
TRANSITIONS = """
    CREATE FUNCTION jobs_job_transition() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (OLD.state, NEW.state) NOT IN (
            ('waiting', 'queued'), ('waiting', 'failed'), ('waiting', 'cancelled'),
            ('queued', 'starting'), ('queued', 'failed'), ('queued', 'cancelled'),
            ('starting', 'running'), ('starting', 'queued'), ('starting', 'succeeded'),
            ('starting', 'failed'), ('starting', 'cancelled'),
            ('running', 'queued'), ('running', 'succeeded'), ('running', 'failed'),
            ('running', 'cancelled'),
            ('failed', 'queued'), ('failed', 'waiting'),
            ('cancelled', 'queued'), ('cancelled', 'waiting')
        ) THEN
            RAISE check_violation
            USING MESSAGE = format('job %s: %s can''t become %s', OLD.id, OLD.state, NEW.state);
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER transition BEFORE UPDATE OF state ON jobs_job
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state)
    EXECUTE FUNCTION jobs_job_transition();
"""


class Migration(migrations.Migration):
    dependencies = [("jobs", "0001_initial"), ("catalog", "0003_isolation")]

    operations = [
        isolate("jobs_job"),
        isolate("jobs_jobinput"),
        isolate("jobs_attempt", also_visible=f"secret_hash = {setting('secret', 'text')}"),
        isolate("jobs_event"),
        isolate("jobs_metric"),
        refer_inside("jobs_jobinput", "job_id", "jobs_job"),
        refer_inside("jobs_jobinput", "model_version_id", "catalog_modelversion"),
        refer_inside("jobs_jobinput", "dataset_id", "catalog_dataset"),
        refer_inside("jobs_jobinput", "source_job_id", "jobs_job"),
        refer_inside("jobs_attempt", "job_id", "jobs_job"),
        refer_inside("jobs_event", "job_id", "jobs_job"),
        refer_inside("jobs_metric", "job_id", "jobs_job"),
        migrations.RunSQL(QUEUE, QUEUE_AWAY),
        migrations.RunSQL(
            TRANSITIONS, "DROP TRIGGER transition ON jobs_job; DROP FUNCTION jobs_job_transition()"
        ),
    ]
