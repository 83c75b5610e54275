"""Opening recoveries: by a settlement, proposed by hand, and the supervisor's decision on a proposal."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.errors import BadInput, NotAllowed, RuleBroken
from app.extensions import acting_as
from app.models import Recovery
from app.rules import dates, money
from app.rules.actors import SYSTEM, Actor, Role
from app.services import journal, rows, transitions
from app.services.recoveries import figures

LONGEST_REASON = 1_000


class NotAClerk(NotAllowed):
    """Chỉ cán bộ bảo trợ xã hội được đề nghị truy thu."""


class ReasonMissing(BadInput):
    """Phải ghi lý do truy thu, không quá 1.000 ký tự."""


class MonthsReversed(BadInput):
    """Tháng cuối không thể trước tháng đầu."""


class AmountOutOfRange(BadInput):
    """Số tiền truy thu phải từ 1 đồng đến số đã trả trong các tháng này mà chưa bị truy thu: %(paid)s."""


class InstalmentOutOfRange(BadInput):
    """Mức khấu trừ mỗi kỳ phải từ 1 đồng đến số phải thu."""


class NothingPaid(RuleBroken):
    """Trong các tháng này không có khoản nào đã trả mà chưa bị truy thu."""


class AlreadyProposed(RuleBroken):
    """Người này đã có đề nghị truy thu %(amount)s cho các tháng này, lập ngày %(day)s, đang chờ quyết định."""


class OwnProposal(NotAllowed):
    """Người quyết định không được là người đã đề nghị truy thu."""


class NoLongerPaid(RuleBroken):
    """Có dòng chi trả không còn ở trạng thái đã trả (quyết toán được mở lại). Hãy chờ chốt lại quyết toán."""


class AlreadyCameBack(RuleBroken):
    """Khoản này đã thu được một phần hoặc đang bị khấu trừ ở một danh sách nên không rút lại được."""


class OfASettlement(RuleBroken):
    """Khoản truy thu ghi theo quyết toán chỉ rút lại khi mở lại quyết toán đó; hoặc có quyết định xóa."""


_BY_SETTLEMENT = text("""
WITH made AS (
    INSERT INTO recoveries (line_id, beneficiary_id, area_path, amount_vnd, reason, source, entered_by, opened_at)
    SELECT l.id, l.beneficiary_id, l.area_path, l.total_vnd, coalesce(r.decided_reason, r.reason_code, 'OTHER'),
           'settlement', :by, :now
      FROM settlement_records r JOIN payout_lines l ON l.id = r.line_id
     WHERE r.settlement_id = ANY(:ids) AND l.result = 'to_recover'
     ORDER BY l.reference
    RETURNING id, line_id, area_path, amount_vnd
)
INSERT INTO recovery_lines (recovery_id, line_id, area_path, amount_vnd)
SELECT id, line_id, area_path, amount_vnd FROM made RETURNING recovery_id
""")


def by_settlement(session: Session, settlement_ids: Collection[int], *, by: Actor) -> None:
    """One open recovery for every line that these settlements, just locked, say must come back."""
    facts = {"ids": list(settlement_ids), "by": by.username, "now": clock.now()}
    made = list(session.execute(_BY_SETTLEMENT, facts).scalars())
    if made:
        transitions.created(session, "recovery", made, by=by)
        transitions.move_all(session, "recovery", made, "record", by=by)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a clerk asks for: money paid to a person in these months; all that was paid when no amount is given."""

    beneficiary_id: int
    first_month: date
    last_month: date
    reason: str
    amount_vnd: int | None = None
    instalment_vnd: int | None = None
    decision_no: str | None = None
    decided_on: date | None = None


_OF_MONTHS = """
  FROM payout_lines l JOIN periods p ON p.id = l.period_id
 WHERE l.beneficiary_id = :person AND l.live AND l.result = 'paid' AND p.month BETWEEN :first AND :last
"""
# Held first and read by a later statement, which sees what whoever held them before has written.
_HOLD_PAID = text(f"SELECT l.id {_OF_MONTHS} ORDER BY l.id FOR UPDATE OF l")
_PAID = text(f"""
SELECT l.id, l.area_path, l.total_vnd - coalesce((SELECT sum(x.amount_vnd) FROM recovery_lines x
           JOIN recoveries r ON r.id = x.recovery_id
          WHERE x.line_id = l.id AND r.state <> 'withdrawn'), 0)::bigint AS free_vnd
  {_OF_MONTHS} ORDER BY p.month, l.id
""")
_WAITING = text("""
SELECT r.amount_vnd, r.opened_at FROM recoveries r
 WHERE r.beneficiary_id = :person AND r.state = 'proposed' AND r.source = 'hand' AND EXISTS (
     SELECT 1 FROM recovery_lines x JOIN payout_lines l ON l.id = x.line_id JOIN periods p ON p.id = l.period_id
      WHERE x.recovery_id = r.id AND p.month BETWEEN :first AND :last)
 ORDER BY r.id LIMIT 1
""")


def propose(session: Session, wanted: Proposal, *, by: Actor) -> Recovery:
    """Đề nghị truy thu by hand; a supervisor decides. The amount is laid on the paid lines, the oldest month first.

    One proposal by hand waits for the same months at a time: the second of a double click, or of two people, is refused.
    Raises NotAClerk, ReasonMissing, MonthsReversed, AmountOutOfRange, InstalmentOutOfRange, AlreadyProposed, NothingPaid.
    """
    if not by.has(Role.CLERK):
        raise NotAClerk
    reason = wanted.reason.strip()
    if not reason or len(reason) > LONGEST_REASON:
        raise ReasonMissing(field="reason")
    if wanted.last_month < wanted.first_month:
        raise MonthsReversed(field="last_month")
    paid = _free_lines(session, wanted)
    most = sum(row.free_vnd for row in paid)
    amount = most if wanted.amount_vnd is None else wanted.amount_vnd
    if not 1 <= amount <= most:
        raise AmountOutOfRange(field="amount_vnd", paid=money.format_vnd(most))
    _check_instalment(wanted.instalment_vnd, amount)
    made = Recovery(
        line_id=paid[0].id,
        beneficiary_id=wanted.beneficiary_id,
        area_path=paid[-1].area_path,
        amount_vnd=amount,
        instalment_vnd=wanted.instalment_vnd,
        reason=reason,
        source="hand",
        decision_no=wanted.decision_no,
        decided_on=wanted.decided_on,
        entered_by=by.username,
        opened_at=clock.now(),
    )
    session.add(made)
    session.flush()
    _lay(session, made, paid)
    transitions.created(session, "recovery", [made.id], by=by, facts={made.id: {"amount_vnd": amount}})
    return made


def _free_lines(session: Session, wanted: Proposal) -> list[Any]:
    """Lines of these months, held, of which not everything is asked for. Raises AlreadyProposed, NothingPaid."""
    facts = {"person": wanted.beneficiary_id, "first": wanted.first_month, "last": wanted.last_month}
    session.execute(_HOLD_PAID, facts)
    waiting = session.execute(_WAITING, facts).one_or_none()
    if waiting is not None:
        day = waiting.opened_at.astimezone(clock.LOCAL).date()
        raise AlreadyProposed(amount=money.format_vnd(waiting.amount_vnd), day=dates.format_date(day))
    paid = [row for row in session.execute(_PAID, facts) if row.free_vnd > 0]
    if not paid:
        raise NothingPaid
    return paid


def _lay(session: Session, made: Recovery, paid: Collection[Any]) -> None:
    """The amount of a recovery, on these lines one after the other."""
    left, parts = made.amount_vnd, []
    for row in paid:
        part = min(left, row.free_vnd)
        left -= part
        parts.append({"recovery": made.id, "line": row.id, "path": made.area_path, "vnd": part})
    session.execute(
        text(
            "INSERT INTO recovery_lines (recovery_id, line_id, area_path, amount_vnd) VALUES (:recovery, :line, :path, :vnd)"
        ),
        [part for part in parts if part["vnd"]],
    )


def _check_instalment(instalment_vnd: int | None, amount_vnd: int) -> None:
    if instalment_vnd is not None and not 1 <= instalment_vnd <= amount_vnd:
        raise InstalmentOutOfRange(field="instalment_vnd")


_LINES_OF = "FROM recovery_lines x JOIN payout_lines l ON l.id = x.line_id WHERE x.recovery_id = :id"
_HOLD_LISTS = text(f"SELECT id FROM payout_batches WHERE id IN (SELECT l.batch_id {_LINES_OF}) ORDER BY id FOR SHARE")
_NOT_PAID = text(f"SELECT 1 {_LINES_OF} AND l.result <> 'paid'")


def approve(
    session: Session,
    recovery_id: int,
    *,
    by: Actor,
    decision_no: str | None = None,
    decided_on: date | None = None,
    instalment_vnd: int | None = None,
) -> Recovery:
    """Đồng ý truy thu: from now on it is withheld from lists. What is given replaces what was proposed.

    Raises OwnProposal, NoLongerPaid, InstalmentOutOfRange, NotFound and what `transitions.move` raises.
    """
    found = hold(session, recovery_id)
    if found.entered_by == by.username:
        raise OwnProposal
    _check_instalment(instalment_vnd, found.amount_vnd)
    facts = {"amount_vnd": found.amount_vnd, "decision_no": decision_no or found.decision_no}
    transitions.move(session, "recovery", recovery_id, "approve", by=by, facts=facts)
    found.decision_no, found.decided_on = decision_no or found.decision_no, decided_on or found.decided_on
    found.instalment_vnd = instalment_vnd or found.instalment_vnd
    found.decided_by, found.decided_at = by.username, clock.now()
    session.flush()
    with acting_as(SYSTEM):  # a recovery follows who moves, its lines stay where they were paid
        session.execute(_HOLD_LISTS, {"id": recovery_id})  # whoever reopens their settlement waits, or was first
        not_paid = session.execute(_NOT_PAID, {"id": recovery_id}).first()
    if not_paid:
        raise NoLongerPaid
    journal.recovery_opened(session, recovery_id, by=by)
    return found


def refuse(session: Session, recovery_id: int, *, by: Actor, because: str) -> Recovery:
    """Không truy thu. Raises OwnProposal, NotFound and what `transitions.move` raises."""
    found = hold(session, recovery_id)
    if found.entered_by == by.username:
        raise OwnProposal
    transitions.move(session, "recovery", recovery_id, "refuse", by=by, because=because)
    found.decided_by, found.decided_at = by.username, clock.now()
    session.flush()
    return found


def withdraw(session: Session, recovery_id: int, *, by: Actor, because: str) -> Recovery:
    """Take an approved recovery back of which nothing has come back. Raises OfASettlement, AlreadyCameBack, NotFound."""
    found = hold(session, recovery_id)
    if found.source == "settlement":
        raise OfASettlement
    at = figures.figures(session, recovery_id)
    if at.free_vnd != at.amount_vnd:
        raise AlreadyCameBack
    transitions.move(session, "recovery", recovery_id, "withdraw", by=by, because=because)
    journal.recovery_opened(session, recovery_id, by=by, because=because)
    return found


def hold(session: Session, recovery_id: int) -> Recovery:
    """The recovery as it is now, its row held until the transaction ends. Raises NotFound."""
    return rows.held(session, Recovery, recovery_id)
