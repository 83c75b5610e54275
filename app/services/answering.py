"""What an agency's word does to packet, list, settlement and money: the same for an answer on the wire and a callback.

Words come twice, late and out of order. Each function takes a packet whose row is held, acts when the word still
means something, and otherwise changes nothing and returns why, in words for a person.
"""

from __future__ import annotations

from flask_babel import gettext as _
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.models import Packet, PayoutBatch, Period, Settlement
from app.rules.actors import Actor
from app.rules.states import PACKET
from app.services import extensions, journal, settings, transitions
from app.services.settlements import collecting


def receive(session: Session, packet: Packet, *, by: Actor) -> str | None:
    """The agency has the packet and has not decided yet."""
    if packet.state != "in_doubt":
        return _nothing_new(packet)
    _answered(packet)
    transitions.move(session, "packet", packet.id, "receive", by=by)
    return None


def accept(session: Session, packet: Packet, *, by: Actor) -> str | None:
    """The agency will pay the list: the money is with it, and its settlement is awaited."""
    if packet.state not in ("in_doubt", "received"):
        return _nothing_new(packet)
    _answered(packet)
    packet.answered_at = clock.now()
    transitions.move(session, "packet", packet.id, "accept", by=by)
    transitions.move(session, "batch", packet.batch_id, "accept", by=by)
    journal.handed_over(session, packet.id, by=by)
    _open_settlement(session, packet, by)
    return None


def reject(session: Session, packet: Packet, *, by: Actor, because: str) -> str | None:
    """The agency gives the packet back: the list can be corrected and sent again as the next version.

    After an acceptance the money is owed by us again and the settlement is void. Payments reported before are said in
    the reason, because whoever corrects the list must know.
    """
    if packet.state not in ("in_doubt", "received", "accepted"):
        return _nothing_new(packet)
    reason = because.strip() or _("Đơn vị chi trả không nêu lý do.")
    if packet.state == "accepted":
        reason = _void_settlement(session, packet, by, reason)
        journal.taken_back(session, packet.id, by=by, because=reason)
    _give_back(session, packet, "reject", by, reason)
    return None


def refuse(session: Session, packet: Packet, *, by: Actor, because: str) -> str | None:
    """The agency's signed no: it has not taken the packet and never will."""
    if packet.state != "in_doubt":
        return _nothing_new(packet)
    _give_back(session, packet, "refuse", by, because.strip() or _("Đơn vị chi trả không nêu lý do."))
    return None


def _nothing_new(packet: Packet) -> str:
    state = _(PACKET.states[packet.state])
    return str(
        _(
            "Gói tin %(code)s đang ở trạng thái “%(state)s” nên tin này không làm thay đổi gì.",
            code=packet.code,
            state=state,
        )
    )


def _answered(packet: Packet) -> None:
    packet.sent_at = packet.sent_at or clock.now()
    packet.lease_until, packet.last_error = None, None


def _give_back(session: Session, packet: Packet, move: str, by: Actor, reason: str) -> None:
    _answered(packet)
    packet.answered_at, packet.answer_reason = clock.now(), reason
    transitions.move(session, "packet", packet.id, move, by=by, because=reason)
    transitions.move(session, "batch", packet.batch_id, "return", by=by, because=reason)
    batch = session.get_one(PayoutBatch, packet.batch_id)
    batch.version = packet.version + 1
    batch.return_reason = reason
    session.flush()


def _open_settlement(session: Session, packet: Packet, by: Actor) -> None:
    batch = session.get_one(PayoutBatch, packet.batch_id)
    month = session.get_one(Period, batch.period_id).month
    opened = Settlement(
        packet_id=packet.id,
        batch_id=batch.id,
        agency_id=packet.agency_id,
        period_id=batch.period_id,
        area_path=packet.area_path,
        due_on=settings.settlement_cutoff(session, packet.area_path, month),
        sent_count=packet.line_count,
        sent_vnd=packet.total_vnd,
    )
    session.add(opened)
    session.flush()
    transitions.created(session, "settlement", [opened.id], by=by)


def _void_settlement(session: Session, packet: Packet, by: Actor, reason: str) -> str:
    row = session.execute(
        text(
            "SELECT s.id, (SELECT count(*) FROM ("
            "   SELECT reference FROM settlement_entries e WHERE e.settlement_id = s.id AND e.outcome <> 'unpaid' UNION"
            "   SELECT reference FROM settlement_records r WHERE r.settlement_id = s.id"
            "      AND r.decided_outcome IN ('paid', 'to_recover')) x) AS handed_out"
            "  FROM settlements s WHERE s.packet_id = :packet"
        ),
        {"packet": packet.id},
    ).one()
    transitions.move(session, "settlement", row.id, "void", by=by, because=reason)
    collecting.forsake(session, row.id)
    extensions.lapse_of(session, [row.id], because=_("Gói tin đã bị từ chối khi chưa có quyết định gia hạn."))
    if row.handed_out:
        warning = _("Chú ý: đơn vị chi trả đã báo trả tiền cho %(count)s dòng của gói tin này.", count=row.handed_out)
        return f"{reason} ({warning})"
    return reason
