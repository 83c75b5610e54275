"""Periods: the month, and its state in each paying area (chốt kỳ chi trả)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.errors import NotFound, RuleBroken
from app.models import AreaPeriod, Period
from app.rules.actors import Actor
from app.services import transitions


class ListsUnfinished(RuleBroken):
    """Chưa thể chốt kỳ: còn %(count)s danh sách chưa quyết toán xong (%(codes)s)."""


class NextPeriodStarted(RuleBroken):
    """Không thể mở lại kỳ: kỳ sau đã lập danh sách (%(codes)s)."""


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


def close(session: Session, area_period_id: int, *, by: Actor) -> AreaPeriod:
    """Chốt kỳ: every list of the area and period is settled or cancelled, at least one is settled.

    Raises ListsUnfinished, NothingToClose.
    """
    here = _lock(session, area_period_id)
    rows = _lists(session, here.area_id, here.period_id)
    unfinished = [code for code, state in rows if state not in ("settled", "cancelled")]
    if unfinished:
        raise ListsUnfinished(count=len(unfinished), codes=", ".join(unfinished[:5]))
    if not any(state == "settled" for _code, state in rows):
        raise NothingToClose
    transitions.move(session, "period", here.id, "close", by=by)
    return here


def reopen(session: Session, area_period_id: int, *, by: Actor, because: str) -> AreaPeriod:
    """Open a closed period again; refused once a later period has lists. Raises NextPeriodStarted."""
    here = _lock(session, area_period_id)
    later = session.execute(
        text(
            "SELECT b.code FROM payout_batches b JOIN periods p ON p.id = b.period_id WHERE b.area_id = :area"
            " AND p.month > (SELECT month FROM periods WHERE id = :period) AND b.state <> 'cancelled' ORDER BY b.code"
        ),
        {"area": here.area_id, "period": here.period_id},
    ).scalars()
    codes = list(later)
    if codes:
        raise NextPeriodStarted(codes=", ".join(codes[:5]))
    transitions.move(session, "period", here.id, "reopen", by=by, because=because)
    return here


def _lock(session: Session, area_period_id: int) -> AreaPeriod:
    found = session.scalars(select(AreaPeriod).where(AreaPeriod.id == area_period_id).with_for_update()).one_or_none()
    if found is None:
        raise NotFound
    return found


def _lists(session: Session, area_id: int, period_id: int) -> list[tuple[str, str]]:
    rows = session.execute(
        text("SELECT code, state FROM payout_batches WHERE area_id = :area AND period_id = :period ORDER BY code"),
        {"area": area_id, "period": period_id},
    )
    return [(row.code, row.state) for row in rows]
