"""Lists may be sent by themselves at their cut-off, quiet agencies are asked, and a daily digest goes out by e-mail

Revision ID: 0122
Revises: 0131
"""

import sqlalchemy as sa
from alembic import op

revision = "0122"
down_revision = "0131"
branch_labels = None
depends_on = None

APP_ROLE = "chitra_app"

IN_SCOPE = "area_path >= current_setting('chitra.lo', true) AND area_path < current_setting('chitra.hi', true)"
NO_AGENCY = "CASE WHEN coalesce(current_setting('chitra.agency', true), '') = '' THEN 1 ELSE 0 END <> 0"
PATH_COMMENT = "Path of the owning area, copied; scope and row-level security are a range over it"


def upgrade():
    op.add_column("payment_settings", sa.Column("auto_send", sa.Boolean(), nullable=True,
                  comment="Approved lists are sent by themselves on the last day before the cut-off"))
    op.add_column("payment_settings", sa.Column("remind_days", sa.SmallInteger(), nullable=True,
                  comment="Days before the last day to send from which people are reminded; 0 for never"))
    op.create_check_constraint(op.f("ck_payment_settings_remind_days"), "payment_settings", "remind_days BETWEEN 0 AND 20")
    op.execute("UPDATE payment_settings SET auto_send = false, remind_days = 3 WHERE area_path = 'VN/'")
    op.add_column("packets", sa.Column("polled_at", sa.DateTime(timezone=True), nullable=True,
                  comment="When the agency was last asked because nothing was heard"))
    op.create_index("ix_packets_polled", "packets", ["polled_at"],
                    postgresql_where=sa.text("state IN ('received', 'accepted')"))
    _digests()
    _mails()


def _digests():
    op.create_table(
        "digests",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False, comment="Surrogate key"),
        sa.Column("day", sa.Date(), nullable=False, comment="Local day it speaks of"),
        sa.Column("subject", sa.Text(), nullable=True, comment="Subject of its letters; empty when there was nothing"),
        sa.Column("body", sa.Text(), nullable=True, comment="Counts, codes and links; nobody's name"),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False,
                  comment="When made"),
        sa.Column("area_path", sa.Text(collation="C"), nullable=False, comment=PATH_COMMENT),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_digests")),
        sa.UniqueConstraint("area_path", "day", name=op.f("uq_digests_area_path_day")),
        comment="What needed a person in an area on a day; made once a day, by whichever scheduler comes first",
    )
    _secure("digests")


def _mails():
    op.create_table(
        "mails",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False, comment="Surrogate key"),
        sa.Column("digest_id", sa.BigInteger(), nullable=False, comment="Which digest"),
        sa.Column("user_id", sa.Integer(), nullable=False, comment="To whom"),
        sa.Column("address", sa.Text(), nullable=False, comment="Where to, as it was then"),
        sa.Column("attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False, comment="Times tried"),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False,
                  comment="Not before"),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True, comment="Claimed by a scheduler until"),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True, comment="When the mail server took it"),
        sa.Column("given_up_at", sa.DateTime(timezone=True), nullable=True, comment="When it had become old news"),
        sa.Column("last_error", sa.Text(), nullable=True, comment="What the last failed attempt said"),
        sa.Column("area_path", sa.Text(collation="C"), nullable=False, comment=PATH_COMMENT),
        sa.ForeignKeyConstraint(["digest_id"], ["digests.id"], name=op.f("fk_mails_digest_id")),
        sa.ForeignKeyConstraint(["user_id"], ["ab_user.id"], name=op.f("fk_mails_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mails")),
        sa.UniqueConstraint("digest_id", "user_id", name=op.f("uq_mails_digest_id_user_id")),
        comment="Letters on their way: a mail server that is away delays them and nothing else",
    )
    op.create_index("ix_mails_due", "mails", ["next_attempt_at"],
                    postgresql_where=sa.text("sent_at IS NULL AND given_up_at IS NULL"))
    _secure("mails")


def _secure(table):
    condition = f"{IN_SCOPE} AND {NO_AGENCY}"
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY scope ON {table} USING ({condition}) WITH CHECK ({condition})")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP_ROLE}")


def downgrade():
    op.drop_table("mails")
    op.drop_table("digests")
    op.drop_index("ix_packets_polled", table_name="packets")
    op.drop_column("packets", "polled_at")
    op.drop_column("payment_settings", "remind_days")
    op.drop_column("payment_settings", "auto_send")
