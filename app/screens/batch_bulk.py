"""Several lists at once: approved or sent together by a province, many of them by the scheduler. No page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from app.extensions import current_actor, transaction
from app.models import PayoutBatch
from app.screens import batch_moves
from app.services import packets
from app.services.batches import approval
from app.web.words import thousands

LOCK_SENTENCE = _l("Duyệt mọi danh sách đã chọn: tất cả, hoặc không danh sách nào nếu một danh sách chưa duyệt được.")
SEND_SENTENCE = _l("Gửi mọi danh sách đã chọn tới đơn vị chi trả của từng danh sách.")


def lock(chosen: Sequence[PayoutBatch]) -> ResponseReturnValue:
    """Duyệt the chosen lists, all or none."""
    return _together(
        chosen,
        lambda session, ids: approval.lock_many(session, ids, by=current_actor()),
        _l("Đã duyệt %(lists)s danh sách: %(figures)s."),
    )


def send(chosen: Sequence[PayoutBatch]) -> ResponseReturnValue:
    """Gửi bưu điện the chosen lists, all or none."""

    def queue(session: Session, ids: Sequence[int]) -> None:
        for batch_id in ids:
            packets.queue(session, batch_id, by=current_actor())

    return _together(chosen, queue, _l("Đang gửi %(lists)s danh sách: %(figures)s."))


def _together(
    chosen: Sequence[PayoutBatch], do: Callable[[Session, Sequence[int]], Any], said: Any
) -> ResponseReturnValue:
    ids = [one.id for one in chosen]
    with transaction() as session:
        do(session, ids)
    facts = {
        "lists": thousands(len(chosen)),
        "figures": batch_moves.figures(sum(one.people_count for one in chosen), sum(one.total_vnd for one in chosen)),
    }
    flash(str(said) % facts, "success")
    return redirect(url_for("BatchView.list"), 303)
