"""What somebody asks of a report, read from an address or a form and limited to their area. Nothing is selected here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import BadInput, NotFound
from app.models import Agency, Area, PayoutBatch
from app.reports.catalogue import find
from app.reports.shape import Report, Request
from app.reports.words import KINDS, METHODS, OUTCOMES
from app.rules import dates
from app.rules.actors import Actor

MOST_MONTHS = 12


class AreaUnknown(NotFound):
    """Không tìm thấy địa bàn này, hoặc địa bàn ở ngoài phạm vi của bạn."""


class MonthUnreadable(BadInput):
    """Không đọc được tháng. Hãy viết tháng/năm, ví dụ 11/2026."""


class MonthsReversed(BadInput):
    """Tháng cuối phải từ tháng đầu trở đi."""


class TooManyMonths(BadInput):
    """Một báo cáo xem được nhiều nhất %(most)s tháng."""


class ListUnknown(BadInput):
    """Không có danh sách mang mã này trong địa bàn của bạn."""


class ChoiceUnknown(BadInput):
    """Lựa chọn này không có. Hãy chọn trong danh sách."""


def read(session: Session, code: str, asked: Mapping[str, str], *, by: Actor, month: date) -> Request:
    """A request from `area` (official code), `from` and `to` (months), `agency`, `kind`, `outcome`, `method`,
    `batch` (its code), `order`.

    What is not asked is the actor's whole area and `month`. Raises NotFound, BadInput with its field.
    """
    report = find(code)
    month_from = _month(asked.get("from", ""), month, "from")
    month_to = _month(asked.get("to", ""), month_from, "to")
    if month_to < month_from:
        raise MonthsReversed(field="to")
    if month_to >= dates.add_months(month_from, MOST_MONTHS):
        raise TooManyMonths(field="to", most=MOST_MONTHS)
    return Request(
        code=report.code,
        area_path=_area_path(session, asked.get("area", ""), by),
        month_from=month_from,
        month_to=month_to,
        agency_id=_agency(session, asked.get("agency", "")) if "agency" in report.filters else None,
        kind=_choice(report, asked, "kind", KINDS),
        outcome=_choice(report, asked, "outcome", OUTCOMES),
        method=_choice(report, asked, "method", METHODS),
        batch_id=_batch(session, asked.get("batch", "")) if "batch" in report.filters else None,
        order=_choice(report, asked, "order", report.orders),
    )


def check_scope(request: Request, *, by: Actor) -> None:
    """What was in scope when it was asked is still in scope. Raises AreaUnknown."""
    if not by.may_see(request.area_path):
        raise AreaUnknown


def _month(text: str, otherwise: date, field: str) -> date:
    if not text.strip():
        return otherwise
    try:
        return dates.parse_month(text)
    except dates.DateError as error:
        raise MonthUnreadable(field=field) from error


def _area_path(session: Session, code: str, by: Actor) -> str:
    if not code:
        if by.area_path is None:
            raise AreaUnknown
        return by.area_path
    path = session.scalar(select(Area.path).where(Area.code == code)) if code.isprintable() else None
    if path is None or not by.may_see(path):
        raise AreaUnknown
    return path


def _agency(session: Session, text: str) -> int | None:
    if not text:
        return None
    known = text.isascii() and text.isdigit() and len(text) < 10
    found = session.get(Agency, int(text)) if known else None
    if found is None:
        raise ChoiceUnknown(field="agency")
    return found.id


def _batch(session: Session, code: str) -> int | None:
    """The list with this code, in scope."""
    if not code.strip():
        return None
    statement = select(PayoutBatch.id).where(PayoutBatch.code == code.strip().upper())
    found = session.scalar(statement) if code.isprintable() else None
    if found is None:
        raise ListUnknown(field="batch")
    return found


def _choice(report: Report, asked: Mapping[str, str], field: str, known: Mapping[str, object]) -> str:
    chosen = asked.get(field, "")
    if not chosen or (field != "order" and field not in report.filters):
        return ""
    if chosen not in known:
        raise ChoiceUnknown(field=field)
    return chosen
