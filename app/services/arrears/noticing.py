"""Rises that apply back and that nobody has computed yet: which lists they touch. Nothing is changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.rules.actors import bounds_of
from app.services.arrears.computing import LISTED

_EFFECTIVE = (
    "(SELECT s.amount_vnd FROM standard_amounts s WHERE s.batch_kind = x.rate_kind AND starts_with(x.area_path, s.area_path)"
    " AND s.applies_from <= x.month AND s.enacted_on <= {known_on}"
    " ORDER BY length(s.area_path) DESC, s.applies_from DESC, s.enacted_on DESC LIMIT 1)"
)

# Only lists of months a late rate reaches are looked at: in most months none.
_UNCOUNTED = f"""
SELECT min(x.month) AS first, max(x.month) AS last, count(*) AS lists
  FROM (SELECT b.id, b.area_path, p.month, (b.made_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AS made_on,
               CASE b.kind WHEN 'supplementary' THEN 'monthly' ELSE b.kind END AS rate_kind
          FROM payout_batches b JOIN periods p ON p.id = b.period_id
         WHERE b.state = ANY(:listed) AND b.benefit_vnd > 0 AND b.area_path >= :low AND b.area_path < :high
           AND p.month >= (SELECT min(s.applies_from) FROM standard_amounts s
                            WHERE s.enacted_on > s.applies_from AND s.enacted_on <= :today)) x
 WHERE {_EFFECTIVE.format(known_on=":today")} > {_EFFECTIVE.format(known_on="x.made_on")}
   AND NOT EXISTS (SELECT 1 FROM arrears_proposal_lines y
                    WHERE y.area_path >= x.area_path AND y.area_path < left(x.area_path, -1) || '0'
                      AND y.for_month = x.month AND y.of_line_id IS NOT NULL
                      AND (y.live OR y.excluded_code NOT IN ('rejected', 'withdrawn', 'reopened')))
"""


@dataclass(frozen=True, slots=True)
class Uncounted:
    """Months (first and last) of lists made at a rate that has risen since, and how many lists."""

    first: date
    last: date
    lists: int


def uncounted(session: Session, path: str) -> Uncounted | None:
    """What a rise owes in the area and below and nobody has proposed; None when nothing.

    A rise of a coefficient is not noticed here: it shows when a proposal is computed.
    """
    low, high = bounds_of(path)
    row = session.execute(
        text(_UNCOUNTED), {"listed": list(LISTED), "low": low, "high": high, "today": clock.today()}
    ).one()
    return Uncounted(row.first, row.last, row.lists) if row.lists else None
