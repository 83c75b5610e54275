"""The books of settled months in full, journal and audit included, for measuring the checks that read all of it."""

from __future__ import annotations

from typing import Any

import psycopg

# Like the rest of the past written set by set, past every trigger; the checks themselves say that it is consistent.
_BOOKS = (
    # the last month is still with the agency
    "UPDATE payout_lines SET result = 'pending', result_reason = NULL, result_at = NULL WHERE period_id = %(last)s",
    "UPDATE payout_batches SET state = 'accepted', closed_by = NULL, closed_at = NULL WHERE period_id = %(last)s",
    "UPDATE packets p SET state = 'accepted' FROM payout_batches b WHERE b.id = p.batch_id AND b.state = 'accepted'",
    "DELETE FROM settlement_records r USING settlements s WHERE s.id = r.settlement_id AND s.period_id = %(last)s",
    """
UPDATE settlements SET state = 'waiting', paid_count = 0, paid_vnd = 0, unpaid_count = 0, unpaid_vnd = 0,
       locked_by = NULL, locked_at = NULL WHERE period_id = %(last)s
""",
    "UPDATE area_periods SET state = 'open' WHERE period_id = %(last)s",
    """
UPDATE payout_batches b SET lines_sha256 = x.sha256 FROM (
    SELECT batch_id, encode(sha256(convert_to(string_agg(reference || '|' || total_vnd || '|' || payee_fa || chr(10), ''
           ORDER BY reference COLLATE "C"), 'UTF8')), 'hex') AS sha256 FROM payout_lines GROUP BY batch_id) x
 WHERE x.batch_id = b.id
""",
    "UPDATE packets p SET lines_sha256 = b.lines_sha256 FROM payout_batches b WHERE b.id = p.batch_id",
    """
INSERT INTO money_movements (line_id, area_path, from_bucket, to_bucket, amount_vnd, packet_id, actor)
SELECT l.id, l.area_path, 'owed', 'with_agency', l.total_vnd, p.id, 'agency:vnpost'
  FROM payout_lines l JOIN packets p ON p.batch_id = l.batch_id ORDER BY l.id
""",
    """
INSERT INTO money_movements (line_id, area_path, from_bucket, to_bucket, amount_vnd, packet_id, settlement_id, actor)
SELECT l.id, l.area_path, 'with_agency', l.result, l.total_vnd, s.packet_id, s.id, 'xa.ketoan'
  FROM payout_lines l JOIN settlements s ON s.batch_id = l.batch_id AND s.state = 'locked' ORDER BY l.id
""",
    """
INSERT INTO money_movements (line_id, area_path, from_bucket, to_bucket, amount_vnd, other_line_id, actor)
SELECT from_line_id, area_path, 'unpaid', 'carried', amount_vnd, to_line_id, 'xa.lanhdao' FROM carry_overs
""",
    """
UPDATE settlements SET parts_expected = 1, parts_received = 1, reported = jsonb_build_object('QT-1', jsonb_build_object(
    'parts', '[1]'::jsonb, 'totals', jsonb_build_array(jsonb_build_array(paid_count, paid_vnd, unpaid_count, unpaid_vnd,
                                                                         recover_count, recover_vnd)),
    'said', jsonb_build_object('1', jsonb_build_array(jsonb_build_array(paid_count, paid_vnd, unpaid_count, unpaid_vnd,
                                                                        recover_count, recover_vnd, 0)))))
 WHERE state = 'locked'
""",
    """
INSERT INTO state_changes (machine, entity_id, area_path, move, from_state, to_state, actor)
SELECT x.machine, x.id, x.area_path, m.name, m.before, m.after, 'bench'
  FROM (SELECT 'batch' AS machine, id, area_path, state FROM payout_batches
        UNION ALL SELECT 'packet', id, area_path, state FROM packets
        UNION ALL SELECT 'settlement', id, area_path, state FROM settlements
        UNION ALL SELECT 'period', id, area_path, state FROM area_periods) x
  JOIN (VALUES ('batch', 1, 'create', NULL, 'draft'), ('batch', 2, 'lock', 'draft', 'locked'),
               ('batch', 3, 'send', 'locked', 'sent'), ('batch', 4, 'accept', 'sent', 'accepted'),
               ('batch', 5, 'settle', 'accepted', 'settled'), ('packet', 1, 'create', NULL, 'queued'),
               ('packet', 2, 'claim', 'queued', 'in_doubt'), ('packet', 3, 'receive', 'in_doubt', 'received'),
               ('packet', 4, 'accept', 'received', 'accepted'), ('packet', 5, 'settle', 'accepted', 'settled'),
               ('settlement', 1, 'create', NULL, 'waiting'), ('settlement', 2, 'receive_all', 'waiting', 'received'),
               ('settlement', 3, 'lock', 'received', 'locked'), ('period', 1, 'create', NULL, 'open'),
               ('period', 2, 'close', 'open', 'closed')) m(machine, place, name, before, after)
    ON m.machine = x.machine
 WHERE m.place <= CASE x.state WHEN 'waiting' THEN 1 WHEN 'open' THEN 1 WHEN 'accepted' THEN 4 ELSE 5 END
 ORDER BY m.place, x.machine, x.id
""",
)


def write(admin: psycopg.Connection[Any]) -> None:
    """Journal, audit, hashes and reports of months that `data.fill(…, settled=True)` wrote; the last month is reopened."""
    admin.execute("SET session_replication_role = replica")
    row = admin.execute("SELECT id FROM periods ORDER BY month DESC LIMIT 1").fetchone()
    assert row is not None
    for statement in _BOOKS:
        admin.execute(statement, {"last": row[0]})
    admin.execute("VACUUM (ANALYZE, FREEZE)")
    admin.execute("CHECKPOINT")
