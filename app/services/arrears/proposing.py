"""Proposals of arrears: by hand for one person and month, in bulk after a rise that applies back. Nothing is decided here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.errors import BadInput, NotAllowed, NotFound, RuleBroken
from app.models import Area, ArrearsProposal, ArrearsProposalLine, Beneficiary, Entitlement
from app.rules import dates
from app.rules.actors import Actor, Role, bounds_of
from app.services import transitions
from app.services.arrears import computing

MOST_VND = 1_000_000_000
"""More than this for one person and month is a slip of the keyboard."""
MOST_MONTHS = 60
"""Months that one proposal may go back over."""
BIG = 20_000
"""From so many person-months on the scheduler computes."""


class NotAClerk(NotAllowed):
    """Chỉ cán bộ bảo trợ xã hội được lập đề nghị truy lĩnh."""


class ReasonMissing(BadInput):
    """Phải ghi lý do truy lĩnh."""


class MonthsUnreadable(BadInput):
    """Tháng truy lĩnh phải từ tháng đầu đến tháng cuối, không quá %(most)s tháng."""


class DueTooEarly(BadInput):
    """Truy lĩnh phải trả vào kỳ sau các tháng được truy lĩnh."""


class AmountUnreadable(BadInput):
    """Số tiền truy lĩnh phải từ 1 đến %(most)s đồng."""


class NotEntitledThen(BadInput):
    """Chính sách này không hưởng trong tháng %(month)s."""


class DeadThen(BadInput):
    """Đối tượng đã chết trước tháng %(month)s."""


class AlreadyEntered(RuleBroken):
    """Khoản truy lĩnh của tháng %(month)s theo quyết định này đã được nhập."""


class NothingOwed(RuleBroken):
    """Không có ai được truy lĩnh: mọi tháng đã lập danh sách đều đúng mức hiện hành, hoặc đã được đề nghị truy lĩnh."""


@dataclass(frozen=True, slots=True)
class RiseRequest:
    """Which months of an area and below are computed, and in which list (its month) the difference is paid."""

    area_id: int
    from_month: date
    to_month: date
    due_month: date
    reason: str
    decision_no: str | None = None


@dataclass(frozen=True, slots=True)
class HandEntry:
    """One amount by hand."""

    entitlement_id: int
    for_month: date
    due_month: date
    amount_vnd: int
    reason: str
    decision_no: str | None = None


def propose_rise(session: Session, request: RiseRequest, *, by: Actor) -> ArrearsProposal:
    """Compute what the rates known today owe for listed months, as a proposal for a supervisor.

    Two computations wait for each other, and the second finds only what the first left. Raises NotAClerk, NotFound,
    ReasonMissing, MonthsUnreadable, DueTooEarly, NothingOwed.
    """
    area = check_request(session, request, by=by)
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext('arrears'))"))
    made = _add(session, area, "rates", request, by)
    low, high = bounds_of(area.path)
    months = (made.from_month, made.to_month)
    computing.fill(session, made.id, low, high, months=months, known_on=clock.today())
    write_totals(session, made.id)
    if made.line_count == 0:
        raise NothingOwed
    _created(session, made, by)
    return made


def check_request(session: Session, request: RiseRequest, *, by: Actor) -> Area:
    """The area of a request that may be computed. Raises as `propose_rise`, but for NothingOwed."""
    _demand_clerk(by)
    area = session.get(Area, request.area_id)
    if area is None or not by.may_see(area.path):
        raise NotFound
    _check_text(request.reason)
    first, last = request.from_month.replace(day=1), request.to_month.replace(day=1)
    if not first <= last < dates.add_months(first, MOST_MONTHS):
        raise MonthsUnreadable(field="to_month", most=MOST_MONTHS)
    if request.due_month.replace(day=1) <= last:
        raise DueTooEarly(field="due_month")
    return area


def is_big(session: Session, area: Area, request: RiseRequest) -> bool:
    """True when computing takes more than a moment."""
    low, high = bounds_of(area.path)
    months = (request.from_month.replace(day=1), request.to_month.replace(day=1))
    return computing.size(session, low, high, months=months) > BIG


def enter(session: Session, entry: HandEntry, *, by: Actor) -> ArrearsProposal:
    """Enter an amount by hand, as a proposal of one line.

    Raises NotAClerk, NotFound, ReasonMissing, AmountUnreadable, DueTooEarly, NotEntitledThen, DeadThen, AlreadyEntered.
    """
    _demand_clerk(by)
    entitlement = session.get(Entitlement, entry.entitlement_id)
    if entitlement is None:
        raise NotFound
    _check_text(entry.reason)
    _check_entry(entry, entitlement)
    _refuse_repetition(session, entry)
    person = session.get_one(Beneficiary, entitlement.beneficiary_id)
    month = entry.for_month.replace(day=1)
    request = RiseRequest(person.area_id, month, month, entry.due_month, entry.reason, entry.decision_no)
    made = _add(session, session.get_one(Area, person.area_id), "manual", request, by)
    session.add(
        ArrearsProposalLine(
            proposal_id=made.id,
            area_path=person.area_path,
            entitlement_id=entitlement.id,
            beneficiary_id=person.id,
            for_month=month,
            amount_vnd=entry.amount_vnd,
        )
    )
    session.flush()
    write_totals(session, made.id)
    _created(session, made, by)
    return made


def write_totals(session: Session, proposal_id: int) -> None:
    """Sum the lines of a proposal into it."""
    session.execute(
        text(
            "UPDATE arrears_proposals q SET line_count = x.lines, people_count = x.people, excluded_count = x.excluded,"
            " total_vnd = x.total FROM (SELECT count(*) FILTER (WHERE live) AS lines,"
            "   count(DISTINCT beneficiary_id) FILTER (WHERE live) AS people,"
            "   count(*) FILTER (WHERE NOT live) AS excluded, coalesce(sum(amount_vnd) FILTER (WHERE live), 0) AS total"
            "   FROM arrears_proposal_lines WHERE proposal_id = :id) x WHERE q.id = :id"
        ),
        {"id": proposal_id},
    )
    session.expire(session.get_one(ArrearsProposal, proposal_id))


def _add(session: Session, area: Area, cause: str, request: RiseRequest, by: Actor) -> ArrearsProposal:
    made = ArrearsProposal(
        area=area,
        cause=cause,
        from_month=request.from_month.replace(day=1),
        to_month=request.to_month.replace(day=1),
        due_month=request.due_month.replace(day=1),
        reason=request.reason.strip(),
        decision_no=(request.decision_no or "").strip() or None,
        made_by_id=by.user_id,
        made_by=by.username,
        made_at=clock.now(),
    )
    session.add(made)
    session.flush()
    return made


def _created(session: Session, made: ArrearsProposal, by: Actor) -> None:
    facts = {"people": made.people_count, "lines": made.line_count, "total_vnd": made.total_vnd, "cause": made.cause}
    transitions.created(session, "arrears", [made.id], by=by, facts={made.id: facts})


def _demand_clerk(by: Actor) -> None:
    if not by.has(Role.CLERK):
        raise NotAClerk


def _check_text(reason: str) -> None:
    if not reason.strip():
        raise ReasonMissing(field="reason")


def _check_entry(entry: HandEntry, entitlement: Entitlement) -> None:
    month = entry.for_month.replace(day=1)
    shown = dates.format_month(month)
    if not 1 <= entry.amount_vnd <= MOST_VND:
        raise AmountUnreadable(field="amount_vnd", most=MOST_VND)
    if entry.due_month.replace(day=1) <= month:
        raise DueTooEarly(field="due_month")
    starts_later = entitlement.starts_on >= dates.add_months(month, 1)
    if starts_later or (entitlement.ends_on is not None and entitlement.ends_on < month):
        raise NotEntitledThen(field="for_month", month=shown)
    person = entitlement.beneficiary
    is_funeral = entitlement.benefit_type.batch_kind == "funeral"
    if person.died_on is not None and person.died_on < month and not is_funeral:
        raise DeadThen(field="for_month", month=shown)


def _refuse_repetition(session: Session, entry: HandEntry) -> None:
    """The same decision for the same month is entered once; two at once wait for each other."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext('arrears'))"))
    month = entry.for_month.replace(day=1)
    same = (
        select(ArrearsProposalLine.id)
        .join(ArrearsProposal, ArrearsProposal.id == ArrearsProposalLine.proposal_id)
        .where(
            ArrearsProposalLine.entitlement_id == entry.entitlement_id,
            ArrearsProposalLine.for_month == month,
            ArrearsProposalLine.live,
            ArrearsProposal.cause == "manual",
            ArrearsProposal.decision_no.is_not_distinct_from((entry.decision_no or "").strip() or None),
        )
    )
    if session.scalars(same).first() is not None:
        raise AlreadyEntered(month=dates.format_month(month))
