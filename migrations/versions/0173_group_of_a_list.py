"""The months a list is settled at once with are fixed when it is made

Revision ID: 0173
Revises: 0190
"""

from alembic import op

revision = "0173"
down_revision = "0190"
branch_labels = None
depends_on = None

FIX = """
CREATE FUNCTION refuse_regrouping() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'list % keeps the months it was made with', OLD.code USING ERRCODE = 'CH001';
END $$;
CREATE TRIGGER refuse_regrouping BEFORE UPDATE OF group_month ON payout_batches
    FOR EACH ROW WHEN (OLD.group_month IS DISTINCT FROM NEW.group_month) EXECUTE FUNCTION refuse_regrouping();
"""


def upgrade():
    op.execute(FIX)


def downgrade():
    op.execute("DROP TRIGGER refuse_regrouping ON payout_batches")
    op.execute("DROP FUNCTION refuse_regrouping()")
