"""Truy lĩnh: arrears are proposed, approved by somebody else, and come from the approved proposal's lines

Revision ID: 0160
Revises: 0171
"""

import re

import sqlalchemy as sa
from alembic import op

revision = "0160"
down_revision = "0171"
branch_labels = None
depends_on = None

APP_ROLE = "chitra_app"

IN_SCOPE = "area_path >= current_setting('chitra.lo', true) AND area_path < current_setting('chitra.hi', true)"
# "<>" and not "=": the planner takes "=" for one row in 200 (see 0002)
NO_AGENCY = "CASE WHEN coalesce(current_setting('chitra.agency', true), '') = '' THEN 1 ELSE 0 END <> 0"
PATH_COMMENT = "Path of the owning area, copied; scope and row-level security are a range over it"

EXCLUSIONS = (
    "dead", "ended", "stopped", "to_recover", "suspended", "moved", "by_hand", "reopened", "rejected", "withdrawn",
)  # fmt: skip


def upgrade():
    _proposals()
    _lines()
    op.add_column(
        "arrears",
        sa.Column(
            "proposal_line_id",
            sa.BigInteger(),
            nullable=True,
            comment="The line of the approved proposal it comes from",
        ),
    )
    op.create_unique_constraint(op.f("uq_arrears_proposal_line_id"), "arrears", ["proposal_line_id"])
    _audit_machine("arrears")
    for table in ("arrears_proposals", "arrears_proposal_lines"):
        condition = f"{IN_SCOPE} AND {NO_AGENCY}"
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY scope ON {table} USING ({condition}) WITH CHECK ({condition})")
        op.execute(f"GRANT SELECT, INSERT, UPDATE ON {table} TO {APP_ROLE}")


def _words(name, comment, *, nullable=True):
    return sa.Column(name, sa.Text(), nullable=nullable, comment=comment)


def _path():
    return sa.Column("area_path", sa.Text(collation="C"), nullable=False, comment=PATH_COMMENT)


def _count(name, comment):
    return sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False, comment=comment)


def _key():
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False, comment="Surrogate key")


def _proposals():
    op.create_table(
        "arrears_proposals",
        _key(),
        sa.Column("area_id", sa.Integer(), nullable=False, comment="Area and below"),
        _words("cause", "manual, rates, resumption", nullable=False),
        sa.Column(
            "state",
            sa.Text(),
            server_default="proposed",
            nullable=False,
            comment="State of machine 'arrears'; set only by services.transitions.move()",
        ),
        sa.Column("from_month", sa.Date(), nullable=False, comment="First month it is owed for"),
        sa.Column("to_month", sa.Date(), nullable=False, comment="Last month it is owed for"),
        sa.Column("due_month", sa.Date(), nullable=False, comment="Paid in the list of this month or the next made"),
        _words("reason", "Why it is owed", nullable=False),
        _words("decision_no", "Number of the decision"),
        _count("people_count", "People, without those held out"),
        _count("line_count", "Person-months, without those held out"),
        _count("excluded_count", "Person-months held out"),
        sa.Column(
            "total_vnd",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Sum, without those held out; written by every step of the office that made it",
        ),
        sa.Column("made_by_id", sa.Integer(), nullable=True, comment="Maker"),
        _words("made_by", "User name of the maker", nullable=False),
        sa.Column(
            "made_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When made",
        ),
        _words("decided_by", "Who approved, rejected or withdrew it"),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True, comment="When"),
        _words("decision_note", "Note or reason of that"),
        _path(),
        sa.CheckConstraint("cause IN ('manual', 'rates', 'resumption')", name=op.f("ck_arrears_proposals_cause")),
        sa.CheckConstraint(
            "state IN ('proposed', 'approved', 'rejected', 'withdrawn')", name=op.f("ck_arrears_proposals_state")
        ),
        sa.CheckConstraint(
            "to_month >= from_month AND due_month > to_month", name=op.f("ck_arrears_proposals_months")
        ),
        sa.ForeignKeyConstraint(["area_id"], ["areas.id"], name=op.f("fk_arrears_proposals_area_id")),
        sa.ForeignKeyConstraint(["made_by_id"], ["ab_user.id"], name=op.f("fk_arrears_proposals_made_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_arrears_proposals")),
        comment="Proposals of arrears: by hand, by a rise of rates applied back, by a resumption",
    )
    op.create_index("ix_arrears_proposals_area_path_id", "arrears_proposals", ["area_path", "id"])
    op.execute(
        "CREATE TRIGGER fill_area_path BEFORE INSERT OR UPDATE OF area_id ON arrears_proposals "
        "FOR EACH ROW EXECUTE FUNCTION fill_area_path()"
    )
    op.execute(
        "CREATE CONSTRAINT TRIGGER demand_audit_row_new AFTER INSERT ON arrears_proposals DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION demand_audit_row('arrears')"
    )
    op.execute(
        "CREATE CONSTRAINT TRIGGER demand_audit_row AFTER UPDATE OF state ON arrears_proposals "
        "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) "
        "EXECUTE FUNCTION demand_audit_row('arrears')"
    )


def _lines():
    listed = ", ".join(f"'{code}'" for code in EXCLUSIONS)
    op.create_table(
        "arrears_proposal_lines",
        _key(),
        sa.Column("proposal_id", sa.BigInteger(), nullable=False, comment="Of which proposal"),
        sa.Column("entitlement_id", sa.BigInteger(), nullable=False, comment="For what"),
        sa.Column("beneficiary_id", sa.BigInteger(), nullable=False, comment="To whom"),
        sa.Column("for_month", sa.Date(), nullable=False, comment="Month it is owed for"),
        sa.Column(
            "of_line_id", sa.BigInteger(), nullable=True, comment="The listed line of that month; empty when none"
        ),
        sa.Column(
            "was_vnd",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="The benefit that line gave, with arrears owed for the month before",
        ),
        sa.Column(
            "owed_vnd", sa.BigInteger(), nullable=True, comment="What it is now; empty for an amount by hand"
        ),
        sa.Column("amount_vnd", sa.BigInteger(), nullable=False, comment="Đồng owed"),
        sa.Column(
            "live",
            sa.Boolean(),
            server_default=sa.text("true"),
            nullable=False,
            comment="False when held out, or the proposal is over",
        ),
        _words("excluded_code", "Why it does not count"),
        _words("excluded_reason", "A person's reason"),
        _words("excluded_by", "Who held it out"),
        _words("kept_by", "Who put it back, whatever the checks say"),
        _path(),
        sa.CheckConstraint(
            f"excluded_code IN ({listed}) OR excluded_code IS NULL", name=op.f("ck_arrears_proposal_lines_excluded_code")
        ),
        sa.CheckConstraint("amount_vnd > 0", name=op.f("ck_arrears_proposal_lines_amount_vnd")),
        sa.CheckConstraint(
            "live = (excluded_code IS NULL)", name=op.f("ck_arrears_proposal_lines_excluded_for_a_reason")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_arrears_proposal_lines")),
        comment="Person-months of proposals; one month of an entitlement is brought up to one amount once",
    )
    op.create_index("ix_arrears_proposal_lines_proposal_id_id", "arrears_proposal_lines", ["proposal_id", "id"])
    op.create_index(
        "ix_arrears_proposal_lines_area_path_for_month", "arrears_proposal_lines", ["area_path", "for_month"]
    )
    op.create_index("ix_arrears_proposal_lines_of_line_id", "arrears_proposal_lines", ["of_line_id"])
    op.create_index(
        "uq_arrears_proposal_lines_live",
        "arrears_proposal_lines",
        ["entitlement_id", "for_month", "owed_vnd"],
        unique=True,
        postgresql_where=sa.text("live"),
    )


def _audit_machine(name):
    """Let the audit know one more machine, beside those it knows by now."""
    known = op.get_bind().scalar(
        sa.text("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'ck_state_changes_machine'")
    )
    listed = ", ".join(f"'{one}'" for one in sorted({*re.findall(r"'(\w+)'", known), name}))
    op.execute(
        "ALTER TABLE state_changes DROP CONSTRAINT ck_state_changes_machine, "
        f"ADD CONSTRAINT ck_state_changes_machine CHECK (machine IN ({listed}))"
    )


def downgrade():
    raise RuntimeError("What is owed to people is never taken away; restore a backup instead.")
