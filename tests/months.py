"""Whole months of one commune, played by the services and the agency's words; and the money that must add up after them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.agency.messages import Collected
from app.models import Packet, PayoutLine, Settlement
from app.services import periods
from app.services.books import checking
from app.services.settlements import locking
from tests import factories as make
from tests import office


def sent(session: Session, month: date) -> Packet:
    """The list of the month, made, approved, sent and accepted; committed."""
    with clock.at(month.replace(day=10)):
        return office.accepted(session, people=0, month=month)


def reported(
    session: Session,
    packet: Packet,
    said: dict[int, str] | None = None,
    *,
    report: str = "QT-1",
    collected: Sequence[Collected] = (),
) -> Settlement:
    """What the agency says: `said` by entitlement, everybody else was paid; committed."""
    lines = office.lines_of(session, packet)
    words = [office.result(line, (said or {}).get(line.entitlement_id, "paid")) for line in lines]
    with clock.at(month_of(session, packet).replace(day=20)):
        office.hear(session, *office.parts(packet.code, words, report=report, collected=collected))
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


def wrong(session: Session) -> dict[str, list[int]]:
    """Everything in the books that does not add up; empty when all does."""
    return {one.check.name: one.ids for one in checking.check(session)}
