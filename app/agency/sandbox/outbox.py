"""What the post office says to the sender: messages built once as exact bytes and queued."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.agency.envelope import PDNG, RJCT, SUCC, CallbackHead, LineStatus, SettlementPart
from app.agency.messages import on_disburse, on_status
from app.agency.sandbox.home import Config
from app.agency.sandbox.knobs import happens, knob, share
from app.agency.sandbox.store import Packet, Store

ON_DISBURSE, ON_STATUS = "/on-disburse", "/disburse/txn/on-status"
QUEUED, DELIVERED, DROPPED = "queued", "delivered", "dropped"
BY_THE_CLERK = "rjct.by_agency"
REORDER_S = 3.0


@dataclass(frozen=True)
class Word:
    """One thing to say about a packet; `lost` it is never sent, `sure` it is whatever gets lost by chance."""

    kind: str
    status: str
    reason_code: str = ""
    reason: str = ""
    recall: str = ""
    extension_days: int = 0
    settlement: SettlementPart | None = None
    lines: Sequence[LineStatus] = ()
    lost: bool = False
    sure: bool = False


def accepted() -> Word:
    """We match and shall pay."""
    return Word("accepted", PDNG)


def rejected(reason: str, *, recalled: bool = False) -> Word:
    """We send the packet back; `recalled` when the sender had asked for it."""
    recall = "confirmed" if recalled else ""
    return Word("rejected", RJCT, reason_code=BY_THE_CLERK, reason=reason, recall=recall)


def recall_declined(reason: str) -> Word:
    """The sender asked for the packet back; it stays with us."""
    return Word("recall_declined", PDNG, reason=reason, recall="refused")


def extension(days: int, reason: str) -> Word:
    """We ask for more days until our settlement."""
    return Word("extension", PDNG, reason=reason, extension_days=days)


def settled(part: SettlementPart, lines: Sequence[LineStatus], *, lost: bool = False) -> Word:
    """One part of a settlement; `lost` keeps it from ever being sent."""
    return Word("settlement", SUCC, settlement=part, lines=lines, lost=lost)


def say(store: Store, config: Config, now: datetime, packet: Packet, word: Word) -> None:
    """Queue one `on-disburse` message in the caller's transaction."""
    head = _head(store, config, now, packet, word)
    _queue(store, head, ON_DISBURSE, word, on_disburse(head, word.lines))


def say_status(store: Store, now: datetime, head: CallbackHead, lines: Sequence[LineStatus]) -> None:
    """Queue the answer to an asynchronous status question."""
    head = replace(head, message_id=_next_message_id(store, head.sender_id), message_ts=now)
    _queue(store, head, ON_STATUS, Word("status", head.status), on_status(head, lines, sync=False))


def correlation_id(message_id: str) -> str:
    """Ours for a message of theirs; the same for the same message."""
    return hashlib.sha256(message_id.encode()).hexdigest()[:32]


def _head(store: Store, config: Config, now: datetime, packet: Packet, word: Word) -> CallbackHead:
    return CallbackHead(
        transaction_id=packet.code,
        message_id=_next_message_id(store, config.sender_id),
        message_ts=now,
        sender_id=config.sender_id,
        receiver_id=config.receiver_id,
        status=word.status,
        reason_code=word.reason_code,
        reason_message=word.reason,
        correlation_id=correlation_id(packet.message_id),
        recall=word.recall,
        extension_days=word.extension_days,
        settlement=word.settlement,
    )


def _next_message_id(store: Store, sender_id: str) -> str:
    row = store.one("SELECT coalesce(max(id), 0) + 1 AS next FROM outbox")
    assert row is not None
    return f"{sender_id}-{store.era()}-{row['next']:06d}"


def _queue(store: Store, head: CallbackHead, path: str, word: Word, body: bytes) -> None:
    seed = int(knob(store, "seed"))
    due_at = head.message_ts.timestamp() + float(knob(store, "callback_late_s"))
    if word.settlement is not None:
        due_at += float(knob(store, "settlement_late_s"))
    if happens(store, "callback_reorder"):
        due_at += REORDER_S * share(seed, head.transaction_id, body)
    lost = word.lost or (not word.sure and happens(store, "callback_drop"))
    store.run(
        "INSERT INTO outbox (message_id, path, packet_code, kind, settlement_id, part, body, stage, due_at, "
        "copies, spoil_next, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        head.message_id,
        path,
        head.transaction_id,
        word.kind,
        "" if word.settlement is None else word.settlement.settlement_id,
        0 if word.settlement is None else word.settlement.part,
        body,
        DROPPED if lost else QUEUED,
        due_at,
        2 if happens(store, "callback_duplicate") else 1,
        int(happens(store, "callback_bad_signature")),
        head.message_ts.isoformat(),
    )
