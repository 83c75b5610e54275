"""Gia hạn: revoked and lapsed, fewer days than asked, not past the next lists' cut-off, told to the agency

Revision ID: 0161
Revises: 0150
"""

import sqlalchemy as sa
from alembic import op

revision = "0161"
down_revision = "0150"
branch_labels = None
depends_on = None

APP_ROLE = "chitra_app"

IN_SCOPE = "area_path >= current_setting('chitra.lo', true) AND area_path < current_setting('chitra.hi', true)"
# "<>" and not "=": the planner takes "=" for one row in 200 (see 0002)
NO_AGENCY = "CASE WHEN coalesce(current_setting('chitra.agency', true), '') = '' THEN 1 ELSE 0 END <> 0"

# What was said is fixed; only what became of it is written later.
FIXED = """
CREATE FUNCTION refuse_changed_notice() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    IF (OLD.extension_id, OLD.packet_id, OLD.decision, OLD.days, OLD.due_on, OLD.reason, OLD.message_id)
       IS DISTINCT FROM
       (NEW.extension_id, NEW.packet_id, NEW.decision, NEW.days, NEW.due_on, NEW.reason, NEW.message_id)
       OR (OLD.body_sha256 IS NOT NULL AND (OLD.body_sha256 IS DISTINCT FROM NEW.body_sha256
                                           OR OLD.body IS DISTINCT FROM NEW.body)) THEN
        RAISE EXCEPTION 'notice % is fixed', OLD.message_id USING ERRCODE = 'CH003';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse_changed_notice BEFORE UPDATE ON agency_notices
    FOR EACH ROW EXECUTE FUNCTION refuse_changed_notice();
"""


def upgrade():
    op.add_column(
        "payment_settings",
        sa.Column(
            "extension_past_cutoff",
            sa.Boolean(),
            nullable=True,
            comment="An extension may reach the cut-off of the next lists",
        ),
    )
    op.add_column(
        "deadline_extensions",
        sa.Column(
            "asked_days", sa.SmallInteger(), nullable=True, comment="Days asked for, where fewer were granted"
        ),
    )
    op.execute("COMMENT ON COLUMN deadline_extensions.days IS 'Days asked for, or granted'")
    op.execute(
        "ALTER TABLE deadline_extensions DROP CONSTRAINT ck_deadline_extensions_state, "
        "ADD CONSTRAINT ck_deadline_extensions_state "
        "CHECK (state IN ('asked', 'granted', 'refused', 'revoked', 'lapsed'))"
    )
    op.execute(
        "ALTER TABLE agency_calls DROP CONSTRAINT ck_agency_calls_verb, "
        "ADD CONSTRAINT ck_agency_calls_verb CHECK (verb IN ('send', 'ask', 'recall', 'fetch', 'notify'))"
    )
    op.execute("COMMENT ON COLUMN agency_calls.verb IS 'send, ask, recall, fetch, notify'")
    _notices()
    op.execute(FIXED)
    condition = f"{IN_SCOPE} AND {NO_AGENCY}"
    op.execute("ALTER TABLE agency_notices ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY scope ON agency_notices USING ({condition}) WITH CHECK ({condition})")
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON agency_notices TO {APP_ROLE}")


def _instant(name, comment, *, now=False):
    return sa.Column(
        name,
        sa.DateTime(timezone=True),
        server_default=sa.text("now()") if now else None,
        nullable=not now,
        comment=comment,
    )


def _notices():
    op.create_table(
        "agency_notices",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False, comment="Surrogate key"),
        sa.Column("extension_id", sa.BigInteger(), nullable=False, comment="About which extension"),
        sa.Column("packet_id", sa.BigInteger(), nullable=False, comment="Of which packet"),
        sa.Column("decision", sa.Text(), nullable=False, comment="granted, refused, revoked, lapsed"),
        sa.Column("days", sa.SmallInteger(), nullable=False, comment="Days it is about"),
        sa.Column("due_on", sa.Date(), nullable=False, comment="The deadline from then on"),
        sa.Column(
            "reason", sa.Text(), server_default="", nullable=False, comment="Why, in the deciding person's words"
        ),
        sa.Column("message_id", sa.Text(), nullable=False, comment="Fixed when decided"),
        sa.Column("body", sa.LargeBinary(), nullable=True, comment="The exact bytes, before the wire"),
        sa.Column("body_sha256", sa.Text(), nullable=True, comment="SHA-256 of the bytes"),
        _instant("decided_at", "When decided", now=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False, comment="Calls made"),
        _instant("next_attempt_at", "Not before", now=True),
        _instant("lease_until", "Claimed by a scheduler until"),
        _instant("delivered_at", "When the agency acknowledged it, or said it never will"),
        sa.Column("answer", sa.Text(), nullable=True, comment="The agency's no, when it said no"),
        sa.Column("last_error", sa.Text(), nullable=True, comment="What the last failed call said"),
        sa.Column(
            "area_path",
            sa.Text(collation="C"),
            nullable=False,
            comment="Path of the owning area, copied; scope and row-level security are a range over it",
        ),
        sa.CheckConstraint(
            "decision IN ('granted', 'refused', 'revoked', 'lapsed')", name=op.f("ck_agency_notices_decision")
        ),
        sa.CheckConstraint(
            "(body IS NULL) = (body_sha256 IS NULL)", name=op.f("ck_agency_notices_body_has_its_hash")
        ),
        sa.CheckConstraint(
            "delivered_at IS NULL OR body IS NOT NULL", name=op.f("ck_agency_notices_bytes_before_the_wire")
        ),
        sa.ForeignKeyConstraint(
            ["extension_id"], ["deadline_extensions.id"], name=op.f("fk_agency_notices_extension_id")
        ),
        sa.ForeignKeyConstraint(["packet_id"], ["packets.id"], name=op.f("fk_agency_notices_packet_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agency_notices")),
        sa.UniqueConstraint("message_id", name=op.f("uq_agency_notices_message_id")),
        comment="Notices to agencies about extensions, one for each decision",
    )
    op.create_index("ix_agency_notices_extension_id", "agency_notices", ["extension_id"])
    op.create_index("ix_agency_notices_area_path_id", "agency_notices", ["area_path", "id"])
    op.create_index(
        "ix_agency_notices_due",
        "agency_notices",
        ["next_attempt_at"],
        postgresql_where=sa.text("delivered_at IS NULL"),
    )


def downgrade():
    raise RuntimeError("What agencies were told is never taken away; restore a backup instead.")
