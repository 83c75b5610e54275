"""The answers of the contract as bytes not yet signed: acknowledgements, synchronous and status answers."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime

from app.agency.envelope import (
    ACK,
    ERR,
    NACK,
    NOT_FOUND_CODE,
    PDNG,
    RCVD,
    RJCT,
    SUCC,
    Ack,
    BadMessage,
    CallbackHead,
    Envelope,
    LineStatus,
    is_code,
)
from app.agency.messages import ack, on_disburse, on_status, read_callback
from app.agency.sandbox.door import Route
from app.agency.sandbox.faults import JSON, Answer
from app.agency.sandbox.home import Config
from app.agency.sandbox.outbox import correlation_id
from app.agency.sandbox.store import Packet, Store

_STATUS = {"received": RCVD, "settled": SUCC, "rejected": RJCT, "refused": RJCT}


def turned_away(status: int, code: str, *, now: datetime, message_id: str = "") -> Answer:
    """ERR: the message was not looked at."""
    return _json(ack(Ack(ERR, now, in_reply_to=message_id, code=code, text=code)), status)


def refusal(
    config: Config, route: Route, bad: BadMessage, *, message_id: str, transaction_id: str, now: datetime
) -> Answer:
    """NACK, or its synchronous twin about a packet: we looked, and it is a no."""
    if route.sync and is_code(transaction_id):
        head = _head(config, transaction_id, message_id, RJCT, now)
        return _json(on_disburse(replace(head, reason_code=bad.code, reason_message=bad.text), sync=True))
    return _json(
        ack(
            Ack(
                NACK,
                now,
                in_reply_to=message_id,
                transaction_id=transaction_id,
                correlation_id=correlation_id(message_id),
                code=bad.code,
                text=bad.text,
            )
        )
    )


def taken(config: Config, route: Route, packet: Packet, *, message_id: str, now: datetime) -> Answer:
    """ACK, or the packet's state when the call was synchronous."""
    if route.sync:
        return _json(on_disburse(_state_head(config, packet, message_id, now), sync=True))
    return acknowledged(message_id, packet.code, now)


def acknowledged(message_id: str, transaction_id: str, now: datetime) -> Answer:
    """ACK: kept, and the answer comes by callback."""
    correlated = correlation_id(message_id)
    return _json(ack(Ack(ACK, now, in_reply_to=message_id, transaction_id=transaction_id, correlation_id=correlated)))


def status_of(
    store: Store, config: Config, question: Envelope, now: datetime
) -> tuple[CallbackHead, tuple[LineStatus, ...]]:
    """The state of the packet asked for, with one part of its settlement exactly as it was reported.

    Part 0 tells how many parts there are and carries no lines."""
    head = question.head
    packet = store.packet(head.transaction_id)
    if packet is None:
        unknown = _head(config, head.transaction_id, head.message_id, RJCT, now)
        return replace(unknown, reason_code=NOT_FOUND_CODE, reason_message="Không có gói tin này"), ()
    state = _state_head(config, packet, head.message_id, now)
    row = store.one(
        "SELECT body FROM outbox WHERE packet_code = ? AND part = ? "
        "AND settlement_id = coalesce(nullif(?, ''), "
        "(SELECT settlement_id FROM outbox WHERE packet_code = ? AND part > 0 ORDER BY id DESC LIMIT 1))",
        packet.code,
        max(1, question.part),
        question.settlement_id,
        packet.code,
    )
    if row is None:
        return state, ()
    reported = read_callback(row["body"], now=now)
    assert reported.head.settlement is not None
    if question.part == 0:
        return replace(state, settlement=replace(reported.head.settlement, part=0)), ()
    return replace(state, settlement=reported.head.settlement), reported.lines


def status_answer(head: CallbackHead, lines: tuple[LineStatus, ...]) -> Answer:
    """The synchronous answer to a status question."""
    return _json(on_status(head, lines, sync=True))


def _state_head(config: Config, packet: Packet, message_id: str, now: datetime) -> CallbackHead:
    head = _head(config, packet.code, message_id, _STATUS.get(packet.stage, PDNG), now)
    return replace(head, reason_code=packet.reason_code, reason_message=packet.reason)


def _head(config: Config, transaction_id: str, message_id: str, status: str, now: datetime) -> CallbackHead:
    """The id of a synchronous answer follows from the question's."""
    own_id = hashlib.sha256(f"{config.sender_id} {message_id}".encode()).hexdigest()[:32]
    return CallbackHead(
        transaction_id=transaction_id,
        message_id=f"{config.sender_id}-re-{own_id}",
        message_ts=now,
        sender_id=config.sender_id,
        receiver_id=config.receiver_id,
        status=status,
        correlation_id=correlation_id(message_id),
        in_reply_to=message_id,
    )


def _json(body: bytes, status: int = 200) -> Answer:
    return Answer(status, body, {"Content-Type": JSON})
