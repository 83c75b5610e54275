"""What a recovery stands at: by decision, withheld in a period, come back, written off, still to come. Changes nothing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.errors import NotFound


@dataclass(frozen=True, slots=True)
class Figures:
    """Đồng. `waiting_vnd` is withheld by lists whose outcome is not known; `period_vnd` is what one month's lists hold."""

    amount_vnd: int
    recovered_vnd: int = 0
    written_off_vnd: int = 0
    waiting_vnd: int = 0
    period_vnd: int = 0

    @property
    def remaining_vnd(self) -> int:
        """Not yet back and not written off."""
        return self.amount_vnd - self.recovered_vnd - self.written_off_vnd

    @property
    def free_vnd(self) -> int:
        """What no list is withholding either: may be withheld, paid in cash or written off."""
        return self.remaining_vnd - self.waiting_vnd


_FIGURES = text("""
SELECT r.id, r.amount_vnd, e.recovered_vnd, e.written_off_vnd, w.waiting_vnd, w.period_vnd
  FROM recoveries r
  CROSS JOIN LATERAL (
      SELECT coalesce(sum(amount_vnd) FILTER (WHERE kind <> 'written_off'), 0)::bigint AS recovered_vnd,
             coalesce(sum(amount_vnd) FILTER (WHERE kind = 'written_off'), 0)::bigint AS written_off_vnd
        FROM recovery_entries WHERE recovery_id = r.id) e
  CROSS JOIN LATERAL (
      SELECT coalesce(sum(h.amount_vnd) FILTER (WHERE h.outcome = 'waiting'), 0)::bigint AS waiting_vnd,
             coalesce(sum(h.amount_vnd) FILTER (WHERE h.outcome <> 'released' AND p.month = :month), 0)::bigint AS period_vnd
        FROM withholdings h JOIN payout_lines l ON l.id = h.line_id JOIN periods p ON p.id = l.period_id
       WHERE h.recovery_id = r.id) w
 WHERE r.id = ANY(:ids)
""")


def figures_of(session: Session, recovery_ids: Collection[int], month: date | None = None) -> dict[int, Figures]:
    """The figures of many recoveries in one statement; those out of scope are left out."""
    facts = {"ids": list(recovery_ids), "month": month}
    return {
        row.id: Figures(row.amount_vnd, row.recovered_vnd, row.written_off_vnd, row.waiting_vnd, row.period_vnd)
        for row in session.execute(_FIGURES, facts)
    }


def figures(session: Session, recovery_id: int, month: date | None = None) -> Figures:
    """The figures of one. Raises NotFound."""
    found = figures_of(session, [recovery_id], month)
    if not found:
        raise NotFound
    return found[recovery_id]
