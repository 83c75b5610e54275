"""What the checks of the books read of every line there is, as views that are read at once or not at all

Revision ID: 0131
Revises: 0162
"""

from alembic import op
from sqlalchemy import text

revision = "0131"
down_revision = "0162"
branch_labels = None
depends_on = None

APP_ROLE = "chitra_app"

# A policy is asked for every row, which took two thirds of the time of a check (measured over 100.000 lines). A view is
# read with the rights of its owner, whom no policy limits, so each view asks once, before it reads: whoever does not see
# everything sees nothing of it. They hold sums and keys, nobody's name.
SEES_ALL = (
    "current_setting('chitra.lo', true) = 'VN/' AND current_setting('chitra.hi', true) = 'VN0'"
    " AND coalesce(current_setting('chitra.agency', true), '') = ''"
)

VIEWS = {
    "book_line_sums": f"""
SELECT batch_id, period_id, agency_id, live, result, count(*) AS lines,
       count(*) FILTER (WHERE total_vnd > 0) AS payable, sum(benefit_vnd) AS benefit_vnd,
       sum(arrears_vnd) AS arrears_vnd, sum(carried_vnd) AS carried_vnd, sum(withheld_vnd) AS withheld_vnd,
       sum(total_vnd) AS total_vnd, bit_xor(hashint8extended(id, total_vnd)) FILTER (WHERE total_vnd > 0) AS mark,
       bit_xor(hashint8extended(id, 0)) FILTER (WHERE total_vnd > 0) AS key_mark
  FROM payout_lines WHERE {SEES_ALL} GROUP BY batch_id, period_id, agency_id, live, result
""",
    "book_moved": f"""
SELECT packet_id, settlement_id, from_bucket, to_bucket, count(*) AS lines, sum(amount_vnd) AS vnd,
       bit_xor(hashint8extended(line_id, amount_vnd)) AS mark
  FROM money_movements WHERE {SEES_ALL} GROUP BY packet_id, settlement_id, from_bucket, to_bucket
""",
    "book_recorded": f"""
SELECT settlement_id, coalesce(decided_outcome, outcome) AS result, count(*) AS lines,
       bit_xor(hashint8extended(line_id, 0)) AS key_mark
  FROM settlement_records WHERE line_id IS NOT NULL AND {SEES_ALL}
 GROUP BY settlement_id, coalesce(decided_outcome, outcome)
""",
    "book_live_twice": f"""
SELECT entitlement_id, period_id FROM payout_lines WHERE live AND {SEES_ALL}
 GROUP BY entitlement_id, period_id HAVING count(*) > 1
""",
}


def upgrade():
    op.create_index(
        "ix_money_movements_to_recover", "money_movements", ["line_id"], postgresql_where=text("to_bucket = 'to_recover'")
    )
    for name, sql in VIEWS.items():
        op.execute(f"CREATE VIEW {name} AS {sql}")
        op.execute(f"GRANT SELECT ON {name} TO {APP_ROLE}")


def downgrade():
    for name in VIEWS:
        op.execute(f"DROP VIEW {name}")
    op.drop_index("ix_money_movements_to_recover", table_name="money_movements")
