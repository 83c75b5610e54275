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
}
WAITING = N_("Chờ xử lý")
TONES = {"applied": "good", "ignored": "off", "failed": "bad"}

MEANINGS: dict[str, str] = {
    "received": N_("Đã nhận tin"),
    "accepted": N_("Tiếp nhận gói tin"),
    "rejected": N_("Từ chối gói tin"),
    "settled": N_("Kết quả chi trả"),
    "recall_refused": N_("Không đồng ý từ chối gói tin"),
    "extension_asked": N_("Xin gia hạn"),
    "not_found": N_("Báo chưa biết gói tin"),
}
UNREAD = N_("Tin không đọc được")

_SMALL = 65_536
"""A message without lines is far smaller than this; larger ones are not opened for their title."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One message; `line_count` is the number of lines it spoke of."""

    received_at: datetime
    what: str
    line_count: int
    outcome: str | None
    note: str | None

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
            "SELECT i.received_at, i.outcome, i.note, e.n,"
            f" CASE WHEN e.n = 0 AND octet_length(i.body) < {_SMALL} THEN i.body END AS body"
            "  FROM inbox i CROSS JOIN LATERAL"
            "       (SELECT count(*) AS n FROM settlement_entries e WHERE e.inbox_id = i.id) e"
            " WHERE i.transaction_id = :code AND i.agency_id = :agency ORDER BY i.id DESC LIMIT :limit"
        ),
        {"code": packet.code, "agency": packet.agency_id, "limit": limit},
    )
    return [Heard(row.received_at, _what(row.body, row.n), row.n, row.outcome, row.note) for row in rows]


def _what(body: bytes | None, line_count: int) -> str:
    if line_count or body is None:
        return MEANINGS["settled"]
    try:
        return MEANINGS[messages.read_callback(bytes(body), now=clock.wall()).head.meaning]
    except BadMessage:
        return UNREAD
