"""A proposal of arrears as it stands now: sums by month, and by why a person-month is held out. Changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Sum:
    """So many person-months of one month, or held out for one reason; `taken` of them are in a list."""

    for_month: date | None
    code: str | None
    count: int
    total_vnd: int
    taken: int


def sums(session: Session, proposal_id: int) -> Sequence[Sum]:
    """What counts by month, then what does not by reason."""
    rows = session.execute(
        text(
            "SELECT CASE WHEN x.live THEN x.for_month END AS for_month, x.excluded_code AS code, count(*) AS count,"
            " sum(x.amount_vnd)::bigint AS total_vnd, count(r.line_id) AS taken"
            "  FROM arrears_proposal_lines x LEFT JOIN arrears r ON r.proposal_line_id = x.id"
            " WHERE x.proposal_id = :id GROUP BY 1, 2 ORDER BY 2 NULLS FIRST, 1"
        ),
        {"id": proposal_id},
    )
    return [Sum(**row._mapping) for row in rows]
