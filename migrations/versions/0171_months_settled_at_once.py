"""Which months are settled at once is written on the list, as it was when the list was made

Revision ID: 0171
Revises: 0170
"""

import sqlalchemy as sa
from alembic import op

revision = "0171"
down_revision = "0170"
branch_labels = None
depends_on = None

COMMENT = "First of the months settled at once with this list; its own month where each is settled by itself"

FILL = """
CREATE FUNCTION fill_group_month() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    SELECT month INTO NEW.group_month FROM periods WHERE id = NEW.period_id;
    RETURN NEW;
END $$;
CREATE TRIGGER fill_group_month BEFORE INSERT ON payout_batches
    FOR EACH ROW WHEN (NEW.group_month IS NULL) EXECUTE FUNCTION fill_group_month();
ALTER TABLE payout_batches ENABLE ALWAYS TRIGGER fill_group_month;
"""


def upgrade():
    op.add_column("payout_batches", sa.Column("group_month", sa.Date(), comment=COMMENT))
    op.execute("UPDATE payout_batches b SET group_month = p.month FROM periods p WHERE p.id = b.period_id")
    op.alter_column("payout_batches", "group_month", nullable=False)
    op.execute(FILL)


def downgrade():
    op.execute("DROP TRIGGER fill_group_month ON payout_batches")
    op.execute("DROP FUNCTION fill_group_month()")
    op.drop_column("payout_batches", "group_month")
