"""Every call made to an agency and every answer got, kept for who must find out what became of a packet

Revision ID: 0120
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0120"
down_revision = "0006"
branch_labels = None
depends_on = None

APP_ROLE = "chitra_app"

IN_SCOPE = "area_path >= current_setting('chitra.lo', true) AND area_path < current_setting('chitra.hi', true)"
NO_AGENCY = "CASE WHEN coalesce(current_setting('chitra.agency', true), '') = '' THEN 1 ELSE 0 END <> 0"
PATH_COMMENT = "Path of the owning area, copied; scope and row-level security are a range over it"


def upgrade():
    op.create_table(
        "agency_calls",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False, comment="Surrogate key"),
        sa.Column("packet_id", sa.BigInteger(), nullable=False, comment="About which packet"),
        sa.Column("verb", sa.Text(), nullable=False, comment="send, ask, recall, fetch"),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When begun; committed before anything leaves",
        ),
        sa.Column("area_path", sa.Text(collation="C"), nullable=False, comment=PATH_COMMENT),
        sa.CheckConstraint("verb IN ('send', 'ask', 'recall', 'fetch')", name=op.f("ck_agency_calls_verb")),
        sa.ForeignKeyConstraint(["packet_id"], ["packets.id"], name=op.f("fk_agency_calls_packet_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agency_calls")),
        comment="Calls to agencies, each begun before the wire. Append-only",
    )
    op.create_index("ix_agency_calls_packet_id", "agency_calls", ["packet_id"])
    op.create_table(
        "agency_answers",
        sa.Column("call_id", sa.BigInteger(), nullable=False, comment="To which call"),
        sa.Column(
            "ended_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When recorded",
        ),
        sa.Column(
            "outcome",
            sa.Text(),
            nullable=False,
            comment="received, accepted, rejected, settled, not_found; refused, not_sent, unknown",
        ),
        sa.Column("code", sa.Text(), nullable=True, comment="The agency's reason code, or a short word of ours"),
        sa.Column("excerpt", sa.Text(), nullable=True, comment="Beginning of what was answered, without personal data"),
        sa.Column("area_path", sa.Text(collation="C"), nullable=False, comment=PATH_COMMENT),
        sa.CheckConstraint(
            "outcome IN ('received', 'accepted', 'rejected', 'settled', 'not_found', 'refused', 'not_sent', 'unknown')",
            name=op.f("ck_agency_answers_outcome"),
        ),
        sa.ForeignKeyConstraint(["call_id"], ["agency_calls.id"], name=op.f("fk_agency_answers_call_id")),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_agency_answers")),
        comment="What came of calls to agencies; a call without a row was cut off on our side. Append-only",
    )
    for table in ("agency_calls", "agency_answers"):
        op.execute(
            f"CREATE TRIGGER refuse_rewriting BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting()"
        )
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY seen ON {table} FOR SELECT USING ({IN_SCOPE} AND {NO_AGENCY})")
        op.execute(f"CREATE POLICY added ON {table} FOR INSERT WITH CHECK ({IN_SCOPE} AND {NO_AGENCY})")
        op.execute(f"GRANT SELECT, INSERT ON {table} TO {APP_ROLE}")


def downgrade():
    raise RuntimeError("The record of calls is never taken away; restore a backup instead.")
