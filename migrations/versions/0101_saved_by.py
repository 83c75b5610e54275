"""Who saved a row last, so that a stale page can say whose words stand there now

Revision ID: 0101
Revises: 0160
"""

import sqlalchemy as sa
from alembic import op

revision = "0101"
down_revision = "0160"
branch_labels = None
depends_on = None

TABLES = (
    "agency_contracts", "payment_settings", "standard_amounts", "beneficiaries", "entitlements", "payees",
    "payment_methods", "arrears",
)
COMMENT = "User name of who saved the row last; empty for what a program wrote"


def upgrade():
    for table in TABLES:
        op.add_column(table, sa.Column("saved_by", sa.Text(), nullable=True, comment=COMMENT))


def downgrade():
    for table in TABLES:
        op.drop_column(table, "saved_by")
