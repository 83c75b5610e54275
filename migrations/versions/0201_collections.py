"""What agencies say they took back of recoveries, in their settlements

Revision ID: 0201
Revises: 0200
"""

import sqlalchemy as sa
from alembic import op

revision = "0201"
down_revision = "0200"
branch_labels = None
depends_on = None

APP_ROLE = "chitra_app"

IN_SCOPE = "area_path >= current_setting('chitra.lo', true) AND area_path < current_setting('chitra.hi', true)"
NO_AGENCY = "CASE WHEN coalesce(current_setting('chitra.agency', true), '') = '' THEN 1 ELSE 0 END <> 0"
PATH_COMMENT = "Path of the owning area, copied; scope and row-level security are a range over it"
FOR_A_PERSON = ("unknown_packet", "other_agency", "superseded", "after_lock", "collected_unread", "not_collected")
FAULTS = (
    *FOR_A_PERSON,
    "unreadable_line",
    "foreign_line",
    "foreign_area",
    "wrong_amount",
    "duplicate_line",
    "contradiction",
    "wrong_totals",
    "missing_part",
)


def upgrade():
    op.create_table(
        "settlement_collections",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False, comment="Surrogate key"),
        sa.Column("settlement_id", sa.BigInteger(), nullable=False, comment="Reported in which settlement"),
        sa.Column("inbox_id", sa.BigInteger(), nullable=False, comment="By which message first"),
        sa.Column("agency_id", sa.Integer(), nullable=False, comment="Whose receipt"),
        sa.Column("receipt", sa.Text(), nullable=False, comment="The agency's receipt: one receipt, one amount"),
        sa.Column("reference", sa.Text(), nullable=False, comment="Reference of the line once wrongly paid"),
        sa.Column("line_id", sa.BigInteger(), nullable=True, comment="That line; empty when it is not one of ours"),
        sa.Column("amount_vnd", sa.BigInteger(), nullable=False, comment="Đồng taken back"),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=True, comment="When, by the agency"),
        sa.Column("area_path", sa.Text(collation="C"), nullable=False, comment=PATH_COMMENT),
        sa.CheckConstraint("amount_vnd > 0", name=op.f("ck_settlement_collections_amount_vnd")),
        sa.ForeignKeyConstraint(
            ["settlement_id"], ["settlements.id"], name=op.f("fk_settlement_collections_settlement_id")
        ),
        sa.ForeignKeyConstraint(["inbox_id"], ["inbox.id"], name=op.f("fk_settlement_collections_inbox_id")),
        sa.ForeignKeyConstraint(["line_id"], ["payout_lines.id"], name=op.f("fk_settlement_collections_line_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settlement_collections")),
        sa.UniqueConstraint(
            "settlement_id", "receipt", "reference", "amount_vnd", name=op.f("uq_settlement_collections_said")
        ),
        comment="Cash of recoveries that agencies say they took back: a set, whatever messages repeat. Append-only",
    )
    op.create_index("ix_settlement_collections_receipt", "settlement_collections", ["agency_id", "receipt"])
    op.create_index("ix_settlement_collections_line_id", "settlement_collections", ["line_id"])
    op.execute(
        "CREATE TRIGGER refuse_rewriting BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement_collections "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting()"
    )
    op.execute("ALTER TABLE settlement_collections ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY seen ON settlement_collections FOR SELECT USING ({IN_SCOPE} AND {NO_AGENCY})")
    op.execute(f"CREATE POLICY added ON settlement_collections FOR INSERT WITH CHECK ({IN_SCOPE} AND {NO_AGENCY})")
    op.execute(f"GRANT SELECT, INSERT ON settlement_collections TO {APP_ROLE}")
    _more_faults()


def _more_faults():
    op.drop_constraint(op.f("ck_message_faults_code"), "message_faults", type_="check")
    codes = ", ".join(f"'{one}'" for one in FAULTS)
    op.create_check_constraint(op.f("ck_message_faults_code"), "message_faults", f"code IN ({codes})")
    op.drop_index("ix_message_faults_for_a_person", table_name="message_faults")
    shown = ", ".join(f"'{one}'" for one in FOR_A_PERSON)
    op.create_index(
        "ix_message_faults_for_a_person",
        "message_faults",
        ["area_path"],
        postgresql_where=sa.text(f"code IN ({shown})"),
    )


def downgrade():
    raise RuntimeError("What agencies said is never taken away; restore a backup instead.")
