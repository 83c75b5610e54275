"""Sending packets, asking about those in doubt, delivering recalls: what the scheduler does, one packet a step.

Two transactions: intent, then outcome. The first claims a packet with a lease and commits before anything leaves this
machine, the call is made in no transaction, the second records what came of it. A step may be killed anywhere and
repeated by anybody, because the key and the bytes are stored and never made again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.agency.messages import LinesDiffer
from app.agency.port import Agency, AgencyError, Answer, Endpoint, NotSent, OutgoingPacket, Refused
from app.extensions import transaction
from app.models import Agency as AgencyRow
from app.models import Packet
from app.rules.actors import SYSTEM, Actor, agency_actor
from app.services import answering, calls, composing, packets, transitions

LEASE_S = 300
"""Longer than a question and a sending with their deadlines together."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Connection:
    """An adapter and where it leads."""

    agency: Agency
    endpoint: Endpoint


Connect = Callable[[str, str], Connection]
"""The connection to the agency of a code and address (app.agency.adapters); building one calls nobody."""


@dataclass(frozen=True, slots=True)
class _Claimed:
    """A packet whose intent is committed, with everything a call needs."""

    packet_id: int
    connection: Connection
    outgoing: OutgoingPacket
    agency: Actor
    call_id: int
    reason: str = ""


def send_next(connect: Connect) -> bool:
    """Send one packet that waits in the queue; False when none is due."""
    with transaction() as session:
        packet = _take(session, "state = 'queued'")
        if packet is None:
            return False
        claimed = _intend(session, packet, connect)
    if claimed is not None:
        _send(claimed)
    return True


def ask_next(connect: Connect) -> bool:
    """Make one packet in doubt certain: ask first, and send the same bytes again when the agency does not know it.

    "Not found" is no proof: an earlier request of ours may still arrive, so the key never changes. False when none is
    due.
    """
    with transaction() as session:
        packet = _take(session, "state = 'in_doubt'")
        if packet is None:
            return False
        connection, agency = connection_of(session, packet, connect)
        question = composing.question(packet, connection.endpoint)
        claimed = _Claimed(packet.id, connection, question, agency, calls.begun(session, packet, "ask"))
    try:
        answer = connection.agency.ask(claimed.outgoing)
    except AgencyError as error:
        with transaction() as session:
            calls.ended(session, claimed.call_id, error)
            _still_unknown(session, claimed.packet_id, error)
        return True
    if answer.kind != "not_found":
        with transaction() as session:
            calls.ended(session, claimed.call_id, answer)
            record(session, packets.lock(session, claimed.packet_id), claimed.agency, answer)
        return True
    with transaction() as session:
        calls.ended(session, claimed.call_id, answer)
        again = _intend(session, packets.lock(session, claimed.packet_id), connect)
    if again is not None:
        _send(again)
    return True


def recall_next(connect: Connect) -> bool:
    """Deliver one request to give a packet back; the agency's decision comes later. False when none is due."""
    with transaction() as session:
        packet = _take(
            session,
            "recall_asked_at IS NOT NULL AND recall_delivered_at IS NULL AND state IN ('received', 'accepted')",
        )
        if packet is None:
            return False
        connection, agency = connection_of(session, packet, connect)
        reason = packet.recall_reason or ""
        outgoing = composing.recall(packet, connection.endpoint)
        claimed = _Claimed(packet.id, connection, outgoing, agency, calls.begun(session, packet, "recall"), reason)
    _recall(claimed)
    return True


def _take(session: Session, due: str) -> Packet | None:
    """Lease one due packet by the database's clock and count the call; schedulers beside us skip it."""
    packet_id = session.execute(
        text(
            "UPDATE packets SET lease_until = clock_timestamp() + make_interval(secs => :lease), attempts = attempts + 1"
            " WHERE id = ("
            f" SELECT id FROM packets WHERE {due} AND next_attempt_at <= clock_timestamp()"
            " AND (lease_until IS NULL OR lease_until < clock_timestamp())"
            " ORDER BY next_attempt_at, id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id"
        ),
        {"lease": LEASE_S},
    ).scalar()
    return None if packet_id is None else packets.lock(session, packet_id)


def _intend(session: Session, packet: Packet, connect: Connect) -> _Claimed | None:
    """Write down that this packet is being sent: until an outcome says otherwise this call counts as unknown.

    None when there is nothing to send: the bytes cannot be built, or somebody else learnt the outcome meanwhile.
    """
    if packet.state not in ("queued", "in_doubt"):
        return None
    connection, agency = connection_of(session, packet, connect)
    if packet.body is None:
        try:
            composing.write_body(session, packet, connection.endpoint)
        except (LinesDiffer, ValueError) as error:
            log.exception("packet_unfit", extra={"packet": packet.code})
            _put_off(session, packet.id, _("Không dựng được gói tin: %(why)s", why=str(error)))
            return None
    transitions.move(session, "packet", packet.id, "claim", by=SYSTEM)
    packet.unknown_count += 1
    session.flush()
    outgoing = composing.stored_packet(packet, connection.endpoint)
    return _Claimed(packet.id, connection, outgoing, agency, calls.begun(session, packet, "send"))


def connection_of(session: Session, packet: Packet, connect: Connect) -> tuple[Connection, Actor]:
    """The way to a packet's agency, and who speaks there."""
    agency = session.get_one(AgencyRow, packet.agency_id)
    return connect(agency.code, composing.address_of(session, packet, agency)), agency_actor(agency.code)


def _send(claimed: _Claimed) -> None:
    try:
        answer = claimed.connection.agency.send(claimed.outgoing)
    except Refused as refusal:
        log.warning("packet_refused", extra={"packet": claimed.outgoing.code, "answer": refusal.code})
        with transaction() as session:
            calls.ended(session, claimed.call_id, refusal)
            packet = packets.lock(session, claimed.packet_id)
            answering.refuse(session, packet, by=claimed.agency, because=refusal.text or refusal.code)
    except NotSent as error:
        with transaction() as session:
            calls.ended(session, claimed.call_id, error)
            _not_sent(session, claimed.packet_id, error)
    except AgencyError as error:
        with transaction() as session:
            calls.ended(session, claimed.call_id, error)
            _still_unknown(session, claimed.packet_id, error)
    else:
        with transaction() as session:
            calls.ended(session, claimed.call_id, answer)
            record(session, packets.lock(session, claimed.packet_id), claimed.agency, answer)


def record(session: Session, packet: Packet, agency: Actor, answer: Answer) -> None:
    """What the agency said about the packet, whose row is held; a word that comes too late changes nothing."""
    if answer.kind in ("accepted", "settled"):
        answering.accept(session, packet, by=agency)
    elif answer.kind == "rejected":
        reason = answer.reason_message or answer.reason_code
        answering.reject(session, packet, by=agency, because=reason)
    else:
        answering.receive(session, packet, by=agency)


def _not_sent(session: Session, packet_id: int, error: NotSent) -> None:
    """Nothing left this machine in this call; the packet waits in the queue again if that is true of every call."""
    packet = packets.lock(session, packet_id)
    if packet.state != "in_doubt":
        return
    packet.unknown_count -= 1
    session.flush()
    if packet.unknown_count == 0:
        transitions.move(session, "packet", packet_id, "release", by=SYSTEM)
    _put_off(session, packet_id, str(error), retry_after_s=error.retry_after_s)


def _still_unknown(session: Session, packet_id: int, error: AgencyError) -> None:
    if packets.lock(session, packet_id).state == "in_doubt":
        _put_off(session, packet_id, str(error), retry_after_s=error.retry_after_s)


def _put_off(
    session: Session, packet_id: int, why: str, *, retry_after_s: int | None = None, made: int | None = None
) -> None:
    """Let the packet rest: 15 seconds, doubled with every call up to an hour, shaken so that retries spread out.

    `made` are the calls that count; all that were ever made about the packet when it is left out.
    """
    log.info("packet_put_off", extra={"packet_id": packet_id, "why": why})
    session.execute(
        text(
            "UPDATE packets SET lease_until = NULL, last_error = :why, next_attempt_at = clock_timestamp()"
            " + make_interval(secs => greatest(:at_least, least(3600, 15 * 2 ^ least(coalesce(:made, attempts), 10))"
            " * (0.5 + random()))) WHERE id = :id"
        ),
        {"id": packet_id, "why": why[:1000], "at_least": float(retry_after_s or 0), "made": made},
    )
    session.expire_all()


def _recall(claimed: _Claimed) -> None:
    note = ""
    refused = False
    retry_after_s = None
    said: Answer | AgencyError
    try:
        said = claimed.connection.agency.recall(claimed.outgoing, claimed.reason)
        if said.kind == "not_found":
            note = said.reason_message or said.reason_code or "not_found"
    except Refused as error:
        said, note, refused = error, error.text or error.code, True
    except AgencyError as error:
        said, note, retry_after_s = error, str(error), error.retry_after_s
    with transaction() as session:
        calls.ended(session, claimed.call_id, said)
        packet = packets.lock(session, claimed.packet_id)
        if packet.state not in ("received", "accepted") or not _still_asked(packet, claimed):
            return
        if note and not refused:
            assert packet.recall_asked_at is not None, packet.code
            made = calls.since(session, packet, "recall", packet.recall_asked_at)
            _put_off(session, packet.id, note, retry_after_s=retry_after_s, made=made)
            return
        packet.lease_until, packet.last_error = None, None
        packet.recall_delivered_at = clock.now()
        packet.recall_answer = note or None


def _still_asked(packet: Packet, claimed: _Claimed) -> bool:
    """False when the agency's decision overtook its acknowledgement, or a person has asked anew since."""
    return packet.recall_delivered_at is None and composing.recall_id(packet) == claimed.outgoing.message_id
