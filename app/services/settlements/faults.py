"""What is wrong with messages, line by line: found, kept and read. A fault never keeps the rest of a message away.

A fault of one line says where in which message it stands; a fault of the whole has no position. Facts are amounts,
codes and counts, nobody's name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.agency.messages import Callback, LineStatus
from app.models import InboxMessage, Settlement
from app.rules.states import N_
from app.services.settlements import columns
from app.services.settlements.reports import Report

WORDS: dict[str, str] = {
    "unknown_packet": N_("Không có gói tin này"),
    "other_agency": N_("Gói tin của đơn vị chi trả khác"),
    "superseded": N_("Gói tin không còn hiệu lực"),
    "after_lock": N_("Khác kết quả đã chốt"),
    "unreadable_line": N_("Dòng không đọc được"),
    "foreign_line": N_("Dòng không có trong gói tin"),
    "foreign_area": N_("Dòng của danh sách khác"),
    "wrong_amount": N_("Sai số tiền"),
    "duplicate_line": N_("Dòng lặp lại"),
    "contradiction": N_("Mâu thuẫn với tin trước"),
    "wrong_totals": N_("Tổng số báo không khớp các dòng"),
    "missing_part": N_("Thiếu phần của quyết toán"),
    "collected_unread": N_("Phần báo tiền truy thu đã thu không đọc được"),
    "not_collected": N_("Tiền truy thu báo đã thu chưa ghi được"),
}

_NOTE = text(
    "INSERT INTO message_faults (inbox_id, agency_id, area_path, settlement_id, position, reference, code, facts, at)"
    " SELECT i.id, i.agency_id, i.area_path, :settlement, r.position, r.reference, r.code, r.facts, :now"
    "   FROM inbox i, jsonb_to_recordset(CAST(:rows AS jsonb))"
    "        AS r(position int, reference text, code text, facts jsonb) WHERE i.id = :inbox"
)

_LINES = text(f"""
WITH said AS MATERIALIZED (
    SELECT u.*, row_number() OVER (PARTITION BY reference ORDER BY position) AS turn
      FROM unnest(CAST(string_to_array(:positions, ',') AS int[]), {columns.REFERENCES}, {columns.OUTCOMES},
                  {columns.AMOUNTS}) AS u(position, reference, outcome, amount_vnd)
), known AS MATERIALIZED (
    SELECT reference, batch_id, total_vnd FROM payout_lines
     WHERE live AND total_vnd > 0
       AND entitlement_id = ANY(CAST(string_to_array(:entitlements, ',') AS bigint[]))
), sent AS MATERIALIZED (
    SELECT reference, total_vnd FROM known WHERE batch_id = :batch
), told AS MATERIALIZED (
    SELECT DISTINCT ON (reference, outcome = 'unpaid') reference, outcome, inbox_id FROM settlement_entries
     WHERE settlement_id = :settlement AND reference = ANY({columns.REFERENCES})
     ORDER BY reference, outcome = 'unpaid', id
), found AS (
    SELECT s.position, s.reference, 'wrong_amount' AS code,
           jsonb_build_object('said_vnd', s.amount_vnd, 'sent_vnd', l.total_vnd) AS facts
      FROM said s JOIN sent l USING (reference) WHERE s.amount_vnd <> l.total_vnd
    UNION ALL
    SELECT s.position, s.reference, CASE WHEN k.reference IS NULL THEN 'foreign_line' ELSE 'foreign_area' END,
           jsonb_build_object('said_vnd', s.amount_vnd, 'outcome', s.outcome)
      FROM said s LEFT JOIN sent l USING (reference) LEFT JOIN (SELECT DISTINCT reference FROM known) k USING (reference)
     WHERE l.reference IS NULL
    UNION ALL
    SELECT position, reference, 'duplicate_line', '{{}}' FROM said WHERE turn > 1
    UNION ALL
    SELECT s.position, s.reference, 'contradiction',
           jsonb_build_object('outcome', s.outcome, 'before', t.outcome, 'inbox_id', t.inbox_id)
      FROM said s JOIN told t ON t.reference = s.reference AND (t.outcome = 'unpaid') <> (s.outcome = 'unpaid')
)
INSERT INTO message_faults (inbox_id, agency_id, area_path, settlement_id, position, reference, code, facts, at)
SELECT :inbox, :agency, :path, :settlement, position, reference, code, facts, :now FROM found ORDER BY position, code
""")

_AFTER_LOCK = text(
    f"SELECT count(*) FROM unnest({columns.REFERENCES}, {columns.OUTCOMES}, {columns.AMOUNTS})"
    "       AS u(reference, outcome, amount_vnd)"
    "  LEFT JOIN payout_lines l ON l.batch_id = :batch AND l.reference = u.reference AND l.live"
    " WHERE (u.outcome, u.amount_vnd) IS DISTINCT FROM"
    "       (CASE l.result WHEN 'unpaid_stopped' THEN 'unpaid' ELSE l.result END, l.total_vnd)"
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault as a person reads it."""

    inbox_id: int
    message_id: str | None
    position: int | None
    reference: str | None
    code: str
    facts: dict[str, Any]
    at: datetime

    @property
    def words(self) -> str:
        """What is wrong, as a msgid."""
        return WORDS[self.code]


def note(session: Session, row: InboxMessage, code: str, settlement_id: int | None = None, **facts: Any) -> None:
    """A fault of a whole message."""
    _write(session, row.id, settlement_id, [{"code": code, "facts": facts}])


def of_lines(session: Session, settlement: Settlement, inbox_id: int, callback: Callback, ours: str) -> None:
    """The faults of a settlement message's lines, after its entries were kept; `ours` are entitlements it names, joined."""
    unreadable = [
        {
            "position": one.position or None,
            "reference": one.reference[:64],
            "code": "unreadable_line" if one.position else "collected_unread",
            "facts": {"code": one.code},
        }
        for one in callback.faults
    ]
    if unreadable:
        _write(session, inbox_id, settlement.id, unreadable)
    broken = {one.position for one in callback.faults if one.position}
    positions = (n for n in range(1, len(callback.lines) + len(broken) + 1) if n not in broken)
    session.execute(
        _LINES,
        columns.of_lines(callback.lines)
        | {
            "positions": columns.joined(positions),
            "entitlements": ours,
            "batch": settlement.batch_id,
            "settlement": settlement.id,
            "inbox": inbox_id,
            "agency": settlement.agency_id,
            "path": settlement.area_path,
            "now": clock.now(),
        },
    )


def of_totals(session: Session, settlement: Settlement, inbox_id: int, report: Report) -> None:
    """A report that is complete and does not add up to what it announced."""
    announced = None if report.announced is None else asdict(report.announced)
    facts = {"report": report.report_id, "announced": announced, "said": asdict(report.said)}
    _write(session, inbox_id, settlement.id, [{"code": "wrong_totals", "facts": facts}])


def differing(session: Session, batch_id: int, lines: Sequence[LineStatus]) -> int:
    """How many of these lines say something else than what the lock of the settlement wrote."""
    return int(session.execute(_AFTER_LOCK, columns.of_lines(lines) | {"batch": batch_id}).scalar_one())


def of_settlement(session: Session, settlement_id: int, *, limit: int = 200) -> list[Fault]:
    """The faults of a settlement's messages, newest message first, by position in it."""
    return _read(session, "f.settlement_id = :key", settlement_id, limit)


def of_message(session: Session, inbox_id: int, *, limit: int = 1_000) -> list[Fault]:
    """The faults of one message."""
    return _read(session, "f.inbox_id = :key", inbox_id, limit)


def _write(session: Session, inbox_id: int, settlement_id: int | None, rows: Sequence[Mapping[str, Any]]) -> None:
    session.execute(
        _NOTE,
        {
            "inbox": inbox_id,
            "settlement": settlement_id,
            "now": clock.now(),
            "rows": json.dumps([{"facts": {}} | dict(row) for row in rows]),
        },
    )


def _read(session: Session, which: str, key: int, limit: int) -> list[Fault]:
    rows = session.execute(
        text(
            "SELECT f.inbox_id, i.message_id, f.position, f.reference, f.code, f.facts, f.at FROM message_faults f"
            f"  JOIN inbox i ON i.id = f.inbox_id WHERE {which} ORDER BY f.inbox_id DESC, f.position, f.id LIMIT :limit"
        ),
        {"key": key, "limit": limit},
    )
    return [Fault(**row._mapping) for row in rows]
