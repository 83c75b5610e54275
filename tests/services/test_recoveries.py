"""Truy thu: withheld from the next lists, paid back, written off; every đồng in one place."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import clock
from app.errors import NotFound
from app.models import PayoutLine, Recovery, RecoveryEntry
from app.services.batches import approval, lines, making
from app.services.recoveries import figures, opening, returning
from app.services.recoveries.figures import Figures
from app.services.settlements import deciding, locking
from tests import factories as make
from tests import months, office
from tests.services.recovering import (
    DECEMBER,
    FEBRUARY,
    FULL,
    JANUARY,
    MARCH,
    NOVEMBER,
    OCTOBER,
    SHARE,
    amounts,
    at,
    made,
    owing,
)
from tests.services.recovering import books_in_order as books_in_order


def share(session: Session, percent: int | None, *, path: str = "VN/01/", since: date = JANUARY) -> None:
    session.execute(
        text(
            "INSERT INTO payment_settings (area_id, valid_from, recovery_share_percent)"
            " SELECT id, :since, :percent FROM areas WHERE path = :path"
        ),
        {"path": path, "since": since, "percent": percent},
    )


# --- Withheld from lists -----------------------------------------------------------------------------------------


def test_a_share_of_each_list_is_withheld_month_by_month_until_all_is_back(session: Session) -> None:
    who, recovery = owing(session, month=OCTOBER)
    seen = []
    for month in (NOVEMBER, DECEMBER, JANUARY, FEBRUARY):
        packet = months.closed(session, month)
        found = months.line(session, packet, who.id)
        seen.append((found.withheld_vnd, found.total_vnd, at(session, recovery, month).remaining_vnd))
    assert seen == [
        (SHARE, 378_000, 378_000),
        (SHARE, 378_000, 216_000),
        (SHARE, 378_000, 54_000),
        (54_000, 486_000, 0),
    ]
    assert (recovery.state, recovery.closed_at is not None) == ("closed", True)
    assert office.audit(session, "recovery", recovery.id) == ["create", "record", "close"]
    assert months.buckets(session, recovery.line_id) == {"recovered": FULL}
    assert months.line(session, months.closed(session, MARCH), who.id).withheld_vnd == 0


def test_recoveries_of_one_settlement_are_numbered_in_the_order_of_their_references(session: Session) -> None:
    """The lists withhold for the recovery with the lowest number first: in which order they are must not be chance."""
    for _each in range(5):
        make.entitled(session)
    packet = months.sent(session, DECEMBER)
    words = [office.result(line, "recover") for line in reversed(office.lines_of(session, packet))]
    with clock.at(date(2026, 12, 20)):
        office.hear(session, *office.parts(packet.code, words))
    settlement = office.settlement_of(session, packet)
    with clock.at(date(2026, 12, 26)):
        locking.lock(session, settlement.id, by=make.ACCOUNTANT)
        session.commit()
    said = session.scalars(
        select(PayoutLine.reference).join(Recovery, Recovery.line_id == PayoutLine.id).order_by(Recovery.id)
    )
    found = list(said)
    assert len(found) == 5
    assert found == sorted(found)


def test_what_a_list_withholds_counts_only_when_the_line_is_paid(session: Session) -> None:
    _who, recovery = owing(session)
    packet = months.sent(session, JANUARY)
    assert at(session, recovery) == Figures(FULL, waiting_vnd=SHARE, period_vnd=SHARE)
    assert (at(session, recovery).remaining_vnd, at(session, recovery).free_vnd) == (FULL, FULL - SHARE)
    months.reported(session, packet)
    locking.lock(session, office.settlement_of(session, packet).id, by=make.ACCOUNTANT)
    session.commit()
    assert at(session, recovery) == Figures(FULL, recovered_vnd=SHARE, period_vnd=SHARE)
    entry = session.scalars(select(RecoveryEntry)).one()
    assert (entry.kind, entry.amount_vnd, entry.settlement_id) == (
        "withheld",
        SHARE,
        office.settlement_of(session, packet).id,
    )


def test_money_withheld_from_an_unpaid_line_waits_until_the_line_that_carries_it_is_paid(session: Session) -> None:
    who, recovery = owing(session, month=NOVEMBER)
    months.closed(session, DECEMBER, {who.id: "unpaid"})
    assert at(session, recovery, DECEMBER) == Figures(FULL, waiting_vnd=SHARE, period_vnd=SHARE)
    packet = months.closed(session, JANUARY)
    carrying = months.line(session, packet, who.id)
    assert (carrying.carried_vnd, carrying.withheld_vnd, carrying.total_vnd) == (378_000, 275_400, 642_600)
    assert at(session, recovery) == Figures(FULL, recovered_vnd=SHARE + 275_400, period_vnd=275_400)


@pytest.mark.parametrize("outcome", ["unpaid_stopped", "recover"])
def test_money_withheld_from_a_line_that_is_never_paid_is_released(session: Session, outcome: str) -> None:
    who, recovery = owing(session)
    packet = months.sent(session, JANUARY)
    months.reported(session, packet, {who.id: "unpaid" if outcome == "unpaid_stopped" else "recover"})
    settlement = office.settlement_of(session, packet)
    if outcome == "unpaid_stopped":
        reference = months.line(session, packet, who.id).reference
        deciding.decide(session, settlement.id, reference, outcome, by=make.CLERK, because="Hết hưởng")
    locking.lock(session, settlement.id, by=make.ACCOUNTANT)
    session.commit()
    assert at(session, recovery) == Figures(FULL)


def test_the_share_is_a_setting_of_the_area_from_a_day_on(session: Session) -> None:
    _who, recovery = owing(session)
    share(session, 90)
    share(session, 0, since=FEBRUARY)
    batch_id = made(session)
    assert amounts(session, batch_id) == [(486_000, 54_000, True)]
    approval.cancel(session, batch_id, by=make.CLERK, because="Lập nhầm")
    session.execute(text("DELETE FROM payment_settings WHERE recovery_share_percent = 90"))
    session.execute(text("UPDATE payment_settings SET valid_from = '2027-01-01' WHERE recovery_share_percent = 0"))
    batch_id = made(session)
    assert amounts(session, batch_id) == [(0, FULL, True)]
    assert at(session, recovery) == Figures(FULL)
    session.commit()


def test_nothing_is_withheld_where_nobody_has_set_a_share(session: Session) -> None:
    owing(session)
    session.execute(text("UPDATE payment_settings SET recovery_share_percent = NULL"))
    assert amounts(session, made(session)) == [(0, FULL, True)]
    session.rollback()


def test_an_instalment_limits_what_one_period_withholds(session: Session) -> None:
    _who, recovery = owing(session)
    returning.set_instalment(session, recovery.id, 100_000, by=make.SUPERVISOR)
    first = made(session)
    making.remake(session, first, by=make.CLERK)
    assert amounts(session, first) == [(100_000, 440_000, True)]
    returning.set_instalment(session, recovery.id, None, by=make.SUPERVISOR)
    making.remake(session, first, by=make.CLERK)
    assert amounts(session, first) == [(SHARE, 378_000, True)]
    session.commit()


def test_several_benefits_and_several_recoveries_of_a_person_are_laid_side_by_side(session: Session) -> None:
    person = make.person(session)
    first, second = make.entitlement(session, person), make.entitlement(session, person, stacks=True)
    months.closed(session, DECEMBER, {first.id: "recover", second.id: "recover"})
    older, newer = session.scalars(select(Recovery).order_by(Recovery.id)).all()
    returning.pay_cash(session, older.id, FULL - 200_000, reference="PT-1", by=make.ACCOUNTANT)
    batch_id = made(session)
    assert amounts(session, batch_id) == [(SHARE, 378_000, True)] * 2
    rows = session.execute(text("SELECT recovery_id, amount_vnd FROM withholdings ORDER BY line_id, recovery_id"))
    assert [tuple(row) for row in rows] == [(older.id, SHARE), (older.id, 38_000), (newer.id, 124_000)]
    session.commit()


def test_a_supplement_and_the_monthly_list_never_withhold_the_same_money(session: Session) -> None:
    who, recovery = owing(session)
    share(session, 90)
    made(session)
    make.entitlement(session, who.beneficiary, stacks=True)
    supplement = made(session, kind="supplementary")
    assert amounts(session, supplement) == [(54_000, 486_000, True)]
    assert at(session, recovery).free_vnd == 0
    session.commit()


def test_funeral_money_is_never_withheld(session: Session) -> None:
    who, recovery = owing(session)
    who.beneficiary.status, who.beneficiary.died_on = "dead", date(2026, 12, 30)
    make.entitlement(session, who.beneficiary, "20", batch_kind="funeral", starts_on=JANUARY)
    assert amounts(session, made(session, kind="funeral")) == [(0, 10_800_000, True)]
    assert at(session, recovery) == Figures(FULL)
    session.commit()


def test_holding_out_returning_remaking_and_cancelling_give_back_what_was_withheld(session: Session) -> None:
    _who, recovery = owing(session)
    batch_id = made(session, people=1)
    key = session.execute(text("SELECT line_id FROM withholdings")).scalar_one()
    lines.exclude(session, key, by=make.CLERK, because="Chờ xác minh")
    assert at(session, recovery).free_vnd == FULL
    making.remake(session, batch_id, by=make.CLERK)
    assert at(session, recovery) == Figures(FULL)
    key = session.execute(
        text("SELECT id FROM payout_lines WHERE batch_id = :b AND NOT live"), {"b": batch_id}
    ).scalar_one()
    lines.restore(session, key, by=make.CLERK)
    assert at(session, recovery).waiting_vnd == SHARE
    assert (SHARE, 378_000, True) in amounts(session, batch_id)
    approval.lock(session, batch_id, by=make.SUPERVISOR)
    with pytest.raises(DBAPIError, match="are frozen"), session.begin_nested():
        session.execute(text("DELETE FROM withholdings"))
    approval.unlock(session, batch_id, by=make.SUPERVISOR, because="Sửa")
    approval.cancel(session, batch_id, by=make.CLERK, because="Lập nhầm")
    session.commit()
    assert at(session, recovery) == Figures(FULL)


# --- Paid back, written off ----------------------------------------------------------------------------------------


def test_cash_comes_back_with_a_receipt_and_the_last_dong_closes(session: Session) -> None:
    _who, recovery = owing(session)
    made(session)
    with pytest.raises(returning.AmountOutOfRange, match=r"378\.000"):
        returning.pay_cash(session, recovery.id, FULL, reference="PT-1", by=make.ACCOUNTANT)
    returning.pay_cash(session, recovery.id, 378_000, reference=" PT-1 ", by=make.ACCOUNTANT, note="Con trai nộp")
    assert (recovery.state, at(session, recovery).remaining_vnd) == ("open", SHARE)
    entry = session.scalars(select(RecoveryEntry)).one()
    assert (entry.reference, entry.note, entry.entered_by) == ("PT-1", "Con trai nộp", "xa.accountant")
    assert months.buckets(session, recovery.line_id) == {"to_recover": SHARE, "recovered": 378_000}
    with pytest.raises(returning.NothingLeft, match=r"162\.000"):
        returning.write_off(session, recovery.id, because="Hộ nghèo", by=make.SUPERVISOR)
    session.commit()


def test_a_receipt_counts_once(session: Session) -> None:
    _who, recovery = owing(session)
    returning.pay_cash(session, recovery.id, 100_000, reference=" PT-1 ", by=make.ACCOUNTANT)
    with pytest.raises(returning.ReceiptKnown, match="PT-1"):
        returning.pay_cash(session, recovery.id, 100_000, reference="PT-1", by=make.ACCOUNTANT)
    returning.pay_cash(session, recovery.id, 100_000, reference="PT-2", by=make.ACCOUNTANT)
    assert at(session, recovery).remaining_vnd == FULL - 200_000
    session.commit()


def test_a_supervisor_writes_off_the_rest_and_it_is_never_asked_again(session: Session) -> None:
    _who, recovery = owing(session)
    returning.pay_cash(session, recovery.id, 40_000, reference="PT-1", by=make.ACCOUNTANT)
    returning.write_off(session, recovery.id, because="Không có khả năng", decision_no="9/QĐ", by=make.SUPERVISOR)
    assert (recovery.state, at(session, recovery)) == (
        "closed",
        Figures(FULL, recovered_vnd=40_000, written_off_vnd=500_000),
    )
    assert months.buckets(session, recovery.line_id) == {"recovered": 40_000, "written_off": 500_000}
    assert amounts(session, made(session)) == [(0, FULL, True)]
    with pytest.raises(returning.NotOpen):
        returning.pay_cash(session, recovery.id, 1, reference="PT-2", by=make.ACCOUNTANT)
    session.commit()


REFUSED: list[tuple[Any, type[Exception]]] = [
    (lambda s, r: returning.pay_cash(s, r, 1, reference="x", by=make.CLERK), returning.NotAnAccountant),
    (lambda s, r: returning.pay_cash(s, r, 1, reference=" ", by=make.ACCOUNTANT), returning.ReferenceMissing),
    (lambda s, r: returning.pay_cash(s, r, 1, reference="x" * 121, by=make.ACCOUNTANT), returning.ReferenceMissing),
    (lambda s, r: returning.pay_cash(s, r, 0, reference="x", by=make.ACCOUNTANT), returning.AmountOutOfRange),
    (lambda s, r: returning.pay_cash(s, -1, 1, reference="x", by=make.ACCOUNTANT), NotFound),
    (lambda s, r: returning.write_off(s, r, because="x", by=make.ACCOUNTANT), returning.NotASupervisor),
    (lambda s, r: returning.write_off(s, r, because=" ", by=make.SUPERVISOR), returning.ReasonMissing),
    (lambda s, r: returning.set_instalment(s, r, 1, by=make.CLERK), returning.NotASupervisor),
    (lambda s, r: returning.set_instalment(s, r, 0, by=make.SUPERVISOR), opening.InstalmentOutOfRange),
    (lambda s, r: opening.withdraw(s, r, by=make.SUPERVISOR, because="x"), opening.OfASettlement),
    (lambda s, r: figures.figures(s, -1), NotFound),
]


def test_what_is_wrong_is_refused_in_words(session: Session) -> None:
    recovery = owing(session)[1]
    for act, error in REFUSED:
        with pytest.raises(error):
            act(session, recovery.id)


def test_the_database_refuses_more_than_was_paid_or_is_due_and_any_rewriting(session: Session) -> None:
    recovery = owing(session)[1]
    returning.pay_cash(session, recovery.id, 1_000, reference="PT-1", by=make.ACCOUNTANT)
    for statement in (
        "UPDATE recovery_lines SET amount_vnd = amount_vnd + 1",
        "INSERT INTO recovery_entries (recovery_id, area_path, kind, amount_vnd, entered_by)"
        " SELECT id, area_path, 'cash', amount_vnd, 'x' FROM recoveries",
        "UPDATE recovery_entries SET amount_vnd = 2",
        "DELETE FROM recovery_entries",
    ):
        with pytest.raises(DBAPIError, match=r"recover|append-only"), session.begin_nested():
            session.execute(text(statement))
    session.commit()
