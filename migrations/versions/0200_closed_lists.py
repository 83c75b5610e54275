"""Lists are closed one by one or with their period; a closed list stays settled, and its closing is audited

Revision ID: 0200
Revises: 0173
"""

import sqlalchemy as sa
from alembic import op

revision = "0200"
down_revision = "0173"
branch_labels = None
depends_on = None

# Lists of periods that are closed already are closed since the period was last closed.
CLOSED_BEFORE = """
UPDATE payout_batches b SET closed_at = c.at, closed_by = c.actor
  FROM area_periods a CROSS JOIN LATERAL (
       SELECT at, actor FROM state_changes WHERE machine = 'period' AND entity_id = a.id AND move = 'close'
        ORDER BY id DESC LIMIT 1) c
 WHERE a.area_id = b.area_id AND a.period_id = b.period_id AND a.state = 'closed' AND b.state = 'settled'
"""
AUDIT = """
CREATE CONSTRAINT TRIGGER demand_audit_row_closed AFTER UPDATE OF closed_at ON payout_batches
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.closed_at IS DISTINCT FROM NEW.closed_at)
    EXECUTE FUNCTION demand_audit_row('batch')
"""


def upgrade():
    op.add_column(
        "payout_batches",
        sa.Column(
            "closed_by",
            sa.Text(),
            nullable=True,
            comment="User name of who closed the list, alone or with its period",
        ),
    )
    op.add_column(
        "payout_batches",
        sa.Column(
            "closed_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When closed; empty while its settlement can be reopened",
        ),
    )
    op.execute(CLOSED_BEFORE)
    op.create_check_constraint(
        op.f("ck_payout_batches_closed_when_settled"),
        "payout_batches",
        "closed_at IS NULL OR (state = 'settled' AND closed_by IS NOT NULL)",
    )
    op.execute(AUDIT)


def downgrade():
    op.execute("DROP TRIGGER demand_audit_row_closed ON payout_batches")
    op.drop_constraint(op.f("ck_payout_batches_closed_when_settled"), "payout_batches")
    op.drop_column("payout_batches", "closed_at")
    op.drop_column("payout_batches", "closed_by")
