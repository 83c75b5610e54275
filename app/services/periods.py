"""Periods: the month, and its state in each paying area (chốt kỳ chi trả)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.errors import NotFound, RuleBroken
from app.models import AreaPeriod, Period
from app.rules.actors import Actor, bounds_of
from app.services import transitions


class ListsUnfinished(RuleBroken):
    """Chưa thể chốt kỳ: còn %(count)s danh sách chưa quyết toán xong (%(codes)s)."""


class NextPeriodStarted(RuleBroken):
    """Không thể mở lại kỳ: kỳ sau đã có danh sách được duyệt (%(codes)s)."""


class NothingToClose(RuleBroken):
    """Chưa thể chốt kỳ: kỳ này chưa có danh sách nào được quyết toán."""


def ensure(session: Session, month: date) -> Period:
    """The period of `month` (its first day), created when it is the first time."""
    first = month.replace(day=1)
    session.execute(text("INSERT INTO periods (month) VALUES (:month) ON CONFLICT DO NOTHING"), {"month": first})
    return session.scalars(select(Period).where(Period.month == first)).one()


def open_in(session: Session, area_ids: Collection[int], period_id: int, *, by: Actor) -> None:
    """Open the period in paying areas where it is not open yet."""
    rows = session.execute(
        text(
            "INSERT INTO area_periods (area_id, period_id) SELECT unnest(CAST(:areas AS int[])), :period_id"
            " ON CONFLICT DO NOTHING RETURNING id"
        ),
        {"areas": list(area_ids), "period_id": period_id},
    )
    ids = [row.id for row in rows]
    if ids:
        transitions.created(session, "period", ids, by=by)


# The periods of one area whose lists are settled at once; most often one.
_TOGETHER = text("""
SELECT DISTINCT a.id, a.state, p.month FROM area_periods here
  JOIN area_periods a ON a.area_id = here.area_id JOIN periods p ON p.id = a.period_id
 WHERE here.id = :id AND (a.id = here.id OR EXISTS (
       SELECT 1 FROM payout_batches b JOIN payout_batches o ON o.area_id = b.area_id AND o.group_month = b.group_month
        WHERE b.area_id = here.area_id AND b.period_id = here.period_id AND b.state <> 'cancelled'
          AND o.period_id = a.period_id AND o.state <> 'cancelled'))
 ORDER BY p.month
""")


def together(session: Session, area_period_id: int) -> list[Any]:
    """(id, state, month) of this period and those settled at once with it, in order."""
    return list(session.execute(_TOGETHER, {"id": area_period_id}))


def close(session: Session, area_period_id: int, *, by: Actor) -> AreaPeriod:
    """Chốt kỳ: every list of the area and period is settled or cancelled, at least one is settled.

    Months settled at once are closed together. Raises ListsUnfinished, NothingToClose.
    """
    here = _lock(session, area_period_id)
    ids = [row.id for row in together(session, here.id) if row.state == "open" or row.id == here.id]
    rows = _lists(session, ids)
    unfinished = [code for code, state in rows if state not in ("settled", "cancelled")]
    if unfinished:
        raise ListsUnfinished(count=len(unfinished), codes=", ".join(unfinished[:5]))
    if not any(state == "settled" for _code, state in rows):
        raise NothingToClose
    transitions.move_all(session, "period", ids, "close", by=by)
    return here


def close_all(session: Session, path: str, month: date, *, by: Actor) -> tuple[int, list[str]]:
    """Chốt the whole period: every paying area in `path` and below where it can be; how many, and which cannot be yet."""
    low, high = bounds_of(path)
    rows = session.execute(
        text(
            "SELECT a.id, x.full_name FROM area_periods a JOIN areas x ON x.id = a.area_id JOIN periods p"
            "  ON p.id = a.period_id AND p.month = :month WHERE a.state = 'open' AND a.area_path >= :low"
            "   AND a.area_path < :high ORDER BY x.name_fold, a.id"
        ),
        {"low": low, "high": high, "month": month},
    ).all()
    waiting = []
    for row in rows:
        try:
            close(session, row.id, by=by)
        except (ListsUnfinished, NothingToClose):
            waiting.append(row.full_name)
    return len(rows) - len(waiting), waiting


def reopen(session: Session, area_period_id: int, *, by: Actor, because: str) -> AreaPeriod:
    """Open a closed period again, with those settled at once with it; refused once a later list is approved.

    A later draft stays, and cannot be approved until this period is closed again. Raises NextPeriodStarted.
    """
    here = _lock(session, area_period_id)
    rows = together(session, here.id)
    later = session.execute(
        text(
            "SELECT b.code, b.state FROM payout_batches b JOIN periods p ON p.id = b.period_id WHERE b.area_id = :area"
            " AND p.month > :last AND b.state <> 'cancelled' ORDER BY b.code FOR UPDATE OF b"
        ),
        {"area": here.area_id, "last": rows[-1].month},
    )
    codes = [row.code for row in later if row.state != "draft"]
    if codes:
        raise NextPeriodStarted(codes=", ".join(codes[:5]))
    ids = [row.id for row in rows if row.state == "closed" or row.id == here.id]
    transitions.move_all(session, "period", ids, "reopen", by=by, because=because)
    return here


def _lock(session: Session, area_period_id: int) -> AreaPeriod:
    found = session.scalars(select(AreaPeriod).where(AreaPeriod.id == area_period_id).with_for_update()).one_or_none()
    if found is None:
        raise NotFound
    return found


def _lists(session: Session, area_period_ids: list[int]) -> list[tuple[str, str]]:
    rows = session.execute(
        text(
            "SELECT b.code, b.state FROM area_periods a JOIN payout_batches b ON b.area_id = a.area_id"
            " AND b.period_id = a.period_id WHERE a.id = ANY(:ids) ORDER BY b.code"
        ),
        {"ids": area_period_ids},
    )
    return [(row.code, row.state) for row in rows]
