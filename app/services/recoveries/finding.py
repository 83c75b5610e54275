"""The sweep of recoveries: money paid for months after a death or a stop is proposed, for a supervisor to decide.

Run by the scheduler over every area; also: proposals whose ground is gone are dropped, recoveries follow people who have
moved, and what was withheld and paid elsewhere is counted. Twice is the same as once.
"""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.rules.actors import SYSTEM, Actor
from app.services import transitions
from app.services.recoveries import withholding

# The month of death, or of the last day of an entitlement, is still owed (domain.md, section 4): later ones are not.
# Earlier months' money in the same line was owed, so that only the benefit itself must come back.
_NOT_OWED = """
       CASE WHEN b.died_on IS NOT NULL AND p.month > b.died_on THEN 'death'
            WHEN e.ends_on IS NOT NULL AND p.month > e.ends_on THEN 'stop' END
"""

_DROP = text(f"""
SELECT DISTINCT r.id
  FROM recoveries r JOIN recovery_lines x ON x.recovery_id = r.id
  JOIN payout_lines l ON l.id = x.line_id JOIN periods p ON p.id = l.period_id
  JOIN entitlements e ON e.id = l.entitlement_id JOIN beneficiaries b ON b.id = l.beneficiary_id
 WHERE r.state = 'proposed' AND r.source IN ('death', 'stop')
   AND (({_NOT_OWED}) IS DISTINCT FROM r.source OR l.result NOT IN ('paid', 'pending'))
""")

_LATE = """
  FROM beneficiaries b
  JOIN entitlements e ON e.beneficiary_id = b.id
  JOIN payout_lines l ON l.entitlement_id = e.id AND l.live AND l.result = 'paid' AND l.benefit_vnd > 0
  JOIN payout_batches t ON t.id = l.batch_id AND t.kind <> 'funeral'
  JOIN periods p ON p.id = l.period_id
 WHERE ((b.died_on IS NOT NULL AND p.month > b.died_on) OR (e.ends_on IS NOT NULL AND p.month > e.ends_on))
   AND NOT EXISTS (
       SELECT 1 FROM recovery_lines x JOIN recoveries r ON r.id = x.recovery_id
        WHERE x.line_id = l.id AND (r.state <> 'withdrawn' OR r.decided_by IS NOT NULL))
"""
# Held first and read again by a later statement: somebody may be proposing the same lines by hand.
_HOLD = text(f"SELECT l.id {_LATE} ORDER BY l.id FOR UPDATE OF l")
_FIND = text(f"""
WITH found AS MATERIALIZED (
    SELECT l.id AS line_id, l.beneficiary_id, b.area_path, least(l.benefit_vnd, l.total_vnd) AS amount_vnd,
           {_NOT_OWED} AS source {_LATE} AND l.id = ANY(:held)
), made AS (
    INSERT INTO recoveries (line_id, beneficiary_id, area_path, amount_vnd, reason, source, entered_by, opened_at)
    SELECT min(line_id), beneficiary_id, min(area_path), sum(amount_vnd),
           CASE source WHEN 'death' THEN 'DEAD' ELSE 'ENDED' END, source, :by, :now
      FROM found GROUP BY beneficiary_id, source ORDER BY beneficiary_id, source
    RETURNING id, beneficiary_id, source
)
INSERT INTO recovery_lines (recovery_id, line_id, area_path, amount_vnd)
SELECT m.id, f.line_id, f.area_path, f.amount_vnd
  FROM found f JOIN made m ON m.beneficiary_id = f.beneficiary_id AND m.source = f.source
RETURNING recovery_id
""")

# A recovery is withheld where the person now lives; not while a list of the old area still withholds for it.
_MOVED = text("""
SELECT r.id, b.area_path FROM recoveries r JOIN beneficiaries b ON b.id = r.beneficiary_id
 WHERE r.state IN ('proposed', 'open') AND r.area_path <> b.area_path
   AND NOT EXISTS (SELECT 1 FROM withholdings w WHERE w.recovery_id = r.id AND w.outcome = 'waiting')
 FOR UPDATE OF r
""")


def sweep(session: Session, *, by: Actor = SYSTEM) -> int:
    """Propose, drop, count and follow, which what is counted no longer holds back; how many recoveries it touched."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext('recoveries'))"))
    return _drop(session, by) + _find(session, by) + withholding.count(session, by=by) + _follow(session)


def _drop(session: Session, by: Actor) -> int:
    gone = list(session.execute(_DROP).scalars())
    if gone:
        transitions.move_all(session, "recovery", gone, "drop", by=by)
    return len(gone)


def _find(session: Session, by: Actor) -> int:
    held = list(session.execute(_HOLD).scalars())
    facts = {"by": by.username, "now": clock.now(), "held": held}
    made = sorted(set(session.execute(_FIND, facts).scalars()))
    if made:
        transitions.created(session, "recovery", made, by=by)
    return len(made)


def _follow(session: Session) -> int:
    moved = [{"id": row.id, "path": row.area_path} for row in session.execute(_MOVED)]
    if moved:
        for table, key in (
            ("recoveries", "id"),
            ("recovery_lines", "recovery_id"),
            ("recovery_entries", "recovery_id"),
            ("withholdings", "recovery_id"),
        ):
            session.execute(text(f"UPDATE {table} SET area_path = :path WHERE {key} = :id"), moved)
    return len(moved)
