"""Periods: the month, its state in each paying area, and closing it as a whole or list by list (chốt kỳ chi trả)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.errors import NotFound, RuleBroken
from app.models import AreaPeriod, PayoutBatch, Period
from app.rules.actors import Actor, bounds_of
from app.services import transitions
from app.services.settlements import together as settled_together


class ListsUnfinished(RuleBroken):
    """Chưa thể chốt kỳ: còn %(count)s danh sách chưa quyết toán xong (%(codes)s)."""


class NextPeriodStarted(RuleBroken):
    """Không thể mở lại kỳ: kỳ sau đã có danh sách được duyệt (%(codes)s)."""


class ListClosed(RuleBroken):
    """Danh sách %(code)s đã được chốt."""


class ListOpen(RuleBroken):
    """Danh sách %(code)s chưa được chốt nên không có gì để mở lại."""


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
    """Chốt kỳ: every list of the area and period is settled or cancelled; those that are still open are closed with it.

    A period whose lists are all cancelled closes too: nothing is paid in it. Months settled at once are closed together.
    Raises ListsUnfinished.
    """
    here, rows = _unmade(session, area_period_id)
    lists = _lists(session, [row.id for row in rows])
    unfinished = [one.code for one in lists if one.state not in ("settled", "cancelled")]
    if unfinished:
        raise ListsUnfinished(count=len(unfinished), codes=", ".join(unfinished[:5]))
    _close_lists(session, [one.id for one in lists if one.state == "settled" and one.closed_at is None], by)
    transitions.move_all(
        session, "period", [row.id for row in rows if row.state == "open" or row.id == here.id], "close", by=by
    )
    return here


def close_all(session: Session, path: str, month: date, *, by: Actor) -> tuple[int, list[str]]:
    """Chốt the whole period: every paying area in `path` and below where it can be; how many, and which cannot be yet.

    An area whose lists are all cancelled is left to itself: perhaps it means to make them again.
    """
    low, high = bounds_of(path)
    rows = session.execute(
        text(
            "SELECT a.id, x.full_name, EXISTS (SELECT 1 FROM payout_batches b WHERE b.area_id = a.area_id"
            "   AND b.period_id = a.period_id AND b.state <> 'cancelled') AS pays"
            "  FROM area_periods a JOIN areas x ON x.id = a.area_id"
            "  JOIN periods p ON p.id = a.period_id AND p.month = :month"
            " WHERE a.state = 'open' AND a.area_path >= :low AND a.area_path < :high ORDER BY x.name_fold, a.id"
        ),
        {"low": low, "high": high, "month": month},
    ).all()
    waiting = []
    for row in rows:
        try:
            if row.pays:
                close(session, row.id, by=by)
            else:
                waiting.append(row.full_name)
        except ListsUnfinished:
            waiting.append(row.full_name)
    return len(rows) - len(waiting), waiting


def reopen(session: Session, area_period_id: int, *, by: Actor, because: str) -> AreaPeriod:
    """Open a closed period again with its lists, and those settled at once with it; refused once a later list is approved.

    A later draft stays, and cannot be approved until this period is closed again. Raises NextPeriodStarted.
    """
    here, rows = _unmade(session, area_period_id, later=True)
    _reopen(session, here, rows, [row.id for row in rows if row.state == "closed" or row.id == here.id], by, because)
    closed = [one.id for one in _lists(session, [row.id for row in rows]) if one.closed_at is not None]
    _open_lists(session, closed, by, because)
    return here


def close_list(session: Session, batch_id: int, *, by: Actor) -> AreaPeriod:
    """Chốt one settled list, with the months settled at once with it; the period closes with its last list.

    Raises NotFound, ListClosed, and what `transitions.move` raises. Returns the period as it is then.
    """
    here, rows = _unmade(session, _period_of(session, batch_id))
    lists = _lists(session, [row.id for row in rows])
    chosen = next(one for one in lists if one.id == batch_id)
    if chosen.closed_at is not None:
        raise ListClosed(code=chosen.code)
    own = _settled_with(session, batch_id)
    _close_lists(session, own, by)
    if all(one.closed_at is not None or one.state == "cancelled" or one.id in own for one in lists):
        transitions.move_all(session, "period", [row.id for row in rows if row.state == "open"], "close", by=by)
    return here


def open_list(session: Session, batch_id: int, *, by: Actor, because: str) -> AreaPeriod:
    """Open a closed list again, with the months settled at once with it; a closed period is opened for it.

    Raises NotFound, ListOpen, NextPeriodStarted, and what `transitions.move` raises.
    """
    here, rows = _unmade(session, _period_of(session, batch_id), later=True)
    chosen = next(one for one in _lists(session, [row.id for row in rows]) if one.id == batch_id)
    if chosen.closed_at is None:
        raise ListOpen(code=chosen.code)
    closed = [row.id for row in rows if row.state == "closed"]
    if closed:
        _reopen(session, here, rows, closed, by, because)
    _open_lists(session, _settled_with(session, batch_id), by, because)
    return here


def _reopen(session: Session, here: AreaPeriod, rows: list[Any], ids: list[int], by: Actor, because: str) -> None:
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
    transitions.move_all(session, "period", ids, "reopen", by=by, because=because)


def _lock(session: Session, area_period_id: int) -> tuple[AreaPeriod, list[Any]]:
    """The period and the months of `together`, held in one order whichever of them was asked for. Raises NotFound."""
    ids = [row.id for row in together(session, area_period_id)]
    held = select(AreaPeriod).where(AreaPeriod.id.in_(ids)).order_by(AreaPeriod.id).with_for_update()
    found = {one.id: one for one in session.scalars(held.execution_options(populate_existing=True))}
    if area_period_id not in found:
        raise NotFound
    return found[area_period_id], together(session, area_period_id)


def _unmade(session: Session, area_period_id: int, *, later: bool = False) -> tuple[AreaPeriod, list[Any]]:
    """As `_lock`, once nobody is making lists of these months, or of later ones (`batches.making` holds the lock).

    That lock is the whole country's and taken first: whoever closes many areas holds it while going from one to the next.
    """
    session.execute(
        text(
            "SELECT pg_advisory_xact_lock(hashtext('make_lists'), id) FROM (SELECT p.id FROM periods p"
            " WHERE p.month = ANY(:months) OR :later AND p.month > ALL(:months) ORDER BY p.month) x"
        ),
        {"months": [row.month for row in together(session, area_period_id)], "later": later},
    )
    return _lock(session, area_period_id)


def _period_of(session: Session, batch_id: int) -> int:
    found = session.scalars(
        select(AreaPeriod.id)
        .join(
            PayoutBatch, (PayoutBatch.area_id == AreaPeriod.area_id) & (PayoutBatch.period_id == AreaPeriod.period_id)
        )
        .where(PayoutBatch.id == batch_id)
    ).one_or_none()
    if found is None:
        raise NotFound
    return found


def _lists(session: Session, area_period_ids: list[int]) -> list[Any]:
    """(id, code, state, closed_at) of every list of these periods."""
    rows = session.execute(
        text(
            "SELECT b.id, b.code, b.state, b.closed_at FROM area_periods a JOIN payout_batches b ON b.area_id = a.area_id"
            " AND b.period_id = a.period_id WHERE a.id = ANY(:ids) ORDER BY b.code"
        ),
        {"ids": area_period_ids},
    )
    return list(rows)


def _settled_with(session: Session, batch_id: int) -> list[int]:
    """The list and those of other months whose settlements are locked and reopened with its own."""
    rows = session.execute(
        text("SELECT id FROM settlements WHERE batch_id = :id AND state = 'locked'"), {"id": batch_id}
    ).scalars()
    with_them = {key for one in rows for key in settled_together.all_of(session, one)}
    found = session.execute(text("SELECT batch_id FROM settlements WHERE id = ANY(:ids)"), {"ids": list(with_them)})
    return sorted({batch_id, *found.scalars()})


def _close_lists(session: Session, ids: list[int], by: Actor) -> None:
    if ids:
        transitions.move_all(session, "batch", ids, "close", by=by)
        _mark(session, ids, {"by": by.username, "now": clock.now()})


def _open_lists(session: Session, ids: list[int], by: Actor, because: str) -> None:
    if ids:
        transitions.move_all(session, "batch", ids, "open", by=by, because=because)
        _mark(session, ids, {"by": None, "now": None})


def _mark(session: Session, ids: list[int], facts: dict[str, Any]) -> None:
    session.execute(
        text("UPDATE payout_batches SET closed_by = :by, closed_at = :now WHERE id = ANY(:ids)"), facts | {"ids": ids}
    )
    session.expire_all()
