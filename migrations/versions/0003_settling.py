"""Settling: a line no message speaks of has a finding of its own; recalls that wait are found by an index

Revision ID: 0003
Revises: 0002
"""

from alembic import op
from sqlalchemy import text

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

FINDINGS = "'matched', 'missing', 'extra', 'wrong_amount', 'duplicate', 'dispute'"
FINDINGS_BEFORE = "'matched', 'extra', 'wrong_amount', 'duplicate', 'dispute'"


def upgrade():
    _allow_findings(FINDINGS)
    op.create_index(
        "ix_packets_recall_due",
        "packets",
        ["next_attempt_at"],
        postgresql_where=text("recall_asked_at IS NOT NULL AND recall_delivered_at IS NULL"),
    )


def downgrade():
    op.drop_index("ix_packets_recall_due", table_name="packets")
    _allow_findings(FINDINGS_BEFORE)


def _allow_findings(findings):
    op.execute(
        "ALTER TABLE settlement_records DROP CONSTRAINT ck_settlement_records_finding, "
        f"ADD CONSTRAINT ck_settlement_records_finding CHECK (finding IN ({findings}))"
    )
    names = findings.replace("'", "")
    op.execute(f"COMMENT ON COLUMN settlement_records.finding IS '{names}'")
