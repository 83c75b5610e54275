"""Many lists at once: a few are done while the user waits, more by the scheduler, with progress on the page. No route."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app import clock
from app.extensions import current_actor, transaction
from app.models import PayoutBatch, WorkItem
from app.screens import batch_moves
from app.screens.batch_page import SOON_S
from app.services import packets, work
from app.services.batches import approval
from app.web.words import thousands

MANY_LISTS = 20
"""From so many lists on the scheduler does it."""

KINDS = ("make_lists", "lock_lists", "send_lists")
SHOWN_FOR = timedelta(minutes=15)
"""How long finished work stays on the page that started it."""

LOCK_SENTENCE = _l("Duyệt mọi danh sách đã chọn: tất cả, hoặc không danh sách nào nếu một danh sách chưa duyệt được.")
SEND_SENTENCE = _l(
    "Gửi mọi danh sách đã chọn tới đơn vị chi trả của từng danh sách, cùng danh sách các tháng quyết toán một lần."
)


def lock(chosen: Sequence[PayoutBatch]) -> ResponseReturnValue:
    """Duyệt the chosen lists, all or none."""
    if len(chosen) >= MANY_LISTS:
        return _later("lock_lists", chosen, str(_("Duyệt %(count)s danh sách", count=thousands(len(chosen)))))
    return _together(
        chosen,
        lambda session, ids: approval.lock_many(session, ids, by=current_actor()),
        _l("Đã duyệt %(lists)s danh sách: %(figures)s."),
    )


def send(chosen: Sequence[PayoutBatch]) -> ResponseReturnValue:
    """Gửi bưu điện the chosen lists, all or none."""
    if len(chosen) >= MANY_LISTS:
        return _later("send_lists", chosen, str(_("Gửi %(count)s danh sách", count=thousands(len(chosen)))))

    def queue(session: Session, ids: Sequence[int]) -> None:
        packets.queue_many(session, ids, by=current_actor())

    return _together(chosen, queue, _l("Đang gửi %(lists)s danh sách: %(figures)s."))


def _later(kind: str, chosen: Sequence[PayoutBatch], title: str) -> ResponseReturnValue:
    ids = sorted(one.id for one in chosen)
    key = hashlib.sha256(",".join(map(str, ids)).encode()).hexdigest()[:24]
    with transaction() as session:
        work.start(session, kind, {"batch_ids": ids}, by=current_actor(), title=title, once_key=f"{kind}:{key}")
    flash(_("%(title)s: việc này đang chạy nền, tiến độ hiện ở trang này.", title=title), "info")
    return redirect(url_for("BatchView.list"), 303)


def _together(
    chosen: Sequence[PayoutBatch], do: Callable[[Session, Sequence[int]], Any], said: Any
) -> ResponseReturnValue:
    ids = [one.id for one in chosen]
    people, total_vnd = sum(one.people_count for one in chosen), sum(one.total_vnd for one in chosen)
    with transaction() as session:
        do(session, ids)
    facts = {"lists": thousands(len(ids)), "figures": batch_moves.figures(people, total_vnd)}
    flash(str(said) % facts, "success")
    return redirect(url_for("BatchView.list"), 303)


@dataclass(frozen=True)
class Works:
    """Long work with lists that the user started: what runs, and what has just finished."""

    items: Sequence[WorkItem]

    @property
    def every_s(self) -> int:
        """When to look again: soon while anything runs."""
        return SOON_S if any(item.phase in ("queued", "running") for item in self.items) else 0

    @property
    def stamp(self) -> str:
        """Differs as soon as anything moved."""
        return "-".join(f"{item.id}{item.phase}{item.done_count}/{item.total_count}" for item in self.items) or "0"


def works(session: Session) -> Works:
    """The user's own long work with lists."""
    recent = clock.now() - SHOWN_FOR
    statement = (
        select(WorkItem)
        .where(
            WorkItem.started_by_id == current_actor().user_id,
            WorkItem.kind.in_(KINDS),
            or_(WorkItem.finished_at.is_(None), WorkItem.finished_at > recent),
        )
        .order_by(WorkItem.id.desc())
        .limit(5)
        .execution_options(populate_existing=True)
    )
    return Works(session.scalars(statement).all())
