"""User-started long work (công việc): a row the scheduler picks up, with progress a screen polls.

A row survives a restart: its lease ends and another scheduler takes it over. Two unfinished rows never share a
`once_key`, so the same work cannot be started twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import clock
from app.errors import ChitraError, NotFound, RuleBroken
from app.extensions import acting_as, db, limit, transaction
from app.models import Area, WorkItem
from app.rules.actors import SYSTEM, Actor, Role

LEASE_S = 600
ATTEMPTS = 3


class AlreadyStarted(RuleBroken):
    """Công việc này đang được thực hiện. Xem tiến độ ở trang Công việc."""


class NoArea(RuleBroken):
    """Tài khoản chưa gắn với đơn vị hành chính nên không chạy được công việc nền."""


@dataclass(frozen=True, slots=True)
class Done:
    """What finished work leaves: words, a page to go to, or a file below the data folder."""

    message: str
    result: dict[str, Any] | None = None
    file_name: str | None = None
    file_path: str | None = None


Progress = Callable[[int, int], None]
"""Says how much is done of how much; commits on a connection of its own, whatever transaction the work is in."""

Perform = Callable[[dict[str, Any], Actor, Progress], Done]
"""One kind of work: opens its own transactions, acts as who started it."""


def start(session: Session, kind: str, params: dict[str, Any], *, by: Actor, title: str, once_key: str) -> WorkItem:
    """Queue work of `kind` on behalf of `by`. Raises AlreadyStarted, NoArea."""
    area = session.scalars(select(Area).where(Area.path == (by.area_path or ""))).one_or_none()
    if area is None or by.user_id is None:
        raise NoArea
    item = WorkItem(
        kind=kind,
        title=title,
        params={**params, "by": _written(by)},
        once_key=once_key,
        area_id=area.id,
        area_path=area.path,
        started_by_id=by.user_id,
        started_at=clock.now(),
    )
    try:
        with session.begin_nested():
            session.add(item)
    except IntegrityError as error:
        raise AlreadyStarted from error
    return item


def perform_next(kinds: dict[str, Perform]) -> bool:
    """Claim one due item and do it to its end; False when none is due. Errors of the work end it kindly."""
    with acting_as(SYSTEM), transaction() as session:
        row = session.execute(
            text(
                "UPDATE work_items SET phase = 'running', attempts = attempts + 1,"
                " lease_until = now() + make_interval(secs => :lease) WHERE id = (SELECT id FROM work_items"
                "  WHERE phase = 'queued' OR (phase = 'running' AND lease_until < now()) ORDER BY id LIMIT 1"
                "  FOR UPDATE SKIP LOCKED) RETURNING id, kind, params, attempts"
            ),
            {"lease": LEASE_S},
        ).one_or_none()
    if row is None:
        return False
    if row.attempts > ATTEMPTS:
        with force_locale(str(row.params.get("locale", "vi"))):
            _finish(row.id, "failed", Done(str(_("Đã thử nhiều lần nhưng không xong. Hãy báo quản trị."))))
        return True
    try:
        params = dict(row.params)
        by = _read(params.pop("by"))
        with acting_as(by):
            done = kinds[row.kind](params, by, _progress_of(row.id))
    except ChitraError as error:
        _finish(row.id, "failed", Done(error.message))
    else:
        _finish(row.id, "done", done)
    return True


def mine(session: Session, item_id: int, *, by: Actor) -> WorkItem:
    """An item the actor started. Raises NotFound for anybody else's."""
    item = session.get(WorkItem, item_id)
    if item is None or item.started_by_id != by.user_id:
        raise NotFound
    return item


def _progress_of(item_id: int) -> Progress:
    def progress(done: int, total: int) -> None:
        with Session(db.engine) as session, session.begin():
            limit(session.connection(), SYSTEM)
            session.execute(
                text(
                    "UPDATE work_items SET done_count = :done, total_count = :total,"
                    " lease_until = now() + make_interval(secs => :lease) WHERE id = :id"
                ),
                {"done": done, "total": total, "lease": LEASE_S, "id": item_id},
            )

    return progress


def _finish(item_id: int, phase: str, done: Done) -> None:
    with acting_as(SYSTEM), transaction() as session:
        item = session.get_one(WorkItem, item_id)
        item.phase, item.message, item.result = phase, done.message, done.result
        item.file_name, item.file_path = done.file_name, done.file_path
        item.finished_at, item.lease_until = clock.now(), None
        if phase == "done":
            item.done_count = item.total_count = max(item.total_count, item.done_count, 1)


def _written(by: Actor) -> dict[str, Any]:
    return {
        "username": by.username,
        "roles": sorted(role.value for role in by.roles),
        "area_path": by.area_path,
        "user_id": by.user_id,
        "agency_id": by.agency_id,
        "full_name": by.full_name,
        "reading": by.reading,
    }


def _read(written: dict[str, Any]) -> Actor:
    return Actor(**{**written, "roles": frozenset(Role(role) for role in written["roles"])})
