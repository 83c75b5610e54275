"""What a person decides about lines: disputes, wrong amounts, foreign references, lines without a result.

A decision wins over the agency's word it was made on; a later word that says something else asks again (applying).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.errors import BadInput, NotAllowed, NotFound, RuleBroken
from app.models import OUTCOMES, Settlement
from app.rules.actors import Actor, Role

DECIDABLE = (*OUTCOMES, "unpaid_stopped")
LONGEST_REASON = 2_000


class ReasonMissing(BadInput):
    """Phải ghi lý do của quyết định."""


class ReasonTooLong(BadInput):
    """Lý do dài quá %(most)s ký tự."""


class UnknownOutcome(BadInput):
    """Kết quả không hợp lệ."""


class NotYoursToDecide(NotAllowed):
    """Chỉ cán bộ bảo trợ xã hội hoặc kế toán được quyết định kết quả của dòng chi trả."""


class SettlementOver(RuleBroken):
    """Quyết toán này đã chốt hoặc không còn hiệu lực nên không sửa được nữa."""


_DECIDE = text(
    "UPDATE settlement_records SET decided_outcome = :outcome, decided_reason = :reason, decided_by = :by,"
    " decided_at = :now, change_id = NULL WHERE settlement_id = :settlement AND reference = :reference RETURNING id"
)
_ADD = (
    "INSERT INTO settlement_records (settlement_id, line_id, agency_id, area_path, reference, finding, decided_outcome,"
    " decided_reason, decided_by, decided_at)"
    " SELECT s.id, l.id, s.agency_id, l.area_path, l.reference, 'missing', :outcome, :reason, :by, :now"
    "   FROM settlements s JOIN payout_lines l ON l.batch_id = s.batch_id AND l.live AND l.total_vnd > 0"
    "  WHERE s.id = :settlement"
)
_ADD_ONE = text(_ADD + " AND l.reference = :reference RETURNING id")
_ADD_ALL = text(
    _ADD
    + " AND l.id NOT IN (SELECT line_id FROM settlement_records WHERE settlement_id = :settlement AND line_id IS NOT NULL)"
)
_DECIDE_MISSING = text(
    "UPDATE settlement_records SET decided_outcome = :outcome, decided_reason = :reason, decided_by = :by,"
    " decided_at = :now, change_id = NULL"
    " WHERE settlement_id = :settlement AND finding = 'missing' AND decided_outcome IS NULL"
)


def decide(session: Session, settlement_id: int, reference: str, outcome: str, *, by: Actor, because: str) -> None:
    """Decide one line, or say that a foreign reference has been looked at; a decision may be made again.

    Raises NotYoursToDecide, ReasonMissing, ReasonTooLong, UnknownOutcome, SettlementOver, NotFound.
    """
    facts = prepare(session, settlement_id, outcome, by=by, because=because) | {"reference": reference}
    for statement in (_DECIDE, _ADD_ONE):
        if session.execute(statement, facts).first() is not None:
            session.expire_all()
            return
    raise NotFound


def decide_missing(session: Session, settlement_id: int, outcome: str, *, by: Actor, because: str) -> int:
    """The same decision for every line without a result; returns how many there were. Raises as `decide`."""
    facts = prepare(session, settlement_id, outcome, by=by, because=because)
    count = sum(_count(session.execute(statement, facts)) for statement in (_DECIDE_MISSING, _ADD_ALL))
    session.expire_all()
    return count


def _count(result: Any) -> int:
    return int(result.rowcount)


def prepare(session: Session, settlement_id: int, outcome: str, *, by: Actor, because: str) -> dict[str, object]:
    """The facts of a decision, once it is allowed; the settlement is held. Raises as `decide`."""
    demand_decider(by)
    if outcome not in DECIDABLE:
        raise UnknownOutcome(field="outcome")
    reason = because.strip()
    if not reason:
        raise ReasonMissing(field="reason")
    if len(reason) > LONGEST_REASON:
        raise ReasonTooLong(field="reason", most=LONGEST_REASON)
    demand_open(session, settlement_id, by=by)
    return {
        "settlement": settlement_id,
        "outcome": outcome,
        "reason": reason,
        "by": by.username,
        "now": clock.now(),
    }


def demand_decider(by: Actor) -> None:
    """Raises NotYoursToDecide."""
    if not by.has(Role.CLERK, Role.ACCOUNTANT):
        raise NotYoursToDecide


def demand_open(session: Session, settlement_id: int, *, by: Actor) -> None:
    """Hold a settlement in which `by` may still decide. Raises NotYoursToDecide, NotFound, SettlementOver."""
    demand_decider(by)
    state = session.execute(
        select(Settlement.state).where(Settlement.id == settlement_id).with_for_update()
    ).scalar_one_or_none()
    if state is None:
        raise NotFound
    if state in ("locked", "void"):
        raise SettlementOver
