"""Withholding recoveries from the lines of drafts, and what becomes of it when the lines are settled. All by sets.

A share of each line goes to the person's open recoveries, the oldest first. What is withheld counts as come back when
the line is paid; while the line is unpaid and carried, it waits with that money; it is released when the money is
never paid (docs/decisions/004-recoveries.md).
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.rules.actors import Actor
from app.services import journal, transitions

# Held until the transaction ends, so that two lists made at once never withhold the same đồng.
_HOLD = text("""
SELECT id FROM recoveries
 WHERE state = 'open' AND beneficiary_id IN (SELECT beneficiary_id FROM payout_lines WHERE batch_id = ANY(:ids) AND live)
 ORDER BY id FOR UPDATE
""")

# Room of a person's lines and needs of their recoveries are laid side by side as intervals; where two overlap, that line
# withholds that much for that recovery. A recovery is withheld where it is kept: one area sees all of it.
_ATTACH = text("""
WITH line AS MATERIALIZED (
    SELECT l.id, l.beneficiary_id, l.area_path, l.period_id,
           (l.benefit_vnd + l.arrears_vnd + l.carried_vnd) * coalesce((
               SELECT s.recovery_share_percent FROM payment_settings s JOIN periods p ON p.id = l.period_id
                WHERE starts_with(l.area_path, s.area_path) AND s.valid_from <= p.month
                  AND s.recovery_share_percent IS NOT NULL
                ORDER BY length(s.area_path) DESC, s.valid_from DESC LIMIT 1), 0) / 100 AS room_vnd
      FROM payout_lines l JOIN payout_batches b ON b.id = l.batch_id
     WHERE l.batch_id = ANY(:ids) AND l.live AND b.kind <> 'funeral' AND (CAST(:line AS bigint) IS NULL OR l.id = :line)
       AND l.beneficiary_id IN (SELECT beneficiary_id FROM recoveries WHERE id = ANY(:recoveries))
), owing AS MATERIALIZED (
    SELECT r.id, r.beneficiary_id, r.area_path,
           greatest(0, least(r.amount_vnd
               - (SELECT coalesce(sum(amount_vnd), 0) FROM recovery_entries WHERE recovery_id = r.id)
               - (SELECT coalesce(sum(amount_vnd), 0) FROM withholdings WHERE recovery_id = r.id AND outcome = 'waiting'),
             r.instalment_vnd
               - (SELECT coalesce(sum(w.amount_vnd), 0) FROM withholdings w JOIN payout_lines o ON o.id = w.line_id
                   WHERE w.recovery_id = r.id AND w.outcome <> 'released'
                     AND o.period_id IN (SELECT period_id FROM line)))) AS need_vnd
      FROM recoveries r WHERE r.id = ANY(:recoveries)
), room AS (
    SELECT id, beneficiary_id, area_path, sum(room_vnd) OVER w AS high, sum(room_vnd) OVER w - room_vnd AS low
      FROM line WINDOW w AS (PARTITION BY beneficiary_id, area_path ORDER BY id)
), need AS (
    SELECT id, beneficiary_id, area_path, sum(need_vnd) OVER w AS high, sum(need_vnd) OVER w - need_vnd AS low
      FROM owing WINDOW w AS (PARTITION BY beneficiary_id, area_path ORDER BY id)
), taken AS (
    INSERT INTO withholdings (line_id, recovery_id, area_path, amount_vnd)
    SELECT o.id, n.id, o.area_path, least(o.high, n.high) - greatest(o.low, n.low)
      FROM room o JOIN need n ON n.beneficiary_id = o.beneficiary_id AND n.area_path = o.area_path
       AND least(o.high, n.high) > greatest(o.low, n.low)
    RETURNING line_id, amount_vnd
)
UPDATE payout_lines l SET withheld_vnd = x.vnd, total_vnd = l.total_vnd - x.vnd
  FROM (SELECT line_id, sum(amount_vnd)::bigint AS vnd FROM taken GROUP BY line_id) x WHERE l.id = x.line_id
""")


def attach(session: Session, batch_ids: Collection[int], *, line_id: int | None = None) -> None:
    """Withhold from the live lines of drafts of one period; a line never goes below 0 (the share is at most 90 %)."""
    ids = list(batch_ids)
    recoveries = list(session.execute(_HOLD, {"ids": ids}).scalars())
    if recoveries:
        session.execute(_ATTACH, {"ids": ids, "recoveries": recoveries, "line": line_id})


def give_back(session: Session, *, line_id: int | None = None, batch_id: int | None = None) -> None:
    """A line is held out, or its list cancelled: what it withheld is free for another list."""
    session.execute(
        text(
            "DELETE FROM withholdings WHERE line_id = :line"
            " OR line_id IN (SELECT id FROM payout_lines WHERE batch_id = :batch)"
        ),
        {"line": line_id, "batch": batch_id},
    )


# A withholding waits with the line that carries its line, and with who carries that.
_COUNT = text("""
WITH RECURSIVE chain AS (
    SELECT line_id, recovery_id, line_id AS last_id FROM withholdings WHERE outcome = 'waiting'
    UNION ALL
    SELECT c.line_id, c.recovery_id, o.to_line_id FROM chain c JOIN carry_overs o ON o.from_line_id = c.last_id
), known AS MATERIALIZED (
    SELECT c.line_id, c.recovery_id, l.result, s.id AS settlement_id
      FROM chain c JOIN payout_lines l ON l.id = c.last_id AND l.result IN ('paid', 'unpaid_stopped', 'to_recover')
      LEFT JOIN settlements s ON s.batch_id = l.batch_id AND s.state <> 'void'
     WHERE l.live AND (CAST(:ids AS bigint[]) IS NULL OR s.id = ANY(:ids))
), settled AS (
    UPDATE withholdings w SET outcome = CASE k.result WHEN 'paid' THEN 'recovered' ELSE 'released' END
      FROM known k WHERE w.line_id = k.line_id AND w.recovery_id = k.recovery_id
    RETURNING w.line_id, w.recovery_id, w.amount_vnd, w.outcome, k.settlement_id
)
INSERT INTO recovery_entries (recovery_id, area_path, kind, amount_vnd, line_id, settlement_id, entered_by, at)
SELECT r.id, r.area_path, 'withheld', x.amount_vnd, x.line_id, x.settlement_id, :by, :now
  FROM settled x JOIN recoveries r ON r.id = x.recovery_id WHERE x.outcome = 'recovered' ORDER BY x.recovery_id, x.line_id
RETURNING id, recovery_id
""")


def count(session: Session, *, by: Actor, settlement_ids: Collection[int] | None = None) -> int:
    """What was withheld and has been paid for counts as come back; how many entries that made.

    For the lines these settlements have just settled; without settlements, for everything still uncounted.
    """
    facts = {"ids": None if settlement_ids is None else list(settlement_ids), "by": by.username, "now": clock.now()}
    entries = session.execute(_COUNT, facts).all()
    if entries:
        journal.recovery_entries(session, [row.id for row in entries], by=by)
        close_complete(session, *{row.recovery_id for row in entries}, by=by)
    return len(entries)


def close_complete(session: Session, *recovery_ids: int, by: Actor, because: str | None = None) -> None:
    """Close those of these recoveries of which nothing is left."""
    rows = session.execute(
        text(
            "SELECT r.id FROM recoveries r WHERE r.state = 'open' AND r.id = ANY(:ids) AND r.amount_vnd ="
            " (SELECT sum(amount_vnd) FROM recovery_entries WHERE recovery_id = r.id) ORDER BY r.id"
        ),
        {"ids": list(recovery_ids)},
    )
    complete = list(rows.scalars())
    if complete:
        transitions.move_all(session, "recovery", complete, "close", by=by, because=because)
        session.execute(
            text("UPDATE recoveries SET closed_at = :now WHERE id = ANY(:ids)"), {"ids": complete, "now": clock.now()}
        )
