"""Mở lại quyết toán: taken back whole by reversing entries, or refused with the reason; what later lists carry follows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import clock
from app.errors import NotFound
from app.models import Packet, PayoutBatch, Recovery, Settlement
from app.services import periods, transitions
from app.services.batches import approval
from app.services.recoveries import figures, finding, opening, returning
from app.services.settlements import deciding, locking, reopening
from tests import factories as make
from tests import months, office

OCTOBER, NOVEMBER, DECEMBER = (date(2026, month, 1) for month in (10, 11, 12))
FULL, SHARE = 540_000, 162_000
WHY = "Bưu điện báo nhầm"


@pytest.fixture(autouse=True)
def books_in_order(session: Session) -> Iterator[None]:
    with clock.at(date(2026, 12, 10)):
        yield
        session.rollback()
        assert months.wrong(session) == {}


def reopen(session: Session, packet: Packet, because: str = WHY) -> Settlement:
    settlement = office.settlement_of(session, packet)
    reopening.reopen(session, settlement.id, by=make.SUPERVISOR, because=because)
    session.commit()
    return office.settlement_of(session, packet)


def decide(session: Session, packet: Packet, entitlement_id: int, outcome: str) -> None:
    reference = months.line(session, packet, entitlement_id).reference
    key = office.settlement_of(session, packet).id
    deciding.decide(session, key, reference, outcome, by=make.CLERK, because="Biên bản đối chiếu")
    session.commit()


def lock(session: Session, packet: Packet) -> None:
    locking.lock(session, office.settlement_of(session, packet).id, by=make.ACCOUNTANT)
    session.commit()


def state_of(session: Session, packet: Packet) -> tuple[str, str, str]:
    office.refresh(session)
    return (
        office.settlement_of(session, packet).state,
        session.get_one(Packet, packet.id).state,
        office.batch_of(session, packet).state,
    )


def test_a_reopened_settlement_is_decided_and_locked_again_with_its_fee_anew(session: Session) -> None:
    who, other = make.entitled(session), make.entitled(session, "Trần Văn Hai")
    packet = months.settled(session, NOVEMBER, {other.id: "unpaid"})
    line_id = months.line(session, packet, who.id).id
    settlement = reopen(session, packet)
    assert state_of(session, packet) == ("received", "accepted", "accepted")
    assert (settlement.locked_by, settlement.paid_count, settlement.unpaid_vnd, settlement.fee_vnd) == (None, 0, 0, 0)
    assert {line.result for line in office.lines_of(session, packet)} == {"pending"}
    assert months.buckets(session, line_id) == {"with_agency": FULL}
    decide(session, packet, who.id, "unpaid")
    lock(session, packet)
    assert state_of(session, packet) == ("locked", "settled", "settled")
    assert (months.line(session, packet, who.id).result, months.buckets(session, line_id)) == (
        "unpaid",
        {"unpaid": FULL},
    )
    assert [move[:2] for move in office.movements(session, line_id)[1:]] == [
        ("with_agency", "paid"),
        ("paid", "with_agency"),
        ("with_agency", "unpaid"),
    ]
    assert office.settlement_of(session, packet).fee_vnd == 0
    assert office.audit(session, "settlement", settlement.id)[-3:] == ["lock", "reopen", "lock"]
    reason = session.execute(
        text("SELECT reason FROM money_movements WHERE from_bucket = 'paid' AND line_id = :id"), {"id": line_id}
    ).scalar_one()
    assert reason == WHY


def test_only_a_supervisor_reopens_for_a_reason_and_only_what_is_locked(session: Session) -> None:
    make.entitled(session)
    packet = months.sent(session, NOVEMBER)
    key = office.settlement_of(session, packet).id
    with pytest.raises(transitions.WrongState):
        reopening.reopen(session, key, by=make.SUPERVISOR, because=WHY)
    months.reported(session, packet)
    lock(session, packet)
    with pytest.raises(transitions.NotYours):
        reopening.reopen(session, key, by=make.ACCOUNTANT, because=WHY)
    with pytest.raises(transitions.ReasonMissing):
        reopening.reopen(session, key, by=make.SUPERVISOR, because=" ")
    with pytest.raises(NotFound):
        reopening.reopen(session, -1, by=make.SUPERVISOR, because=WHY)


def test_the_database_lets_nothing_else_change_a_locked_settlement(session: Session) -> None:
    make.entitled(session)
    packet = months.settled(session, NOVEMBER)
    for statement in (
        "UPDATE settlements SET state = 'received', paid_vnd = 1",
        "UPDATE settlements SET state = 'waiting'",
        "UPDATE payout_batches SET state = 'accepted'",
        "UPDATE payout_batches SET group_month = '2026-10-01'",
        "UPDATE payout_lines SET result = 'unpaid'",
        "UPDATE settlement_records SET amount_vnd = 1",
    ):
        with pytest.raises(DBAPIError, match=r"locked|frozen|keeps the months"), session.begin_nested():
            session.execute(text(statement))
    session.execute(text("UPDATE settlements SET state = 'received'"))
    with pytest.raises(DBAPIError, match="without an audit row"):
        session.commit()
    session.rollback()
    assert state_of(session, packet)[0] == "locked"


def test_a_closed_period_is_opened_first_and_a_later_draft_follows_what_changed(session: Session) -> None:
    who, other = make.entitled(session), make.entitled(session, "Trần Văn Hai")
    packet = months.closed(session, NOVEMBER, {who.id: "unpaid"})
    draft = make.made_list(session, month=DECEMBER)
    session.commit()
    carried = "SELECT entitlement_id, carried_vnd FROM payout_lines WHERE batch_id = :id AND carried_vnd > 0"
    with pytest.raises(reopening.PeriodClosed):
        reopen(session, packet)
    session.rollback()
    periods.reopen(session, months.area_period(session, NOVEMBER), by=make.SUPERVISOR, because=WHY)
    reopen(session, packet)
    assert session.execute(text(carried), {"id": draft}).all() == [], "nothing is known to be unpaid now"
    assert session.get_one(PayoutBatch, draft).made_by == "xa.clerk", "its maker stays"
    with pytest.raises(approval.EarlierPeriodOpen):
        approval.lock(session, draft, by=make.SUPERVISOR)
    session.rollback()
    decide(session, packet, who.id, "paid")
    decide(session, packet, other.id, "unpaid")
    lock(session, packet)
    assert session.execute(text(carried), {"id": draft}).all() == [(other.id, FULL)]
    months.close(session, NOVEMBER)
    approval.lock(session, draft, by=make.SUPERVISOR)
    session.commit()
    with pytest.raises(periods.NextPeriodStarted, match="CT-202612"):
        periods.reopen(session, months.area_period(session, NOVEMBER), by=make.SUPERVISOR, because=WHY)


def test_money_an_approved_list_carries_keeps_its_settlement_locked(session: Session) -> None:
    who = make.entitled(session)
    packet = months.closed(session, NOVEMBER, {who.id: "unpaid"})
    months.sent(session, DECEMBER)
    session.execute(text("UPDATE area_periods SET state = 'open' WHERE state = 'closed'"))
    session.execute(text("UPDATE payout_batches SET closed_at = NULL, closed_by = NULL"))
    with pytest.raises(reopening.CarriedAlready, match="CT-202612-00004-M"):
        reopening.reopen(session, office.settlement_of(session, packet).id, by=make.SUPERVISOR, because=WHY)
    session.rollback()


def test_a_recovery_it_opened_is_withdrawn_unless_money_came_back(session: Session) -> None:
    who = make.entitled(session)
    packet = months.settled(session, NOVEMBER, {who.id: "recover"})
    first = session.scalars(select(Recovery)).one()
    reopen(session, packet)
    assert (first.state, months.buckets(session, first.line_id)) == ("withdrawn", {"with_agency": FULL})
    lock(session, packet)
    second = session.scalars(select(Recovery).where(Recovery.state == "open")).one()
    returning.pay_cash(session, second.id, 1_000, reference="PT-1", by=make.ACCOUNTANT)
    session.commit()
    with pytest.raises(reopening.RecoveryStarted, match="Nguyễn Thị Bình"):
        reopen(session, packet)


def owing(session: Session) -> tuple[Any, Recovery, Packet]:
    """Somebody who owes 540.000 đ of October, and the settled November list that withheld 162.000 đ."""
    who = make.entitled(session)
    months.closed(session, OCTOBER, {who.id: "recover"})
    recovery = session.scalars(select(Recovery)).one()
    return who, recovery, months.settled(session, NOVEMBER)


def test_what_it_counted_as_come_back_waits_again(session: Session) -> None:
    who, recovery, packet = owing(session)
    reopen(session, packet)
    at = figures.figures(session, recovery.id)
    assert (at.recovered_vnd, at.waiting_vnd) == (0, SHARE)
    assert months.buckets(session, recovery.line_id) == {"to_recover": FULL}
    decide(session, packet, who.id, "unpaid_stopped")
    lock(session, packet)
    assert figures.figures(session, recovery.id).free_vnd == FULL, "released"
    reopen(session, packet)
    assert figures.figures(session, recovery.id).waiting_vnd == SHARE
    decide(session, packet, who.id, "paid")
    lock(session, packet)
    assert figures.figures(session, recovery.id).recovered_vnd == SHARE


def test_a_recovery_closed_by_it_is_open_again(session: Session) -> None:
    who, recovery, packet = owing(session)
    returning.pay_cash(session, recovery.id, FULL - SHARE, reference="PT-1", by=make.ACCOUNTANT)
    assert recovery.state == "closed"
    reopen(session, packet)
    assert (recovery.state, recovery.closed_at, who.id > 0) == ("open", None, True)
    assert months.buckets(session, recovery.line_id) == {"to_recover": SHARE, "recovered": FULL - SHARE}


def test_what_was_written_off_or_withheld_elsewhere_since_keeps_it_locked(session: Session) -> None:
    who, recovery, packet = owing(session)
    returning.write_off(session, recovery.id, because="Hộ nghèo", by=make.SUPERVISOR)
    session.commit()
    with pytest.raises(reopening.WrittenOffSince):
        reopen(session, packet)
    session.rollback()
    assert who.id


def test_released_money_that_came_back_elsewhere_keeps_it_locked(session: Session) -> None:
    who, recovery, packet = owing(session)
    reopen(session, packet)
    decide(session, packet, who.id, "unpaid_stopped")
    lock(session, packet)
    returning.pay_cash(session, recovery.id, FULL, reference="PT-1", by=make.ACCOUNTANT)
    session.commit()
    with pytest.raises(reopening.WithheldElsewhere):
        reopen(session, packet)


def test_an_approved_recovery_of_its_lines_keeps_it_locked_and_a_proposed_one_waits(session: Session) -> None:
    who = make.entitled(session)
    packet = months.settled(session, NOVEMBER)
    who.ends_on = date(2026, 10, 31)
    session.commit()
    finding.sweep(session)
    proposed = session.scalars(select(Recovery)).one()
    reopen(session, packet)
    with pytest.raises(opening.NoLongerPaid):
        opening.approve(session, proposed.id, by=make.SUPERVISOR)
    session.rollback()
    assert finding.sweep(session) == 0, "its line may be paid again"
    lock(session, packet)
    opening.approve(session, proposed.id, by=make.SUPERVISOR)
    session.commit()
    with pytest.raises(reopening.RecoveryStarted):
        reopen(session, packet)
