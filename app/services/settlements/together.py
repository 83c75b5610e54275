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
SELECT DISTINCT s.id AS asked, o.id, o.state, g.code
  FROM settlements s JOIN payout_batches b ON b.id = s.batch_id
  JOIN payout_batches g ON g.id = b.id OR (g.area_id = b.area_id AND g.kind = b.kind AND g.group_month = b.group_month
   AND g.agency_id IS NOT DISTINCT FROM b.agency_id AND g.state <> 'cancelled' AND EXISTS (
       SELECT 1 FROM payout_batches q WHERE q.area_id = b.area_id AND q.kind = b.kind AND q.group_month = b.group_month
          AND q.agency_id IS NOT DISTINCT FROM b.agency_id AND q.state <> 'cancelled' AND q.period_id <> b.period_id))
  LEFT JOIN settlements o ON o.batch_id = g.id AND o.state <> 'void'
 WHERE s.id = ANY(:ids) ORDER BY g.code
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
