"""The workbench reads a province at once: which kinds of benefit run in a commune, which settlement lines are undecided

Revision ID: 0005
Revises: 0004
"""

from alembic import op
from sqlalchemy import text

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade():
    op.create_index(
        "ix_entitlements_running",
        "entitlements",
        ["area_path", "benefit_type_id"],
        postgresql_where=text("status = 'active'"),
    )
    op.create_index(
        "ix_settlement_records_undecided",
        "settlement_records",
        ["settlement_id"],
        postgresql_where=text("finding NOT IN ('matched', 'duplicate') AND decided_outcome IS NULL"),
    )


def downgrade():
    op.drop_index("ix_settlement_records_undecided", table_name="settlement_records")
    op.drop_index("ix_entitlements_running", table_name="entitlements")
