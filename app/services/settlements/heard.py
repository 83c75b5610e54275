"""Messages received about one packet, as a person reads them: when, about what, what became of each. Changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.agency import messages
from app.agency.messages import BadMessage
from app.models import Packet, Settlement
from app.rules.states import N_

OUTCOMES: dict[str, str] = {
    "applied": N_("Đã ghi nhận"),
    "ignored": N_("Không làm thay đổi gì"),
    "failed": N_("Không xử lý được"),
    "held": N_("Đến sau hạn, đang giữ lại"),
}
WAITING = N_("Chờ xử lý")
TONES = {"applied": "good", "ignored": "off", "failed": "bad", "held": "warn"}

MEANINGS: dict[str, str] = {
    "received": N_("Đã nhận tin"),
    "accepted": N_("Tiếp nhận gói tin"),
    "rejected": N_("Từ chối gói tin"),
    "settled": N_("Kết quả chi trả"),
    "recall_refused": N_("Không đồng ý từ chối gói tin"),
    "extension_asked": N_("Xin gia hạn"),
    "not_found": N_("Báo chưa biết gói tin"),
}
FILES: dict[str, str] = {
    "pain.002": N_("Tệp trạng thái lệnh chi (pain.002)"),
    "camt.054": N_("Tệp báo có, báo nợ (camt.054)"),
}
"""Kinds of files that people bring in for a bank."""
UNREAD = N_("Tin không đọc được")

SMALL = 65_536
"""A message without lines is far smaller than this; larger ones are not opened for their title."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One message; `line_count` is the number of lines it spoke of."""

    received_at: datetime
    what: str
    line_count: int
    outcome: str | None
    note: str | None
    inbox_id: int = 0
    fault_count: int = 0
    released_by: str | None = None
    release_reason: str | None = None

    @property
    def outcome_words(self) -> str:
        """What became of it, as a msgid."""
        return WAITING if self.outcome is None else OUTCOMES[self.outcome]

    @property
    def tone(self) -> str:
        """Underlines the outcome."""
        return "warn" if self.outcome is None else TONES[self.outcome]


def about(session: Session, settlement: Settlement, *, limit: int = 100) -> list[Heard]:
    """Messages about the settlement's packet, newest first; the settlement was found within the reader's scope."""
    return about_packet(session, settlement.packet, limit=limit)


def about_packet(session: Session, packet: Packet, *, limit: int = 100) -> list[Heard]:
    """Messages about a packet, newest first, also those that break the contract; the reader's scope holds the packet."""
    rows = session.execute(
        text(
            "SELECT i.id, i.received_at, i.action, i.outcome, i.note, e.n, i.released_by, i.release_reason,"
            " (SELECT count(*) FROM message_faults f WHERE f.inbox_id = i.id) AS fault_count,"
            f" CASE WHEN e.n = 0 AND octet_length(i.body) < {SMALL} THEN i.body END AS body"
            "  FROM inbox i CROSS JOIN LATERAL"
            "       (SELECT count(*) AS n FROM settlement_entries e WHERE e.inbox_id = i.id) e"
            " WHERE i.transaction_id = :code AND i.agency_id = :agency ORDER BY i.id DESC LIMIT :limit"
        ),
        {"code": packet.code, "agency": packet.agency_id, "limit": limit},
    )
    return [
        Heard(
            row.received_at,
            meaning(row.body, row.n, row.action),
            row.n,
            row.outcome,
            row.note,
            inbox_id=row.id,
            fault_count=row.fault_count,
            released_by=row.released_by,
            release_reason=row.release_reason,
        )
        for row in rows
    ]


def meaning(body: bytes | None, line_count: int, action: str = "") -> str:
    """What a message is about, as a msgid; the body of a large one is not given."""
    if action in FILES:
        return FILES[action]
    if line_count or body is None:
        return MEANINGS["settled"]
    try:
        return MEANINGS[messages.read_callback(bytes(body), now=clock.wall()).head.meaning]
    except BadMessage:
        return UNREAD
