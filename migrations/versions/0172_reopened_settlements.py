"""A locked settlement may be reopened, and only that: by its move, with nothing else changed in the same statement

Revision ID: 0172
Revises: 0161
"""

from alembic import op

revision = "0172"
down_revision = "0161"
branch_labels = None
depends_on = None

# The move is audited in the same transaction (demand_audit_row). Results of lines change only while their list is
# accepted, and a list leaves "settled" only when no settlement of it is locked any more: so no result changes under a lock.
REOPENING = """
CREATE OR REPLACE FUNCTION refuse_locked_settlement() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public AS $$
DECLARE
    reopened settlements%ROWTYPE;
BEGIN
    IF OLD.state = 'locked' THEN
        IF TG_OP = 'UPDATE' AND NEW.state = 'received' THEN
            reopened := NEW;
            reopened.state := OLD.state;
            IF reopened IS NOT DISTINCT FROM OLD THEN
                RETURN NEW;
            END IF;
        END IF;
        RAISE EXCEPTION 'settlement % is locked', OLD.id USING ERRCODE = 'CH002';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'settlement % is never deleted', OLD.id USING ERRCODE = 'CH002';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION refuse_unsettling() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM settlements WHERE batch_id = OLD.id AND state = 'locked') THEN
        RAISE EXCEPTION 'the settlement of list % is locked', OLD.code USING ERRCODE = 'CH002';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse_unsettling BEFORE UPDATE OF state ON payout_batches
    FOR EACH ROW WHEN (OLD.state = 'settled' AND NEW.state <> 'settled') EXECUTE FUNCTION refuse_unsettling();
"""


def upgrade():
    op.execute(REOPENING)


def downgrade():
    raise RuntimeError("The guards of the books are never taken away; restore a backup instead.")
