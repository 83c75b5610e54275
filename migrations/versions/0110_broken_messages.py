"""Signed messages that break the contract are kept in the inbox with what is wrong with them

Revision ID: 0110
Revises: 0120
"""

import sqlalchemy as sa
from alembic import op

revision = "0110"
down_revision = "0120"
branch_labels = None
depends_on = None

MESSAGE_ID = "Its message_id; kept for good. Empty when it has none of its own: unreadable, or taken by other bytes"


def upgrade():
    op.alter_column("inbox", "message_id", nullable=True, comment=MESSAGE_ID, existing_comment="Its message_id; kept for good")
    op.add_column(
        "inbox",
        sa.Column("problem", sa.Text(), nullable=True, comment="Code of the contract that the message breaks; never applied"),
    )
    op.add_column(
        "inbox",
        sa.Column(
            "answer_status", sa.SmallInteger(), server_default="202", nullable=False, comment="HTTP status of the answer"
        ),
    )
    op.create_check_constraint(op.f("ck_inbox_problem_is_failed"), "inbox", "problem IS NULL OR outcome = 'failed'")
    op.create_check_constraint(op.f("ck_inbox_id_or_problem"), "inbox", "message_id IS NOT NULL OR problem IS NOT NULL")
    op.create_index(
        "uq_inbox_without_id", "inbox", ["agency_id", "body_sha256"], unique=True,
        postgresql_where=sa.text("message_id IS NULL"),
    )
    op.create_index("ix_inbox_problem", "inbox", ["id"], postgresql_where=sa.text("problem IS NOT NULL"))


def downgrade():
    raise RuntimeError("What an agency signed is never thrown away; restore a backup instead.")
