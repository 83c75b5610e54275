"""Recoveries in full: decided, withheld from lists, a ledger of what came back, guards of both

Revision ID: 0170
Revises: 0180
"""

import re

import sqlalchemy as sa
from alembic import op

revision = "0170"
down_revision = "0180"
branch_labels = None
depends_on = None

APP_ROLE = "chitra_app"
IN_SCOPE = "area_path >= current_setting('chitra.lo', true) AND area_path < current_setting('chitra.hi', true)"
# "<>" and not "=": see migration 0002.
NO_AGENCY = "CASE WHEN coalesce(current_setting('chitra.agency', true), '') = '' THEN 1 ELSE 0 END <> 0"
PATH_COMMENT = "Path of the owning area, copied; scope and row-level security are a range over it"

GUARDS = """
-- Recoveries of one line never ask for more than was paid on it.
CREATE FUNCTION refuse_more_than_paid() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
    most bigint;
BEGIN
    SELECT total_vnd INTO most FROM payout_lines WHERE id = NEW.line_id FOR UPDATE;
    IF (SELECT sum(x.amount_vnd) FROM recovery_lines x JOIN recoveries r ON r.id = x.recovery_id
         WHERE x.line_id = NEW.line_id AND r.state <> 'withdrawn') > most THEN
        RAISE EXCEPTION 'line % was paid less than is to be recovered', NEW.line_id USING ERRCODE = 'CH020';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER refuse_more_than_paid AFTER INSERT OR UPDATE OF amount_vnd, line_id ON recovery_lines
    FOR EACH ROW EXECUTE FUNCTION refuse_more_than_paid();

-- What came back stays between nothing and the whole; only an open recovery takes entries.
CREATE FUNCTION refuse_more_than_due() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
    whole recoveries%ROWTYPE;
BEGIN
    SELECT * INTO whole FROM recoveries WHERE id = NEW.recovery_id FOR UPDATE;
    IF whole.state <> 'open' OR (SELECT sum(amount_vnd) FROM recovery_entries WHERE recovery_id = NEW.recovery_id)
       NOT BETWEEN 0 AND whole.amount_vnd THEN
        RAISE EXCEPTION 'recovery % cannot take this entry', NEW.recovery_id USING ERRCODE = 'CH020';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER refuse_more_than_due AFTER INSERT ON recovery_entries
    FOR EACH ROW EXECUTE FUNCTION refuse_more_than_due();

-- The ledger is append-only; only the area follows the recovery when the person moves.
CREATE FUNCTION refuse_rewriting_entries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        NEW.area_path := OLD.area_path;
        IF NEW IS NOT DISTINCT FROM OLD THEN
            RETURN NULL;
        END IF;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'CH005';
END $$;
CREATE TRIGGER refuse_rewriting AFTER UPDATE OR DELETE ON recovery_entries
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting_entries();

-- What a line withholds is fixed with its list; what became of it is not.
CREATE FUNCTION refuse_frozen_withholding() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
    frozen text;
BEGIN
    SELECT b.code INTO frozen FROM payout_lines l JOIN payout_batches b ON b.id = l.batch_id AND b.state <> 'draft'
     WHERE (TG_OP <> 'INSERT' AND l.id = OLD.line_id) OR (TG_OP <> 'DELETE' AND l.id = NEW.line_id) LIMIT 1;
    IF frozen IS NOT NULL THEN
        RAISE EXCEPTION 'the lines of list % are frozen', frozen USING ERRCODE = 'CH001';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER refuse_frozen_withholding AFTER INSERT OR DELETE OR UPDATE OF amount_vnd, line_id, recovery_id ON withholdings
    FOR EACH ROW EXECUTE FUNCTION refuse_frozen_withholding();

CREATE CONSTRAINT TRIGGER demand_audit_row_new AFTER INSERT ON recoveries DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION demand_audit_row('recovery');
CREATE CONSTRAINT TRIGGER demand_audit_row AFTER UPDATE OF state ON recoveries DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION demand_audit_row('recovery');
"""


def upgrade():
    for column in ("from_bucket", "to_bucket"):
        allow("money_movements", column, "written_off")
    allow("state_changes", "machine", "recovery")
    op.alter_column("state_changes", "machine", comment="batch, packet, settlement, extension, period, recovery")
    op.add_column(
        "money_movements",
        sa.Column("recovery_entry_id", sa.BigInteger(), comment="Because of which entry of a recovery's ledger"),
    )
    _setting()
    _recoveries()
    _lines()
    _withholdings()
    _entries()
    op.execute(
        "INSERT INTO recovery_lines (recovery_id, line_id, area_path, amount_vnd)"
        " SELECT id, line_id, area_path, amount_vnd FROM recoveries"
    )
    op.execute(
        "INSERT INTO state_changes (machine, entity_id, area_path, move, to_state, actor)"
        " SELECT 'recovery', id, area_path, 'create', 'open', 'system' FROM recoveries"
    )
    op.execute(GUARDS)
    condition = f"{IN_SCOPE} AND {NO_AGENCY}"
    for table in ("recovery_lines", "withholdings", "recovery_entries"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY scope ON {table} USING ({condition}) WITH CHECK ({condition})")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP_ROLE}")
    op.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {APP_ROLE}")


def allow(table, column, value):
    """One more value for a column that a check limits to a list of them, whatever else is on it by now."""
    name = f"ck_{table}_{column}"
    told = op.get_bind().execute(
        sa.text("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = :name"), {"name": name}
    )
    values = ", ".join(f"'{one}'" for one in [*re.findall(r"'([^']+)'", told.scalar_one()), value])
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}, ADD CONSTRAINT {name} CHECK ({column} IN ({values}))")


def _setting():
    op.add_column(
        "payment_settings",
        sa.Column(
            "recovery_share_percent",
            sa.SmallInteger(),
            sa.CheckConstraint(
                "recovery_share_percent BETWEEN 0 AND 90", name=op.f("ck_payment_settings_recovery_share_percent")
            ),
            comment="Most of a line that may be withheld for recoveries, in percent; nothing when nobody says",
        ),
    )
    op.execute("UPDATE payment_settings SET recovery_share_percent = 30 WHERE area_path = 'VN/'")


def _recoveries():
    op.drop_constraint("uq_recoveries_line_id", "recoveries")
    for column in (
        sa.Column("beneficiary_id", sa.BigInteger(), comment="From whose money it is withheld"),
        sa.Column(
            "instalment_vnd",
            sa.BigInteger(),
            sa.CheckConstraint("instalment_vnd > 0", name=op.f("ck_recoveries_instalment_vnd")),
            comment="Most that is withheld in one period; as much as the share of a line allows when empty",
        ),
        sa.Column(
            "source",
            sa.Text(),
            sa.CheckConstraint(
                "source IN ('settlement', 'death', 'stop', 'hand')", name=op.f("ck_recoveries_source")
            ),
            server_default="settlement",
            nullable=False,
            comment="settlement, death, stop, hand",
        ),
        sa.Column("decision_no", sa.Text(), comment="Number of the decision"),
        sa.Column("decided_on", sa.Date(), comment="Date of the decision"),
        sa.Column(
            "state",
            sa.Text(),
            sa.CheckConstraint(
                "state IN ('proposed', 'open', 'closed', 'withdrawn')", name=op.f("ck_recoveries_state")
            ),
            server_default="open",
            nullable=False,
            comment="State of machine 'recovery'; set only by services.transitions.move()",
        ),
        sa.Column("entered_by", sa.Text(), server_default="system", nullable=False, comment="Who entered it"),
        sa.Column("decided_by", sa.Text(), comment="Who approved or refused it"),
        sa.Column("decided_at", sa.DateTime(timezone=True), comment="When approved or refused"),
        sa.Column("closed_at", sa.DateTime(timezone=True), comment="When the last đồng came back or was written off"),
    ):
        op.add_column("recoveries", column)
    op.alter_column("recoveries", "state", server_default="proposed")
    op.alter_column(
        "recoveries", "line_id", comment="The first line wrongly paid; all are in recovery_lines"
    )
    op.alter_column("recoveries", "amount_vnd", comment="Đồng to come back, by the decision")
    op.alter_column("recoveries", "reason", comment="Why: a reason code or words")
    op.alter_column("recoveries", "opened_at", comment="When entered")
    op.execute("UPDATE recoveries r SET beneficiary_id = l.beneficiary_id FROM payout_lines l WHERE l.id = r.line_id")
    op.alter_column("recoveries", "beneficiary_id", nullable=False)
    op.create_foreign_key(
        op.f("fk_recoveries_beneficiary_id"), "recoveries", "beneficiaries", ["beneficiary_id"], ["id"]
    )
    op.create_index("ix_recoveries_line_id", "recoveries", ["line_id"])
    op.create_index(
        "ix_recoveries_of_person",
        "recoveries",
        ["beneficiary_id"],
        postgresql_where=sa.text("state IN ('proposed', 'open')"),
    )
    op.create_table_comment("recoveries", "Recoveries; what came back is the sum of their entries, which the journal mirrors")


def _path():
    return sa.Column("area_path", sa.Text(collation="C"), nullable=False, comment=PATH_COMMENT)


def _lines():
    op.create_table(
        "recovery_lines",
        sa.Column("recovery_id", sa.BigInteger(), nullable=False, comment="Of which recovery"),
        sa.Column("line_id", sa.BigInteger(), nullable=False, comment="The line wrongly paid"),
        sa.Column("amount_vnd", sa.BigInteger(), nullable=False, comment="Đồng of this line to come back"),
        _path(),
        sa.CheckConstraint("amount_vnd > 0", name=op.f("ck_recovery_lines_amount_vnd")),
        sa.ForeignKeyConstraint(["recovery_id"], ["recoveries.id"], name=op.f("fk_recovery_lines_recovery_id")),
        sa.ForeignKeyConstraint(["line_id"], ["payout_lines.id"], name=op.f("fk_recovery_lines_line_id")),
        sa.PrimaryKeyConstraint("recovery_id", "line_id", name=op.f("pk_recovery_lines")),
        comment="Lines of a recovery; together never more than was paid on the line (trigger)",
    )
    op.create_index("ix_recovery_lines_line_id", "recovery_lines", ["line_id"])


def _withholdings():
    op.create_table(
        "withholdings",
        sa.Column("line_id", sa.BigInteger(), nullable=False, comment="The line that withholds"),
        sa.Column("recovery_id", sa.BigInteger(), nullable=False, comment="For which recovery"),
        sa.Column("amount_vnd", sa.BigInteger(), nullable=False, comment="Đồng withheld"),
        sa.Column(
            "outcome",
            sa.Text(),
            server_default="waiting",
            nullable=False,
            comment="waiting, recovered (the line was paid), released (it never will be)",
        ),
        _path(),
        sa.CheckConstraint("amount_vnd > 0", name=op.f("ck_withholdings_amount_vnd")),
        sa.CheckConstraint("outcome IN ('waiting', 'recovered', 'released')", name=op.f("ck_withholdings_outcome")),
        sa.ForeignKeyConstraint(
            ["line_id"], ["payout_lines.id"], name=op.f("fk_withholdings_line_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["recovery_id"], ["recoveries.id"], name=op.f("fk_withholdings_recovery_id")),
        sa.PrimaryKeyConstraint("line_id", "recovery_id", name=op.f("pk_withholdings")),
        comment="Money withheld by lines; counts as recovered only when the line, or who carries it, is paid",
    )
    op.create_index("ix_withholdings_recovery_id", "withholdings", ["recovery_id"])
    op.create_index(
        "ix_withholdings_waiting", "withholdings", ["line_id"], postgresql_where=sa.text("outcome = 'waiting'")
    )


def _entries():
    op.create_table(
        "recovery_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False, comment="Surrogate key"),
        sa.Column("recovery_id", sa.BigInteger(), nullable=False, comment="Of which recovery"),
        sa.Column(
            "kind", sa.Text(), nullable=False, comment="withheld by a list, cash back through the agency, written_off"
        ),
        sa.Column("amount_vnd", sa.BigInteger(), nullable=False, comment="Đồng; negative takes an earlier entry back"),
        sa.Column("line_id", sa.BigInteger(), comment="The line that withheld it"),
        sa.Column("settlement_id", sa.BigInteger(), comment="The settlement that counted it, or was reopened"),
        sa.Column("reference", sa.Text(), comment="Receipt or decision number"),
        sa.Column("note", sa.Text(), comment="Why, or how"),
        sa.Column("entered_by", sa.Text(), nullable=False, comment="Who"),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False, comment="When"),
        _path(),
        sa.CheckConstraint("kind IN ('withheld', 'cash', 'written_off')", name=op.f("ck_recovery_entries_kind")),
        sa.CheckConstraint("amount_vnd <> 0", name=op.f("ck_recovery_entries_amount_vnd")),
        sa.ForeignKeyConstraint(["recovery_id"], ["recoveries.id"], name=op.f("fk_recovery_entries_recovery_id")),
        sa.ForeignKeyConstraint(["line_id"], ["payout_lines.id"], name=op.f("fk_recovery_entries_line_id")),
        sa.ForeignKeyConstraint(["settlement_id"], ["settlements.id"], name=op.f("fk_recovery_entries_settlement_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_entries")),
        comment="Ledger of recoveries, mirrored by the journal. Append-only, but the area follows the recovery",
    )
    op.create_index("ix_recovery_entries_recovery_id", "recovery_entries", ["recovery_id"])


def downgrade():
    raise RuntimeError("The ledger of recoveries is never taken away; restore a backup instead.")
