"""Tạm dừng: who was unpaid for three periods is suspended by a person's decision, and resumed by another.

Who is suspended is in no list; unpaid money waits and is carried again by the first list after the resumption. The
months missed are owed only if the decision to resume says so: they become a proposal of arrears like any other.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import clock
from app.errors import NotAllowed, RuleBroken
from app.extensions import acting_as
from app.models import Beneficiary, Suspension
from app.rules import dates
from app.rules.actors import SYSTEM, Actor, Role
from app.services import rows, transitions
from app.services.arrears import missed

UNPAID_PERIODS = 3
"""Unpaid periods in a row that are a legal ground to suspend (domain.md, section 3)."""


class NotAClerk(NotAllowed):
    """Chỉ cán bộ bảo trợ xã hội được đề nghị tạm dừng."""


class ReasonMissing(transitions.ReasonMissing):
    """Phải ghi lý do đề nghị tạm dừng."""


class NotActive(RuleBroken):
    """Đối tượng này không ở tình trạng đang hưởng nên không tạm dừng được."""


class NotUnpaidLongEnough(RuleBroken):
    """Mới có %(count)s kỳ liên tiếp chưa nhận; từ %(least)s kỳ mới được đề nghị tạm dừng."""


class AlreadyProposed(RuleBroken):
    """Người này đã có đề nghị tạm dừng chưa kết thúc."""


class OwnRequest(NotAllowed):
    """Người quyết định không được là người đã đề nghị."""


class NoLongerSuspended(RuleBroken):
    """Tình trạng của đối tượng đã thay đổi từ khi tạm dừng; hãy xem hồ sơ."""


_UNPAID = text(
    "SELECT p.month, bool_and(l.result IN ('unpaid', 'unpaid_stopped')) AS unpaid"
    "  FROM payout_lines l JOIN periods p ON p.id = l.period_id"
    " WHERE l.beneficiary_id = :id AND l.live AND l.result <> 'pending'"
    " GROUP BY p.month ORDER BY p.month DESC LIMIT 24"
)
_LAST_LISTED = text(
    "SELECT max(p.month) FROM payout_lines l JOIN periods p ON p.id = l.period_id"
    "  JOIN payout_batches b ON b.id = l.batch_id WHERE l.beneficiary_id = :id AND l.live AND b.state <> 'draft'"
)


def propose(session: Session, beneficiary_id: int, *, by: Actor, because: str) -> Suspension:
    """Đề nghị tạm dừng somebody unpaid for three periods.

    Raises NotAClerk, ReasonMissing, NotFound, NotActive, NotUnpaidLongEnough, AlreadyProposed.
    """
    if not by.has(Role.CLERK):
        raise NotAClerk
    if not because.strip():
        raise ReasonMissing(field="reason")
    person = rows.held(session, Beneficiary, beneficiary_id)
    if person.status != "active":
        raise NotActive
    unpaid = unpaid_periods(session, person.id)
    if unpaid < UNPAID_PERIODS:
        raise NotUnpaidLongEnough(count=unpaid, least=UNPAID_PERIODS)
    made = Suspension(
        beneficiary_id=person.id,
        area_path=person.area_path,
        unpaid_periods=unpaid,
        reason=because.strip(),
        proposed_by=by.username,
        proposed_at=clock.now(),
    )
    try:
        with session.begin_nested():
            session.add(made)
    except IntegrityError as error:
        raise AlreadyProposed from error
    transitions.created(session, "suspension", [made.id], by=by, facts={made.id: {"unpaid_periods": unpaid}})
    return made


def suspend(session: Session, suspension_id: int, *, by: Actor, because: str) -> Suspension:
    """Tạm dừng: lists made from now on do not hold the person.

    Raises OwnRequest, NotFound, NotActive, and what `transitions.move` raises.
    """
    found = rows.held(session, Suspension, suspension_id)
    if found.proposed_by == by.username:
        raise OwnRequest
    person = rows.held(session, Beneficiary, found.beneficiary_id)
    if found.state == "proposed" and person.status != "active":
        raise NotActive
    transitions.move(session, "suspension", found.id, "suspend", by=by, because=because)
    found.from_month = _first_missed(session, person.id)
    _write_status(person, "suspended", because.strip())
    return _decided(session, found, by, because)


def refuse(session: Session, suspension_id: int, *, by: Actor, because: str) -> Suspension:
    """Không tạm dừng. Raises as `suspend`, but for NotActive."""
    found = rows.held(session, Suspension, suspension_id)
    if found.proposed_by == by.username:
        raise OwnRequest
    transitions.move(session, "suspension", found.id, "refuse", by=by, because=because)
    return _decided(session, found, by, because)


def ask_resume(session: Session, suspension_id: int, *, by: Actor, because: str, with_arrears: bool) -> Suspension:
    """Đề nghị hưởng lại; `with_arrears`: the months missed are to be owed. Raises NotFound, and `transitions.move`."""
    found = rows.held(session, Suspension, suspension_id)
    transitions.move(
        session, "suspension", found.id, "ask_resume", by=by, because=because, facts={"with_arrears": with_arrears}
    )
    found.resume_reason, found.resume_asked_by, found.with_arrears = because.strip(), by.username, with_arrears
    session.flush()
    return found


def resume(session: Session, suspension_id: int, *, by: Actor, note: str | None = None) -> Suspension:
    """Cho hưởng lại: the next list made holds the person again, with what was unpaid before.

    Months listed meanwhile become a proposal of arrears when it was asked for, made by who asked; a supervisor approves
    it like any other. Raises OwnRequest, NotFound, NoLongerSuspended, and what `transitions.move` raises.
    """
    found = rows.held(session, Suspension, suspension_id)
    if found.resume_asked_by == by.username:
        raise OwnRequest
    person = rows.held(session, Beneficiary, found.beneficiary_id)
    if found.state == "resuming" and person.status != "suspended":
        raise NoLongerSuspended
    transitions.move(session, "suspension", found.id, "resume", by=by, because=note)
    _write_status(person, "active", None)
    session.flush()
    found.resumed_at = clock.now()
    if found.with_arrears and found.from_month is not None:
        found.proposal_id = missed.propose(
            session,
            person,
            found.from_month,
            reason=found.resume_reason or "",
            asked_by=found.resume_asked_by or "",
            by=by,
        )
    return _decided(session, found, by, note)


def keep(session: Session, suspension_id: int, *, by: Actor, because: str) -> Suspension:
    """Vẫn tạm dừng, although its end was asked for. Raises as `refuse`."""
    found = rows.held(session, Suspension, suspension_id)
    if found.resume_asked_by == by.username:
        raise OwnRequest
    transitions.move(session, "suspension", found.id, "keep", by=by, because=because)
    found.with_arrears = False
    return _decided(session, found, by, because)


def unpaid_periods(session: Session, beneficiary_id: int) -> int:
    """Periods in a row, up to the last one with a result, in which the person was listed and nothing was handed out."""
    with acting_as(SYSTEM):  # the months of a commune somebody has moved away from count too
        rows = session.execute(_UNPAID, {"id": beneficiary_id}).all()
    count, expected = 0, None
    for row in rows:
        if not row.unpaid or (expected is not None and row.month != expected):
            break
        count, expected = count + 1, dates.add_months(row.month, -1)
    return count


def _first_missed(session: Session, beneficiary_id: int) -> date:
    """The month after the last whose list, no longer a draft, holds the person."""
    with acting_as(SYSTEM):
        last: date = session.execute(_LAST_LISTED, {"id": beneficiary_id}).scalar_one()
    return dates.add_months(last, 1)


def _write_status(person: Beneficiary, status: str, reason: str | None) -> None:
    person.status, person.status_reason, person.changed_at = status, reason, clock.now()
    person.row_version += 1


def _decided(session: Session, found: Suspension, by: Actor, note: str | None) -> Suspension:
    found.decided_by, found.decided_at, found.decision_note = by.username, clock.now(), (note or "").strip() or None
    session.flush()
    return found
