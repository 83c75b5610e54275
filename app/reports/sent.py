"""The lines that were listed or sent, and how each stands: what the reports on payouts select from. No report is here."""

from __future__ import annotations

from app.reports.shape import TOGETHER
from app.services.settlements.arithmetic import STANDING

PARTS = {"paid": "paid", "unpaid": "unpaid", "recover": "to_recover", "pending": "pending"}
"""Columns of a tally -> the outcome they count."""

# A locked settlement has written the lines' results; until then a line stands as the settlement's page shows it.
OUTCOME = f"CASE WHEN l.result <> 'pending' THEN l.result ELSE {STANDING} END"

REASON = """
CASE WHEN l.result <> 'pending' THEN l.result_reason WHEN r.decided_outcome IS NULL AND r.outcome <> 'paid' THEN r.reason_code
     WHEN r.decided_outcome <> 'paid' THEN coalesce(r.reason_code, r.decided_reason) END
"""

# The registry keeps the order of names; for somebody it no longer shows here, given name before family name will do.
NAME_ORDER = (
    "coalesce((SELECT x.name_sort FROM beneficiaries x WHERE x.id = beneficiary_id),"
    " regexp_replace(name_fold, '^(.*) ([^ ]+)$', '\\2 \\1')) COLLATE \"C\", line_id"
)
"""SQL: order by Vietnamese name of rows that hold beneficiary_id, name_fold and line_id."""

# Once over lists and once over lines: a province's list may be asked for one commune's lines.
_LINES = """
  FROM payout_batches b
  JOIN periods p ON p.id = b.period_id
  JOIN areas a ON a.id = b.area_id
  LEFT JOIN agencies g ON g.id = b.agency_id
  JOIN payout_lines l ON l.batch_id = b.id AND l.live AND l.total_vnd > 0
  LEFT JOIN settlements s ON s.batch_id = b.id AND s.state NOT IN ('locked', 'void')
  LEFT JOIN settlement_records r ON r.settlement_id = s.id AND r.line_id = l.id
 WHERE p.month BETWEEN :month_from AND :month_to AND b.state IN ({states})
   AND (b.area_path >= :low AND b.area_path < :high OR starts_with(CAST(:low AS text), b.area_path))
   AND l.area_path >= :low AND l.area_path < :high
   AND (CAST(:agency AS int) IS NULL OR b.agency_id = :agency)
   AND (CAST(:kind AS text) IS NULL OR b.kind = :kind)
   AND (CAST(:batch AS bigint) IS NULL OR b.id = :batch)
   AND (CAST(:method AS text) IS NULL OR l.method = :method)
"""

LINES = _LINES.replace("{states}", "'sent', 'accepted', 'settled'")
"""SQL, from FROM on: lines that left, with their list b, period p, area a, agency g, settlement s and record r."""

LISTED = _LINES.replace("{states}", "'locked', 'sent', 'accepted', 'settled'")
"""The same of every approved list, sent or not."""


def _tally(name: str, outcome: str) -> str:
    codes = ", ".join(f"'{code}'" for code in sorted(TOGETHER.get(outcome, {outcome})))
    return (
        f"count(*) FILTER (WHERE outcome IN ({codes})) AS {name}_people,"
        f" coalesce(sum(total_vnd) FILTER (WHERE outcome IN ({codes})), 0)::bigint AS {name}_vnd"
    )


TALLIES = "count(*) AS sent_people, sum(total_vnd)::bigint AS sent_vnd, " + ", ".join(
    _tally(name, outcome) for name, outcome in PARTS.items()
)
"""SQL: people and đồng of a group of lines, and of each way they can stand."""
