"""Checks of the books are kept; what money does after a settlement is found without reading the whole journal

Revision ID: 0130
Revises: 0121
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0130"
down_revision = "0121"
branch_labels = None
depends_on = None

APP_ROLE = "chitra_app"

IN_SCOPE = "area_path >= current_setting('chitra.lo', true) AND area_path < current_setting('chitra.hi', true)"
# "<>" and not "=": the planner takes "=" against a setting for one row in 200 (see 0002).
NO_AGENCY = "CASE WHEN coalesce(current_setting('chitra.agency', true), '') = '' THEN 1 ELSE 0 END <> 0"


def upgrade():
    op.create_table(
        "book_checks",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False, comment="Surrogate key"),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False, comment="When"),
        sa.Column("duration_ms", sa.Integer(), nullable=False, comment="How long it took"),
        sa.Column("wrong", sa.Integer(), nullable=False, comment="Checks that found something; 0 is well"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_book_checks")),
        comment="Checks of the books (promise P9): when, how long, how many checks broke; 30 days",
    )
    op.create_table(
        "book_findings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False, comment="Surrogate key"),
        sa.Column("check_id", sa.BigInteger(), nullable=False, comment="Found when"),
        sa.Column("name", sa.Text(), nullable=False, comment="Name of the check: see app/services/books"),
        sa.Column("row_count", sa.Integer(), nullable=False, comment="How many things break it"),
        sa.Column("ids", postgresql.ARRAY(sa.BigInteger()), nullable=False, comment="Keys of the first few"),
        sa.Column(
            "area_path",
            sa.Text(collation="C"),
            nullable=False,
            comment="Path of the owning area, copied; scope and row-level security are a range over it",
        ),
        sa.ForeignKeyConstraint(
            ["check_id"], ["book_checks.id"], name=op.f("fk_book_findings_check_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_book_findings")),
        comment="What checks of the books found, by area: an empty table is what we promise",
    )
    op.create_index("ix_book_findings_check_id", "book_findings", ["check_id"])
    op.create_index(
        "ix_money_movements_afterwards",
        "money_movements",
        ["line_id"],
        postgresql_where=sa.text("from_bucket NOT IN ('owed', 'with_agency')"),
    )
    op.execute("ALTER TABLE book_findings ENABLE ROW LEVEL SECURITY")
    condition = f"{IN_SCOPE} AND {NO_AGENCY}"
    op.execute(f"CREATE POLICY scope ON book_findings USING ({condition}) WITH CHECK ({condition})")
    op.execute(f"GRANT SELECT, INSERT, DELETE ON book_checks, book_findings TO {APP_ROLE}")
    op.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {APP_ROLE}")


def downgrade():
    op.drop_index("ix_money_movements_afterwards", table_name="money_movements")
    op.drop_table("book_findings")
    op.drop_table("book_checks")
