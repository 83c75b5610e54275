"""Messages have an area, may be held for a person, leave their faults behind; what a person has looked at is on record

Revision ID: 0121
Revises: 0100
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0121"
down_revision = "0100"
branch_labels = None
depends_on = None

APP_ROLE = "chitra_app"

IN_SCOPE = "area_path >= current_setting('chitra.lo', true) AND area_path < current_setting('chitra.hi', true)"
NO_AGENCY = "CASE WHEN coalesce(current_setting('chitra.agency', true), '') = '' THEN 1 ELSE 0 END <> 0"
OWN_AGENCY = f"({NO_AGENCY} OR agency_id::text = current_setting('chitra.agency', true))"
PATH_COMMENT = "Path of the owning area, copied; scope and row-level security are a range over it"
FAULTS = (
    "unknown_packet", "other_agency", "superseded", "after_lock", "unreadable_line", "foreign_line", "foreign_area",
    "wrong_amount", "duplicate_line", "contradiction", "wrong_totals", "missing_part",
)


def upgrade():
    _inbox()
    _faults()
    _acknowledgements()


def _inbox():
    op.add_column("inbox", sa.Column("area_path", sa.Text(collation="C"), nullable=True, comment=PATH_COMMENT))
    op.execute(
        "UPDATE inbox i SET area_path = coalesce((SELECT p.area_path FROM packets p"
        " WHERE p.code = i.transaction_id AND p.agency_id = i.agency_id), 'VN/')"
    )
    op.alter_column("inbox", "area_path", nullable=False)
    op.add_column("inbox", sa.Column("released_at", sa.DateTime(timezone=True), nullable=True,
                                     comment="When a person let a held message through"))
    op.add_column("inbox", sa.Column("released_by", sa.Text(), nullable=True, comment="Who let it through"))
    op.add_column("inbox", sa.Column("release_reason", sa.Text(), nullable=True, comment="Why"))
    op.execute(
        "ALTER TABLE inbox DROP CONSTRAINT ck_inbox_outcome, ADD CONSTRAINT ck_inbox_outcome"
        " CHECK (outcome IN ('applied', 'ignored', 'failed', 'held') OR outcome IS NULL)"
    )
    op.create_check_constraint(
        op.f("ck_inbox_released_for_a_reason"), "inbox", "(released_at IS NULL) = (release_reason IS NULL)"
    )
    op.execute("COMMENT ON COLUMN inbox.outcome IS 'applied, ignored, failed, held; empty while waiting'")
    op.create_index("ix_inbox_area_path_id", "inbox", ["area_path", "id"])
    op.create_index("ix_inbox_held", "inbox", ["transaction_id"], postgresql_where=sa.text("outcome = 'held'"))
    op.create_index("ix_inbox_failed", "inbox", ["id"], postgresql_where=sa.text("outcome = 'failed'"))
    op.execute("ALTER TABLE inbox ENABLE ROW LEVEL SECURITY")
    condition = f"{IN_SCOPE} AND {OWN_AGENCY}"
    op.execute(f"CREATE POLICY scope ON inbox USING ({condition}) WITH CHECK ({condition})")


def _faults():
    op.create_table(
        "message_faults",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False, comment="Surrogate key"),
        sa.Column("inbox_id", sa.BigInteger(), nullable=False, comment="In which message"),
        sa.Column("agency_id", sa.Integer(), nullable=False, comment="Whose message, copied for row-level security"),
        sa.Column("settlement_id", sa.BigInteger(), nullable=True, comment="Of which settlement, when there is one"),
        sa.Column("position", sa.Integer(), nullable=True, comment="Line of the message, from 1; empty for the whole"),
        sa.Column("reference", sa.Text(), nullable=True, comment="The line's reference, as far as it could be read"),
        sa.Column("code", sa.Text(), nullable=False, comment="Which fault: see app/services/settlements/faults.py"),
        sa.Column(
            "facts",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="Amounts, codes and counts; nobody's name",
        ),
        sa.Column(
            "at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False, comment="When found"
        ),
        sa.Column("area_path", sa.Text(collation="C"), nullable=False, comment=PATH_COMMENT),
        sa.CheckConstraint("code IN ({})".format(", ".join(f"'{one}'" for one in FAULTS)),
                           name=op.f("ck_message_faults_code")),
        sa.ForeignKeyConstraint(["inbox_id"], ["inbox.id"], name=op.f("fk_message_faults_inbox_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_faults")),
        comment="What was wrong with messages, line by line; the rest of each was applied. Append-only",
    )
    op.create_index("ix_message_faults_inbox_id", "message_faults", ["inbox_id"])
    op.create_index("ix_message_faults_settlement_id", "message_faults", ["settlement_id", "id"])
    op.create_index(
        "ix_message_faults_for_a_person",
        "message_faults",
        ["area_path"],
        postgresql_where=sa.text("code IN ('unknown_packet', 'other_agency', 'superseded', 'after_lock')"),
    )
    condition = f"{IN_SCOPE} AND {OWN_AGENCY}"
    _append_only("message_faults", condition)


def _acknowledgements():
    op.create_table(
        "acknowledgements",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False, comment="Surrogate key"),
        sa.Column("subject", sa.Text(), nullable=False, comment="message or packet"),
        sa.Column("entity_id", sa.BigInteger(), nullable=False, comment="Key of the thing in its table"),
        sa.Column("actor", sa.Text(), nullable=False, comment="User name"),
        sa.Column("actor_id", sa.Integer(), nullable=True, comment="User"),
        sa.Column("reason", sa.Text(), nullable=False, comment="What they found or decided"),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True,
                  comment="Looked at until then; empty for good"),
        sa.Column(
            "at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False, comment="When"
        ),
        sa.Column("area_path", sa.Text(collation="C"), nullable=False, comment=PATH_COMMENT),
        sa.CheckConstraint("subject IN ('message', 'packet')", name=op.f("ck_acknowledgements_subject")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_acknowledgements")),
        comment="What people have looked at and put aside, each for a reason. Append-only",
    )
    op.create_index("ix_acknowledgements_subject_entity_id", "acknowledgements", ["subject", "entity_id"])
    _append_only("acknowledgements", f"{IN_SCOPE} AND {NO_AGENCY}")


def _append_only(table, condition):
    op.execute(
        f"CREATE TRIGGER refuse_rewriting BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting()"
    )
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY seen ON {table} FOR SELECT USING ({condition})")
    op.execute(f"CREATE POLICY added ON {table} FOR INSERT WITH CHECK ({condition})")
    op.execute(f"GRANT SELECT, INSERT ON {table} TO {APP_ROLE}")


def downgrade():
    raise RuntimeError("What agencies said is never taken away; restore a backup instead.")
