"""Gia hạn: later deadlines for settlements, asked by the agency or the office and decided by a supervisor."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.errors import BadInput, NotAllowed, NotFound, RuleBroken
from app.models import DeadlineExtension, Settlement
from app.rules import deadlines
from app.rules.actors import Actor, Role
from app.services import transitions
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


def grant(session: Session, extension_id: int, *, by: Actor, note: str | None = None) -> DeadlineExtension:
    """Đồng ý gia hạn, while all granted days together stay under 20; what came in time by it is let through.

    The settlement's row is held, so that two grants at once cannot pass the limit together. Raises OwnRequest,
    TooLong, SettlementOver, NotFound, and what `transitions.move` raises.
    """
    asked = _find(session, extension_id)
    _lock_settlement(session, asked.settlement_id)
    if asked.entered_by == by.username:
        raise OwnRequest
    if asked.state == "asked":
        _refuse_too_long(session, asked.settlement_id, asked.days)
    transitions.move(session, "extension", extension_id, "grant", by=by, because=note, facts={"days": asked.days})
    decided = _decided(session, asked, by, note)
    holding.let_through_in_time(session, asked.settlement_id, due_on(session, asked.settlement_id), by=by)
    return decided


def refuse(session: Session, extension_id: int, *, by: Actor, because: str) -> DeadlineExtension:
    """Không đồng ý. Raises OwnRequest, NotFound, and what `transitions.move` raises."""
    asked = _find(session, extension_id)
    if asked.entered_by == by.username:
        raise OwnRequest
    transitions.move(session, "extension", extension_id, "refuse", by=by, because=because)
    return _decided(session, asked, by, because)


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
    found = session.scalars(
        select(Settlement)
        .where(Settlement.id == settlement_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NotFound
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


def _decided(session: Session, asked: DeadlineExtension, by: Actor, note: str | None) -> DeadlineExtension:
    asked.decided_by, asked.decided_at, asked.decision_note = by.username, clock.now(), note
    session.flush()
    return asked
