"""Months settled at once: the settlements that are locked, and reopened, all or none (docs/decisions/003)."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.errors import RuleBroken


class GroupUnfinished(RuleBroken):
    """Các tháng quyết toán một lần được chốt cùng nhau: danh sách %(codes)s chưa được đơn vị chi trả tiếp nhận."""


# Lists of one kind, area and agency made to be settled at once; a month settled by itself stands alone, even where it has
# several lists of a kind.
_GROUP = text("""
WITH peer AS (
    SELECT g.id, g.code, g.id = b.id AS own, bool_or(g.period_id <> b.period_id) OVER (PARTITION BY s.id) AS several
      FROM settlements s JOIN payout_batches b ON b.id = s.batch_id
      JOIN payout_batches g ON g.area_id = b.area_id AND g.kind = b.kind AND g.group_month = b.group_month
       AND coalesce(g.agency_id, 0) = coalesce(b.agency_id, 0) AND (g.state <> 'cancelled' OR g.id = b.id)
     WHERE s.id = ANY(:ids)
)
SELECT DISTINCT o.id, o.state, p.code FROM peer p LEFT JOIN settlements o ON o.batch_id = p.id
   AND (o.state <> 'void' OR o.id = ANY(:ids))
 WHERE p.own OR p.several ORDER BY p.code
""")


def to_lock(session: Session, settlement_ids: Collection[int]) -> list[int]:
    """These settlements and those that must be locked with them, which are not yet. Raises GroupUnfinished."""
    rows = session.execute(_GROUP, {"ids": list(settlement_ids)}).all()
    lacking = sorted({row.code for row in rows if row.id is None})
    if lacking:
        raise GroupUnfinished(codes=", ".join(lacking))
    with_them = {row.id for row in rows if row.state != "locked"}
    return sorted(with_them | set(settlement_ids))


def all_of(session: Session, settlement_id: int) -> list[int]:
    """Every settlement of the months settled at once with this one, itself included, by the order of their lists."""
    rows = session.execute(_GROUP, {"ids": [settlement_id]})
    return [row.id for row in rows if row.id is not None]
