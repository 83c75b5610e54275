"""What becomes of proposals of arrears: lines held out and put back, approved, rejected, withdrawn, taken back."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import clock
from app.errors import BadInput, NotAllowed, NotFound, RuleBroken
from app.extensions import acting_as
from app.models import ArrearsProposal, ArrearsProposalLine, PayoutBatch, PayoutLine
from app.rules.actors import SYSTEM, Actor, Role
from app.services import rows, transitions
from app.services.arrears.computing import NOT_OWED
from app.services.arrears.proposing import write_totals


class OwnPreparation(NotAllowed):
    """Người duyệt không được là người đã lập đề nghị truy lĩnh."""


class NobodyLeft(RuleBroken):
    """Đề nghị này không còn ai được truy lĩnh; hãy ghi không duyệt."""


class AlreadyTaken(RuleBroken):
    """Danh sách %(code)s đã nhận khoản truy lĩnh này. Hãy đưa dòng đó ra khỏi danh sách trước."""


class ReasonMissing(BadInput):
    """Phải ghi lý do loại khoản này ra."""


class NotYours(NotAllowed):
    """Vai trò của bạn không được sửa đề nghị truy lĩnh."""


class AlreadyOut(RuleBroken):
    """Khoản này đã được loại ra."""


class NotOut(RuleBroken):
    """Khoản này đang được tính."""


class ProposalOver(RuleBroken):
    """Đề nghị này không còn chờ duyệt nên không đưa khoản nào vào lại được."""


class OwedElsewhere(RuleBroken):
    """Tháng này của người này đã được tính trong một đề nghị khác."""


class ListOwesArrears(RuleBroken):
    """Truy lĩnh tính từ danh sách này đã vào danh sách %(code)s, nên không mở lại được."""


_RECHECK = text(
    "UPDATE arrears_proposal_lines x SET live = false, excluded_code = f.code FROM ("
    f"  SELECT y.id, {NOT_OWED.format(month='y.for_month', result='coalesce(l.result, chr(45))')} AS code"
    "    FROM arrears_proposal_lines y"
    "    JOIN entitlements e ON e.id = y.entitlement_id JOIN beneficiaries b ON b.id = y.beneficiary_id"
    "    JOIN benefit_types t ON t.id = e.benefit_type_id LEFT JOIN payout_lines l ON l.id = y.of_line_id"
    "   WHERE y.proposal_id = :id AND y.live AND y.kept_by IS NULL"
    "  UNION ALL"
    "  SELECT y.id, 'moved' FROM arrears_proposal_lines y WHERE y.proposal_id = :id AND y.live"
    "     AND NOT EXISTS (SELECT 1 FROM beneficiaries b WHERE b.id = y.beneficiary_id)"
    " ) f WHERE x.id = f.id AND f.code IS NOT NULL"
)
_OWE = text(
    "INSERT INTO arrears (entitlement_id, area_path, for_month, due_month, amount_vnd, reason, decision_no,"
    " proposal_line_id) SELECT x.entitlement_id, b.area_path, x.for_month, q.due_month, x.amount_vnd, q.reason,"
    " q.decision_no, x.id FROM arrears_proposal_lines x JOIN arrears_proposals q ON q.id = x.proposal_id"
    " JOIN beneficiaries b ON b.id = x.beneficiary_id WHERE x.proposal_id = :id AND x.live"
)


def approve(session: Session, proposal_id: int, *, by: Actor, note: str | None = None) -> ArrearsProposal:
    """Duyệt: from now on the next list of each person takes what is owed, once.

    People who died, were stopped or moved away since the computation are held out now, unless somebody put them back.
    Raises OwnPreparation, NobodyLeft, NotFound, and what `transitions.move` raises.
    """
    found = _lock(session, proposal_id)
    if found.made_by == by.username:
        raise OwnPreparation
    if found.state == "proposed" and found.cause == "rates":
        session.execute(_RECHECK, {"id": proposal_id})
        write_totals(session, proposal_id)
    if found.state == "proposed" and found.line_count == 0:
        raise NobodyLeft
    facts = {"people": found.people_count, "lines": found.line_count, "total_vnd": found.total_vnd}
    transitions.move(session, "arrears", proposal_id, "approve", by=by, because=note, facts=facts)
    session.execute(_OWE, {"id": proposal_id})
    return _decided(session, proposal_id, by, note)


def reject(session: Session, proposal_id: int, *, by: Actor, because: str) -> ArrearsProposal:
    """Không duyệt. Raises OwnPreparation, NotFound, and what `transitions.move` raises."""
    found = _lock(session, proposal_id)
    if found.made_by == by.username:
        raise OwnPreparation
    transitions.move(session, "arrears", proposal_id, "reject", by=by, because=because)
    return _over(session, proposal_id, "rejected", by, because)


def withdraw(session: Session, proposal_id: int, *, by: Actor, because: str) -> ArrearsProposal:
    """Rút a proposal nobody has decided. Raises NotFound, and what `transitions.move` raises."""
    _lock(session, proposal_id)
    transitions.move(session, "arrears", proposal_id, "withdraw", by=by, because=because)
    return _over(session, proposal_id, "withdrawn", by, because)


def revoke(session: Session, proposal_id: int, *, by: Actor, because: str) -> ArrearsProposal:
    """Take an approval back, while no list has taken any of it. Raises AlreadyTaken, and as `withdraw`."""
    _lock(session, proposal_id)
    _take_back(session, "x.proposal_id = :id", {"id": proposal_id}, AlreadyTaken)
    transitions.move(session, "arrears", proposal_id, "revoke", by=by, because=because)
    return _over(session, proposal_id, "withdrawn", by, because)


def exclude(session: Session, line_id: int, *, by: Actor, because: str) -> ArrearsProposalLine:
    """Hold one person-month out of a proposal; after the approval a supervisor only, and while no list has taken it.

    Raises NotYours, ReasonMissing, AlreadyOut, AlreadyTaken, NotFound.
    """
    line, proposal = _lock_line(session, line_id)
    if not by.has(Role.SUPERVISOR, *([Role.CLERK] if proposal.state == "proposed" else [])):
        raise NotYours
    if not because.strip():
        raise ReasonMissing(field="reason")
    if not line.live:
        raise AlreadyOut
    _take_back(session, "x.id = :id", {"id": line_id}, AlreadyTaken)
    line.live, line.excluded_code = False, "by_hand"
    line.excluded_reason, line.excluded_by, line.kept_by = because.strip(), by.username, None
    session.flush()
    write_totals(session, proposal.id)
    return line


def restore(session: Session, line_id: int, *, by: Actor) -> ArrearsProposalLine:
    """Put a person-month back into a proposal that waits, whatever the checks say.

    Raises NotYours, NotOut, ProposalOver, OwedElsewhere, NotFound.
    """
    line, proposal = _lock_line(session, line_id)
    if not by.has(Role.SUPERVISOR, Role.CLERK):
        raise NotYours
    if line.live:
        raise NotOut
    if proposal.state != "proposed":
        raise ProposalOver
    try:
        with session.begin_nested():
            line.live, line.excluded_code, line.kept_by = True, None, by.username
            line.excluded_reason = line.excluded_by = None
    except IntegrityError as error:
        raise OwedElsewhere from error
    write_totals(session, proposal.id)
    return line


def forget_lists(session: Session, batch_ids: list[int]) -> None:
    """Lists are opened again: what was computed from their lines is owed no more, they will be made at the new rate.

    Raises ListOwesArrears when a later list has taken some of it.
    """
    _hold(session)
    facts = {"ids": batch_ids}
    of_lists = "x.of_line_id IN (SELECT id FROM payout_lines WHERE batch_id = ANY(:ids)) AND x.live"
    _take_back(session, of_lists, facts, ListOwesArrears)
    session.execute(
        text(f"UPDATE arrears_proposal_lines x SET live = false, excluded_code = 'reopened' WHERE {of_lists}"), facts
    )


def _lock(session: Session, proposal_id: int) -> ArrearsProposal:
    _hold(session)
    return rows.held(session, ArrearsProposal, proposal_id)


def _hold(session: Session) -> None:
    """Let nobody make a list meanwhile: its lines and the arrears tied to them are read in two statements."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext('arrears_owed'))"))


def _lock_line(session: Session, line_id: int) -> tuple[ArrearsProposalLine, ArrearsProposal]:
    line = session.get(ArrearsProposalLine, line_id)
    if line is None:
        raise NotFound
    proposal = _lock(session, line.proposal_id)
    session.refresh(line)
    return line, proposal


def _take_back(session: Session, which: str, facts: Mapping[str, object], error: type[RuleBroken]) -> None:
    """Arrears of those lines are owed no more; none may be in a list.

    They go with who moves, also into a commune that is out of sight for those who decide here.
    """
    with acting_as(SYSTEM):
        rows = session.execute(
            text(
                "SELECT r.id, r.line_id FROM arrears r JOIN arrears_proposal_lines x ON x.id = r.proposal_line_id"
                f" WHERE {which} ORDER BY r.id FOR UPDATE OF r"
            ),
            facts,
        ).all()
        taken = [row.line_id for row in rows if row.line_id is not None]
        if taken:
            code = session.scalars(
                select(PayoutBatch.code)
                .join(PayoutLine, PayoutLine.batch_id == PayoutBatch.id)
                .where(PayoutLine.id == taken[0])
            ).one()
            raise error(code=code)
        session.execute(text("DELETE FROM arrears WHERE id = ANY(:ids)"), {"ids": [row.id for row in rows]})


def _over(session: Session, proposal_id: int, code: str, by: Actor, reason: str) -> ArrearsProposal:
    """Nothing of the proposal counts any more; its lines stay readable."""
    facts = {"id": proposal_id, "code": code}
    session.execute(
        text("UPDATE arrears_proposal_lines SET live = false, excluded_code = :code WHERE proposal_id = :id AND live"),
        facts,
    )
    return _decided(session, proposal_id, by, reason)


def _decided(session: Session, proposal_id: int, by: Actor, note: str | None) -> ArrearsProposal:
    found = session.get_one(ArrearsProposal, proposal_id)
    found.decided_by, found.decided_at, found.decision_note = by.username, clock.now(), (note or "").strip() or None
    session.flush()
    session.expire_all()
    return found
