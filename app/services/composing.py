"""The exact bytes of what we say to an agency, built from our rows; nothing is sent or decided here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.agency import adapters, messages
from app.agency.adapters import ADAPTERS
from app.agency.messages import PacketHead, PacketLine
from app.agency.port import Endpoint, OutgoingPacket
from app.models import Agency, AgencyContract, Area, Packet, PayoutBatch, Period
from app.services.batches.making import KIND_LETTERS

_ROWS_AT_ONCE = 5_000

_LINES = text(
    "SELECT reference, payee_fa, payee_name, total_vnd, area_path FROM payout_lines"
    ' WHERE batch_id = :batch AND live AND total_vnd > 0 ORDER BY reference COLLATE "C"'
)


def write_body(session: Session, packet: Packet, endpoint: Endpoint) -> None:
    """Build the packet's bytes once and store them with their hash; later attempts send these same bytes.

    Raises messages.LinesDiffer when the lines are not those the list was locked with, ValueError for a line that
    would not survive the wire.
    """
    adapter = ADAPTERS[adapter_of(session, packet)]
    body = adapter.compose(_head(session, packet, endpoint), _lines(session, packet.batch_id))
    packet.body, packet.body_sha256 = body, hashlib.sha256(body).hexdigest()
    session.flush()


def adapter_of(session: Session, packet: Packet) -> str:
    """How the packet travels: the adapter in the contract of its list."""
    statement = (
        select(AgencyContract.adapter)
        .join(PayoutBatch, PayoutBatch.contract_id == AgencyContract.id)
        .where(PayoutBatch.id == packet.batch_id)
    )
    return session.scalars(statement).one()


def address_of(session: Session, packet: Packet, agency: Agency) -> str:
    """Where the packet goes: what `sending.Connect` is asked for."""
    return adapters.address(adapter_of(session, packet), agency.base_url or "")


def stored_packet(packet: Packet, endpoint: Endpoint) -> OutgoingPacket:
    """The packet as it was stored."""
    assert packet.body is not None and packet.body_sha256 is not None, packet.code
    return OutgoingPacket(packet.code, packet.message_id, packet.body, packet.body_sha256, endpoint)


def question(packet: Packet, endpoint: Endpoint) -> OutgoingPacket:
    """What `ask` needs: who is meant, without the bytes."""
    return OutgoingPacket(packet.code, packet.message_id, b"", "", endpoint)


def recall(packet: Packet, endpoint: Endpoint) -> OutgoingPacket:
    """Our request to give the packet back: the same bytes at every attempt, because all of it is stored."""
    assert packet.recall_asked_at is not None and packet.recall_reason is not None, packet.code
    head = PacketHead(
        transaction_id=packet.code,
        message_id=recall_id(packet),
        message_ts=packet.recall_asked_at,
        sender_id=endpoint.sender_id,
        receiver_id=endpoint.receiver_id,
        sender_uri=endpoint.callback_url,
    )
    body = messages.recall(head, packet.recall_reason)
    return OutgoingPacket(packet.code, head.message_id, body, hashlib.sha256(body).hexdigest(), endpoint)


def recall_id(packet: Packet) -> str:
    """The message id of the request a person made last."""
    return f"{packet.code}-R{packet.recall_asked_at:%Y%m%d%H%M%S%f}"


def _head(session: Session, packet: Packet, endpoint: Endpoint) -> PacketHead:
    batch = session.get_one(PayoutBatch, packet.batch_id)
    area_code = session.get_one(Area, batch.area_id).code
    replaces = session.get_one(Packet, packet.replaces_id).code if packet.replaces_id is not None else ""
    return PacketHead(
        transaction_id=packet.code,
        message_id=packet.message_id,
        message_ts=clock.wall(),
        sender_id=endpoint.sender_id,
        receiver_id=endpoint.receiver_id,
        sender_uri=endpoint.callback_url,
        payer_fa=f"office:{area_code}@{endpoint.sender_id}",
        area=area_code,
        period=f"{session.get_one(Period, batch.period_id).month:%Y%m}",
        kind=KIND_LETTERS[batch.kind],
        replaces=replaces,
        line_count=packet.line_count,
        total_vnd=packet.total_vnd,
        line_set_sha256=packet.lines_sha256,
    )


def _lines(session: Session, batch_id: int) -> Iterator[PacketLine]:
    rows = session.execute(_LINES, {"batch": batch_id}, execution_options={"yield_per": _ROWS_AT_ONCE})
    for reference, payee_fa, payee_name, amount_vnd, path in rows:
        yield PacketLine(reference, payee_fa, payee_name, amount_vnd, path.split("/")[-2])
