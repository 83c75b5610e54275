"""The lines that were sent, and how each stands: what every report on payouts selects from. No report is here."""

from __future__ import annotations

from app.services.settlements.arithmetic import STANDING

# A locked settlement has written the lines' results; until then a line stands as the settlement's page shows it.
OUTCOME = f"CASE WHEN l.result <> 'pending' THEN l.result ELSE {STANDING} END"

# Once over lists and once over lines: a province's list may be asked for one commune's lines.
LINES = """
  FROM payout_batches b
  JOIN periods p ON p.id = b.period_id
  JOIN areas a ON a.id = b.area_id
  LEFT JOIN agencies g ON g.id = b.agency_id
  JOIN payout_lines l ON l.batch_id = b.id AND l.live AND l.total_vnd > 0
  LEFT JOIN settlements s ON s.batch_id = b.id AND s.state NOT IN ('locked', 'void')
  LEFT JOIN settlement_records r ON r.settlement_id = s.id AND r.line_id = l.id
 WHERE p.month BETWEEN :month_from AND :month_to AND b.state IN ('sent', 'accepted', 'settled')
   AND (b.area_path >= :low AND b.area_path < :high OR starts_with(CAST(:low AS text), b.area_path))
   AND l.area_path >= :low AND l.area_path < :high
   AND (CAST(:agency AS int) IS NULL OR b.agency_id = :agency)
   AND (CAST(:kind AS text) IS NULL OR b.kind = :kind)
   AND (CAST(:batch AS bigint) IS NULL OR b.id = :batch)
"""
