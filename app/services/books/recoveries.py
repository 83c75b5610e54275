"""Checks of recoveries: what lists withhold, what the ledgers say and what the journal says are the same money (P2)."""

from __future__ import annotations

from app.rules.states import N_
from app.services.books.shape import Check

CHECKS: tuple[Check, ...] = (
    Check(
        "withheld_of_a_line",
        "P2",
        "payout_batches",
        N_("Tiền khấu trừ của mỗi dòng bằng tổng các khoản khấu trừ gắn với dòng; mỗi dòng còn tiền để trả."),
        """
SELECT b.id, b.area_path FROM payout_batches b
  LEFT JOIN list_sums s ON s.batch_id = b.id
  LEFT JOIN (SELECT l.batch_id, sum(w.vnd) AS vnd,
                    bool_or(w.vnd <> l.withheld_vnd OR NOT l.live OR l.total_vnd = 0) AS wrong
               FROM (SELECT line_id, sum(amount_vnd) AS vnd FROM withholdings GROUP BY line_id) w
               JOIN payout_lines l ON l.id = w.line_id GROUP BY l.batch_id) x ON x.batch_id = b.id
 WHERE coalesce(s.withheld_vnd, 0) <> coalesce(x.vnd, 0) OR x.wrong
""",
    ),
    Check(
        "withheld_counted_once",
        "P2",
        "recoveries",
        N_("Tiền khấu trừ được tính là đã thu đúng một lần, chỉ khi dòng khấu trừ hoặc dòng mang sang nó đã được trả."),
        """
SELECT w.recovery_id AS id, w.area_path FROM withholdings w
  LEFT JOIN (SELECT recovery_id, line_id, sum(amount_vnd) AS vnd FROM recovery_entries WHERE kind = 'withheld'
              GROUP BY recovery_id, line_id) e ON e.recovery_id = w.recovery_id AND e.line_id = w.line_id
 WHERE coalesce(e.vnd, 0) <> CASE w.outcome WHEN 'recovered' THEN w.amount_vnd ELSE 0 END
UNION ALL
SELECT w.recovery_id, w.area_path FROM withholdings w JOIN payout_lines l ON l.id = w.line_id
 WHERE (w.outcome = 'recovered' AND l.result NOT IN ('paid', 'unpaid'))
    OR (w.outcome = 'waiting' AND l.result NOT IN ('pending', 'unpaid'))
""",
    ),
    Check(
        "ledger_in_the_journal",
        "P2",
        "recoveries",
        N_("Sổ thu của mỗi khoản truy thu bằng sổ tiền, đã thu và đã xóa tính riêng."),
        """
SELECT r.id, r.area_path
  FROM (SELECT recovery_id, sum(amount_vnd) FILTER (WHERE kind <> 'written_off') AS recovered,
               sum(amount_vnd) FILTER (WHERE kind = 'written_off') AS written_off
          FROM recovery_entries GROUP BY recovery_id) e
  FULL JOIN (SELECT n.recovery_id,
                    sum(CASE 'recovered' WHEN m.to_bucket THEN m.amount_vnd WHEN m.from_bucket THEN -m.amount_vnd END)
                        AS recovered,
                    sum(CASE 'written_off' WHEN m.to_bucket THEN m.amount_vnd WHEN m.from_bucket THEN -m.amount_vnd END)
                        AS written_off
               FROM money_movements m JOIN recovery_entries n ON n.id = m.recovery_entry_id
              WHERE m.from_bucket NOT IN ('owed', 'with_agency') GROUP BY n.recovery_id) j ON j.recovery_id = e.recovery_id
  JOIN recoveries r ON r.id = coalesce(e.recovery_id, j.recovery_id)
 WHERE (coalesce(e.recovered, 0), coalesce(e.written_off, 0))
       IS DISTINCT FROM (coalesce(j.recovered, 0), coalesce(j.written_off, 0))
""",
    ),
    Check(
        "collected_once",
        "P2",
        "recoveries",
        N_("Mỗi phiếu thu bưu điện báo được ghi vào một khoản truy thu nhiều nhất một lần, đúng số tiền và đúng dòng."),
        """
WITH counted AS (
    SELECT e.recovery_id, e.settlement_id, e.reference, sum(e.amount_vnd) AS vnd, min(e.area_path) AS area_path
      FROM recovery_entries e WHERE e.kind = 'cash' AND e.settlement_id IS NOT NULL
     GROUP BY e.recovery_id, e.settlement_id, e.reference HAVING sum(e.amount_vnd) <> 0
)
SELECT n.recovery_id AS id, n.area_path FROM counted n WHERE NOT EXISTS (
    SELECT 1 FROM settlement_collections c JOIN recovery_lines x ON x.line_id = c.line_id AND x.recovery_id = n.recovery_id
     WHERE c.settlement_id = n.settlement_id AND c.receipt = n.reference AND c.amount_vnd = n.vnd)
UNION ALL
SELECT n.recovery_id, n.area_path FROM counted n JOIN settlements s ON s.id = n.settlement_id
  JOIN counted o ON o.reference = n.reference AND (o.recovery_id, o.settlement_id) <> (n.recovery_id, n.settlement_id)
  JOIN settlements t ON t.id = o.settlement_id AND t.agency_id = s.agency_id
""",
    ),
    Check(
        "recovery_stands",
        "P2",
        "recoveries",
        N_(
            "Khoản truy thu bằng tổng các dòng của nó; đã thu, đã xóa và đang khấu trừ không vượt số phải thu; đóng khi đủ."
        ),
        """
SELECT r.id, r.area_path FROM recoveries r
  LEFT JOIN (SELECT recovery_id, sum(amount_vnd) AS vnd FROM recovery_lines GROUP BY recovery_id) x ON x.recovery_id = r.id
  LEFT JOIN (SELECT recovery_id, sum(amount_vnd) AS vnd FROM recovery_entries GROUP BY recovery_id) e
    ON e.recovery_id = r.id
  LEFT JOIN (SELECT recovery_id, sum(amount_vnd) AS vnd FROM withholdings WHERE outcome = 'waiting' GROUP BY recovery_id) w
    ON w.recovery_id = r.id
 WHERE x.vnd IS DISTINCT FROM r.amount_vnd OR coalesce(e.vnd, 0) + coalesce(w.vnd, 0) > r.amount_vnd
    OR (r.state = 'closed') <> (coalesce(e.vnd, 0) = r.amount_vnd)
    OR (r.state IN ('proposed', 'withdrawn') AND (coalesce(e.vnd, 0) <> 0 OR w.vnd IS NOT NULL))
""",
    ),
    Check(
        "to_recover_in_the_journal",
        "P2",
        "payout_lines",
        N_(
            "Tiền phải truy thu của mỗi dòng trong sổ tiền là của các khoản truy thu đang thu, trừ phần đã thu và đã xóa."
        ),
        """
SELECT l.id, l.area_path
  FROM (SELECT line_id, sum(vnd) AS vnd FROM (
            SELECT line_id, amount_vnd AS vnd FROM money_movements WHERE to_bucket = 'to_recover'
            UNION ALL
            SELECT line_id, -amount_vnd FROM money_movements
             WHERE from_bucket NOT IN ('owed', 'with_agency') AND from_bucket = 'to_recover'
            UNION ALL
            SELECT line_id, amount_vnd FROM money_movements WHERE from_bucket = 'to_recover'
               AND from_bucket NOT IN ('owed', 'with_agency') AND to_bucket IN ('recovered', 'written_off')
            UNION ALL
            SELECT line_id, -amount_vnd FROM money_movements
             WHERE from_bucket NOT IN ('owed', 'with_agency') AND from_bucket IN ('recovered', 'written_off')
        ) m GROUP BY line_id) j
  FULL JOIN (SELECT x.line_id, sum(x.amount_vnd) AS vnd FROM recovery_lines x JOIN recoveries r ON r.id = x.recovery_id
              WHERE r.state IN ('open', 'closed') GROUP BY x.line_id) x ON x.line_id = j.line_id
  JOIN payout_lines l ON l.id = coalesce(j.line_id, x.line_id)
 WHERE coalesce(j.vnd, 0) <> coalesce(x.vnd, 0)
""",
    ),
)
