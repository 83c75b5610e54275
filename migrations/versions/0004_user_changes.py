"""Accounts: changes to users on record, attempts to sign in counted, roles and agencies' users under row-level security

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

APP_ROLE = "chitra_app"

IN_SCOPE = "area_path >= current_setting('chitra.lo', true) AND area_path < current_setting('chitra.hi', true)"
# "<>" and not "=": the planner cannot look into the setting, and takes "=" for one row in 200, "<>" for nearly all. With
# "=" every query under the policy was planned for half a percent of its rows (nested loops, seconds instead of
# milliseconds).
NO_AGENCY = "CASE WHEN coalesce(current_setting('chitra.agency', true), '') = '' THEN 1 ELSE 0 END <> 0"
INHERITED = ("agency_contracts", "payment_settings", "standard_amounts")
OF_AN_AGENCY = {
    "batch": "payout_batches", "packet": "packets", "settlement": "settlements", "extension": "deadline_extensions",
}
OF_A_USER_IN_SCOPE = "EXISTS (SELECT 1 FROM ab_user u WHERE u.id = user_id)"


def upgrade():
    op.add_column(
        "ab_user",
        sa.Column(
            "row_version",
            sa.Integer(),
            server_default=sa.text("1"),
            nullable=False,
            comment="Counts saves; a second stale save is refused",
        ),
    )
    _changes()
    _attempts()
    _accounts()
    _users_of_agencies()


def _accounts():
    """Users are written by the office only; a role is seen, given and taken with its user, who is in scope himself."""
    op.execute("DROP POLICY scope ON ab_user")
    op.execute("ALTER TABLE ab_user_role ENABLE ROW LEVEL SECURITY")
    for table, condition in (("ab_user", IN_SCOPE), ("ab_user_role", OF_A_USER_IN_SCOPE)):
        by_the_office = f"{condition} AND {NO_AGENCY}"
        op.execute(f"CREATE POLICY seen ON {table} FOR SELECT USING ({condition})")
        op.execute(f"CREATE POLICY added ON {table} FOR INSERT WITH CHECK ({by_the_office})")
        op.execute(f"CREATE POLICY changed ON {table} FOR UPDATE USING ({by_the_office}) WITH CHECK ({by_the_office})")
        op.execute(f"CREATE POLICY removed ON {table} FOR DELETE USING ({by_the_office})")


def _users_of_agencies():
    """What an agency's user reads ends at the agency, and of what holds for an area nothing is theirs to write."""
    of_own_settlement = "EXISTS (SELECT 1 FROM settlements s WHERE s.id = settlement_id)"
    condition = f"{IN_SCOPE} AND ({NO_AGENCY} OR {of_own_settlement})"
    op.execute(f"ALTER POLICY scope ON deadline_extensions USING ({condition}) WITH CHECK ({condition})")
    own = " OR ".join(
        f"(machine = '{machine}' AND EXISTS (SELECT 1 FROM {table} t WHERE t.id = entity_id))"
        for machine, table in OF_AN_AGENCY.items()
    )
    op.execute("DROP POLICY scope ON state_changes")
    op.execute(f"CREATE POLICY seen ON state_changes FOR SELECT USING ({IN_SCOPE} AND ({NO_AGENCY} OR {own}))")
    op.execute(f"CREATE POLICY added ON state_changes FOR INSERT WITH CHECK ({IN_SCOPE})")
    for table in INHERITED:
        written = f"{IN_SCOPE} AND {NO_AGENCY}"
        op.execute(f"ALTER POLICY added ON {table} WITH CHECK ({written})")
        op.execute(f"ALTER POLICY changed ON {table} USING ({written}) WITH CHECK ({written})")
        op.execute(f"ALTER POLICY removed ON {table} USING ({written})")
    written = f"{IN_SCOPE.replace('area_path', 'path')} AND {NO_AGENCY}"
    op.execute(f"ALTER POLICY changed ON areas USING ({written}) WITH CHECK ({written})")


def _changes():
    op.create_table(
        "user_changes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False, comment="Surrogate key"),
        sa.Column(
            "at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When",
        ),
        sa.Column("actor", sa.Text(), nullable=False, comment="User name of who did it, or system"),
        sa.Column("actor_id", sa.Integer(), nullable=True, comment="User, when a person"),
        sa.Column("user_id", sa.Integer(), nullable=False, comment="Whom it concerns"),
        sa.Column(
            "what",
            sa.Text(),
            nullable=False,
            comment="created, changed, disabled, enabled, password_reset, password_changed",
        ),
        sa.Column(
            "before",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="What was changed, as it was; never a password",
        ),
        sa.Column(
            "after",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="What was changed, as it is; never a password",
        ),
        sa.Column(
            "area_path",
            sa.Text(collation="C"),
            nullable=False,
            comment="Path of the owning area, copied; scope and row-level security are a range over it",
        ),
        sa.CheckConstraint(
            "what IN ('created', 'changed', 'disabled', 'enabled', 'password_reset', 'password_changed')",
            name=op.f("ck_user_changes_what"),
        ),
        sa.ForeignKeyConstraint(["user_id"], ["ab_user.id"], name=op.f("fk_user_changes_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_changes")),
        comment="Who changed which user, and how. Append-only",
    )
    op.create_index("ix_user_changes_area_path_id", "user_changes", ["area_path", "id"])
    op.create_index("ix_user_changes_user_id", "user_changes", ["user_id"])
    op.execute(
        "CREATE TRIGGER refuse_rewriting BEFORE UPDATE OR DELETE OR TRUNCATE ON user_changes "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting()"
    )
    op.execute("ALTER TABLE user_changes ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY seen ON user_changes FOR SELECT USING ({IN_SCOPE} AND {NO_AGENCY})")
    op.execute(f"CREATE POLICY added ON user_changes FOR INSERT WITH CHECK ({IN_SCOPE})")
    op.execute(f"GRANT SELECT, INSERT ON user_changes TO {APP_ROLE}")


def _attempts():
    op.create_table(
        "sign_in_attempts",
        sa.Column(
            "key",
            sa.Text(),
            nullable=False,
            comment="Keyed hash of a typed user name or of a network address; neither is kept",
        ),
        sa.Column("failures", sa.Integer(), nullable=False, comment="Attempts not yet forgiven or forgotten"),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=False, comment="When the last one was made"),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_sign_in_attempts")),
        comment="Counted attempts to sign in: all web processes on all hosts wait together",
    )
    op.create_index("ix_sign_in_attempts_failed_at", "sign_in_attempts", ["failed_at"])
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON sign_in_attempts TO {APP_ROLE}")


def downgrade():
    raise RuntimeError("The record of changes to users is never taken away; restore a backup instead.")
