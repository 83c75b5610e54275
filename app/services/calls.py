"""The record of calls to agencies: begun before the wire, its answer added after it. Nothing is decided here.

A call without an answer was cut off on our side: the process was killed while it waited. What an agency answered is
kept as a short excerpt in which nobody can be recognised; messages that count are in the inbox, whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.agency.port import AgencyError, Answer, NotSent, Refused
from app.models import Packet
from app.rules.states import N_

LONGEST_EXCERPT = 160

VERBS: dict[str, str] = {
    "send": N_("Gửi gói tin"),
    "ask": N_("Hỏi lại"),
    "recall": N_("Đề nghị từ chối"),
    "fetch": N_("Lấy quyết toán"),
    "notify": N_("Báo quyết định gia hạn"),
}
OUTCOMES: dict[str, str] = {
    "received": N_("Bưu điện đã nhận tin"),
    "accepted": N_("Đã tiếp nhận"),
    "rejected": N_("Bị từ chối"),
    "settled": N_("Có quyết toán"),
    "not_found": N_("Báo chưa biết gói tin"),
    "refused": N_("Không nhận"),
    "not_sent": N_("Chưa gửi được"),
    "unknown": N_("Không rõ kết quả"),
}
TONES = {
    "received": "good",
    "accepted": "good",
    "settled": "good",
    "rejected": "bad",
    "refused": "bad",
    "unknown": "warn",
    "not_sent": "warn",
}
UNDER_WAY = N_("Đang gọi")
CUT_OFF = N_("Bị ngắt phía hệ thống, không rõ kết quả")

_CALL_LASTS = timedelta(minutes=10)
"""Longer than any call may take; one that has no answer by then will get none."""

# What a message of the contract says about itself: enough to recognise it by, and nobody's data.
_TOLD = re.compile(
    r'"(ack_status|status|status_reason_code|reason_code|code|action|transaction_id)"\s*:\s*"([^"]{0,99})"'
)
_TAGS = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_NUMBERS = re.compile(r"\d{6,}")


@dataclass(frozen=True, slots=True)
class Call:
    """One call with its answer, if there was one."""

    verb: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    code: str | None
    excerpt: str | None

    @property
    def verb_words(self) -> str:
        """What was asked, as a msgid."""
        return VERBS[self.verb]

    @property
    def outcome_words(self) -> str:
        """What came of it, as a msgid."""
        if self.outcome is not None:
            return OUTCOMES[self.outcome]
        return UNDER_WAY if clock.now() - self.started_at < _CALL_LASTS else CUT_OFF

    @property
    def tone(self) -> str:
        """Underlines the outcome."""
        return "warn" if self.outcome is None else TONES.get(self.outcome, "plain")

    @property
    def took_ms(self) -> int | None:
        """How long it took."""
        return None if self.ended_at is None else int((self.ended_at - self.started_at).total_seconds() * 1000)


def begun(session: Session, packet: Packet, verb: str) -> int:
    """Note that a call is about to be made; the caller commits before it is. Its key."""
    return int(
        session.execute(
            text(
                "INSERT INTO agency_calls (packet_id, area_path, verb, started_at)"
                " VALUES (:packet, :path, :verb, :now) RETURNING id"
            ),
            {"packet": packet.id, "path": packet.area_path, "verb": verb, "now": clock.now()},
        ).scalar_one()
    )


def ended(session: Session, call_id: int, said: Answer | AgencyError) -> None:
    """Note what came of a call."""
    session.execute(
        text(
            "INSERT INTO agency_answers (call_id, area_path, ended_at, outcome, code, excerpt)"
            " SELECT id, area_path, :now, :outcome, :code, :excerpt FROM agency_calls WHERE id = :call"
        ),
        {
            "call": call_id,
            "now": clock.now(),
            "outcome": _outcome(said),
            "code": (said.code if isinstance(said, AgencyError) else said.reason_code)[:99] or None,
            "excerpt": excerpt(said.raw) or None,
        },
    )


def since(session: Session, packet: Packet, verb: str, moment: datetime) -> int:
    """How many calls of a kind have been begun about a packet since then."""
    counted = text(
        "SELECT count(*) FROM agency_calls WHERE packet_id = :packet AND verb = :verb AND started_at >= :moment"
    )
    return int(session.execute(counted, {"packet": packet.id, "verb": verb, "moment": moment}).scalar_one())


def of_packet(session: Session, packet_id: int, *, limit: int = 100) -> list[Call]:
    """The calls about a packet, newest first."""
    rows = session.execute(
        text(
            "SELECT c.verb, c.started_at, a.ended_at, a.outcome, a.code, a.excerpt FROM agency_calls c"
            " LEFT JOIN agency_answers a ON a.call_id = c.id WHERE c.packet_id = :packet ORDER BY c.id DESC LIMIT :limit"
        ),
        {"packet": packet_id, "limit": limit},
    )
    return [Call(**row._mapping) for row in rows]


def excerpt(raw: bytes) -> str:
    """What an answer says about itself, or the words of a page that is no message of the contract; numbers masked."""
    said = raw[:4096].decode("utf-8", "replace").strip()
    if said.startswith(("{", "[")):
        told = dict.fromkeys(f"{name}={value}" for name, value in _TOLD.findall(said))
        return "; ".join(told)[:LONGEST_EXCERPT]
    words = _NUMBERS.sub("…", " ".join(_TAGS.sub(" ", said).split()))
    return "".join(letter if letter.isprintable() else "?" for letter in words)[:LONGEST_EXCERPT]


def _outcome(said: Answer | AgencyError) -> str:
    if isinstance(said, Answer):
        return said.kind
    if isinstance(said, Refused):
        return "refused"
    return "not_sent" if isinstance(said, NotSent) else "unknown"
