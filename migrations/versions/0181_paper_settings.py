"""What stands on official papers: the managing body, who issues, who signs

Revision ID: 0181
Revises: 0172
"""

import sqlalchemy as sa
from alembic import op

revision = "0181"
down_revision = "0172"
branch_labels = None
depends_on = None

APP_ROLE = "chitra_app"

IN_SCOPE = "area_path >= current_setting('chitra.lo', true) AND area_path < current_setting('chitra.hi', true)"
# "<>" and not "=": see 0002
NO_AGENCY = "CASE WHEN coalesce(current_setting('chitra.agency', true), '') = '' THEN 1 ELSE 0 END <> 0"
TEXTS = {
    "managing_body": "Body that manages payouts in a province (Sở Y tế, Sở Nội vụ); inherited",
    "superior": "Line above the issuer on papers of this area alone",
    "issuer": "Who issues papers of this area alone",
    "place": "Place in the line of the date, of this area alone",
    "code": "Sign of the issuer in the number, of this area alone",
    "maker_title": "Title of who made it; inherited",
    "maker_name": "Their name, of this area alone",
    "accountant_title": "Title of the accountant; inherited",
    "accountant_name": "Their name, of this area alone",
    "head_title": "Title of the head of the office; inherited",
    "head_name": "Their name, of this area alone",
    "agency_title": "Title of the agency's representative; inherited",
}


def upgrade():
    op.create_table(
        "paper_settings",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False, comment="Surrogate key"),
        sa.Column("area_id", sa.Integer(), nullable=False, comment="Area and below"),
        sa.Column("valid_from", sa.Date(), nullable=False, comment="In force from this day; the latest row wins"),
        *(sa.Column(name, sa.Text(), nullable=True, comment=comment) for name, comment in TEXTS.items()),
        sa.Column(
            "row_version",
            sa.Integer(),
            server_default=sa.text("1"),
            nullable=False,
            comment="Counts saves; a second stale save is refused",
        ),
        sa.Column(
            "area_path",
            sa.Text(collation="C"),
            nullable=False,
            comment="Path of the owning area, copied; scope and row-level security are a range over it",
        ),
        sa.ForeignKeyConstraint(["area_id"], ["areas.id"], name=op.f("fk_paper_settings_area_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_settings")),
        sa.UniqueConstraint("area_id", "valid_from", name=op.f("uq_paper_settings_area_id_valid_from")),
        comment="What stands on official papers per area, effective-dated; an empty value is inherited or derived",
    )
    op.execute(
        "CREATE TRIGGER fill_area_path BEFORE INSERT OR UPDATE OF area_id ON paper_settings "
        "FOR EACH ROW EXECUTE FUNCTION fill_area_path()"
    )
    written = f"{IN_SCOPE} AND {NO_AGENCY}"
    op.execute("ALTER TABLE paper_settings ENABLE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY seen ON paper_settings FOR SELECT USING (({IN_SCOPE})"
        " OR starts_with(current_setting('chitra.lo', true), area_path))"
    )
    op.execute(f"CREATE POLICY added ON paper_settings FOR INSERT WITH CHECK ({written})")
    op.execute(f"CREATE POLICY changed ON paper_settings FOR UPDATE USING ({written}) WITH CHECK ({written})")
    op.execute(f"CREATE POLICY removed ON paper_settings FOR DELETE USING ({written})")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON paper_settings TO {APP_ROLE}")


def downgrade():
    op.drop_table("paper_settings")
