"""Where each kind of trouble is, as SQL: one row a place, with key, code, area, period and how much of it is there."""

from __future__ import annotations

SINCE = (
    "CASE k.state WHEN 'queued' THEN k.queued_at ELSE (SELECT max(c.at) FROM state_changes c"
    " WHERE c.machine = 'packet' AND c.entity_id = k.id AND c.move = 'claim' AND c.from_state = 'queued') END"
)
"""SQL: since when packet k has been waiting or in doubt; further calls about it change nothing of that."""

DUE = (
    "s.due_on + coalesce((SELECT sum(x.days) FROM deadline_extensions x"
    " WHERE x.settlement_id = s.id AND x.state = 'granted'), 0)::int"
)
"""SQL: the deadline of settlement s with its granted extensions."""

STUCK = f"k.state IN ('queued', 'in_doubt') AND {SINCE} < :day_ago"

PLACES = {
    "returned": """
SELECT b.id, b.code, b.area_path, b.period_id, 1 AS n FROM payout_batches b
 WHERE b.state = 'returned' AND b.area_path >= :low AND b.area_path < :high
""",
    "in_doubt": """
SELECT k.id, k.code, k.area_path, b.period_id, 1 AS n FROM packets k JOIN payout_batches b ON b.id = k.batch_id
 WHERE k.state = 'in_doubt' AND k.area_path >= :low AND k.area_path < :high
   AND (k.last_error IS NOT NULL OR k.lease_until IS NULL OR k.lease_until < now())
   AND NOT ("""
    + STUCK
    + """)
""",
    "reminder": """
SELECT b.id, b.code, b.area_path, b.period_id, 1 AS n FROM payout_batches b WHERE b.id = ANY(:reminded)
""",
    "stuck": f"""
SELECT k.id, k.code, k.area_path, b.period_id, 1 AS n FROM packets k JOIN payout_batches b ON b.id = k.batch_id
 WHERE k.area_path >= :low AND k.area_path < :high AND {STUCK}
   AND NOT EXISTS (SELECT 1 FROM acknowledgements w
                    WHERE w.subject = 'packet' AND w.entity_id = k.id AND w.until > :now)
""",
    "message": """
SELECT i.id, coalesce(i.transaction_id, i.message_id, '—') AS code, i.area_path, b.period_id, 1 AS n FROM inbox i
  LEFT JOIN packets k ON k.code = i.transaction_id AND k.agency_id = i.agency_id
  LEFT JOIN payout_batches b ON b.id = k.batch_id
 WHERE i.area_path >= :low AND i.area_path < :high
   AND i.id IN (SELECT id FROM inbox WHERE outcome = 'failed'
                UNION SELECT inbox_id FROM message_faults WHERE code = ANY(:faults))
   AND NOT EXISTS (SELECT 1 FROM acknowledgements w WHERE w.subject = 'message' AND w.entity_id = i.id)
""",
    "held": """
SELECT s.id, k.code, s.area_path, s.period_id, count(*) AS n FROM inbox i
  JOIN packets k ON k.code = i.transaction_id AND k.agency_id = i.agency_id JOIN settlements s ON s.packet_id = k.id
 WHERE i.outcome = 'held' AND s.area_path >= :low AND s.area_path < :high
 GROUP BY s.id, k.code
""",
    "overdue": f"""
SELECT s.id, k.code, s.area_path, s.period_id, 1 AS n FROM settlements s JOIN packets k ON k.id = s.packet_id
 WHERE s.state IN ('waiting', 'partial') AND {DUE} < :today AND s.area_path >= :low AND s.area_path < :high
""",
    "partial": f"""
SELECT s.id, k.code, s.area_path, s.period_id, 1 AS n FROM settlements s JOIN packets k ON k.id = s.packet_id
 WHERE s.state = 'partial' AND {DUE} >= :today AND s.area_path >= :low AND s.area_path < :high
""",
    "undecided": """
SELECT s.id, k.code, s.area_path, s.period_id, count(*) AS n FROM settlements s JOIN packets k ON k.id = s.packet_id
  JOIN settlement_records r ON r.settlement_id = s.id
 WHERE s.state IN ('partial', 'received') AND s.area_path >= :low AND s.area_path < :high
   AND r.finding NOT IN ('matched', 'duplicate') AND r.decided_outcome IS NULL
 GROUP BY s.id, k.code
""",
    "untied": """
SELECT s.id, k.code, s.area_path, s.period_id, 1 AS n FROM settlements s JOIN packets k ON k.id = s.packet_id
 WHERE s.id = ANY(:untied)
""",
    "extension": """
SELECT x.id, k.code, x.area_path, s.period_id, 1 AS n FROM deadline_extensions x
  JOIN settlements s ON s.id = x.settlement_id JOIN packets k ON k.id = s.packet_id
 WHERE x.state = 'asked' AND x.area_path >= :low AND x.area_path < :high
""",
    "relocation": """
SELECT r.id, r.full_name AS code, r.to_path AS area_path, CAST(NULL AS integer) AS period_id, 1 AS n FROM relocations r
 WHERE r.state = 'asked' AND r.to_path >= :low AND r.to_path < :high
""",
    "recovery": """
SELECT r.id, l.full_name AS code, r.area_path, l.period_id, 1 AS n FROM recoveries r JOIN payout_lines l ON l.id = r.line_id
 WHERE r.state = 'proposed' AND r.area_path >= :low AND r.area_path < :high
""",
    "transfer": """
SELECT t.id, t.treasury_ref AS code, t.area_path, t.period_id, 1 AS n FROM agency_transfers t
 WHERE t.state = 'entered' AND t.area_path >= :low AND t.area_path < :high
""",
    "blocking": """
SELECT b.id, b.code, b.area_path, b.period_id, count(*) AS n FROM payout_batches b
  JOIN batch_findings f ON f.batch_id = b.id AND f.severity = 'blocking'
 WHERE b.state = 'draft' AND b.area_path >= :low AND b.area_path < :high
 GROUP BY b.id
""",
}
"""Kind of trouble -> its places: key, code, area, period and how much of it is there. Some kinds are no places."""
