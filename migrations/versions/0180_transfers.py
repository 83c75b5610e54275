"""Money handed to agencies: transfers and returns, each approved by another person, never rewritten

Revision ID: 0180
Revises: 0130
"""

import sqlalchemy as sa
from alembic import op

revision = "0180"
down_revision = "0130"
branch_labels = None
depends_on = None

APP_ROLE = "chitra_app"

IN_SCOPE = "area_path >= current_setting('chitra.lo', true) AND area_path < current_setting('chitra.hi', true)"
# "<>" and not "=": see 0002
NO_AGENCY = "CASE WHEN coalesce(current_setting('chitra.agency', true), '') = '' THEN 1 ELSE 0 END <> 0"

# The machines known so far and this one: whichever migration comes first, none takes another's machine away.
MACHINE = """
DO $$
DECLARE
    known text;
BEGIN
    SELECT pg_get_expr(conbin, conrelid) INTO known FROM pg_constraint
     WHERE conname = 'ck_state_changes_machine' AND conrelid = 'state_changes'::regclass;
    ALTER TABLE state_changes DROP CONSTRAINT ck_state_changes_machine;
    EXECUTE format('ALTER TABLE state_changes ADD CONSTRAINT ck_state_changes_machine CHECK ((%s) OR machine = %L)',
                   known, 'transfer');
END $$;
"""

GUARD = """
-- What was entered stays as it was entered; only its decision is added, once.
CREATE FUNCTION refuse_changed_transfer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'transfer % is never deleted', OLD.id USING ERRCODE = 'CH005';
    END IF;
    IF (OLD.agency_id, OLD.area_id, OLD.area_path, OLD.period_id, OLD.kind, OLD.amount_vnd, OLD.treasury_ref,
        OLD.transferred_on, OLD.corrects_id, OLD.reason, OLD.entered_by, OLD.entered_at)
       IS DISTINCT FROM
       (NEW.agency_id, NEW.area_id, NEW.area_path, NEW.period_id, NEW.kind, NEW.amount_vnd, NEW.treasury_ref,
        NEW.transferred_on, NEW.corrects_id, NEW.reason, NEW.entered_by, NEW.entered_at)
       OR OLD.decided_by IS NOT NULL THEN
        RAISE EXCEPTION 'transfer % is append-only', OLD.id USING ERRCODE = 'CH005';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse_changed_transfer BEFORE UPDATE OR DELETE ON agency_transfers
    FOR EACH ROW EXECUTE FUNCTION refuse_changed_transfer();
CREATE TRIGGER fill_area_path BEFORE INSERT OR UPDATE OF area_id ON agency_transfers
    FOR EACH ROW EXECUTE FUNCTION fill_area_path();
CREATE CONSTRAINT TRIGGER demand_audit_row_new AFTER INSERT ON agency_transfers DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION demand_audit_row('transfer');
CREATE CONSTRAINT TRIGGER demand_audit_row AFTER UPDATE OF state ON agency_transfers DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION demand_audit_row('transfer');
"""


def upgrade():
    op.add_column(
        "payment_settings",
        sa.Column(
            "transfer_level",
            sa.Text(),
            nullable=True,
            comment="Level whose account the agency is paid through: commune or province",
        ),
    )
    op.create_check_constraint(
        "transfer_level", "payment_settings", "transfer_level IN ('province', 'commune') OR transfer_level IS NULL"
    )
    _transfers()
    op.execute(MACHINE)
    op.execute(GUARD)
    op.execute("ALTER TABLE agency_transfers ENABLE ROW LEVEL SECURITY")
    condition = f"{IN_SCOPE} AND {NO_AGENCY}"
    op.execute(f"CREATE POLICY scope ON agency_transfers USING ({condition}) WITH CHECK ({condition})")
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON agency_transfers TO {APP_ROLE}")
    op.create_index(
        "ix_money_movements_recovered",
        "money_movements",
        ["area_path", "id"],
        postgresql_where=sa.text("from_bucket = 'recovered' OR to_bucket = 'recovered'"),
    )


def _transfers():
    op.create_table(
        "agency_transfers",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False, comment="Surrogate key"),
        sa.Column("agency_id", sa.Integer(), nullable=False, comment="To or from which agency"),
        sa.Column("area_id", sa.Integer(), nullable=False, comment="Whose account with the agency"),
        sa.Column("period_id", sa.Integer(), nullable=False, comment="For which period"),
        sa.Column(
            "kind", sa.Text(), nullable=False, comment="transfer: to the agency; return: given back by the agency"
        ),
        sa.Column(
            "amount_vnd",
            sa.BigInteger(),
            nullable=False,
            comment="Đồng; of a correction what is added to the row it corrects, perhaps negative",
        ),
        sa.Column("treasury_ref", sa.Text(), nullable=False, comment="Number of the treasury's or bank's document"),
        sa.Column("transferred_on", sa.Date(), nullable=False, comment="Day of the document"),
        sa.Column("corrects_id", sa.BigInteger(), nullable=True, comment="The row this one corrects"),
        sa.Column("reason", sa.Text(), nullable=True, comment="Why it is corrected"),
        sa.Column("entered_by", sa.Text(), nullable=False, comment="User name of the accountant"),
        sa.Column(
            "entered_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False, comment="When"
        ),
        sa.Column(
            "state",
            sa.Text(),
            server_default="entered",
            nullable=False,
            comment="State of machine 'transfer'; set only by services.transitions.move()",
        ),
        sa.Column("decided_by", sa.Text(), nullable=True, comment="Who approved or refused it"),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True, comment="When"),
        sa.Column("decision_note", sa.Text(), nullable=True, comment="Note of the decision"),
        sa.Column(
            "area_path",
            sa.Text(collation="C"),
            nullable=False,
            comment="Path of the owning area, copied; scope and row-level security are a range over it",
        ),
        sa.CheckConstraint("kind IN ('transfer', 'return')", name=op.f("ck_agency_transfers_kind")),
        sa.CheckConstraint(
            "state IN ('entered', 'approved', 'refused')", name=op.f("ck_agency_transfers_state")
        ),
        sa.CheckConstraint(
            "amount_vnd > 0 OR (amount_vnd < 0 AND corrects_id IS NOT NULL)", name=op.f("ck_agency_transfers_amount_vnd")
        ),
        sa.CheckConstraint(
            "(corrects_id IS NULL) = (reason IS NULL)", name=op.f("ck_agency_transfers_corrected_for_a_reason")
        ),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_agency_transfers_agency_id")),
        sa.ForeignKeyConstraint(["area_id"], ["areas.id"], name=op.f("fk_agency_transfers_area_id")),
        sa.ForeignKeyConstraint(["period_id"], ["periods.id"], name=op.f("fk_agency_transfers_period_id")),
        sa.ForeignKeyConstraint(["corrects_id"], ["agency_transfers.id"], name=op.f("fk_agency_transfers_corrects_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agency_transfers")),
        comment="Money handed to agencies and given back; a correction is another row. Append-only but for its decision",
    )
    op.create_index("ix_agency_transfers_area_path_id", "agency_transfers", ["area_path", "id"])
    op.create_index("ix_agency_transfers_corrects_id", "agency_transfers", ["corrects_id"])
    op.create_index(
        "uq_agency_transfers_document",
        "agency_transfers",
        ["agency_id", "area_id", "kind", "treasury_ref"],
        unique=True,
        postgresql_where=sa.text("corrects_id IS NULL AND state <> 'refused'"),
    )


def downgrade():
    raise RuntimeError("The record of transfers is never taken away; restore a backup instead.")
