"""Settlements that came after their deadline: kept and shown, applied when a person says so or grants more days.

Whether a message is late depends on when it was received, never on when the scheduler got round to it.
"""

from __future__ import annotations

from datetime import date, datetime

from flask_babel import gettext as _
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.errors import BadInput, NotAllowed, NotFound, RuleBroken
from app.models import Acknowledgement, Packet, Settlement
from app.rules import dates, deadlines
from app.rules.actors import Actor, Role

MAY_DECIDE = (Role.ACCOUNTANT, Role.SUPERVISOR)
LONGEST_REASON = 2_000


class NotYoursToLetThrough(NotAllowed):
    """Chỉ kế toán hoặc lãnh đạo được quyết định về quyết toán đến sau hạn."""


class ReasonMissing(BadInput):
    """Phải ghi lý do."""


class ReasonTooLong(BadInput):
    """Lý do dài quá %(most)s ký tự."""


class NothingHeld(RuleBroken):
    """Không còn tin quyết toán đến muộn nào chờ quyết định."""


_OF_THE_PACKET = (
    " WHERE outcome = 'held' AND (transaction_id, agency_id) ="
    " (SELECT p.code, p.agency_id FROM packets p JOIN settlements s ON s.packet_id = p.id WHERE s.id = :settlement)"
)
_RELEASE = (
    "UPDATE inbox SET outcome = NULL, note = NULL, applied_at = NULL, attempts = 0, lease_until = NULL,"
    " released_at = :now, released_by = :by, release_reason = :reason" + _OF_THE_PACKET
)


def why_held(received_at: datetime, due: date) -> str | None:
    """Why a message received then must wait for a person, None when it came in time."""
    if received_at < deadlines.ends_at(due):
        return None
    return str(_("Quyết toán đến sau hạn %(due)s, chờ người quyết định.", due=dates.format_date(due)))


def count(session: Session, settlement_id: int) -> int:
    """Messages of a settlement that wait for a person."""
    return int(
        session.execute(text("SELECT count(*) FROM inbox" + _OF_THE_PACKET), {"settlement": settlement_id}).scalar_one()
    )


def let_through(session: Session, settlement_id: int, *, by: Actor, because: str) -> int:
    """Apply what came late all the same: the scheduler takes the messages up again. How many there were.

    Raises NotYoursToLetThrough, ReasonMissing, ReasonTooLong, NotFound, NothingHeld.
    """
    facts = _prepare(session, settlement_id, by, because)
    return _some(list(session.execute(text(_RELEASE + " RETURNING id"), facts).scalars()))


def let_through_in_time(session: Session, settlement_id: int, due: date, *, by: Actor) -> int:
    """A granted extension lets through what was received before the new deadline; how many there were."""
    reason = _("Gia hạn đến %(due)s.", due=dates.format_date(due))
    facts = {"settlement": settlement_id, "now": clock.now(), "by": by.username, "reason": reason}
    in_time = text(_RELEASE + " AND received_at < :end RETURNING id")
    return len(session.execute(in_time, facts | {"end": deadlines.ends_at(due)}).all())


def decline(session: Session, settlement_id: int, *, by: Actor, because: str) -> int:
    """Leave what came late out for good; the messages stay where they are. How many there were. Raises as let_through."""
    facts = _prepare(session, settlement_id, by, because)
    facts["note"] = _("Không ghi nhận vì đến sau hạn: %(why)s", why=facts["reason"])
    statement = (
        "UPDATE inbox SET outcome = 'ignored', note = :note, applied_at = :now" + _OF_THE_PACKET + " RETURNING id"
    )
    declined = list(session.execute(text(statement), facts).scalars())
    path = session.get_one(Settlement, settlement_id).area_path
    session.add_all(
        Acknowledgement(
            subject="message",
            entity_id=key,
            area_path=path,
            actor=by.username,
            actor_id=by.user_id,
            reason=facts["reason"],
            at=facts["now"],
        )
        for key in declined
    )
    session.flush()
    return _some(declined)


def _prepare(session: Session, settlement_id: int, by: Actor, because: str) -> dict[str, object]:
    if not by.has(*MAY_DECIDE):
        raise NotYoursToLetThrough
    reason = because.strip()
    if not reason:
        raise ReasonMissing(field="reason")
    if len(reason) > LONGEST_REASON:
        raise ReasonTooLong(field="reason", most=LONGEST_REASON)
    held = select(Packet.id).join(Settlement, Settlement.packet_id == Packet.id).where(Settlement.id == settlement_id)
    if session.scalars(held.with_for_update(of=Packet, key_share=True)).one_or_none() is None:
        raise NotFound
    return {"settlement": settlement_id, "now": clock.now(), "by": by.username, "reason": reason}


def _some(ids: list[int]) -> int:
    if not ids:
        raise NothingHeld
    return len(ids)
