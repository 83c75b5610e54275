"""The kinds of user-started long work: lists made, approved or sent, settlements locked, reports written to files."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask_babel import gettext as _

from app.extensions import transaction
from app.jobs import arrears
from app.jobs.imports import apply_file, read_file
from app.jobs.reports import write_report
from app.rules.actors import Actor
from app.services import packets
from app.services.batches import approval, making
from app.services.settlements import locking
from app.services.work import Done, Perform, Progress


def make_lists(params: dict[str, Any], by: Actor, progress: Progress) -> Done:
    """`{"area_id", "month" (ISO), "kind", "together"}`: all lists of an area, in one transaction."""
    month = date.fromisoformat(params["month"])
    request = making.ListRequest(params["area_id"], month, params["kind"], together=params.get("together", False))
    progress(0, 1)
    with transaction() as session:
        made = making.make_lists(session, request, by=by)
    left_out = [{"area": name, "reason": why.message} for name, why in made.left_out]
    message = _("Đã lập %(count)s danh sách.", count=len(made.batch_ids))
    if left_out:
        message += " " + _("%(count)s đơn vị chưa lập được.", count=len(left_out))
    return Done(message, {"batch_ids": made.batch_ids, "left_out": left_out})


def lock_lists(params: dict[str, Any], by: Actor, progress: Progress) -> Done:
    """`{"batch_ids"}`: all approved, or none."""
    ids = list(params["batch_ids"])
    progress(0, len(ids))
    with transaction() as session:
        approval.lock_many(session, ids, by=by)
    return Done(_("Đã duyệt %(count)s danh sách.", count=len(ids)), {"batch_ids": ids})


def send_lists(params: dict[str, Any], by: Actor, progress: Progress) -> Done:
    """`{"batch_ids"}`: packets queued for all, or for none."""
    ids = list(params["batch_ids"])
    with transaction() as session:
        progress(0, len(ids))
        sent = sorted(packets.queue_many(session, ids, by=by))
    return Done(_("Đã xếp hàng gửi %(count)s danh sách.", count=len(sent)), {"batch_ids": sent})


def lock_settlements(params: dict[str, Any], by: Actor, progress: Progress) -> Done:
    """`{"settlement_ids"}`: all locked, or none."""
    ids = list(params["settlement_ids"])
    progress(0, len(ids))
    with transaction() as session:
        locking.lock_many(session, ids, by=by)
    return Done(_("Đã chốt %(count)s quyết toán.", count=len(ids)), {"settlement_ids": ids})


KINDS: dict[str, Perform] = {
    "propose_arrears": arrears.propose,
    "approve_arrears": arrears.approve,
    "arrears_workbook": arrears.write_book,
    "make_lists": make_lists,
    "lock_lists": lock_lists,
    "send_lists": send_lists,
    "lock_settlements": lock_settlements,
    "report": write_report,
    "import_read": read_file,
    "import_apply": apply_file,
}
