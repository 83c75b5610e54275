"""Statistics of tables that have just grown: the planner must not take a list of 100.000 lines for an empty table

Revision ID: 0006
Revises: 0005
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

APP_ROLE = "chitra_app"

# Without statistics a range over area_path counts as half a percent of the table, and row-level security adds such a
# range to every query: nested loops over whole indexes were measured at 126 s where 0,1 s is possible.
# Only an owner may analyse before PostgreSQL 17, and autovacuum comes up to a minute late.
REFRESH = """
CREATE FUNCTION refresh_statistics() RETURNS int LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
    grown regclass;
    refreshed int := 0;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('refresh_statistics')) THEN
        RETURN 0;
    END IF;
    FOR grown IN SELECT c.oid FROM pg_class c
                  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
                    AND pg_relation_size(c.oid) / 8192 > 32 + 1.5 * c.relpages ORDER BY c.relname
    LOOP
        EXECUTE format('ANALYZE %s', grown);
        refreshed := refreshed + 1;
    END LOOP;
    RETURN refreshed;
END $$;
"""


def upgrade():
    op.execute(REFRESH)
    op.execute("REVOKE ALL ON FUNCTION refresh_statistics() FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION refresh_statistics() TO {APP_ROLE}")


def downgrade():
    op.execute("DROP FUNCTION refresh_statistics()")
