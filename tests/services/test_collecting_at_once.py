"""Receipts that meet: in two settlements locked at once, on two lines of one recovery, in two communes, after a reopening."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.extensions import acting_as
from app.models import RecoveryEntry, Settlement
from app.rules.actors import Role
from app.services import packets, periods
from app.services.batches import approval
from app.services.recoveries import opening, returning
from app.services.recoveries.opening import Proposal
from app.services.settlements import collecting, faults, locking, reopening
from tests import factories as make
from tests import months, office
from tests.office import receipt
from tests.proof import many
from tests.services.test_collecting import at, lock, owing, standings, withhold_nothing, wrong_line

SEPTEMBER, OCTOBER, NOVEMBER, DECEMBER = (date(2026, month, 1) for month in (9, 10, 11, 12))
FULL = 540_000


@pytest.fixture(autouse=True)
def books_in_order(session: Session) -> Iterator[None]:
    with clock.at(date(2027, 1, 10)):
        yield
        session.rollback()
        assert months.wrong(session) == {}


def settle_at_once(session: Session) -> None:
    session.execute(
        text(
            "INSERT INTO payment_settings (area_id, valid_from, months_per_settlement)"
            " SELECT id, '2026-11-01', 2 FROM areas WHERE path = 'VN/01/'"
        )
    )


def test_a_receipt_in_both_of_two_months_settled_at_once_counts_once(session: Session) -> None:
    _who, recovery = owing(session)
    line = wrong_line(session, recovery)
    settle_at_once(session)
    given = [months.sent(session, month) for month in (NOVEMBER, DECEMBER)]
    for packet in given:
        months.reported(session, packet, collected=[receipt("PT-1", line, 100_000)])
    lock(session, given[0])
    assert at(session, recovery).recovered_vnd == 100_000
    for packet in given:
        assert standings(session, packet) == {("PT-1", 100_000): "counted"}
    assert session.query(RecoveryEntry).count() == 1


def test_receipts_on_two_lines_of_one_recovery_share_what_is_due(session: Session) -> None:
    who = make.entitled(session)
    withhold_nothing(session)
    paid = [months.closed(session, month) for month in (SEPTEMBER, OCTOBER)]
    first, second = [months.line(session, packet, who.id) for packet in paid]
    made = opening.propose(
        session, Proposal(who.beneficiary_id, SEPTEMBER, OCTOBER, "Khai sai", amount_vnd=FULL + 60_000), by=make.CLERK
    )
    opening.approve(session, made.id, by=make.SUPERVISOR)
    session.commit()
    packet = months.sent(session, NOVEMBER)
    rows = [receipt("PT-1", first, 400_000), receipt("PT-2", second, 300_000), receipt("PT-3", second, 200_000)]
    months.reported(session, packet, collected=rows)
    assert standings(session, packet) == {
        ("PT-1", 400_000): "ready",
        ("PT-2", 300_000): "too_much",
        ("PT-3", 200_000): "too_much",
    }
    lock(session, packet)
    assert at(session, made).recovered_vnd == 400_000


def test_a_settlement_opens_again_when_what_was_collected_elsewhere_was_taken_back(session: Session) -> None:
    """A later settlement counted money for the recovery and was itself reopened: nothing stands on it any more."""
    _who, recovery = owing(session)
    october = session.scalars(select(Settlement)).one()
    line = wrong_line(session, recovery)
    packet = months.sent(session, NOVEMBER)
    months.reported(session, packet, collected=[receipt("PT-1", line, 100_000)])
    november = lock(session, packet)
    reopening.reopen(session, november, by=make.SUPERVISOR, because="Bưu điện báo nhầm")
    packets.ask_recall(session, packet.id, by=make.CLERK, because="Tháng trước sai")
    session.commit()
    office.tell(session, packet, status="rjct", reason_message="Theo đề nghị", recall="confirmed")
    approval.unlock(session, packet.batch_id, by=make.SUPERVISOR, because="Tháng trước sai")
    periods.reopen(session, months.area_period(session, OCTOBER), by=make.SUPERVISOR, because="Bưu điện báo nhầm")
    reopening.reopen(session, october.id, by=make.SUPERVISOR, because="Người này còn sống")
    session.commit()
    assert recovery.state == "withdrawn"
    assert months.buckets(session, line.id) == {"with_agency": FULL}
    assert at(session, recovery).recovered_vnd == 0


def test_one_receipt_of_two_communes_is_contradicted_though_neither_sees_the_other(session: Session) -> None:
    """Two counters used one receipt number for two people: neither is believed before a person has looked."""
    with clock.at(date(2026, 11, 10)):
        given = many.accepted(session, 2, people=1)
    for packet in given:
        [line] = office.lines_of(session, packet)
        months.reported(session, packet, {line.entitlement_id: "recover"}, collected=[receipt("PT-1", line, 100_000)])
    for key in [office.settlement_of(session, packet).id for packet in given]:
        path = str(session.scalar(text("SELECT area_path FROM settlements WHERE id = :id"), {"id": key}))
        session.expunge_all()
        accountant = make.actor(Role.ACCOUNTANT, path=path)
        with acting_as(accountant):
            [said] = collecting.of_settlements(session, [key])
            assert (said.receipt, said.standing) == ("PT-1", "contradicted")
            locking.lock(session, key, by=accountant)
            session.commit()
    assert session.query(RecoveryEntry).count() == 0
    codes = session.scalars(text("SELECT facts ->> 'standing' FROM message_faults WHERE code = 'not_collected'"))
    assert list(codes) == ["contradicted"] * 2


def test_what_a_rejected_packets_settlement_said_came_back_is_shown_until_it_is_said_again(session: Session) -> None:
    """The agency has the money; whoever looks asks it, and counts it once whichever way it comes."""
    _who, recovery = owing(session)
    line = wrong_line(session, recovery)
    packet = months.sent(session, NOVEMBER)
    months.reported(session, packet, collected=[receipt("PT-1", line, 100_000)])
    void = office.settlement_of(session, packet).id
    packets.ask_recall(session, packet.id, by=make.CLERK, because="Sai danh sách")
    session.commit()
    office.tell(session, packet, status="rjct", reason_message="Theo đề nghị", recall="confirmed")
    [fault] = [one for one in faults.of_settlement(session, void) if one.code == "not_collected"]
    assert fault.facts == {"receipt": "PT-1", "said_vnd": 100_000, "standing": "void"}
    returning.pay_cash(session, recovery.id, 100_000, reference="PT-1", by=make.ACCOUNTANT)
    session.commit()
    assert standings(session, packet) == {("PT-1", 100_000): "counted"}
