"""Lines of versions that came back, kept before their list changes

Revision ID: 0202
Revises: 0201
"""

import sqlalchemy as sa
from alembic import op

revision = "0202"
down_revision = "0201"
branch_labels = None
depends_on = None

APP_ROLE = "chitra_app"

IN_SCOPE = "area_path >= current_setting('chitra.lo', true) AND area_path < current_setting('chitra.hi', true)"
NO_AGENCY = "CASE WHEN coalesce(current_setting('chitra.agency', true), '') = '' THEN 1 ELSE 0 END <> 0"
PATH_COMMENT = "Path of the owning area, copied; scope and row-level security are a range over it"

# What came back before this table was there is read once from the messages of the contract; other files stay unread.
_BEFORE = """
INSERT INTO sent_lines (packet_id, reference, payee_name, payee_fa, amount_vnd, area_path)
SELECT k.id, d ->> 'reference_id', coalesce(d ->> 'payee_name', ''), d ->> 'payee_fa',
       CAST(d ->> 'amount' AS numeric)::bigint, k.area_path
  FROM packets k, jsonb_array_elements(convert_from(k.body, 'UTF8')::jsonb #> '{message,disbursements}') d
 WHERE k.state IN ('rejected', 'refused') AND substring(k.body FROM 1 FOR 1) = '{'
"""


def upgrade():
    op.create_table(
        "sent_lines",
        sa.Column("packet_id", sa.BigInteger(), nullable=False, comment="Of which version"),
        sa.Column("reference", sa.Text(), nullable=False, comment="Reference of the line on the wire"),
        sa.Column("payee_name", sa.Text(), nullable=False, comment="Who was to receive it"),
        sa.Column("payee_fa", sa.Text(), nullable=False, comment="Financial address"),
        sa.Column("amount_vnd", sa.BigInteger(), nullable=False, comment="Đồng sent"),
        sa.Column("area_path", sa.Text(collation="C"), nullable=False, comment=PATH_COMMENT),
        sa.ForeignKeyConstraint(["packet_id"], ["packets.id"], name=op.f("fk_sent_lines_packet_id")),
        sa.PrimaryKeyConstraint("packet_id", "reference", name=op.f("pk_sent_lines")),
        comment="Lines of packets that came back, as sent; the lines of a live packet are its list's. Append-only",
    )
    op.execute(_BEFORE)
    op.execute(
        "CREATE TRIGGER refuse_rewriting BEFORE UPDATE OR DELETE OR TRUNCATE ON sent_lines "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting()"
    )
    op.execute("ALTER TABLE sent_lines ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY seen ON sent_lines FOR SELECT USING ({IN_SCOPE} AND {NO_AGENCY})")
    op.execute(f"CREATE POLICY added ON sent_lines FOR INSERT WITH CHECK ({IN_SCOPE} AND {NO_AGENCY})")
    op.execute(f"GRANT SELECT, INSERT ON sent_lines TO {APP_ROLE}")


def downgrade():
    raise RuntimeError("What was sent is never taken away; restore a backup instead.")
