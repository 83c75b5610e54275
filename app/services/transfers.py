"""Money handed to agencies and given back: entered by an accountant, approved by a supervisor, corrected by another row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.errors import BadInput, NotAllowed, NotFound, RuleBroken
from app.models import AgencyTransfer, Area, Period
from app.rules import dates, money
from app.rules.actors import Actor, Role, bounds_of
from app.services import periods, rows, transitions

LONGEST_REFERENCE = 64
LONGEST_REASON = 1_000


class NotAnAccountant(NotAllowed):
    """Chỉ kế toán được nhập chứng từ chuyển tiền."""


class OwnTransfer(NotAllowed):
    """Người duyệt không được là người đã nhập chứng từ chuyển tiền."""


class AmountOutOfRange(BadInput):
    """Số tiền phải từ 1 đ đến %(most)s đ."""


class ReferenceMissing(BadInput):
    """Phải ghi số chứng từ của kho bạc hoặc ngân hàng, dài nhất %(most)s ký tự."""


class DayAhead(BadInput):
    """Ngày chuyển tiền không được sau hôm nay."""


class NoAccountHere(BadInput):
    """%(area)s không tự chuyển tiền cho đơn vị chi trả: xem “Cấp chuyển tiền” ở Thiết lập hệ thống."""


class DocumentKnown(RuleBroken):
    """Chứng từ %(ref)s của đơn vị chi trả này đã được nhập."""


class PeriodClosed(RuleBroken):
    """Kỳ %(month)s đã chốt ở địa bàn này nên số dư của kỳ không đổi được. Hãy ghi vào kỳ đang mở."""


class NotApproved(RuleBroken):
    """Chỉ sửa số tiền của chứng từ đã duyệt. Chứng từ nhập sai thì lãnh đạo không duyệt, rồi nhập lại."""


class NotAnOriginal(RuleBroken):
    """Đây đã là dòng điều chỉnh. Hãy sửa chứng từ %(ref)s."""


class CorrectionWaits(RuleBroken):
    """Chứng từ này đang có điều chỉnh chờ duyệt."""


class NothingToCorrect(BadInput):
    """Số tiền đúng bằng số đang ghi."""


class ReasonMissing(BadInput):
    """Phải ghi lý do điều chỉnh, dài nhất %(most)s ký tự."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a treasury's document says. `kind`: transfer to the agency, or return by it; `month` the period it is for."""

    agency_id: int
    area_id: int
    month: date
    kind: str
    amount_vnd: int
    treasury_ref: str
    transferred_on: date


def enter(session: Session, document: Document, *, by: Actor) -> AgencyTransfer:
    """Enter a document; it counts once a supervisor approves it.

    Raises NotAnAccountant, AmountOutOfRange, ReferenceMissing, DayAhead, NotFound, NoAccountHere, PeriodClosed,
    DocumentKnown.
    """
    _demand_accountant(by)
    reference = document.treasury_ref.strip()
    if not 1 <= document.amount_vnd <= money.MAX_VND:
        raise AmountOutOfRange(field="amount_vnd", most=money.group_thousands(money.MAX_VND))
    if not reference or len(reference) > LONGEST_REFERENCE:
        raise ReferenceMissing(field="treasury_ref", most=LONGEST_REFERENCE)
    if document.transferred_on > clock.today():
        raise DayAhead(field="transferred_on")
    area = session.get(Area, document.area_id)
    if area is None or not by.may_see(area.path):
        raise NotFound
    if not _has_account(session, area, document.month):
        raise NoAccountHere(field="area", area=area.full_name)
    period = periods.ensure(session, document.month)
    _refuse_closed(session, area.path, period)
    _refuse_known(session, document, reference)
    return _write(
        session,
        AgencyTransfer(
            agency_id=document.agency_id,
            area_id=area.id,
            area_path=area.path,
            period_id=period.id,
            kind=document.kind,
            amount_vnd=document.amount_vnd,
            treasury_ref=reference,
            transferred_on=document.transferred_on,
        ),
        by,
    )


def correct(
    session: Session, transfer_id: int, right_vnd: int, *, month: date, by: Actor, because: str
) -> AgencyTransfer:
    """Another row that makes the document count as `right_vnd` in all (0 takes it away), in the open period `month`.

    What a closed period said stays said. Raises NotAnAccountant, ReasonMissing, AmountOutOfRange, NotFound,
    NotAnOriginal, NotApproved, CorrectionWaits, NothingToCorrect, PeriodClosed.
    """
    _demand_accountant(by)
    reason = because.strip()
    if not reason or len(reason) > LONGEST_REASON:
        raise ReasonMissing(field="reason", most=LONGEST_REASON)
    if not 0 <= right_vnd <= money.MAX_VND:
        raise AmountOutOfRange(field="amount_vnd", most=money.group_thousands(money.MAX_VND))
    first = rows.held(session, AgencyTransfer, transfer_id)
    if first.corrects_id is not None:
        raise NotAnOriginal(ref=first.treasury_ref)
    if first.state != "approved":
        raise NotApproved
    corrections = _corrections(session, first.id)
    if any(one.state == "entered" for one in corrections):
        raise CorrectionWaits
    now_vnd = counted_vnd(first, corrections)
    if right_vnd == now_vnd:
        raise NothingToCorrect(field="amount_vnd")
    period = periods.ensure(session, month)
    _refuse_closed(session, first.area_path, period)
    return _write(
        session,
        AgencyTransfer(
            agency_id=first.agency_id,
            area_id=first.area_id,
            area_path=first.area_path,
            period_id=period.id,
            kind=first.kind,
            amount_vnd=right_vnd - now_vnd,
            treasury_ref=first.treasury_ref,
            transferred_on=first.transferred_on,
            corrects_id=first.id,
            reason=reason,
        ),
        by,
    )


def approve(session: Session, transfer_id: int, *, by: Actor) -> AgencyTransfer:
    """Duyệt: the money counts. Raises NotFound, OwnTransfer, PeriodClosed, and what `transitions.move` raises."""
    found = rows.held(session, AgencyTransfer, transfer_id)
    _refuse_closed(session, found.area_path, found.period)
    return _decide(session, found, "approve", None, by)


def refuse(session: Session, transfer_id: int, *, by: Actor, because: str) -> AgencyTransfer:
    """Không duyệt: it never counts. Raises NotFound, OwnTransfer, and what `transitions.move` raises."""
    return _decide(session, rows.held(session, AgencyTransfer, transfer_id), "refuse", because, by)


def counted(session: Session, transfer: AgencyTransfer) -> int:
    """Đồng a document counts with all its approved corrections."""
    return counted_vnd(transfer, _corrections(session, transfer.id))


def counted_vnd(first: AgencyTransfer, corrections: list[AgencyTransfer]) -> int:
    """The same from rows already read."""
    return first.amount_vnd + sum(one.amount_vnd for one in corrections if one.state == "approved")


def _decide(session: Session, found: AgencyTransfer, name: str, because: str | None, by: Actor) -> AgencyTransfer:
    if found.entered_by == by.username:
        raise OwnTransfer
    transitions.move(session, "transfer", found.id, name, by=by, because=because, facts={"vnd": found.amount_vnd})
    found.decided_by, found.decided_at, found.decision_note = by.username, clock.now(), because
    session.flush()
    return found


def _write(session: Session, row: AgencyTransfer, by: Actor) -> AgencyTransfer:
    row.entered_by, row.entered_at = by.username, clock.now()
    session.add(row)
    session.flush()
    transitions.created(session, "transfer", [row.id], by=by, facts={row.id: {"vnd": row.amount_vnd}})
    return row


def _demand_accountant(by: Actor) -> None:
    if not by.has(Role.ACCOUNTANT):
        raise NotAnAccountant


def _corrections(session: Session, transfer_id: int) -> list[AgencyTransfer]:
    statement = select(AgencyTransfer).where(AgencyTransfer.corrects_id == transfer_id).order_by(AgencyTransfer.id)
    return list(session.scalars(statement.execution_options(populate_existing=True)))


def _has_account(session: Session, area: Area, month: date) -> bool:
    """A commune that no setting leaves to its province; a province for which, or in which, some setting says so."""
    if area.level == "country":
        return False
    low, high = bounds_of(area.path)
    of_province = session.execute(
        text(
            "SELECT coalesce((array_agg(transfer_level ORDER BY length(area_path) DESC, valid_from DESC)"
            "   FILTER (WHERE transfer_level IS NOT NULL AND starts_with(:path, area_path)))[1],"
            "  (array_agg(paying_level ORDER BY length(area_path) DESC, valid_from DESC)"
            "   FILTER (WHERE paying_level IS NOT NULL AND starts_with(:path, area_path)))[1]) = 'province' AS here,"
            " bool_or('province' IN (transfer_level, paying_level) AND area_path >= :low AND area_path < :high) AS below"
            "  FROM payment_settings WHERE valid_from <= :month"
        ),
        {"path": area.path, "low": low, "high": high, "month": month.replace(day=1)},
    ).one()
    return bool(of_province.here or of_province.below) if area.level == "province" else not of_province.here


def _refuse_closed(session: Session, path: str, period: Period) -> None:
    """Refuse once the period is closed everywhere in the account's area."""
    low, high = bounds_of(path)
    closed = session.execute(
        text(
            "SELECT bool_and(state = 'closed') FROM area_periods"
            " WHERE period_id = :period AND area_path >= :low AND area_path < :high"
        ),
        {"period": period.id, "low": low, "high": high},
    ).scalar()
    if closed:
        raise PeriodClosed(month=dates.format_month(period.month))


def _refuse_known(session: Session, document: Document, reference: str) -> None:
    known = session.scalar(
        select(AgencyTransfer.id).where(
            AgencyTransfer.agency_id == document.agency_id,
            AgencyTransfer.area_id == document.area_id,
            AgencyTransfer.kind == document.kind,
            AgencyTransfer.treasury_ref == reference,
            AgencyTransfer.corrects_id.is_(None),
            AgencyTransfer.state != "refused",
        )
    )
    if known is not None:
        raise DocumentKnown(ref=reference)
