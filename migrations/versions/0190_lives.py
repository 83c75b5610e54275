"""Deaths that can be undone, people who move to another commune

Revision ID: 0190
Revises: 0122
"""

import re

import sqlalchemy as sa
from alembic import op

revision = "0190"
down_revision = "0122"
branch_labels = None
depends_on = None

APP_ROLE = "chitra_app"

OWN = "area_path >= current_setting('chitra.lo', true) AND area_path < current_setting('chitra.hi', true)"
OTHER = "to_path >= current_setting('chitra.lo', true) AND to_path < current_setting('chitra.hi', true)"
NO_AGENCY = "CASE WHEN coalesce(current_setting('chitra.agency', true), '') = '' THEN 1 ELSE 0 END <> 0"
PATH_COMMENT = "Path of the owning area, copied; scope and row-level security are a range over it"


def upgrade():
    _deaths()
    _relocations()
    _audit_machine("relocation")
    for table, seen in (("deaths", OWN), ("relocations", f"(({OWN}) OR ({OTHER}))")):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY scope ON {table} USING ({seen} AND {NO_AGENCY}) WITH CHECK ({seen} AND {NO_AGENCY})")
        op.execute(f"GRANT SELECT, INSERT, UPDATE ON {table} TO {APP_ROLE}")


def _words(name, comment, *, nullable=False, default=None):
    return sa.Column(name, sa.Text(), nullable=nullable, server_default=default, comment=comment)


def _path(name, comment):
    return sa.Column(name, sa.Text(collation="C"), nullable=False, comment=comment)


def _when(name, comment, *, now=False):
    default = sa.text("now()") if now else None
    return sa.Column(name, sa.DateTime(timezone=True), nullable=not now, server_default=default, comment=comment)


def _key():
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False, comment="Surrogate key")


def _deaths():
    op.create_table(
        "deaths",
        _key(),
        sa.Column("beneficiary_id", sa.BigInteger(), nullable=False, comment="Who died"),
        sa.Column("died_on", sa.Date(), nullable=False, comment="When; that month is still paid"),
        _words("note", "Death certificate, who reported it", default=""),
        sa.Column(
            "funeral_id",
            sa.BigInteger(),
            nullable=True,
            comment="Entitlement to the funeral cost, when somebody claims it",
        ),
        sa.Column(
            "before",
            sa.dialects.postgresql.JSONB(),
            nullable=False,
            comment="Status, payee and last days of entitlements before, to undo it",
        ),
        _words("recorded_by", "Who recorded it"),
        _when("recorded_at", "When", now=True),
        _words("undone_by", "Who undid it", nullable=True),
        _when("undone_at", "When undone"),
        _words("undone_reason", "Why", nullable=True),
        _path("area_path", PATH_COMMENT),
        sa.CheckConstraint(
            "(undone_at IS NULL) = (undone_reason IS NULL)", name=op.f("ck_deaths_undone_for_a_reason")
        ),
        sa.ForeignKeyConstraint(["beneficiary_id"], ["beneficiaries.id"], name=op.f("fk_deaths_beneficiary_id")),
        sa.ForeignKeyConstraint(["funeral_id"], ["entitlements.id"], name=op.f("fk_deaths_funeral_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deaths")),
        comment="Deaths recorded (danh sách cắt chết); a mistaken one is undone, never deleted",
    )
    op.create_index(
        "uq_deaths_standing", "deaths", ["beneficiary_id"], unique=True, postgresql_where=sa.text("undone_at IS NULL")
    )
    op.create_index("ix_deaths_area_path_id", "deaths", ["area_path", "id"])


def _relocations():
    op.create_table(
        "relocations",
        _key(),
        sa.Column("beneficiary_id", sa.BigInteger(), nullable=False, comment="Who moves"),
        sa.Column("from_area_id", sa.Integer(), nullable=False, comment="Commune left"),
        sa.Column("to_area_id", sa.Integer(), nullable=False, comment="Commune moved to"),
        _words("from_name", "Name of the commune left, which the other side cannot look up"),
        _words("to_name", "Name of the commune moved to"),
        _words("beneficiary_code", "Code of the person"),
        _words("full_name", "Name of the person"),
        _words("birth", "Birth date as shown"),
        _words("to_hamlet", "Hamlet or address there", default=""),
        _words("reason", "Why"),
        sa.Column(
            "first_month",
            sa.Date(),
            nullable=True,
            comment="First month whose list the new commune makes; earlier months stay with the old one",
        ),
        _words(
            "state", "State of machine 'relocation'; set only by services.transitions.move()", default="asked"
        ),
        _words("asked_by", "Who asked"),
        _when("asked_at", "When", now=True),
        _words("decided_by", "Who answered, or withdrew it", nullable=True),
        _when("decided_at", "When"),
        _words("decision_note", "Reason of a refusal or withdrawal", nullable=True),
        _path("area_path", PATH_COMMENT),
        _path("to_path", "Path of the other area, which sees the row too"),
        sa.CheckConstraint(
            "state IN ('asked', 'accepted', 'refused', 'withdrawn')", name=op.f("ck_relocations_state")
        ),
        sa.CheckConstraint("area_path <> to_path", name=op.f("ck_relocations_elsewhere")),
        sa.CheckConstraint(
            "state <> 'accepted' OR first_month IS NOT NULL", name=op.f("ck_relocations_first_month")
        ),
        sa.ForeignKeyConstraint(["beneficiary_id"], ["beneficiaries.id"], name=op.f("fk_relocations_beneficiary_id")),
        sa.ForeignKeyConstraint(["from_area_id"], ["areas.id"], name=op.f("fk_relocations_from_area_id")),
        sa.ForeignKeyConstraint(["to_area_id"], ["areas.id"], name=op.f("fk_relocations_to_area_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_relocations")),
        comment="Relocations; the receiving side sees name and birth only until it has taken the person in",
    )
    op.create_index(
        "uq_relocations_asked", "relocations", ["beneficiary_id"], unique=True, postgresql_where=sa.text("state = 'asked'")
    )
    op.create_index("ix_relocations_area_path_id", "relocations", ["area_path", "id"])
    op.create_index("ix_relocations_to_path_id", "relocations", ["to_path", "id"])
    op.execute(
        "CREATE CONSTRAINT TRIGGER demand_audit_row_new AFTER INSERT ON relocations DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION demand_audit_row('relocation')"
    )
    op.execute(
        "CREATE CONSTRAINT TRIGGER demand_audit_row AFTER UPDATE OF state ON relocations "
        "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) "
        "EXECUTE FUNCTION demand_audit_row('relocation')"
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
    raise RuntimeError("Who died and who moved is never forgotten; restore a backup instead.")
