"""What a person has looked at and put aside, for a reason: messages that changed nothing, packets that stay in doubt.

Nothing is changed by it but what the workbench shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from flask_babel import gettext as _
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.errors import BadInput, NotAllowed, RuleBroken
from app.models import FAULTS_FOR_A_PERSON, Acknowledgement, InboxMessage, MessageFault
from app.rules.actors import Actor, Role
from app.services import packets, rows

WAIT = timedelta(hours=24)
"""How long a packet in doubt is put aside: afterwards it is shown again."""

MAY_LOOK = (Role.CLERK, Role.ACCOUNTANT, Role.SUPERVISOR)
MAY_ASK = (Role.CLERK, Role.SUPERVISOR)
LONGEST_REASON = 2_000


class ReasonMissing(BadInput):
    """Phải ghi lý do."""


class ReasonTooLong(BadInput):
    """Lý do dài quá %(most)s ký tự."""


class NotYoursToPutAside(NotAllowed):
    """Vai trò của bạn không được ghi “đã xem xét”."""


class NothingToLookAt(RuleBroken):
    """Tin này không có gì phải xem xét, hoặc đã được xem xét."""


class NotInDoubt(RuleBroken):
    """Gói tin %(code)s đã có kết quả nên không cần hỏi lại."""


def message(session: Session, inbox_id: int, *, by: Actor, because: str) -> None:
    """A message that needs a person has been looked at. Raises NotYoursToPutAside, ReasonMissing, ReasonTooLong,
    NotFound, NothingToLookAt."""
    reason = _allowed(by, MAY_LOOK, because)
    row = rows.held(session, InboxMessage, inbox_id)
    if not waits_for_a_person(session, row):
        raise NothingToLookAt
    _write(session, "message", row.id, row.area_path, by, reason)


def waits_for_a_person(session: Session, row: InboxMessage) -> bool:
    """The message failed, or says something about a packet it cannot change, and nobody has looked at it."""
    if of(session, "message", row.id):
        return False
    odd = select(MessageFault.id).where(MessageFault.inbox_id == row.id, MessageFault.code.in_(FAULTS_FOR_A_PERSON))
    return row.outcome == "failed" or session.scalars(odd.limit(1)).first() is not None


def keep_waiting(session: Session, packet_id: int, *, by: Actor, because: str) -> None:
    """A packet in doubt is left to the system for another day. Raises NotYoursToPutAside, ReasonMissing,
    ReasonTooLong, NotFound, NotInDoubt."""
    reason = _allowed(by, MAY_ASK, because)
    packet = packets.lock(session, packet_id)
    if packet.state not in ("queued", "in_doubt"):
        raise NotInDoubt(code=packet.code)
    _write(session, "packet", packet.id, packet.area_path, by, reason, wait=WAIT)


def ask_now(session: Session, packet_id: int, *, by: Actor) -> None:
    """The next call about a packet is due at once: the same key and the same bytes as ever. Raises NotYoursToPutAside,
    NotFound, NotInDoubt."""
    _allowed(by, MAY_ASK, "-")
    packet = packets.lock(session, packet_id)
    if packet.state not in ("queued", "in_doubt"):
        raise NotInDoubt(code=packet.code)
    session.execute(text("UPDATE packets SET next_attempt_at = clock_timestamp() WHERE id = :id"), {"id": packet.id})
    session.expire(packet)
    _write(session, "packet", packet_id, packet.area_path, by, _("Yêu cầu hỏi lại ngay."), wait=timedelta())


def of(session: Session, subject: str, entity_id: int) -> Sequence[Acknowledgement]:
    """Who looked at it and what they wrote, newest first."""
    found = select(Acknowledgement).where(Acknowledgement.subject == subject, Acknowledgement.entity_id == entity_id)
    return session.scalars(found.order_by(Acknowledgement.id.desc())).all()


def _allowed(by: Actor, who: tuple[Role, ...], because: str) -> str:
    if not by.has(*who):
        raise NotYoursToPutAside
    reason = because.strip()
    if not reason:
        raise ReasonMissing(field="reason")
    if len(reason) > LONGEST_REASON:
        raise ReasonTooLong(field="reason", most=LONGEST_REASON)
    return reason


def _write(
    session: Session, subject: str, key: int, path: str, by: Actor, reason: str, *, wait: timedelta | None = None
) -> None:
    now = clock.now()
    session.add(
        Acknowledgement(
            subject=subject,
            entity_id=key,
            area_path=path,
            actor=by.username,
            actor_id=by.user_id,
            reason=reason,
            until=None if wait is None else now + wait,
            at=now,
        )
    )
    session.flush()
