from django.db import migrations

from alloyworks.tenancy import setting

COLUMNS = {
    "accounts_apikey": "id, organisation_id, created_by_id, created_at, name, prefix, role, scopes, "
    "secret_hash, expires_at, revoked_at, last_used_at",
    "accounts_user": "id, email, name, is_active",
    "accounts_organisation": "id, name, requires_mfa, created_at",
    "accounts_membership": "organisation_id, user_id, role",
}
OF_MY_KEY = f"""EXISTS (
    SELECT FROM accounts_apikey k
    WHERE k.secret_hash = {setting("secret", "text")} AND k.organisation_id = {{column}}
)"""
POLICIES = {
    "accounts_organisation": OF_MY_KEY.format(column="accounts_organisation.id"),
    "accounts_membership": OF_MY_KEY.format(column="accounts_membership.organisation_id"),
}

# Who says the secret of a key learns whose it is, in one look instead of nine. Read by a role that can't log
# in, and that sees no more than the key, its organisation and its memberships. What the function sets, it
# sets back.
KEY = (
    "GRANT USAGE, CREATE ON SCHEMA public TO alloy_queue;"
    + "".join(
        f"GRANT SELECT ({names}) ON {table} TO alloy_queue;" for table, names in COLUMNS.items()
    )
    + "".join(
        f"CREATE POLICY keys ON {table} FOR SELECT TO alloy_queue USING ({condition});"
        for table, condition in POLICIES.items()
    )
    + """
    CREATE FUNCTION alloy_key(secret text) RETURNS TABLE (
        id uuid, organisation_id uuid, created_by_id uuid, created_at timestamptz, name text,
        prefix text, role text, scopes text[], expires_at timestamptz, revoked_at timestamptz,
        last_used_at timestamptz, organisation_name text, requires_mfa boolean,
        organisation_created_at timestamptz, email text, person text, is_active boolean,
        membership text
    ) LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
    #variable_conflict use_column
    DECLARE
        before text := coalesce(current_setting('alloy.secret', true), '');
    BEGIN
        PERFORM set_config('alloy.secret', secret, true);
        RETURN QUERY
        SELECT k.id, k.organisation_id, k.created_by_id, k.created_at, k.name::text,
            k.prefix::text, k.role::text, k.scopes::text[], k.expires_at, k.revoked_at,
            k.last_used_at, o.name::text, o.requires_mfa, o.created_at, u.email::text,
            u.name::text, u.is_active, m.role::text
        FROM public.accounts_apikey k
        JOIN public.accounts_organisation o ON o.id = k.organisation_id
        JOIN public.accounts_user u ON u.id = k.created_by_id
        LEFT JOIN public.accounts_membership m
            ON m.organisation_id = k.organisation_id AND m.user_id = k.created_by_id
        WHERE k.secret_hash = secret;
        PERFORM set_config('alloy.secret', before, true);
    END $$;
    REVOKE EXECUTE ON FUNCTION alloy_key(text) FROM PUBLIC;
    ALTER FUNCTION alloy_key(text) OWNER TO alloy_queue;
    REVOKE CREATE ON SCHEMA public FROM alloy_queue;
    """
)
KEY_AWAY = (
    "DROP FUNCTION alloy_key(text);"
    + "".join(f"DROP POLICY keys ON {table};" for table in POLICIES)
    + "".join(
        f"REVOKE SELECT ({names}) ON {table} FROM alloy_queue;" for table, names in COLUMNS.items()
    )
)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_scopes_and_factors"), ("jobs", "0002_isolation")]

    operations = [migrations.RunSQL(KEY, KEY_AWAY)]
