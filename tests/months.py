"""Whole months of one commune, played by the services and the agency's words; and the money that must add up after them."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.models import Packet, PayoutLine, Settlement
from app.services import periods
from app.services.settlements import locking
from tests import factories as make
from tests import office


def sent(session: Session, month: date) -> Packet:
    """The list of the month, made, approved, sent and accepted; committed."""
    with clock.at(month.replace(day=10)):
        return office.accepted(session, people=0, month=month)


def reported(
    session: Session, packet: Packet, said: dict[int, str] | None = None, *, report: str = "QT-1"
) -> Settlement:
    """What the agency says: `said` by entitlement, everybody else was paid; committed."""
    lines = office.lines_of(session, packet)
    words = [office.result(line, (said or {}).get(line.entitlement_id, "paid")) for line in lines]
    with clock.at(month_of(session, packet).replace(day=20)):
        office.hear(session, *office.parts(packet.code, words, report=report))
    return office.settlement_of(session, packet)


def settled(session: Session, month: date, said: dict[int, str] | None = None) -> Packet:
    """The month up to the locked settlement; committed."""
    packet = sent(session, month)
    settlement = reported(session, packet, said)
    with clock.at(month.replace(day=26)):
        locking.lock(session, settlement.id, by=make.ACCOUNTANT)
        session.commit()
    office.refresh(session)
    return session.get_one(Packet, packet.id)


def closed(session: Session, month: date, said: dict[int, str] | None = None) -> Packet:
    """The whole month; committed."""
    packet = settled(session, month, said)
    close(session, month)
    return packet


def close(session: Session, month: date) -> None:
    """Chốt kỳ."""
    periods.close(session, area_period(session, month), by=make.ACCOUNTANT)
    session.commit()


def area_period(session: Session, month: date) -> int:
    key: int = session.execute(
        text("SELECT a.id FROM area_periods a JOIN periods p ON p.id = a.period_id WHERE p.month = :month"),
        {"month": month},
    ).scalar_one()
    return key


def month_of(session: Session, packet: Packet) -> date:
    found: date = session.execute(
        text("SELECT p.month FROM payout_batches b JOIN periods p ON p.id = b.period_id WHERE b.id = :id"),
        {"id": packet.batch_id},
    ).scalar_one()
    return found


def line(session: Session, packet: Packet, entitlement_id: int) -> PayoutLine:
    """The person's line in the packet."""
    return next(one for one in office.lines_of(session, packet) if one.entitlement_id == entitlement_id)


def buckets(session: Session, line_id: int) -> dict[str, int]:
    """Where a line's money is, by the journal; empty buckets left out."""
    rows = session.execute(
        text(
            "SELECT bucket, sum(vnd)::bigint AS vnd FROM ("
            " SELECT to_bucket AS bucket, amount_vnd AS vnd FROM money_movements WHERE line_id = :id UNION ALL"
            " SELECT from_bucket, -amount_vnd FROM money_movements WHERE line_id = :id) x"
            " WHERE bucket <> 'owed' GROUP BY bucket HAVING sum(vnd) <> 0"
        ),
        {"id": line_id},
    )
    return {row.bucket: row.vnd for row in rows}


WRONG: dict[str, str] = {
    "a line is not the sum of its parts": """
SELECT l.id FROM payout_lines l WHERE l.live AND (
    l.withheld_vnd <> (SELECT coalesce(sum(amount_vnd), 0) FROM withholdings WHERE line_id = l.id)
 OR l.carried_vnd <> (SELECT coalesce(sum(amount_vnd), 0) FROM carry_overs WHERE to_line_id = l.id)
 OR l.arrears_vnd <> (SELECT coalesce(sum(amount_vnd), 0) FROM arrears WHERE line_id = l.id))""",
    "a list is not the sum of its lines": """
SELECT b.id FROM payout_batches b LEFT JOIN payout_lines l ON l.batch_id = b.id AND l.live GROUP BY b.id
HAVING (b.total_vnd, b.withheld_vnd, b.carried_vnd) <> (
    coalesce(sum(l.total_vnd), 0), coalesce(sum(l.withheld_vnd), 0), coalesce(sum(l.carried_vnd), 0))""",
    "carried money is not the unpaid line's": """
SELECT c.from_line_id FROM carry_overs c JOIN payout_lines u ON u.id = c.from_line_id
  JOIN payout_lines l ON l.id = c.to_line_id
 WHERE u.result <> 'unpaid' OR u.total_vnd <> c.amount_vnd OR NOT l.live OR l.period_id = u.period_id
    OR l.entitlement_id <> u.entitlement_id""",
    "a settled line's money is not where its result says": """
SELECT l.id FROM payout_lines l WHERE l.live AND l.result <> 'pending' AND l.total_vnd <> (
    SELECT coalesce(sum(CASE WHEN m.to_bucket = ANY(x.buckets) THEN amount_vnd ELSE 0 END
                      - CASE WHEN m.from_bucket = ANY(x.buckets) THEN amount_vnd ELSE 0 END), 0)
      FROM money_movements m, (SELECT CASE l.result WHEN 'unpaid' THEN '{unpaid,carried}'::text[]
          WHEN 'unpaid_stopped' THEN '{stopped}' ELSE '{paid,to_recover,recovered,written_off}' END AS buckets) x
     WHERE m.line_id = l.id)""",
    "carried lines of locked lists are not carried in the journal": """
SELECT c.from_line_id FROM carry_overs c JOIN payout_lines l ON l.id = c.to_line_id
  JOIN payout_batches b ON b.id = l.batch_id
 WHERE c.amount_vnd * CASE WHEN b.state = 'draft' THEN 0 ELSE 1 END <> (
    SELECT coalesce(sum(CASE WHEN m.to_bucket = 'carried' THEN amount_vnd ELSE 0 END
                      - CASE WHEN m.from_bucket = 'carried' THEN amount_vnd ELSE 0 END), 0)
      FROM money_movements m WHERE m.line_id = c.from_line_id)""",
    "the ledger of a recovery and the journal differ": """
SELECT r.id FROM recoveries r WHERE r.state IN ('open', 'closed') AND
   (SELECT coalesce(sum(amount_vnd), 0) FROM recovery_entries WHERE recovery_id = r.id) <> (
    SELECT coalesce(sum(CASE WHEN m.to_bucket IN ('recovered', 'written_off') THEN m.amount_vnd ELSE -m.amount_vnd END), 0)
      FROM money_movements m JOIN recovery_entries e ON e.id = m.recovery_entry_id WHERE e.recovery_id = r.id)""",
    "a recovery is not the sum of its lines": """
SELECT r.id FROM recoveries r WHERE r.amount_vnd <> (SELECT sum(amount_vnd) FROM recovery_lines WHERE recovery_id = r.id)""",
    "more is withheld than is to come back": """
SELECT r.id FROM recoveries r WHERE r.state IN ('open', 'closed') AND r.amount_vnd <
   (SELECT coalesce(sum(amount_vnd), 0) FROM recovery_entries WHERE recovery_id = r.id) +
   (SELECT coalesce(sum(amount_vnd), 0) FROM withholdings WHERE recovery_id = r.id AND outcome = 'waiting')""",
    "withheld money counted other than once": """
SELECT w.line_id FROM withholdings w WHERE w.amount_vnd * CASE w.outcome WHEN 'recovered' THEN 1 ELSE 0 END <>
   (SELECT coalesce(sum(amount_vnd), 0) FROM recovery_entries e WHERE e.line_id = w.line_id AND e.recovery_id = w.recovery_id)""",
    "a bucket of a line is negative": """
SELECT line_id FROM (
    SELECT line_id, to_bucket AS bucket, amount_vnd AS vnd FROM money_movements UNION ALL
    SELECT line_id, from_bucket, -amount_vnd FROM money_movements WHERE from_bucket <> 'owed') x
 GROUP BY line_id, bucket HAVING sum(vnd) < 0""",
}
"""What must never be -> SQL that finds it."""


def wrong(session: Session) -> dict[str, list[Any]]:
    """Everything in the books that does not add up; empty when all does."""
    found = {name: list(session.execute(text(sql)).scalars()) for name, sql in WRONG.items()}
    return {name: rows for name, rows in found.items() if rows}
