"""Samples of the agency contract that its tests share: the instant it all happens, heads that tie out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from app.agency import messages
from app.agency.keys import KeyRing
from app.agency.messages import BadMessage, CallbackHead, ControlTotals, LineStatus, PacketHead, PacketLine

NOW = datetime(2026, 11, 12, 2, 30, 5, tzinfo=UTC)


@dataclass
class Rings:
    """The two sides of the contract, each trusting the other's keys."""

    ours: KeyRing
    theirs: KeyRing


def head_of(lines: list[PacketLine], **changes: Any) -> PacketHead:
    head = PacketHead(
        transaction_id="CT-202611-00004-M-V2",
        message_id="CT-202611-00004-M-V2-5f0c",
        message_ts=NOW,
        sender_id="chitra",
        receiver_id="vnpost",
        sender_uri="https://chitra.example.vn/agency",
        payer_fa="account:3713.0.1234567@treasury",
        area="00004",
        period="202611",
        kind="M",
        replaces="CT-202611-00004-M-V1",
        line_count=len(lines),
        total_vnd=sum(line.amount_vnd for line in lines),
        line_set_sha256=messages.line_set_sha256((line.reference, line.payee_fa, line.amount_vnd) for line in lines),
    )
    return replace(head, **changes)


def callback_head(**changes: Any) -> CallbackHead:
    head = CallbackHead(
        transaction_id="CT-202611-00004-M-V2",
        message_id="vnpost-77",
        message_ts=NOW,
        sender_id="vnpost",
        receiver_id="chitra",
        status="pdng",
        correlation_id="BD-889",
    )
    return replace(head, **changes)


AT = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
PAID = LineStatus("202611-1", "paid", 1_250_000, AT)
UNPAID = LineStatus("202611-2", "unpaid", 500_000, AT, "ABSENT", "Vắng mặt, không đến nhận")
RECOVER = LineStatus("202611-3", "recover", 1, AT, "DEAD", "Đã mất")
TOTALS = ControlTotals(1, 1_250_000, 1, 500_000, 1, 1)


def altered(body: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    parsed = json.loads(body)
    change(parsed)
    return json.dumps(parsed, ensure_ascii=False).encode()


def refusal(body: bytes, read: Callable[..., object] = messages.read_request) -> str:
    with pytest.raises(BadMessage) as caught:
        read(body, now=NOW)
    return caught.value.code
