"""Gia hạn: later deadlines for settlements, asked by the agency or the office and decided by a supervisor."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

from flask_babel import gettext as _
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.errors import BadInput, NotAllowed, NotFound, RuleBroken
from app.extensions import transaction
from app.models import DeadlineExtension, Period, Settlement
from app.rules import dates, deadlines
from app.rules.actors import SYSTEM, Actor, Role
from app.services import notices, rows, settings, transitions
from app.services.settlements import holding

MAY_ASK = (Role.CLERK, Role.ACCOUNTANT, Role.SUPERVISOR, Role.AGENCY_USER, Role.AGENCY)
LONGEST_REASON = 2_000


class ReasonMissing(BadInput):
    """Phải ghi lý do xin gia hạn."""


class ReasonTooLong(BadInput):
    """Lý do dài quá %(most)s ký tự."""


class DaysOutOfRange(BadInput):
    """Số ngày gia hạn phải từ 1 đến %(most)s."""


class TooLong(RuleBroken):
    """Tổng thời gian gia hạn của một quyết toán phải dưới 20 ngày: đã gia hạn %(granted)s ngày, chỉ còn %(left)s ngày."""


class PastNextLists(RuleBroken):
    """Hạn mới %(due)s quá ngày %(latest)s, ngày cuối trước khi khóa danh sách kỳ sau; thiết lập chi trả không cho phép."""


class TooLateToRevoke(RuleBroken):
    """Hạn nếu không gia hạn (%(due)s) đã qua nên không thu hồi được."""


class SettlementOver(RuleBroken):
    """Quyết toán này đã chốt hoặc không còn hiệu lực nên không gia hạn được."""


class OwnRequest(NotAllowed):
    """Người quyết định không được là người đã nhập đề nghị gia hạn."""


class NotYoursToAsk(NotAllowed):
    """Vai trò của bạn không được đề nghị gia hạn."""


def ask(session: Session, settlement_id: int, *, days: int, reason: str, asked_by: str, by: Actor) -> DeadlineExtension:
    """Ask for `days` more; `asked_by` is who wants it, `by` who enters it.

    Raises NotYoursToAsk, ReasonMissing, ReasonTooLong, DaysOutOfRange, TooLong, SettlementOver, NotFound.
    """
    if not by.has(*MAY_ASK):
        raise NotYoursToAsk
    why = reason.strip()
    if not why:
        raise ReasonMissing(field="reason")
    if len(why) > LONGEST_REASON:
        raise ReasonTooLong(field="reason", most=LONGEST_REASON)
    if not 1 <= days <= deadlines.MAX_EXTENSION_DAYS_TOTAL:
        raise DaysOutOfRange(field="days", most=deadlines.MAX_EXTENSION_DAYS_TOTAL)
    settlement = _lock_settlement(session, settlement_id)
    _refuse_too_long(session, settlement_id, days)
    asked = DeadlineExtension(
        settlement_id=settlement.id,
        area_path=settlement.area_path,
        days=days,
        reason=why,
        asked_by=asked_by.strip() or by.username,
        asked_at=clock.now(),
        entered_by=by.username,
    )
    session.add(asked)
    session.flush()
    transitions.created(session, "extension", [asked.id], by=by, facts={asked.id: {"days": days}})
    return asked


def grant(
    session: Session, extension_id: int, *, by: Actor, note: str | None = None, days: int | None = None
) -> DeadlineExtension:
    """Đồng ý gia hạn, `days` or as many as were asked, while all granted days together stay under 20.

    The deadline may not reach the cut-off of the next lists unless a payment setting allows it. What came in time by it
    is let through, and the agency is told. The settlement's row is held, so that two grants at once cannot pass the
    limits together. Raises OwnRequest, DaysOutOfRange, TooLong, PastNextLists, SettlementOver, NotFound, and what
    `transitions.move` raises.
    """
    asked = _find(session, extension_id)
    settlement = _lock_settlement(session, asked.settlement_id)
    if asked.entered_by == by.username:
        raise OwnRequest
    granted = asked.days if days is None else days
    if asked.state == "asked":
        if not 1 <= granted <= asked.days:
            raise DaysOutOfRange(field="days", most=asked.days)
        _refuse_too_long(session, settlement.id, granted)
        _refuse_past_next_lists(session, settlement, granted)
    transitions.move(session, "extension", extension_id, "grant", by=by, because=note, facts={"days": granted})
    if granted != asked.days:
        asked.asked_days, asked.days = asked.days, granted
    decided = _decided(session, asked, by, note, "granted")
    holding.let_through_in_time(session, settlement.id, due_on(session, settlement.id), by=by)
    return decided


def refuse(session: Session, extension_id: int, *, by: Actor, because: str) -> DeadlineExtension:
    """Không đồng ý. Raises OwnRequest, NotFound, and what `transitions.move` raises."""
    asked = _find(session, extension_id)
    if asked.entered_by == by.username:
        raise OwnRequest
    transitions.move(session, "extension", extension_id, "refuse", by=by, because=because)
    return _decided(session, asked, by, because, "refused")


def revoke(session: Session, extension_id: int, *, by: Actor, because: str) -> DeadlineExtension:
    """Take a granted extension back, while nobody is late by it: the deadline without it has not passed yet.

    An agency that relied on its days must not find itself late in hindsight. What arrived stays applied. Raises
    TooLateToRevoke, SettlementOver, NotFound, and what `transitions.move` raises.
    """
    granted = _find(session, extension_id)
    settlement = _lock_settlement(session, granted.settlement_id)
    if granted.state == "granted":
        without = due_on(session, settlement.id) - timedelta(days=granted.days)
        if without < clock.today():
            raise TooLateToRevoke(due=dates.format_date(without))
    transitions.move(session, "extension", extension_id, "revoke", by=by, because=because)
    return _decided(session, granted, by, because, "revoked")


def lapse_of(session: Session, settlement_ids: Collection[int], *, because: str) -> int:
    """Nobody decided before these settlements were locked or void: their requests lapse. How many there were."""
    waiting = select(DeadlineExtension).where(
        DeadlineExtension.settlement_id.in_(settlement_ids), DeadlineExtension.state == "asked"
    )
    found = list(session.scalars(waiting.order_by(DeadlineExtension.id).execution_options(populate_existing=True)))
    if found:
        transitions.move_all(session, "extension", [one.id for one in found], "lapse", by=SYSTEM, because=because)
    for one in found:
        _decided(session, one, SYSTEM, because, "lapsed")
    return len(found)


def lapse_overdue() -> bool:
    """One sweep: requests whose own days are over lapse, because granting them would change nothing any more."""
    with transaction() as session:
        ids = session.execute(
            text(
                "SELECT DISTINCT x.settlement_id FROM deadline_extensions x JOIN settlements s ON s.id = x.settlement_id"
                " WHERE x.state = 'asked' AND s.due_on + x.days + coalesce((SELECT sum(g.days) FROM deadline_extensions g"
                "   WHERE g.settlement_id = s.id AND g.state = 'granted'), 0)::int < :today ORDER BY 1 LIMIT 100"
            ),
            {"today": clock.today()},
        ).scalars()
        lapse_of(session, list(ids), because=_("Hạn xin gia hạn đã qua khi chưa có quyết định."))
    return False


def due_on(session: Session, settlement_id: int) -> date:
    """The agency's deadline with every granted extension. Raises NotFound."""
    settlement = session.get(Settlement, settlement_id)
    if settlement is None:
        raise NotFound
    return deadlines.extended(settlement.due_on, _granted(session, settlement_id))


def _find(session: Session, extension_id: int) -> DeadlineExtension:
    found = session.get(DeadlineExtension, extension_id, populate_existing=True)
    if found is None:
        raise NotFound
    return found


def _lock_settlement(session: Session, settlement_id: int) -> Settlement:
    found = rows.held(session, Settlement, settlement_id)
    if found.state in ("locked", "void"):
        raise SettlementOver
    return found


def _granted(session: Session, settlement_id: int) -> list[int]:
    return list(
        session.scalars(
            select(DeadlineExtension.days).where(
                DeadlineExtension.settlement_id == settlement_id, DeadlineExtension.state == "granted"
            )
        )
    )


def _refuse_too_long(session: Session, settlement_id: int, days: int) -> None:
    granted = _granted(session, settlement_id)
    if not deadlines.extension_allowed(granted, days):
        total = sum(granted)
        raise TooLong(granted=total, left=deadlines.MAX_EXTENSION_DAYS_TOTAL - total)


def _refuse_past_next_lists(session: Session, settlement: Settlement, days: int) -> None:
    month = session.get_one(Period, settlement.period_id).month
    latest = settings.latest_extension(session, settlement.area_path, month, settlement.due_on)
    due = deadlines.extended(settlement.due_on, [*_granted(session, settlement.id), days])
    if latest is not None and due > latest:
        raise PastNextLists(due=dates.format_date(due), latest=dates.format_date(latest))


def _decided(
    session: Session, asked: DeadlineExtension, by: Actor, note: str | None, decision: str
) -> DeadlineExtension:
    """Write who decided, and let the agency be told."""
    asked.decided_by, asked.decided_at, asked.decision_note = by.username, clock.now(), note
    session.flush()
    notices.tell(session, asked, decision, due_on=due_on(session, asked.settlement_id), reason=note or "")
    return asked
