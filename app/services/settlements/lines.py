"""The lines of one settlement as its page shows them: by tab, searched, a page at a time. Nothing is changed here."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.models import Settlement
from app.rules import names
from app.services.settlements.arithmetic import STANDING

TABS: dict[str, str] = {
    "unpaid": "standing IN ('unpaid', 'unpaid_stopped')",
    "recover": "standing = 'to_recover'",
    "differing": "finding IN ('missing', 'extra', 'wrong_amount', 'duplicate')",
    "pending": "standing = 'pending'",
    "paid": "standing = 'paid'",
    "all": "true",
    "disputed": "finding = 'dispute'",
}
"""Tab -> SQL condition over `_LINES`."""

_LINES = f"""
WITH line AS (
    SELECT l.no, l.reference, l.beneficiary_code AS code, l.full_name, l.name_fold, l.birth, l.hamlet, l.payee_name,
           l.entitlement_id, l.total_vnd, {STANDING} AS standing, r.outcome, r.amount_vnd AS said_vnd, r.reason_code,
           r.finding, r.decided_outcome, r.decided_reason, r.decided_by, r.decided_at
      FROM payout_lines l LEFT JOIN settlement_records r ON r.settlement_id = :settlement AND r.line_id = l.id
     WHERE l.batch_id = :batch AND l.live AND l.total_vnd > 0
    UNION ALL
    SELECT NULL, r.reference, '', '', '', '', '', '', NULL, 0, 'foreign', r.outcome, r.amount_vnd, r.reason_code,
           r.finding, r.decided_outcome, r.decided_reason, r.decided_by, r.decided_at
      FROM settlement_records r WHERE r.settlement_id = :settlement AND r.line_id IS NULL
)
"""
_SEARCHED = "(strpos(name_fold, :folded) > 0 OR starts_with(lower(code), :typed) OR starts_with(reference, :typed))"


@dataclass(frozen=True, slots=True)
class Said:
    """One thing the agency said about a line, and when it was received."""

    outcome: str
    amount_vnd: int
    reason_code: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Line:
    """A line with what was reported and decided; `streak` counts unpaid periods in a row with this one."""

    no: int | None
    reference: str
    code: str
    full_name: str
    birth: str
    hamlet: str
    payee_name: str
    total_vnd: int
    standing: str
    outcome: str | None
    said_vnd: int | None
    reason_code: str | None
    finding: str | None
    decided_outcome: str | None
    decided_reason: str | None
    decided_by: str | None
    decided_at: datetime | None
    streak: int = 0
    said: tuple[Said, ...] = ()

    @property
    def seen(self) -> str:
        """What a person who decides has before their eyes; another text means that it changed meanwhile."""
        decided = "" if self.decided_at is None else f"{self.decided_at.timestamp():.6f}"
        return f"{self.finding or ''}|{self.outcome or ''}|{self.said_vnd or 0}|{self.decided_outcome or ''}|{decided}"


def counts(session: Session, settlement: Settlement) -> dict[str, int]:
    """Lines under each tab."""
    columns = ", ".join(f"count(*) FILTER (WHERE {condition}) AS {tab}" for tab, condition in TABS.items())
    return dict(session.execute(text(f"{_LINES} SELECT {columns} FROM line"), _facts(settlement)).one()._mapping)


def count(session: Session, settlement: Settlement, tab: str, typed: str) -> int:
    """Lines under a tab that match what was typed."""
    statement = text(f"{_LINES} SELECT count(*) FROM line WHERE {TABS[tab]} AND {_SEARCHED}")
    return int(session.execute(statement, _facts(settlement, typed)).scalar_one())


def page(
    session: Session, settlement: Settlement, tab: str, *, typed: str = "", first: int = 0, size: int = 50
) -> list[Line]:
    """Lines of a tab from number `first` on, in the order of the list; references that are not ours come last."""
    condition = f"{TABS[tab]} AND {_SEARCHED}" if typed else TABS[tab]
    return _read(session, settlement, condition, _facts(settlement, typed) | {"first": first, "size": size})


def one(session: Session, settlement: Settlement, reference: str) -> Line | None:
    """The line or foreign reference with this name."""
    facts = _facts(settlement) | {"reference": reference, "first": 0, "size": 1}
    found = _read(session, settlement, "reference = :reference", facts)
    return found[0] if found else None


def _facts(settlement: Settlement, typed: str = "") -> dict[str, Any]:
    facts: dict[str, Any] = {"settlement": settlement.id, "batch": settlement.batch_id}
    return facts | ({"folded": names.fold(typed), "typed": typed.lower()} if typed else {})


def _read(session: Session, settlement: Settlement, condition: str, facts: dict[str, Any]) -> list[Line]:
    rows = session.execute(
        text(f"{_LINES} SELECT * FROM line WHERE {condition} ORDER BY no, reference LIMIT :size OFFSET :first"), facts
    ).all()
    unpaid = [row.entitlement_id for row in rows if row.standing in ("unpaid", "unpaid_stopped")]
    before = _unpaid_before(session, unpaid, settlement.period.month)
    said = _said(session, settlement.id, [row.reference for row in rows if row.finding in ("dispute", "wrong_amount")])
    return [_line(row, before, said) for row in rows]


def _line(row: Any, before: dict[int, int], said: dict[str, list[Said]]) -> Line:
    facts = {name: value for name, value in row._mapping.items() if name not in ("name_fold", "entitlement_id")}
    streak = 1 + before.get(row.entitlement_id, 0) if row.standing in ("unpaid", "unpaid_stopped") else 0
    return Line(**facts, streak=streak, said=tuple(said.get(row.reference, ())))


def _unpaid_before(session: Session, entitlement_ids: Collection[int], month: date) -> dict[int, int]:
    """Unpaid months in a row that end just before `month`, for those who have any."""
    if not entitlement_ids:
        return {}
    rows = session.execute(
        text(
            "SELECT entitlement_id, count(*) AS n FROM ("
            "   SELECT u.entitlement_id, p.month, row_number() OVER (PARTITION BY u.entitlement_id ORDER BY p.month DESC)"
            "          AS back FROM payout_lines u JOIN periods p ON p.id = u.period_id"
            "    WHERE u.entitlement_id = ANY(:ids) AND u.result = 'unpaid' AND u.live AND p.month < :month) x"
            " WHERE x.month = (CAST(:month AS date) - back * interval '1 month')::date GROUP BY entitlement_id"
        ),
        {"ids": list(entitlement_ids), "month": month},
    )
    return {row.entitlement_id: row.n for row in rows}


def _said(session: Session, settlement_id: int, references: Collection[str]) -> dict[str, list[Said]]:
    """Everything the agency said about these, in the order in which it came."""
    if not references:
        return {}
    rows = session.execute(
        text(
            "SELECT e.reference, e.outcome, e.amount_vnd, e.reason_code, i.received_at AS at"
            "  FROM settlement_entries e JOIN inbox i ON i.id = e.inbox_id"
            " WHERE e.settlement_id = :settlement AND e.reference = ANY(:references) ORDER BY e.id"
        ),
        {"settlement": settlement_id, "references": list(references)},
    )
    found: dict[str, list[Said]] = {}
    for row in rows:
        found.setdefault(row.reference, []).append(Said(row.outcome, row.amount_vnd, row.reason_code, row.at))
    return found
