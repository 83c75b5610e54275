"""Tạm dừng: suspensions after three unpaid periods, proposed by one person and decided by another

Revision ID: 0162
Revises: 0181
"""

import re

import sqlalchemy as sa
from alembic import op

revision = "0162"
down_revision = "0181"
branch_labels = None
depends_on = None

APP_ROLE = "chitra_app"

IN_SCOPE = "area_path >= current_setting('chitra.lo', true) AND area_path < current_setting('chitra.hi', true)"
# "<>" and not "=": the planner takes "=" for one row in 200 (see 0002)
NO_AGENCY = "CASE WHEN coalesce(current_setting('chitra.agency', true), '') = '' THEN 1 ELSE 0 END <> 0"

# A person who moves takes the suspension along, as move_registry_rows does with the rest.
GUARDS = """
CREATE TRIGGER fill_area_path BEFORE INSERT ON suspensions
    FOR EACH ROW WHEN (NEW.area_path IS NULL) EXECUTE FUNCTION fill_area_path_of_beneficiary();
CREATE FUNCTION move_suspensions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE suspensions SET area_path = NEW.area_path WHERE beneficiary_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER move_suspensions AFTER UPDATE OF area_id ON beneficiaries
    FOR EACH ROW WHEN (OLD.area_path IS DISTINCT FROM NEW.area_path) EXECUTE FUNCTION move_suspensions();
CREATE CONSTRAINT TRIGGER demand_audit_row_new AFTER INSERT ON suspensions DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION demand_audit_row('suspension');
CREATE CONSTRAINT TRIGGER demand_audit_row AFTER UPDATE OF state ON suspensions DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION demand_audit_row('suspension');
"""


def upgrade():
    op.create_table(
        "suspensions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False, comment="Surrogate key"),
        sa.Column("beneficiary_id", sa.BigInteger(), nullable=False, comment="Who"),
        sa.Column(
            "state",
            sa.Text(),
            server_default="proposed",
            nullable=False,
            comment="State of machine 'suspension'; set only by services.transitions.move()",
        ),
        sa.Column("unpaid_periods", sa.SmallInteger(), nullable=False, comment="Unpaid periods in a row then"),
        _words("reason", "Why it was proposed", nullable=False),
        _words("proposed_by", "User name of who proposed it", nullable=False),
        _instant("proposed_at", "When", now=True),
        sa.Column("from_month", sa.Date(), nullable=True, comment="First month not listed; set by the decision"),
        _words("decided_by", "Who decided"),
        _instant("decided_at", "When decided"),
        _words("decision_note", "Reason of the decision"),
        _words("resume_reason", "Why it should end"),
        _words("resume_asked_by", "User name of who asked for its end"),
        sa.Column(
            "with_arrears",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="The months missed become arrears at its end",
        ),
        _instant("resumed_at", "When it ended"),
        sa.Column("proposal_id", sa.BigInteger(), nullable=True, comment="The proposal of arrears made at its end"),
        sa.Column(
            "area_path",
            sa.Text(collation="C"),
            nullable=False,
            comment="Path of the owning area, copied; scope and row-level security are a range over it",
        ),
        sa.CheckConstraint(
            "state IN ('proposed', 'suspended', 'refused', 'resuming', 'resumed')", name=op.f("ck_suspensions_state")
        ),
        sa.ForeignKeyConstraint(["beneficiary_id"], ["beneficiaries.id"], name=op.f("fk_suspensions_beneficiary_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suspensions")),
        comment="Suspensions of people unpaid for three periods; at most one of a person is open",
    )
    op.create_index("ix_suspensions_area_path_id", "suspensions", ["area_path", "id"])
    op.create_index(
        "uq_suspensions_open",
        "suspensions",
        ["beneficiary_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('proposed', 'suspended', 'resuming')"),
    )
    _audit_machine("suspension")
    op.execute(GUARDS)
    condition = f"{IN_SCOPE} AND {NO_AGENCY}"
    op.execute("ALTER TABLE suspensions ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY scope ON suspensions USING ({condition}) WITH CHECK ({condition})")
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON suspensions TO {APP_ROLE}")


def _words(name, comment, *, nullable=True):
    return sa.Column(name, sa.Text(), nullable=nullable, comment=comment)


def _instant(name, comment, *, now=False):
    default = sa.text("now()") if now else None
    return sa.Column(name, sa.DateTime(timezone=True), server_default=default, nullable=not now, comment=comment)


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
    raise RuntimeError("Decisions about people are never taken away; restore a backup instead.")
