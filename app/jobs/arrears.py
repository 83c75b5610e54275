"""Long work with arrears: a rise computed, a big proposal approved, its person-months written to a workbook."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from flask import current_app
from flask_babel import gettext as _

from app.extensions import db, transaction
from app.models import ArrearsProposal
from app.reports import arrears_book
from app.rules import money
from app.rules.actors import Actor
from app.services import access
from app.services.arrears import deciding, proposing
from app.services.arrears.proposing import RiseRequest
from app.services.work import Done, Progress


def propose(params: dict[str, Any], by: Actor, progress: Progress) -> Done:
    """`{"area_id", "from_month", "to_month", "due_month" (ISO), "reason", "decision_no"}`: one proposal, in one
    transaction."""
    months = {name: date.fromisoformat(params[name]) for name in ("from_month", "to_month", "due_month")}
    wanted = RiseRequest(
        area_id=params["area_id"], reason=params["reason"], decision_no=params["decision_no"], **months
    )
    progress(0, 1)
    with transaction() as session:
        made = proposing.propose_rise(session, wanted, by=by)
        return Done(_said(_("Đã lập đề nghị truy lĩnh"), made), {"proposal_id": made.id})


def approve(params: dict[str, Any], by: Actor, progress: Progress) -> Done:
    """`{"proposal_id", "note"}`: all of it, or none."""
    progress(0, 1)
    with transaction() as session:
        made = deciding.approve(session, params["proposal_id"], by=by, note=params["note"] or None)
        return Done(_said(_("Đã duyệt truy lĩnh"), made), {"proposal_id": made.id})


def write_book(params: dict[str, Any], by: Actor, progress: Progress) -> Done:
    """`{"proposal_id"}`: a file for who asked, and the record of it."""
    home: Path = current_app.config["CHITRA"].home
    item = db.session().get_one(ArrearsProposal, params["proposal_id"])
    total, name = item.line_count + item.excluded_count, f"{item}.xlsx"
    path = arrears_book.write(item.id, home=home, by=by, progress=lambda done: progress(done, total))
    with transaction() as session:
        access.seen(
            session, "arrears_workbook", by=by, area_path=item.area_path, entity_id=item.id, people=item.people_count
        )
    return Done(
        _("Đã ghi %(count)s dòng.", count=money.group_thousands(total)),
        file_name=name,
        file_path=str(path.relative_to(home)),
    )


def _said(what: str, made: ArrearsProposal) -> str:
    return str(
        _(
            "%(what)s: %(people)s người, %(vnd)s đ.",
            what=what,
            people=money.group_thousands(made.people_count),
            vnd=money.group_thousands(made.total_vnd),
        )
    )
