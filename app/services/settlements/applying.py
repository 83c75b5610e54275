"""Applying settlement messages: entries are kept as said, records are what the set of entries adds up to (promise P6).

Neither order nor repetition of messages changes a record: every merge computes the references it touches from all of
their entries. A contradiction becomes a dispute, which a person decides.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from flask_babel import gettext as _
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.agency.messages import Callback, ControlTotals, LineFault
from app.models import REASON_CODES, Settlement
from app.rules.actors import Actor
from app.services import transitions
from app.services.settlements import collecting, columns, faults, reports

FAULTS_SHOWN = 5

_OURS = re.compile(r"[0-9]{6}-([0-9]{1,18})")

# One statement that reads all lines: a row-level policy forbids COPY into the table itself.
_KEEP = text(
    "INSERT INTO settlement_entries (settlement_id, inbox_id, area_path, reference, outcome, amount_vnd, reason_code,"
    " happened_at)"
    " SELECT :settlement, :inbox, :path, u.reference, u.outcome, u.amount_vnd, u.reason_code, u.happened_at"
    f"   FROM unnest({columns.REFERENCES}, {columns.OUTCOMES}, {columns.AMOUNTS}, {columns.REASONS}, {columns.MOMENTS})"
    "        AS u(reference, outcome, amount_vnd, reason_code, happened_at)"
)

_MERGE = text(f"""
WITH said AS MATERIALIZED (
    SELECT reference, bool_or(outcome = 'paid') AS paid, bool_or(outcome = 'unpaid') AS unpaid,
           bool_or(outcome = 'to_recover') AS recover, min(amount_vnd) AS low, max(amount_vnd) AS high,
           count(*) > count(DISTINCT inbox_id) AS repeated,
           min(CASE WHEN reason_code = ANY(:codes) THEN reason_code WHEN reason_code IS NOT NULL THEN 'OTHER' END)
               FILTER (WHERE outcome <> 'paid') AS reason_code
      FROM settlement_entries
     WHERE settlement_id = :settlement AND reference = ANY({columns.REFERENCES})
     GROUP BY reference
), sent AS MATERIALIZED (
    SELECT id, reference, area_path, total_vnd FROM payout_lines
     WHERE batch_id = :batch AND live AND total_vnd > 0
       AND entitlement_id = ANY(CAST(string_to_array(:entitlements, ',') AS bigint[]))
), judged AS MATERIALIZED (
    SELECT l.id AS line_id, coalesce(l.area_path, :path) AS area_path, s.reference,
           CASE WHEN s.unpaid AND (s.paid OR s.recover) THEN NULL WHEN s.recover THEN 'to_recover'
                WHEN s.paid THEN 'paid' ELSE 'unpaid' END AS outcome,
           CASE WHEN s.high = l.total_vnd THEN s.low ELSE s.high END AS amount_vnd,
           s.reason_code,
           CASE WHEN l.id IS NULL THEN 'extra' WHEN s.unpaid AND (s.paid OR s.recover) THEN 'dispute'
                WHEN s.low <> l.total_vnd OR s.high <> l.total_vnd THEN 'wrong_amount'
                WHEN s.repeated THEN 'duplicate' ELSE 'matched' END AS finding
      FROM said s LEFT JOIN sent l ON l.reference = s.reference
), merged AS (
    INSERT INTO settlement_records AS r (settlement_id, line_id, agency_id, area_path, reference, outcome, amount_vnd,
        reason_code, finding)
    SELECT :settlement, line_id, :agency, area_path, reference, outcome, amount_vnd, reason_code, finding FROM judged
    ON CONFLICT (settlement_id, reference) DO UPDATE SET outcome = excluded.outcome, amount_vnd = excluded.amount_vnd,
        reason_code = excluded.reason_code, finding = excluded.finding
     WHERE (r.outcome, r.amount_vnd, r.reason_code, r.finding)
           IS DISTINCT FROM (excluded.outcome, excluded.amount_vnd, excluded.reason_code, excluded.finding)
    RETURNING id, decided_outcome
)
SELECT ARRAY(SELECT id FROM merged WHERE decided_outcome IS NOT NULL) AS decided,
       EXISTS (SELECT 1 FROM judged WHERE finding <> 'matched') AS odd
""")

# A decision was made on what was known then. Words that come later and say something else ask the person again.
_REOPEN = text(
    "UPDATE settlement_records SET decided_outcome = NULL, decided_reason = NULL, decided_by = NULL, decided_at = NULL,"
    " change_id = NULL"
    " WHERE id = ANY(:ids) AND (outcome IS NULL OR finding NOT IN ('matched', 'duplicate')"
    "    OR outcome <> CASE decided_outcome WHEN 'unpaid_stopped' THEN 'unpaid' ELSE decided_outcome END)"
    " RETURNING reference"
)

# NOT IN is a hashed look-up whatever the statistics of a table that has just grown say.
_MISSING = text(
    "INSERT INTO settlement_records (settlement_id, line_id, agency_id, area_path, reference, finding)"
    " SELECT :settlement, l.id, :agency, l.area_path, l.reference, 'missing' FROM payout_lines l"
    "  WHERE l.batch_id = :batch AND l.live AND l.total_vnd > 0 AND l.id NOT IN ("
    "    SELECT line_id FROM settlement_records WHERE settlement_id = :settlement AND line_id IS NOT NULL)"
)


def apply(session: Session, packet_id: int, inbox_id: int, callback: Callback, *, by: Actor) -> str | None:
    """Apply one part of a settlement of an accepted packet; returns what a person should know of it, if anything."""
    settlement = _lock(session, packet_id)
    part = callback.head.settlement
    assert part is not None and part.part > 0, "inbox looked"
    words = columns.of_entries(callback.lines)
    session.execute(_KEEP, _facts(settlement) | words | {"inbox": inbox_id})
    if part.collected:
        ours = [_entitlement_of(one.reference) for one in part.collected]
        collecting.keep(session, settlement, inbox_id, part.collected, ours)
    reopened = _merge(session, settlement, inbox_id, callback, words)
    said = ControlTotals.of(callback.lines)
    before = reports.read(settlement.reported)
    settlement.reported = reports.add(settlement.reported, part, said, len(callback.faults))
    after = reports.read(settlement.reported)
    for report in after:
        if report.complete and report.announced != report.said and report not in before:
            faults.of_totals(session, settlement, inbox_id, report)
    leading = after[-1]
    settlement.parts_expected, settlement.parts_received = leading.parts_expected, leading.parts_received
    settlement.last_message_at = clock.now()
    session.flush()
    if leading.complete:
        session.execute(_MISSING, _facts(settlement))
    _move(session, settlement, complete=leading.complete, by=by)
    notes = [*_faults(callback.faults), _asked_again(reopened)]
    return " ".join(note for note in notes if note) or None


def _lock(session: Session, packet_id: int) -> Settlement:
    return session.scalars(
        select(Settlement)
        .where(Settlement.packet_id == packet_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def _facts(settlement: Settlement) -> dict[str, object]:
    return {
        "settlement": settlement.id,
        "batch": settlement.batch_id,
        "agency": settlement.agency_id,
        "path": settlement.area_path,
    }


def _merge(
    session: Session, settlement: Settlement, inbox_id: int, callback: Callback, words: dict[str, str]
) -> list[str]:
    """References whose decision has to be made again; the faults of the lines are noted on the way.

    Our own references end in the entitlement's key, so that only the lines spoken of are read and not the whole list.
    """
    named = [_OURS.fullmatch(line.reference) for line in callback.lines]
    ours = columns.joined(found[1] for found in named if found)
    facts = _facts(settlement) | words | {"entitlements": ours, "codes": list(REASON_CODES)}
    # To the planner a new settlement has one row at most, and nested loops over 5.000 lines are slow: hash instead.
    session.execute(text("SET LOCAL enable_nestloop = off"))
    found = session.execute(_MERGE, facts).one()
    if found.odd or callback.faults:
        faults.of_lines(session, settlement, inbox_id, callback, ours)
    session.execute(text("SET LOCAL enable_nestloop = on"))
    return sorted(session.execute(_REOPEN, {"ids": found.decided}).scalars()) if found.decided else []


def _entitlement_of(reference: str) -> int | None:
    """The key our own references end in."""
    found = _OURS.fullmatch(reference)
    return int(found[1]) if found else None


def _move(session: Session, settlement: Settlement, *, complete: bool, by: Actor) -> None:
    if settlement.state in ("waiting", "partial"):
        facts = {"parts_received": settlement.parts_received, "parts_expected": settlement.parts_expected}
        name = "receive_all" if complete else "receive_part"
        transitions.move(session, "settlement", settlement.id, name, by=by, facts=facts)


def _faults(faults: Sequence[LineFault]) -> list[str]:
    if not faults:
        return []
    shown = "; ".join(f"{fault.position} {fault.reference} {fault.text}" for fault in faults[:FAULTS_SHOWN])
    return [str(_("%(count)s dòng không đọc được: %(lines)s.", count=len(faults), lines=shown))]


def _asked_again(references: Sequence[str]) -> str | None:
    if not references:
        return None
    shown = ", ".join(references[:FAULTS_SHOWN])
    return str(
        _(
            "%(count)s dòng đã được quyết định phải xem lại vì bưu điện báo khác: %(lines)s.",
            count=len(references),
            lines=shown,
        )
    )
