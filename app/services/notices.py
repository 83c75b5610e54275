"""Telling agencies what was decided about extensions: intent in the decision's transaction, then the wire, then the answer.

The bytes are built once and stored before the first call; a step may be killed anywhere and repeated, and the agency
knows the same message again by its id. Nothing depends on the answer: the decision holds whether it was heard or not.
"""

from __future__ import annotations

import hashlib
import logging
from datetime import date

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.agency import messages
from app.agency.messages import Notice, PacketHead
from app.agency.port import AgencyError, Answer, Endpoint, OutgoingPacket, Refused
from app.extensions import transaction
from app.models import Agency, AgencyNotice, DeadlineExtension, Packet, Settlement
from app.services import calls, composing, sending

LONGEST_REASON = 500

log = logging.getLogger(__name__)


def tell(session: Session, extension: DeadlineExtension, decision: str, *, due_on: date, reason: str) -> AgencyNotice:
    """Note what the agency is to be told; the scheduler delivers it once this transaction is committed."""
    packet_id = session.scalars(select(Settlement.packet_id).where(Settlement.id == extension.settlement_id)).one()
    packet = session.get_one(Packet, packet_id)
    notice = AgencyNotice(
        extension_id=extension.id,
        area_path=extension.area_path,
        packet_id=packet_id,
        decision=decision,
        days=extension.days,
        due_on=due_on,
        reason=" ".join(reason.split())[:LONGEST_REASON],
        message_id=f"{packet.code}-G{extension.id}-{decision}",
        decided_at=clock.now(),
    )
    session.add(notice)
    session.flush()
    return notice


def deliver_next(connect: sending.Connect) -> bool:
    """Deliver one notice; False when none is due."""
    with transaction() as session:
        notice = _take(session)
        if notice is None:
            return False
        packet = session.get_one(Packet, notice.packet_id)
        agency = session.get_one(Agency, packet.agency_id)
        connection = connect(agency.code, composing.address_of(session, packet, agency))
        outgoing = _stored(session, notice, packet, connection.endpoint)
        notice_id, call_id = notice.id, calls.begun(session, packet, "notify")
    _deliver(notice_id, call_id, connection, outgoing)
    return True


def _take(session: Session) -> AgencyNotice | None:
    """Lease one due notice by the database's clock; schedulers beside us skip it."""
    key = session.execute(
        text(
            "UPDATE agency_notices SET lease_until = clock_timestamp() + make_interval(secs => :lease),"
            " attempts = attempts + 1 WHERE id = ("
            " SELECT id FROM agency_notices WHERE delivered_at IS NULL AND next_attempt_at <= clock_timestamp()"
            " AND (lease_until IS NULL OR lease_until < clock_timestamp())"
            " ORDER BY next_attempt_at, id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id"
        ),
        {"lease": sending.LEASE_S},
    ).scalar()
    return None if key is None else session.get_one(AgencyNotice, key, populate_existing=True)


def _stored(session: Session, notice: AgencyNotice, packet: Packet, endpoint: Endpoint) -> OutgoingPacket:
    """The notice's bytes, built at the first attempt."""
    if notice.body is None:
        head = PacketHead(
            transaction_id=packet.code,
            message_id=notice.message_id,
            message_ts=notice.decided_at,
            sender_id=endpoint.sender_id,
            receiver_id=endpoint.receiver_id,
            sender_uri=endpoint.callback_url,
        )
        notice.body = messages.notice(head, Notice(notice.decision, notice.days, notice.due_on, notice.reason))
        notice.body_sha256 = hashlib.sha256(notice.body).hexdigest()
        session.flush()
    assert notice.body_sha256 is not None, notice.message_id
    return OutgoingPacket(packet.code, notice.message_id, notice.body, notice.body_sha256, endpoint)


def _deliver(notice_id: int, call_id: int, connection: sending.Connection, outgoing: OutgoingPacket) -> None:
    said: Answer | AgencyError
    try:
        said = connection.agency.notify(outgoing)
    except AgencyError as error:
        said = error
    with transaction() as session:
        calls.ended(session, call_id, said)
        if isinstance(said, AgencyError) and not isinstance(said, Refused):
            _put_off(session, notice_id, said)
            return
        notice = session.get_one(AgencyNotice, notice_id, with_for_update=True)
        notice.delivered_at, notice.lease_until, notice.last_error = clock.now(), None, None
        if isinstance(said, Refused):
            notice.answer = said.text or said.code
            log.warning("notice_refused", extra={"notice": outgoing.message_id, "answer": said.code})


def _put_off(session: Session, notice_id: int, error: AgencyError) -> None:
    """15 seconds, doubled with every call up to an hour, shaken; or as long as the agency asked."""
    session.execute(
        text(
            "UPDATE agency_notices SET lease_until = NULL, last_error = :why, next_attempt_at = clock_timestamp()"
            " + make_interval(secs => greatest(:at_least, least(3600, 15 * 2 ^ least(attempts, 10)) * (0.5 + random())))"
            " WHERE id = :id AND delivered_at IS NULL"
        ),
        {"id": notice_id, "why": str(error)[:1000], "at_least": float(error.retry_after_s or 0)},
    )
