"""Areas that have ended, and which area reads what they leave; who reads so writes nothing, also in the database

Revision ID: 0203
Revises: 0202
"""

import sqlalchemy as sa
from alembic import op

revision = "0203"
down_revision = "0202"
branch_labels = None
depends_on = None

APP_ROLE = "chitra_app"
IN_SCOPE = "area_path >= current_setting('chitra.lo', true) AND area_path < current_setting('chitra.hi', true)"
NO_AGENCY = "CASE WHEN coalesce(current_setting('chitra.agency', true), '') = '' THEN 1 ELSE 0 END <> 0"
WRITES = "coalesce(current_setting('chitra.reading', true), '') = ''"
READERS_ONLY_READ = f"""
-- For every table under row-level security, also those of later migrations.
CREATE FUNCTION readers_only_read(secured regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE POLICY reading_adds ON %s AS RESTRICTIVE FOR INSERT WITH CHECK (%s)', secured, $c${WRITES}$c$);
    EXECUTE format('CREATE POLICY reading_changes ON %s AS RESTRICTIVE FOR UPDATE USING (%s)', secured, $c${WRITES}$c$);
    EXECUTE format('CREATE POLICY reading_removes ON %s AS RESTRICTIVE FOR DELETE USING (%s)', secured, $c${WRITES}$c$);
END $$
"""
WRITTEN_BY_READERS = ("access_log", "work_items")
"""Who looked is recorded; a long report is a piece of work."""

# Areas that ended before: their main successor, as the registry of areas remembers it.
ENDED_BEFORE = """
INSERT INTO kept_areas (old_area_id, old_path, code, full_name, ended_on, decision, area_path)
SELECT DISTINCT ON (a.id) a.id, a.path, a.code, a.full_name, a.valid_to, '', n.path
  FROM areas a JOIN area_predecessors p ON p.old_commune_code = a.code AND p.old_district_code = '' AND p.is_default
  JOIN areas n ON n.id = p.area_id AND n.id <> a.id
 WHERE a.level = 'commune' AND a.valid_to IS NOT NULL
 ORDER BY a.id, n.id
"""


def upgrade():
    op.create_table(
        "kept_areas",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False, comment="Surrogate key"),
        sa.Column("old_area_id", sa.Integer(), nullable=False, comment="Area that has ended"),
        sa.Column("old_path", sa.Text(collation="C"), nullable=False, comment="Its path"),
        sa.Column("code", sa.Text(), nullable=False, comment="Its official code"),
        sa.Column("full_name", sa.Text(), nullable=False, comment="Its name"),
        sa.Column("ended_on", sa.Date(), nullable=False, comment="Its last day"),
        sa.Column("decision", sa.Text(), nullable=False, comment="By which decision it ended"),
        sa.Column(
            "area_path",
            sa.Text(collation="C"),
            nullable=False,
            comment="Path of the owning area, copied; scope and row-level security are a range over it",
        ),
        sa.ForeignKeyConstraint(["old_area_id"], ["areas.id"], name=op.f("fk_kept_areas_old_area_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kept_areas")),
        sa.UniqueConstraint("old_area_id", name=op.f("uq_kept_areas_old_area_id")),
        comment="Areas that ended, owned by the one area that keeps and reads what they leave",
    )
    op.create_index("ix_kept_areas_area_path", "kept_areas", ["area_path"])
    op.execute(ENDED_BEFORE)
    op.execute("ALTER TABLE kept_areas ENABLE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY scope ON kept_areas USING ({IN_SCOPE} AND {NO_AGENCY}) WITH CHECK ({IN_SCOPE} AND {NO_AGENCY})"
    )
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON kept_areas TO {APP_ROLE}")
    op.execute(READERS_ONLY_READ)
    secured = op.get_bind().execute(
        sa.text(
            "SELECT relname FROM pg_class WHERE relrowsecurity AND relkind IN ('r', 'p')"
            " AND relnamespace = 'public'::regnamespace ORDER BY 1"
        )
    )
    for table in [name for name in secured.scalars() if name not in WRITTEN_BY_READERS]:
        op.execute(f"SELECT readers_only_read('{table}')")


def downgrade():
    raise RuntimeError("Who may read what ended areas leave is never forgotten; restore a backup instead.")
