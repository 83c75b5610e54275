"""Asking agencies that have gone quiet, and fetching settlements whose messages were lost: repairs for lost callbacks.

A question changes nothing at the agency. What it answers is recorded like any word of its own; parts of a settlement
that never came are fetched one by one and kept in the inbox, as if they had been delivered.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.agency.adapters import ADAPTERS
from app.agency.port import AgencyError, Answer, SettlementRef
from app.agency.signing import HEADER_NAME
from app.extensions import transaction
from app.models import Packet, Settlement
from app.rules.actors import Actor
from app.services import calls, composing, inbox, packets, sending
from app.services.sending import LEASE_S, Connect, Connection

PATIENCE = 6
"""How many times longer we wait while the agency pays and nothing is due yet."""

ACTION = "on-status"

_QUIET = text("""
UPDATE packets SET polled_at = :now, lease_until = clock_timestamp() + make_interval(secs => :lease) WHERE id = (
    SELECT k.id FROM packets k JOIN payout_batches b ON b.id = k.batch_id
      JOIN agency_contracts c ON c.id = b.contract_id AND c.adapter = ANY(:online)
      LEFT JOIN settlements s ON s.packet_id = k.id
     WHERE k.state IN ('received', 'accepted') AND (k.lease_until IS NULL OR k.lease_until < clock_timestamp())
       AND (k.state = 'received' OR s.state IN ('waiting', 'partial'))
       AND greatest(coalesce(k.sent_at, k.queued_at), k.polled_at, k.answered_at) < :now - make_interval(secs => CASE
           WHEN k.state = 'received' OR s.state = 'partial' OR s.due_on + coalesce((SELECT sum(x.days)
                FROM deadline_extensions x WHERE x.settlement_id = s.id AND x.state = 'granted'), 0)::int < :today
           THEN :quiet ELSE :patient END)
       AND NOT EXISTS (SELECT 1 FROM inbox i WHERE i.transaction_id = k.code AND i.agency_id = k.agency_id
            AND (i.outcome IS NULL OR i.outcome = 'held' OR i.received_at > :now - make_interval(secs => :quiet)))
     ORDER BY k.polled_at NULLS FIRST, k.id LIMIT 1 FOR UPDATE OF k SKIP LOCKED)
RETURNING id
""")

_MISSING_PART = text("""
INSERT INTO message_faults (inbox_id, agency_id, area_path, settlement_id, code, facts, at)
SELECT i.id, i.agency_id, i.area_path, :settlement, 'missing_part', CAST(:facts AS jsonb), :now
  FROM inbox i WHERE i.id = (SELECT max(inbox_id) FROM settlement_entries WHERE settlement_id = :settlement)
   AND NOT EXISTS (SELECT 1 FROM message_faults f WHERE f.settlement_id = :settlement AND f.code = 'missing_part'
                      AND f.facts = CAST(:facts AS jsonb))
""")


@dataclass(frozen=True, slots=True)
class _Asked:
    """A packet whose agency is asked, with everything a call needs."""

    packet_id: int
    agency_id: int
    code: str
    connection: Connection
    agency: Actor


def poll_next(connect: Connect, quiet: timedelta) -> bool:
    """Ask about one packet of which nothing was heard for so long; False when there is none."""
    with transaction() as session:
        packet = _take(session, quiet)
        if packet is None:
            return False
        connection, agency = sending.connection_of(session, packet, connect)
        asked = _Asked(packet.id, packet.agency_id, packet.code, connection, agency)
        question = composing.question(packet, connection.endpoint)
        call_id = calls.begun(session, packet, "ask")
    said: Answer | AgencyError
    try:
        said = asked.connection.agency.ask(question)
    except AgencyError as error:
        said = error
    with transaction() as session:
        calls.ended(session, call_id, said)
        lost = _heard(session, asked, said)
    for settlement_id, part in lost:
        _fetch(asked, settlement_id, part)
    return True


def _take(session: Session, quiet: timedelta) -> Packet | None:
    """Lease one packet by the database's clock; how long it has been quiet goes by ours."""
    packet_id = session.execute(
        _QUIET,
        {
            "now": clock.now(),
            "today": clock.today(),
            "lease": LEASE_S,
            "quiet": quiet.total_seconds(),
            "patient": quiet.total_seconds() * PATIENCE,
            "online": [name for name, adapter in ADAPTERS.items() if not adapter.FORM.by_hand],
        },
    ).scalar()
    return None if packet_id is None else packets.lock(session, packet_id)


def _heard(session: Session, asked: _Asked, said: Answer | AgencyError) -> list[tuple[str, int]]:
    """Record what was answered; the parts of a settlement that have not come. A failed question is asked again later."""
    packet = packets.lock(session, asked.packet_id)
    packet.lease_until = None
    if isinstance(said, AgencyError) or said.kind == "not_found":
        return []
    if (said.kind, packet.state) != ("settled", "accepted"):
        sending.record(session, packet, asked.agency, said)
    if said.kind != "settled" or not said.parts:
        return []
    return _lost_parts(session, packet, said)


def _lost_parts(session: Session, packet: Packet, said: Answer) -> list[tuple[str, int]]:
    settlement = session.query(Settlement).filter_by(packet_id=packet.id).one()
    report = (settlement.reported or {}).get(said.settlement_id, {"said": {}})
    lost = [part for part in range(1, said.parts + 1) if str(part) not in report["said"]]
    if lost and report["said"]:
        facts = json.dumps({"report": said.settlement_id, "missing": lost, "parts": said.parts})
        session.execute(_MISSING_PART, {"settlement": settlement.id, "facts": facts, "now": clock.now()})
    return [(said.settlement_id, part) for part in lost]


def _fetch(asked: _Asked, settlement_id: str, part: int) -> None:
    """Fetch one part and keep it; one that does not come is asked for again at the next question."""
    with transaction() as session:
        call_id = calls.begun(session, session.get_one(Packet, asked.packet_id), "fetch")
    ref = SettlementRef(asked.code, asked.connection.endpoint, settlement_id, part)
    said: Answer | AgencyError
    try:
        said = asked.connection.agency.fetch_settlement(ref)
    except AgencyError as error:
        said = error
    with transaction() as session:
        calls.ended(session, call_id, said)
        if isinstance(said, Answer) and said.kind == "settled":
            inbox.keep(session, _letter(asked, said), answer={})


def _letter(asked: _Asked, said: Answer) -> inbox.Incoming:
    return inbox.Incoming(
        agency_id=asked.agency_id,
        message_id=said.message_id,
        action=ACTION,
        transaction_id=asked.code,
        body=said.raw,
        headers={HEADER_NAME: said.signature},
        key_id=said.kid,
    )
