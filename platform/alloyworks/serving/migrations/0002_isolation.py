from django.db import migrations

from alloyworks.tenancy import isolate, refer_inside, setting

# As alloy_due_messages(): ids of endpoints that are awake, read by a role that can't log in.
ROUNDS = """
    GRANT USAGE, CREATE ON SCHEMA public TO alloy_queue;
    GRANT SELECT (id, organisation_id, state) ON serving_endpoint TO alloy_queue;
    CREATE POLICY queue ON serving_endpoint FOR SELECT TO alloy_queue USING (state <> 'asleep');
    CREATE FUNCTION alloy_endpoints_awake() RETURNS TABLE (endpoint_id uuid, organisation_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        SELECT id, organisation_id FROM public.serving_endpoint
        WHERE state IN ('waking', 'ready') ORDER BY id
    $$;
    REVOKE EXECUTE ON FUNCTION alloy_endpoints_awake() FROM PUBLIC;
    ALTER FUNCTION alloy_endpoints_awake() OWNER TO alloy_queue;
    REVOKE CREATE ON SCHEMA public FROM alloy_queue;
"""
ROUNDS_AWAY = """
    DROP FUNCTION alloy_endpoints_awake();
    DROP POLICY queue ON serving_endpoint;
    REVOKE SELECT (id, organisation_id, state) ON serving_endpoint FROM alloy_queue;
"""


class Migration(migrations.Migration):
    dependencies = [("serving", "0001_initial"), ("webhooks", "0002_isolation")]

    operations = [
        isolate("serving_endpoint", also_visible=f"secret_hash = {setting('secret', 'text')}"),
        isolate("serving_endpointuse"),
        refer_inside("serving_endpoint", "model_version_id", "catalog_modelversion"),
        refer_inside("serving_endpointuse", "endpoint_id", "serving_endpoint"),
        migrations.RunSQL(ROUNDS, ROUNDS_AWAY),
    ]
