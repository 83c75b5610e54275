"""What comes back in cash, what is written off, and how much a period may withhold. One entry of the ledger each."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import clock
from app.errors import BadInput, NotAllowed, RuleBroken
from app.models import Recovery, RecoveryEntry
from app.rules import money
from app.rules.actors import Actor, Role
from app.services import journal
from app.services.recoveries import withholding
from app.services.recoveries.figures import figures
from app.services.recoveries.opening import InstalmentOutOfRange, hold

LONGEST_REFERENCE = 120


class NotAnAccountant(NotAllowed):
    """Chỉ kế toán được ghi tiền truy thu nộp lại."""


class NotASupervisor(NotAllowed):
    """Chỉ lãnh đạo được quyết định xóa hoặc đổi mức khấu trừ khoản truy thu."""


class ReferenceMissing(BadInput):
    """Phải ghi số chứng từ, không quá 120 ký tự."""


class ReasonMissing(BadInput):
    """Phải ghi lý do xóa khoản truy thu."""


class AmountOutOfRange(BadInput):
    """Số tiền phải từ 1 đồng đến số còn phải thu mà không danh sách nào đang khấu trừ: %(free)s."""


class ReceiptKnown(RuleBroken):
    """Chứng từ %(ref)s đã được ghi cho khoản truy thu này."""


class NothingLeft(RuleBroken):
    """Không còn gì để xóa: phần còn lại %(waiting)s đang được khấu trừ ở danh sách chưa quyết toán."""


class NotOpen(RuleBroken):
    """Khoản truy thu này không ở trạng thái đang thu."""


def pay_cash(
    session: Session, recovery_id: int, amount_vnd: int, *, reference: str, by: Actor, note: str | None = None
) -> Recovery:
    """Money brought back in cash through the agency, with its receipt; the last đồng closes the recovery.

    A receipt counts once, unless it was taken back since. Raises NotAnAccountant, ReferenceMissing, ReceiptKnown,
    AmountOutOfRange, NotOpen, NotFound.
    """
    if not by.has(Role.ACCOUNTANT):
        raise NotAnAccountant
    receipt = reference.strip()
    if not receipt or len(receipt) > LONGEST_REFERENCE:
        raise ReferenceMissing(field="reference")
    found = _open(session, recovery_id)
    counted = select(func.coalesce(func.sum(RecoveryEntry.amount_vnd), 0)).where(
        RecoveryEntry.recovery_id == found.id, RecoveryEntry.kind == "cash", RecoveryEntry.reference == receipt
    )
    if session.scalars(counted).one():
        raise ReceiptKnown(ref=receipt)
    free = figures(session, recovery_id).free_vnd
    if not 1 <= amount_vnd <= free:
        raise AmountOutOfRange(field="amount_vnd", free=money.format_vnd(free))
    _enter(session, found, "cash", amount_vnd, by=by, reference=receipt, note=note)
    return found


def write_off(
    session: Session, recovery_id: int, *, because: str, by: Actor, decision_no: str | None = None
) -> Recovery:
    """Xóa: the rest will not be asked for, by a supervisor's decision; what a list withholds meanwhile still counts.

    Raises NotASupervisor, ReasonMissing, NothingLeft, NotOpen, NotFound.
    """
    if not by.has(Role.SUPERVISOR):
        raise NotASupervisor
    reason = because.strip()
    if not reason:
        raise ReasonMissing(field="reason")
    found = _open(session, recovery_id)
    at = figures(session, recovery_id)
    if not at.free_vnd:
        raise NothingLeft(waiting=money.format_vnd(at.waiting_vnd))
    _enter(session, found, "written_off", at.free_vnd, by=by, reference=decision_no, note=reason)
    return found


def set_instalment(session: Session, recovery_id: int, instalment_vnd: int | None, *, by: Actor) -> Recovery:
    """Most that lists made from now on withhold in one period; None leaves only the share of a line.

    Raises NotASupervisor, InstalmentOutOfRange, NotOpen, NotFound.
    """
    if not by.has(Role.SUPERVISOR):
        raise NotASupervisor
    found = _open(session, recovery_id)
    if instalment_vnd is not None and not 1 <= instalment_vnd <= found.amount_vnd:
        raise InstalmentOutOfRange(field="instalment_vnd")
    found.instalment_vnd = instalment_vnd
    session.flush()
    return found


def _open(session: Session, recovery_id: int) -> Recovery:
    found = hold(session, recovery_id)
    if found.state != "open":
        raise NotOpen
    return found


def _enter(
    session: Session, of: Recovery, kind: str, amount_vnd: int, *, by: Actor, reference: str | None, note: str | None
) -> None:
    entry = RecoveryEntry(
        recovery_id=of.id,
        area_path=of.area_path,
        kind=kind,
        amount_vnd=amount_vnd,
        reference=reference,
        note=note,
        entered_by=by.username,
        at=clock.now(),
    )
    session.add(entry)
    session.flush()
    journal.recovery_entries(session, [entry.id], by=by)
    withholding.close_complete(session, of.id, by=by, because=note)
