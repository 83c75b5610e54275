"""The examples of docs/agency-api.md, built by the code that builds the real messages."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.agency import messages
from app.agency.messages import Ack, Collected, ControlTotals, LineStatus, Notice, PacketLine, SettlementPart
from app.agency.signing import SigningKey
from tests.agency.contract_samples import NOW, callback_head, head_of

AT = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
LINES = [
    PacketLine("202611-1", "cash:CT0001@vnpost", "Nguyễn Thị Hoà", 1_250_000, "00004"),
    PacketLine("202611-2", "account:0011001234567@bidv", "Y Bhăm Niê", 500_000, "00004"),
    PacketLine("202611-3", "id:012345678901@vnpost", "Hoàng Văn Út", 540_000, "00004"),
]
STATUSES = [
    LineStatus("202611-1", "paid", 1_250_000, AT),
    LineStatus("202611-2", "unpaid", 500_000, AT, "ACCOUNT_INVALID", "Tài khoản không hợp lệ"),
    LineStatus("202611-3", "recover", 540_000, AT, "DEAD", "Đã mất"),
]
LINE_SET_TEXT = (
    "202611-1|1250000|cash:CT0001@vnpost\n202611-2|500000|account:0011001234567@bidv\n"
    "202611-3|540000|id:012345678901@vnpost\n"
)
SIGNED_BODY = '{"header":{"message_id":"m-1"},"message":{"payee_name":"Nguyễn Thị Hoà"}}'.encode()
SIGNED_BY = SigningKey("2026-11", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))

_HEAD = head_of(LINES, message_id="2f1c4a9e0d")
_SETTLED = callback_head(
    message_id="vnpost-000081",
    status="succ",
    settlement=SettlementPart(
        "QT-0007", 1, 1, ControlTotals.of(STATUSES), (Collected("PT-0031", "202609-17", 200_000, AT),)
    ),
)
_QUESTION = replace(_HEAD, message_id="q-77", sender_uri="")

EXAMPLES: dict[str, Any] = {
    name: json.loads(body)
    for name, body in {
        "disburse": messages.disburse(_HEAD, LINES),
        "recall": messages.recall(replace(_HEAD, message_id="2f1c4a9e0d-R1"), "Một người vừa qua đời"),
        "notice": messages.notice(
            replace(_HEAD, message_id="CT-202611-00004-M-V2-G17-granted"),
            Notice("granted", 3, date(2026, 11, 28), "Mưa lũ, còn hai buôn chưa chi trả xong"),
        ),
        "status": messages.txn_status(_QUESTION),
        "status-part": messages.txn_status(_QUESTION, settlement_id="QT-0007", part=1),
        "ack": messages.ack(Ack("ACK", NOW, "2f1c4a9e0d", _HEAD.transaction_id, "BD-889")),
        "nack": messages.ack(
            Ack("NACK", NOW, "2f1c4a9e0d", _HEAD.transaction_id, "BD-889", "rjct.amount.invalid", "line 2: …")
        ),
        "accepted": messages.on_disburse(callback_head(message_id="vnpost-000079")),
        "rejected": messages.on_disburse(
            callback_head(
                message_id="vnpost-000080", status="rjct", reason_code="AREA_UNKNOWN", reason_message="Sai địa bàn"
            )
        ),
        "settlement": messages.on_disburse(_SETTLED, STATUSES),
        "on-status": messages.on_status(callback_head(message_id="vnpost-000082", in_reply_to="q-77")),
        "not-found": messages.on_status(
            callback_head(
                message_id="vnpost-000083",
                status="rjct",
                reason_code=messages.NOT_FOUND_CODE,
                correlation_id="",
                in_reply_to="q-77",
            )
        ),
    }.items()
}
