"""The person-months of a proposal of arrears as a workbook. What is owed is decided elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from flask_babel import gettext
from flask_babel import gettext as _
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.models import ArrearsProposal
from app.reports import exporting, workbook
from app.reports.shape import AT_ONCE, Column, Row
from app.reports.sheet import Progress, Sheet, silent
from app.rules import dates
from app.rules.actors import Actor
from app.rules.states import N_
from app.services.arrears.saying import EXCLUSIONS

COLUMNS = (
    Column("code", N_("Mã đối tượng"), width=14),
    Column("full_name", N_("Họ tên"), width=28),
    Column("area", N_("Địa bàn"), width=24),
    Column("benefit", N_("Nhóm đối tượng hưởng"), width=36),
    Column("for_month", N_("Của tháng"), width=10),
    Column("was_vnd", N_("Đã tính"), "money"),
    Column("owed_vnd", N_("Phải hưởng"), "money"),
    Column("amount_vnd", N_("Truy lĩnh"), "money"),
    Column("why_not", N_("Không tính vì"), width=32),
)

_ROWS = """
SELECT b.code, b.full_name, a.full_name AS area, t.name AS benefit, x.for_month, x.was_vnd, x.owed_vnd,
       x.amount_vnd, x.live, x.excluded_code, x.excluded_reason
  FROM arrears_proposal_lines x
  JOIN beneficiaries b ON b.id = x.beneficiary_id
  JOIN areas a ON a.path = x.area_path
  JOIN entitlements e ON e.id = x.entitlement_id
  JOIN benefit_types t ON t.id = e.benefit_type_id
 WHERE x.proposal_id = :id ORDER BY x.area_path, b.name_sort, b.code, x.for_month, x.id
"""


def write(proposal_id: int, *, home: Path, by: Actor, progress: Progress = silent) -> Path:
    """Write the workbook below `home`, as `by`, from one snapshot; the total is what counts, without those held out."""
    folder = home / exporting.FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{uuid4().hex}.xlsx"
    with exporting.snapshot() as session:
        proposal = session.get_one(ArrearsProposal, proposal_id)
        facts = {"id": proposal_id}
        total = session.execute(
            text("SELECT coalesce(sum(amount_vnd), 0) FROM arrears_proposal_lines WHERE proposal_id = :id AND live"),
            facts,
        ).scalar_one()
        sheet = Sheet(
            name=str(proposal),
            heading=_heading(proposal, by),
            columns=COLUMNS,
            titles=[gettext(column.title) for column in COLUMNS],
            totals=[_("Tổng cộng"), *[None] * 6, int(total), None],
        )
        workbook.write(path, sheet, _rows(session, proposal_id), progress=progress)
    return path


def _heading(proposal: ArrearsProposal, by: Actor) -> list[str]:
    first, last = dates.format_month(proposal.from_month), dates.format_month(proposal.to_month)
    return [
        _("Đề nghị truy lĩnh %(code)s", code=proposal),
        _(
            "Địa bàn: %(area)s. Từ tháng %(first)s đến tháng %(last)s, trả vào kỳ %(due)s.",
            area=proposal.area.full_name,
            first=first,
            last=last,
            due=dates.format_month(proposal.due_month),
        ),
        _("Lý do: %(reason)s. Quyết định: %(number)s.", reason=proposal.reason, number=proposal.decision_no or "—"),
        _(
            "Người lập: %(name)s, lúc %(at)s.",
            name=by.full_name.strip() or by.username,
            at=dates.format_moment(clock.now()),
        ),
    ]


def _rows(session: Session, proposal_id: int) -> Iterator[Row]:
    """Rows through a cursor on the server; of a line held out the amount is empty and the reason said."""
    found = session.execute(
        text(_ROWS), {"id": proposal_id}, execution_options={"stream_results": True, "max_row_buffer": AT_ONCE}
    )
    for row in found:
        why = "" if row.live else row.excluded_reason or gettext(EXCLUSIONS[row.excluded_code])
        month = dates.format_month(row.for_month)
        amount = row.amount_vnd if row.live else None
        yield Row((row.code, row.full_name, row.area, row.benefit, month, row.was_vnd, row.owed_vnd, amount, why))
