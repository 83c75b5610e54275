"""What needs a person: trouble with lists, packets and settlements, people unpaid for months, what waits for approval.

Everything is counted in one statement for any number of areas, each kind with the page that shows it. Nothing changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.models import FAULTS_FOR_A_PERSON
from app.rules import dates
from app.rules.actors import ROOT_PATH, Actor, Role, bounds_of
from app.rules.states import ARREARS, BATCH, EXTENSION, TRANSFER
from app.services import auto_sending, balances
from app.services.arrears import noticing
from app.services.attention_kinds import KINDS as KINDS
from app.services.attention_kinds import Kind as Kind
from app.services.attention_places import PLACES, SINCE, STUCK
from app.services.settlements import arithmetic, reports

SUSPEND_AFTER = 3
"""Unpaid periods in a row that are a legal ground to suspend; people are told of it from the second on."""


DOUBT_SHOWN_AFTER = timedelta(hours=24)
"""A packet that waits or is in doubt for longer is on a person's list."""


@dataclass(frozen=True, slots=True)
class Item:
    """So much of one kind of trouble, in so many places; `id` is the one place where there is no more."""

    kind: Kind
    count: int
    places: int
    id: int | None


@dataclass(frozen=True, slots=True)
class Place:
    """A list, packet, settlement or request with one kind of trouble."""

    id: int
    code: str
    area_name: str
    month: date | None
    count: int


_COUNTS = " UNION ALL ".join(
    f"SELECT '{kind}' AS kind, coalesce(sum(n), 0)::bigint AS n, count(*) AS places, min(id) AS id FROM ({sql}) x"
    for kind, sql in PLACES.items()
)

_BOOKS = """
SELECT coalesce(sum(row_count), 0)::bigint FROM book_findings
 WHERE check_id = (SELECT max(id) FROM book_checks) AND area_path >= :low AND area_path < :high
"""

_REPORTED = """
SELECT id, reported FROM settlements
 WHERE state IN ('partial', 'received') AND reported IS NOT NULL AND area_path >= :low AND area_path < :high ORDER BY id
"""

_STREAKS = """
  FROM payout_lines u
  JOIN periods p ON p.id = u.period_id AND p.month IN (:month, :before)
  JOIN payout_lines v ON v.entitlement_id = u.entitlement_id AND v.result = 'unpaid'
   AND v.period_id = (SELECT id FROM periods WHERE month = (p.month - interval '1 month')::date)
 WHERE u.result = 'unpaid' AND u.area_path >= :low AND u.area_path < :high
   AND (p.month = :month OR NOT EXISTS (
       SELECT 1 FROM payout_lines n WHERE n.entitlement_id = u.entitlement_id AND n.live AND n.result <> 'pending'
          AND n.period_id = (SELECT id FROM periods WHERE month = :month)))
"""


_THIRD = (
    "w.entitlement_id = u.entitlement_id AND w.result = 'unpaid' AND w.period_id ="
    " (SELECT id FROM periods WHERE month = (p.month - interval '2 months')::date)"
)
"""The same was unpaid in the period before those two."""

_SUSPENSIONS = """
SELECT count(*) FROM suspensions WHERE state IN ('proposed', 'resuming') AND area_path >= :low AND area_path < :high
"""


def items(session: Session, path: str, month: date) -> list[Item]:
    """What needs a person in the area and below, of any month still open; unpaid streaks as of `month`."""
    reminded = [one.batch_id for one in auto_sending.reminders(session, path)]
    facts = {**_facts(path), "untied": _untied(session, path), "reminded": reminded}
    found: dict[str, tuple[int, int, int | None]] = {
        row.kind: (row.n, row.places, row.id) for row in session.execute(text(_COUNTS), facts)
    }
    found["books"] = (int(session.execute(text(_BOOKS), _bounds(path)).scalar_one()), 0, None)
    uncounted = None if path == ROOT_PATH else noticing.uncounted(session, path)
    found["due"] = (0 if path == ROOT_PATH else balances.short(session, path), 0, None)
    found["rise"] = (uncounted.lists if uncounted else 0, 0, None)
    found["suspension"] = (int(session.execute(text(_SUSPENSIONS), _bounds(path)).scalar_one()), 0, None)
    twice, longer = _streaks_count(session, path, month)
    found["streak"], found["streak_long"] = (twice, 0, None), (longer, 0, None)
    return [Item(kind, *found[kind.name]) for kind in KINDS if found[kind.name][0]]


def places(session: Session, path: str, kind: str, *, limit: int = 500) -> list[Place]:
    """Where one kind of trouble is, the oldest month first; unpaid streaks have a list of their own."""
    reminded = [one.batch_id for one in auto_sending.reminders(session, path)] if kind == "reminder" else []
    untied = _untied(session, path) if kind == "untied" else []
    facts = {**_facts(path), "untied": untied, "reminded": reminded, "limit": limit}
    rows = session.execute(
        text(
            "SELECT x.id, x.code, a.full_name AS area_name, p.month, x.n AS count"
            f"  FROM ({PLACES[kind]}) x JOIN areas a ON a.path = x.area_path LEFT JOIN periods p ON p.id = x.period_id"
            " ORDER BY p.month, a.name_fold, x.code LIMIT :limit"
        ),
        facts,
    )
    return [Place(**row._mapping) for row in rows]


def stuck(session: Session, path: str, *, limit: int = 100) -> list[tuple[int, datetime]]:
    """(packet, since when) of what has waited or been in doubt for more than a day, the longest first.

    Those somebody has put aside are here too, after the others.
    """
    rows = session.execute(
        text(
            f"SELECT k.id, {SINCE} AS since FROM packets k"
            f" WHERE k.area_path >= :low AND k.area_path < :high AND {STUCK}"
            " ORDER BY EXISTS (SELECT 1 FROM acknowledgements w WHERE w.subject = 'packet' AND w.entity_id = k.id"
            "                  AND w.until > :now), since, k.id LIMIT :limit"
        ),
        {**_facts(path), "limit": limit},
    )
    return [(row.id, row.since) for row in rows]


def _untied(session: Session, path: str) -> list[int]:
    """Settlements reported in full whose announced totals are not those of their lines.

    Only these few are added up line by line: a decision may have put them right.
    """
    doubtful = []
    for row in session.execute(text(_REPORTED), _bounds(path)):
        told = reports.read(row.reported)
        if told[-1].complete and not told[-1].consistent:
            doubtful.append(row.id)
    found = arithmetic.figures_of(session, doubtful) if doubtful else {}
    return [key for key in doubtful if not found[key].ties_out]


@dataclass(frozen=True, slots=True)
class Streak:
    """Somebody unpaid for several periods in a row; `periods` counts up to SUSPEND_AFTER."""

    beneficiary_id: int
    code: str
    full_name: str
    birth: str
    hamlet: str
    area_name: str
    periods: int
    total_vnd: int
    reason: str | None
    suspension: int | None


def unpaid_streaks(session: Session, path: str, month: date, *, limit: int = 500) -> list[Streak]:
    """People unpaid in the last known period and the one before, the longest first. `total_vnd` waits for them now."""
    rows = session.execute(
        text(
            "SELECT u.beneficiary_id, u.beneficiary_code AS code, u.full_name, u.birth, u.hamlet, a.full_name AS area_name,"
            f" u.total_vnd, u.result_reason AS reason, CASE WHEN EXISTS (SELECT 1 FROM payout_lines w WHERE {_THIRD})"
            f" THEN {SUSPEND_AFTER} ELSE 2 END AS periods,"
            " (SELECT max(x.id) FROM suspensions x WHERE x.beneficiary_id = u.beneficiary_id"
            "   AND x.state IN ('proposed', 'suspended', 'resuming')) AS suspension"
            + _STREAKS.replace(" WHERE u.result", "  JOIN areas a ON a.path = u.area_path\n WHERE u.result", 1)
            + " ORDER BY periods DESC, a.name_fold, u.hamlet, u.name_fold, u.id LIMIT :limit"
        ),
        {**_bounds(path), **_months(month), "limit": limit},
    )
    return [Streak(**row._mapping) for row in rows]


def _streaks_count(session: Session, path: str, month: date) -> tuple[int, int]:
    """People unpaid for two periods or more; of them, those unpaid for three who are still active."""
    counted = text(
        "SELECT count(DISTINCT u.beneficiary_id) AS twice, count(DISTINCT u.beneficiary_id) FILTER (WHERE EXISTS ("
        f"  SELECT 1 FROM payout_lines w WHERE {_THIRD}) AND EXISTS (SELECT 1 FROM beneficiaries b"
        f"   WHERE b.id = u.beneficiary_id AND b.status = 'active')) AS longer {_STREAKS}"
    )
    row = session.execute(counted, {**_bounds(path), **_months(month)}).one()
    return row.twice, row.longer


@dataclass(frozen=True, slots=True)
class Approval:
    """A list, an extension or a proposal of arrears that waits for a decision."""

    kind: str
    id: int
    code: str
    area_name: str
    month: date
    list_kind: str
    people: int
    amount_vnd: int
    blocking: int
    asked_by: str
    days: int


_APPROVALS = """
SELECT 'batch' AS kind, b.id, b.code, a.full_name AS area_name, p.month, b.kind AS list_kind, b.people_count AS people,
       b.total_vnd AS amount_vnd, (SELECT count(*) FROM batch_findings f WHERE f.batch_id = b.id
                                      AND f.severity = 'blocking')::int AS blocking, b.made_by AS asked_by, 0 AS days
  FROM payout_batches b JOIN areas a ON a.id = b.area_id JOIN periods p ON p.id = b.period_id
 WHERE b.state = 'draft' AND b.made_by <> :me AND b.line_count > 0 AND b.area_path >= :low AND b.area_path < :high
   AND 'batch' = ANY(:kinds)
UNION ALL
SELECT 'extension', x.id, k.code, a.full_name, p.month, b.kind, k.people_count, k.total_vnd, 0, x.asked_by, x.days
  FROM deadline_extensions x JOIN settlements s ON s.id = x.settlement_id JOIN packets k ON k.id = s.packet_id
  JOIN payout_batches b ON b.id = s.batch_id JOIN areas a ON a.id = b.area_id JOIN periods p ON p.id = s.period_id
 WHERE x.state = 'asked' AND x.entered_by <> :me AND x.area_path >= :low AND x.area_path < :high
   AND 'extension' = ANY(:kinds)
UNION ALL
SELECT 'arrears', q.id, 'TL-' || q.id, a.full_name, q.due_month, 'monthly', q.people_count, q.total_vnd, 0, q.made_by, 0
  FROM arrears_proposals q JOIN areas a ON a.id = q.area_id
 WHERE q.state = 'proposed' AND q.made_by <> :me AND q.area_path >= :low AND q.area_path < :high
   AND 'arrears' = ANY(:kinds)
UNION ALL
SELECT 'transfer', t.id, t.treasury_ref, a.full_name, p.month, '', 0, t.amount_vnd, 0, t.entered_by, 0
  FROM agency_transfers t JOIN areas a ON a.id = t.area_id JOIN periods p ON p.id = t.period_id
 WHERE t.state = 'entered' AND t.entered_by <> :me AND t.area_path >= :low AND t.area_path < :high
   AND 'transfer' = ANY(:kinds)
 ORDER BY month, kind, area_name, code LIMIT :limit
"""


def approvals(session: Session, path: str, *, by: Actor, limit: int = 200) -> Sequence[Approval]:
    """What the actor may approve now, the oldest month first: never their own preparation."""
    kinds = [
        machine.name
        for machine, move in ((BATCH, "lock"), (EXTENSION, "grant"), (ARREARS, "approve"), (TRANSFER, "approve"))
        if by.has(*machine.moves[move].who - {Role.SYSTEM})
    ]
    facts = {**_bounds(path), "me": by.username, "kinds": kinds, "limit": limit}
    return [Approval(**row._mapping) for row in session.execute(text(_APPROVALS), facts)] if kinds else []


def _bounds(path: str) -> dict[str, str]:
    low, high = bounds_of(path)
    return {"low": low, "high": high}


def _facts(path: str) -> dict[str, object]:
    now = clock.now()
    return {
        **_bounds(path),
        "now": now,
        "today": clock.today(),
        "day_ago": now - DOUBT_SHOWN_AFTER,
        "faults": list(FAULTS_FOR_A_PERSON),
    }


def _months(month: date) -> dict[str, date]:
    return {"month": month, "before": dates.add_months(month, -1)}
