"""Money of recoveries that the agency took back in cash and reports in its settlement: counted once, by the lock."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import clock
from app.agency.messages import Collected
from app.models import Entitlement, InboxMessage, Packet, PayoutLine, Recovery, RecoveryEntry
from app.services import attention, balances
from app.services.recoveries import figures, opening, returning
from app.services.recoveries.figures import Figures
from app.services.recoveries.opening import Proposal
from app.services.settlements import collecting, faults, locking, reopening
from tests import factories as make
from tests import months, office
from tests.office import receipt

OCTOBER, NOVEMBER, DECEMBER = (date(2026, month, 1) for month in (10, 11, 12))
JANUARY = date(2027, 1, 1)
FULL, SHARE = 540_000, 162_000


@pytest.fixture(autouse=True)
def books_in_order(session: Session) -> Iterator[None]:
    with clock.at(date(2027, 1, 10)):
        yield
        session.rollback()
        assert months.wrong(session) == {}


def withhold_nothing(session: Session) -> None:
    session.execute(
        text(
            "INSERT INTO payment_settings (area_id, valid_from, recovery_share_percent)"
            " SELECT id, '2026-01-01', 0 FROM areas WHERE path = :path"
        ),
        {"path": make.COMMUNE_PATH},
    )


def owing(session: Session) -> tuple[Entitlement, Recovery]:
    """Somebody wrongly paid 540.000 đ in October, of whom nothing is withheld."""
    who = make.entitled(session)
    withhold_nothing(session)
    months.closed(session, OCTOBER, {who.id: "recover"})
    return who, session.scalars(select(Recovery)).one()


def wrong_line(session: Session, recovery: Recovery) -> PayoutLine:
    return session.get_one(PayoutLine, recovery.line_id)


def at(session: Session, recovery: Recovery) -> Figures:
    return figures.figures(session, recovery.id, NOVEMBER)


def lock(session: Session, packet: Packet) -> int:
    settlement_id = office.settlement_of(session, packet).id
    locking.lock(session, settlement_id, by=make.ACCOUNTANT)
    session.commit()
    office.refresh(session)
    return settlement_id


def standings(session: Session, packet: Packet) -> dict[tuple[str, int], str]:
    said = collecting.of_settlements(session, [office.settlement_of(session, packet).id])
    return {(one.receipt, one.amount_vnd): one.standing for one in said}


def test_cash_the_agency_took_back_is_counted_when_its_settlement_is_locked(session: Session) -> None:
    _who, recovery = owing(session)
    packet = months.sent(session, NOVEMBER)
    line = wrong_line(session, recovery)
    months.reported(session, packet, collected=[receipt("PT-1", line, 200_000)])
    assert standings(session, packet) == {("PT-1", 200_000): "ready"}
    assert at(session, recovery) == Figures(FULL), "said is not counted"
    settlement_id = lock(session, packet)
    assert standings(session, packet) == {("PT-1", 200_000): "counted"}
    assert at(session, recovery) == Figures(FULL, recovered_vnd=200_000)
    entry = session.scalars(select(RecoveryEntry)).one()
    assert (entry.kind, entry.reference, entry.settlement_id, entry.entered_by) == (
        "cash",
        "PT-1",
        settlement_id,
        "xa.accountant",
    )
    assert months.buckets(session, line.id) == {"to_recover": FULL - 200_000, "recovered": 200_000}


def test_the_last_dong_closes_and_the_agency_holds_what_it_took(session: Session) -> None:
    """opening + transferred − paid + recovered = closing: the money is the agency's until it is asked for."""
    _who, recovery = owing(session)
    packet = months.sent(session, NOVEMBER)
    months.reported(session, packet, collected=[receipt("PT-1", wrong_line(session, recovery), FULL)])
    lock(session, packet)
    assert (recovery.state, recovery.closed_at is not None) == ("closed", True)
    with clock.at(date(2026, 11, 27)):
        [account] = balances.of_month(session, make.COMMUNE_PATH, JANUARY)
    assert account.recovered_vnd == FULL
    assert account.closing_vnd == account.opening_vnd + account.transferred_vnd - account.paid_vnd + FULL


def test_a_line_to_recover_and_its_money_may_come_in_one_settlement(session: Session) -> None:
    """A death noticed after payment, and the family brings the money back at once."""
    who = make.entitled(session)
    packet = months.sent(session, NOVEMBER)
    line = months.line(session, packet, who.id)
    months.reported(session, packet, {who.id: "recover"}, collected=[receipt("PT-1", line, FULL)])
    assert standings(session, packet) == {("PT-1", FULL): "opens"}
    settlement_id = lock(session, packet)
    recovery = session.scalars(select(Recovery)).one()
    assert (recovery.state, at(session, recovery).recovered_vnd) == ("closed", FULL)
    assert office.audit(session, "recovery", recovery.id) == ["create", "record", "close"]

    reopening.reopen(session, settlement_id, by=make.SUPERVISOR, because="Bưu điện báo nhầm")
    session.commit()
    assert (recovery.state, at(session, recovery)) == ("withdrawn", Figures(FULL))
    assert months.buckets(session, line.id) == {"with_agency": FULL}
    lock(session, packet)
    [again] = session.scalars(select(Recovery).where(Recovery.state != "withdrawn"))
    assert (again.state, at(session, again).recovered_vnd) == ("closed", FULL)


def test_reopening_takes_back_what_the_lock_counted_and_the_next_lock_counts_it_again(session: Session) -> None:
    _who, recovery = owing(session)
    packet = months.sent(session, NOVEMBER)
    months.reported(session, packet, collected=[receipt("PT-1", wrong_line(session, recovery), FULL)])
    settlement_id = lock(session, packet)
    reopening.reopen(session, settlement_id, by=make.SUPERVISOR, because="Sai kết quả")
    session.commit()
    assert (recovery.state, at(session, recovery)) == ("open", Figures(FULL))
    assert standings(session, packet) == {("PT-1", FULL): "ready"}
    lock(session, packet)
    entries = session.execute(text("SELECT amount_vnd, reference FROM recovery_entries ORDER BY id")).all()
    assert [tuple(row) for row in entries] == [(FULL, "PT-1"), (-FULL, "PT-1"), (FULL, "PT-1")]
    assert recovery.state == "closed"


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_order_and_repetition_of_messages_change_nothing(session: Session, order: tuple[int, ...]) -> None:
    who, recovery = owing(session)
    line = wrong_line(session, recovery)
    packet = months.sent(session, NOVEMBER)
    words = [office.result(months.line(session, packet, who.id))]
    first, again = (
        office.parts(packet.code, words, report=report, collected=[receipt("PT-1", line, 100_000)])[0]
        for report in ("QT-1", "QT-1")
    )
    more = office.parts(packet.code, words, report="QT-2", collected=[
        receipt("PT-2", line, 50_000), receipt("PT-1", line, 100_000), receipt("PT-2", line, 50_000)
    ])[0]  # fmt: skip
    with clock.at(date(2026, 11, 20)):
        office.hear(session, *[(first, again, more)[number] for number in order])
    lock(session, packet)
    assert at(session, recovery).recovered_vnd == 150_000
    assert session.query(RecoveryEntry).count() == 2


def test_a_receipt_reported_again_next_month_or_entered_by_hand_counts_once(session: Session) -> None:
    _who, recovery = owing(session)
    line = wrong_line(session, recovery)
    first = months.sent(session, NOVEMBER)
    returning.pay_cash(session, recovery.id, 70_000, reference="PT-7", by=make.ACCOUNTANT)
    months.reported(
        session, first, collected=[receipt("PT-1", line, 30_000), receipt("PT-7", line, 70_000)], report="QT-1"
    )
    assert standings(session, first) == {("PT-1", 30_000): "ready", ("PT-7", 70_000): "counted"}
    lock(session, first)
    months.close(session, NOVEMBER)
    second = months.sent(session, DECEMBER)
    months.reported(session, second, collected=[receipt("PT-1", line, 30_000)], report="QT-2")
    lock(session, second)
    assert at(session, recovery).recovered_vnd == 100_000
    assert faults.of_settlement(session, office.settlement_of(session, second).id) == []


CANNOT: list[tuple[str, Any, str]] = [
    (
        "one receipt with two amounts",
        lambda a, b: [receipt("PT-1", a, 1_000), receipt("PT-1", a, 2_000)],
        "contradicted",
    ),
    ("one receipt of two lines", lambda a, b: [receipt("PT-1", a, 1_000), receipt("PT-1", b, 1_000)], "contradicted"),
    ("a receipt entered by hand otherwise", lambda a, b: [receipt("PT-7", a, 1_000)], "contradicted"),
    ("a line that is none", lambda a, b: [receipt("PT-1", "LA-1", 1_000)], "foreign"),
    ("a line of nobody's list", lambda a, b: [receipt("PT-1", "202610-999999", 1_000)], "foreign"),
    ("a line nobody asks for", lambda a, b: [receipt("PT-1", b, 1_000)], "no_recovery"),
    ("more than is due", lambda a, b: [receipt("PT-1", a, FULL)], "too_much"),
]


@pytest.mark.parametrize(("said", "standing"), [row[1:] for row in CANNOT], ids=[row[0] for row in CANNOT])
def test_what_cannot_be_counted_waits_for_a_person_and_keeps_nobody_from_locking(
    session: Session, said: Any, standing: str
) -> None:
    _who, recovery = owing(session)
    line = wrong_line(session, recovery)
    returning.pay_cash(session, recovery.id, 70_000, reference="PT-7", by=make.ACCOUNTANT)
    packet = months.sent(session, NOVEMBER)
    other = office.lines_of(session, packet)[0]
    rows: list[Collected] = said(line, other)
    months.reported(session, packet, collected=rows)
    assert set(standings(session, packet).values()) == {standing}
    settlement_id = lock(session, packet)
    assert at(session, recovery).recovered_vnd == 70_000
    found = [one for one in faults.of_settlement(session, settlement_id) if one.code == "not_collected"]
    assert [(one.facts["receipt"], one.facts["said_vnd"], one.facts["standing"]) for one in found] == [
        (one.receipt, one.amount_vnd, standing) for one in rows
    ]
    [row] = attention.places(session, make.COMMUNE_PATH, "message")
    assert row.code == packet.code
    reopening.reopen(session, settlement_id, by=make.SUPERVISOR, because="Xem lại")
    lock(session, packet)
    again = [one for one in faults.of_settlement(session, settlement_id) if one.code == "not_collected"]
    assert len(again) == len(found), "noted once"


def test_receipts_share_what_is_due_in_their_own_order(session: Session) -> None:
    """Whoever comes first: 300.000 and 200.000 fit into 540.000, the third does not."""
    _who, recovery = owing(session)
    line = wrong_line(session, recovery)
    packet = months.sent(session, NOVEMBER)
    rows = [receipt("PT-3", line, 100_000), receipt("PT-2", line, 200_000), receipt("PT-1", line, 300_000)]
    months.reported(session, packet, collected=rows)
    assert standings(session, packet) == {
        ("PT-1", 300_000): "ready",
        ("PT-2", 200_000): "ready",
        ("PT-3", 100_000): "too_much",
    }
    lock(session, packet)
    assert at(session, recovery).recovered_vnd == 500_000


def test_of_two_recoveries_on_a_line_the_one_that_is_open_takes_the_money(session: Session) -> None:
    who = make.entitled(session)
    withhold_nothing(session)
    paid = months.closed(session, OCTOBER)
    first, second = [_approved(session, who, amount) for amount in (40_000, 60_000)]
    returning.pay_cash(session, first.id, 40_000, reference="PT-0", by=make.ACCOUNTANT)
    packet = months.sent(session, NOVEMBER)
    months.reported(session, packet, collected=[receipt("PT-1", months.line(session, paid, who.id), 60_000)])
    lock(session, packet)
    assert (at(session, first).recovered_vnd, at(session, second).recovered_vnd) == (40_000, 60_000)


def _approved(session: Session, who: Entitlement, amount: int) -> Recovery:
    made = opening.propose(
        session, Proposal(who.beneficiary_id, OCTOBER, OCTOBER, "Khai sai", amount_vnd=amount), by=make.CLERK
    )
    opening.approve(session, made.id, by=make.SUPERVISOR)
    session.commit()
    return made


def test_what_comes_after_the_lock_is_shown_to_a_person(session: Session) -> None:
    who, recovery = owing(session)
    line = wrong_line(session, recovery)
    packet = months.sent(session, NOVEMBER)
    months.reported(session, packet, collected=[receipt("PT-1", line, 1_000)])
    settlement_id = lock(session, packet)
    words = [office.result(months.line(session, packet, who.id))]
    same = office.parts(packet.code, words, collected=[receipt("PT-1", line, 1_000)])
    late = office.parts(packet.code, words, collected=[receipt("PT-1", line, 1_000), receipt("PT-2", line, 5_000)])
    with clock.at(date(2026, 11, 21)):
        office.hear(session, *same)
        assert faults.of_settlement(session, settlement_id) == []
        office.hear(session, *late)
    [fault] = _faults_of_last(session)
    assert (fault.code, fault.facts["differing"]) == ("after_lock", 1)
    assert at(session, recovery).recovered_vnd == 1_000


def _faults_of_last(session: Session) -> list[faults.Fault]:
    newest = session.scalars(select(InboxMessage.id).order_by(InboxMessage.id.desc())).first()
    assert newest is not None
    return faults.of_message(session, newest)


def test_receipts_that_do_not_add_up_are_left_out_and_the_lines_stand(session: Session) -> None:
    who, recovery = owing(session)
    packet = months.sent(session, NOVEMBER)
    words = [office.result(months.line(session, packet, who.id))]
    [body] = office.parts(packet.code, words, collected=[receipt("PT-1", wrong_line(session, recovery), 1_000)])
    with clock.at(date(2026, 11, 20)):
        office.hear(session, body.replace(b'"count":1', b'"count":2'))
    settlement = office.settlement_of(session, packet)
    assert standings(session, packet) == {}
    [fault] = faults.of_settlement(session, settlement.id)
    assert (fault.code, fault.position, fault.facts) == ("collected_unread", None, {"code": "rjct.amount.invalid"})
    lock(session, packet)
    assert at(session, recovery) == Figures(FULL)


def test_what_was_said_is_never_rewritten(session: Session) -> None:
    _who, recovery = owing(session)
    packet = months.sent(session, NOVEMBER)
    months.reported(session, packet, collected=[receipt("PT-1", wrong_line(session, recovery), 1_000)])
    for statement in ("DELETE FROM settlement_collections", "UPDATE settlement_collections SET amount_vnd = 2"):
        with pytest.raises(DBAPIError), session.begin_nested():
            session.execute(text(statement))
    session.commit()
