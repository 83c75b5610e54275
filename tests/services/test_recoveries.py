"""Truy thu: proposed, decided, withheld from the next lists, paid back, written off; every đồng in one place."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import clock
from app.errors import NotFound
from app.extensions import acting_as, transaction
from app.models import Entitlement, PayoutLine, Recovery, RecoveryEntry
from app.rules.actors import Role
from app.services import transitions
from app.services.batches import approval, lines, making
from app.services.recoveries import figures, finding, opening, returning, withholding
from app.services.recoveries.figures import Figures
from app.services.recoveries.opening import Proposal
from app.services.settlements import deciding, locking
from tests import factories as make
from tests import months, office
from tests.proof import dying

OCTOBER, NOVEMBER, DECEMBER = (date(2026, month, 1) for month in (10, 11, 12))
JANUARY, FEBRUARY, MARCH = (date(2027, month, 1) for month in (1, 2, 3))
FULL, SHARE = 540_000, 162_000


@pytest.fixture(autouse=True)
def books_in_order(session: Session) -> Iterator[None]:
    with clock.at(date(2027, 1, 10)):
        yield
        session.rollback()
        assert months.wrong(session) == {}


def owing(session: Session, *, month: date = DECEMBER) -> tuple[Entitlement, Recovery]:
    """Somebody who was wrongly paid 540.000 đ in a closed month, and the open recovery."""
    who = make.entitled(session)
    months.closed(session, month, {who.id: "recover"})
    return who, session.scalars(select(Recovery)).one()


def at(session: Session, recovery: Recovery, month: date = JANUARY) -> Figures:
    return figures.figures(session, recovery.id, month)


def made(session: Session, **more: Any) -> int:
    return make.made_list(session, month=JANUARY, **more)


def share(session: Session, percent: int | None, *, path: str = "VN/01/", since: date = JANUARY) -> None:
    session.execute(
        text(
            "INSERT INTO payment_settings (area_id, valid_from, recovery_share_percent)"
            " SELECT id, :since, :percent FROM areas WHERE path = :path"
        ),
        {"path": path, "since": since, "percent": percent},
    )


def amounts(session: Session, batch_id: int) -> list[tuple[int, int, bool]]:
    rows = session.execute(
        text("SELECT withheld_vnd, total_vnd, live FROM payout_lines WHERE batch_id = :id ORDER BY no"),
        {"id": batch_id},
    )
    return [tuple(row) for row in rows]


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


# --- Proposed by hand ----------------------------------------------------------------------------------------------


def wrongly_paid(session: Session) -> Entitlement:
    """Somebody paid in September and October."""
    who = make.entitled(session)
    for month in (NOVEMBER, DECEMBER):
        months.closed(session, month)
    return who


def proposal(who: Entitlement, **changes: Any) -> Proposal:
    facts: dict[str, Any] = {"first_month": NOVEMBER, "last_month": JANUARY, "reason": "Khai sai hệ số"} | changes
    return Proposal(who.beneficiary_id, **facts)


def test_a_clerk_proposes_a_supervisor_decides_and_only_then_money_moves(session: Session) -> None:
    who = wrongly_paid(session)
    wanted = proposal(who, amount_vnd=700_000, instalment_vnd=150_000, decision_no="7/QĐ", decided_on=JANUARY)
    proposed = opening.propose(session, wanted, by=make.CLERK)
    parts = session.execute(text("SELECT line_id, amount_vnd FROM recovery_lines ORDER BY line_id")).all()
    assert [row.amount_vnd for row in parts] == [FULL, 160_000]
    assert (proposed.state, months.buckets(session, proposed.line_id)) == ("proposed", {"paid": FULL})
    assert amounts(session, made(session))[0][0] == 0, "not decided yet"
    batch_id = session.execute(text("SELECT max(id) FROM payout_batches")).scalar_one()
    opening.approve(session, proposed.id, by=make.SUPERVISOR)
    assert (proposed.state, proposed.decided_by, proposed.decision_no) == ("open", "xa.supervisor", "7/QĐ")
    assert [months.buckets(session, row.line_id) for row in parts] == [
        {"to_recover": FULL},
        {"paid": 380_000, "to_recover": 160_000},
    ]
    making.remake(session, batch_id, by=make.CLERK)
    assert amounts(session, batch_id) == [(150_000, 390_000, True)]
    approval.cancel(session, batch_id, by=make.CLERK, because="Lập nhầm")
    returning.pay_cash(session, proposed.id, 600_000, reference="PT-1", by=make.ACCOUNTANT)
    assert [months.buckets(session, row.line_id) for row in parts] == [
        {"recovered": FULL},
        {"paid": 380_000, "to_recover": 100_000, "recovered": 60_000},
    ]
    with pytest.raises(opening.AlreadyCameBack):
        opening.withdraw(session, proposed.id, by=make.SUPERVISOR, because="Nhầm người")
    session.commit()


def test_a_decision_may_replace_what_was_proposed_and_be_taken_back(session: Session) -> None:
    made = opening.propose(session, proposal(wrongly_paid(session)), by=make.CLERK)
    assert made.amount_vnd == 2 * FULL, "everything that was paid"
    with pytest.raises(opening.InstalmentOutOfRange):
        opening.approve(session, made.id, by=make.SUPERVISOR, instalment_vnd=2 * FULL + 1)
    facts: dict[str, Any] = {"decision_no": "8/QĐ", "decided_on": JANUARY, "instalment_vnd": 50_000}
    opening.approve(session, made.id, by=make.SUPERVISOR, **facts)
    assert {name: getattr(made, name) for name in facts} == facts
    opening.withdraw(session, made.id, by=make.SUPERVISOR, because="Nhầm người")
    assert (made.state, months.buckets(session, made.line_id)) == ("withdrawn", {"paid": FULL})
    again = opening.propose(session, Proposal(made.beneficiary_id, NOVEMBER, DECEMBER, "Lại"), by=make.CLERK)
    opening.refuse(session, again.id, by=make.SUPERVISOR, because="Không đủ căn cứ")
    assert (again.state, again.decided_by) == ("withdrawn", "xa.supervisor")
    session.commit()


SENSELESS: list[tuple[dict[str, Any], Any, type[Exception]]] = [
    ({}, make.SUPERVISOR, opening.NotAClerk),
    ({"reason": " "}, make.CLERK, opening.ReasonMissing),
    ({"reason": "x" * 1001}, make.CLERK, opening.ReasonMissing),
    ({"last_month": OCTOBER}, make.CLERK, opening.MonthsReversed),
    ({"amount_vnd": 0}, make.CLERK, opening.AmountOutOfRange),
    ({"amount_vnd": 2 * FULL + 1}, make.CLERK, opening.AmountOutOfRange),
    ({"instalment_vnd": 0}, make.CLERK, opening.InstalmentOutOfRange),
    ({"first_month": JANUARY}, make.CLERK, opening.NothingPaid),
]


def test_a_senseless_proposal_is_refused(session: Session) -> None:
    who = wrongly_paid(session)
    for changes, by, error in SENSELESS:
        with pytest.raises(error):
            opening.propose(session, proposal(who, **changes), by=by)


def test_nobody_decides_their_own_proposal_and_nothing_is_asked_twice(session: Session) -> None:
    who = wrongly_paid(session)
    both = make.actor(Role.CLERK)
    own = type(both)(both.username, frozenset({Role.CLERK, Role.SUPERVISOR}), both.area_path)
    made = opening.propose(session, proposal(who), by=own)
    with pytest.raises(opening.OwnProposal):
        opening.approve(session, made.id, by=own)
    with pytest.raises(opening.OwnProposal):
        opening.refuse(session, made.id, by=own, because="x")
    with pytest.raises(transitions.NotYours):
        opening.approve(session, made.id, by=make.ACCOUNTANT)
    opening.approve(session, made.id, by=make.SUPERVISOR)
    with pytest.raises(opening.NothingPaid):
        opening.propose(session, proposal(who), by=make.CLERK)
    session.commit()


def test_a_second_proposal_for_the_same_months_waits_for_the_first_to_be_decided(session: Session) -> None:
    """A double click, or two people with the same paper: parts of one debt must not become two debts."""
    who = wrongly_paid(session)
    first = opening.propose(session, proposal(who, amount_vnd=100_000), by=make.CLERK)
    for again in ({}, {"amount_vnd": 100_000}, {"last_month": NOVEMBER, "amount_vnd": 1}):
        with pytest.raises(opening.AlreadyProposed, match=r"100\.000 đ.*10/01/2027"):
            opening.propose(session, proposal(who, **again), by=make.actor(Role.CLERK, "xa.clerk2"))
    other = opening.propose(session, proposal(who, first_month=DECEMBER, amount_vnd=1_000), by=make.CLERK)
    opening.refuse(session, first.id, by=make.SUPERVISOR, because="Ghi lại")
    opening.approve(session, other.id, by=make.SUPERVISOR)
    rest = opening.propose(session, proposal(who), by=make.CLERK)
    assert rest.amount_vnd == 2 * FULL - 1_000, "what an approved recovery has not asked for yet"
    session.commit()


def test_two_people_who_propose_at_the_same_moment_make_one_proposal(session: Session) -> None:
    who = wrongly_paid(session)
    for _round in range(4):
        ran = dying.race(*[partial(_propose_alone, proposal(who, amount_vnd=400_000))] * 2)
        assert sorted(one.raised.partition(":")[0] for one in ran) == ["", "AlreadyProposed"]
        [key] = session.scalars(select(Recovery.id).where(Recovery.state == "proposed"))
        opening.refuse(session, key, by=make.SUPERVISOR, because="Làm lại")
        session.commit()


def test_a_proposal_by_hand_meets_the_sweep_that_finds_the_same_months(session: Session) -> None:
    """Whoever comes first, the months are asked for once, and neither of the two fails in the database."""
    people = [make.entitled(session, f"Lê Văn {number}") for number in range(4)]
    for month in (NOVEMBER, DECEMBER):
        months.closed(session, month)
    for who in people:
        dies(session, who, OCTOBER)
        ran = dying.race(partial(_propose_alone, proposal(who)), _sweep_alone)
        assert {one.raised.partition(":")[0] for one in ran} <= {"", "NothingPaid"}
        asked = select(Recovery.amount_vnd).where(Recovery.beneficiary_id == who.beneficiary_id)
        assert sum(session.scalars(asked)) == 2 * FULL
        session.rollback()


def _propose_alone(wanted: Proposal) -> None:
    with transaction() as session:
        opening.propose(session, wanted, by=make.CLERK)


def _sweep_alone() -> None:
    with transaction() as session:
        finding.sweep(session)


# --- Found by the sweep ----------------------------------------------------------------------------------------------


def dies(session: Session, who: Entitlement, on: date | None) -> None:
    person = who.beneficiary
    person.status, person.died_on = ("dead", on) if on else ("active", None)
    session.commit()


def test_months_paid_after_a_death_are_proposed_once_and_the_month_of_death_is_owed(session: Session) -> None:
    who, other = make.entitled(session, "Lê Văn An"), make.entitled(session, "Lê Thị Ba")
    for month in (OCTOBER, NOVEMBER, DECEMBER):
        months.closed(session, month)
    assert finding.sweep(session) == 0
    dies(session, who, date(2026, 10, 31))
    other.ends_on = date(2026, 11, 15)
    assert (finding.sweep(session), finding.sweep(session)) == (2, 0)
    death, stop = session.scalars(select(Recovery).order_by(Recovery.source)).all()
    assert (death.source, death.reason, death.amount_vnd, death.state) == ("death", "DEAD", 2 * FULL, "proposed")
    assert (stop.source, stop.reason, stop.amount_vnd) == ("stop", "ENDED", FULL)
    session.commit()
    opening.approve(session, death.id, by=make.SUPERVISOR)
    opening.refuse(session, stop.id, by=make.SUPERVISOR, because="Gia hạn quyết định")
    assert finding.sweep(session) == 0, "a refused ground is not proposed again"
    session.commit()


def test_only_the_benefit_of_a_later_month_comes_back_not_the_money_of_earlier_ones(session: Session) -> None:
    who = make.entitled(session)
    months.closed(session, NOVEMBER, {who.id: "unpaid"})
    months.closed(session, DECEMBER)
    dies(session, who, date(2026, 11, 1))
    assert finding.sweep(session) == 1
    assert session.scalars(select(Recovery.amount_vnd)).one() == FULL
    session.commit()


def test_a_proposal_whose_ground_is_gone_is_dropped_and_a_later_death_proposed_anew(session: Session) -> None:
    who = make.entitled(session)
    for month in (NOVEMBER, DECEMBER):
        months.closed(session, month)
    dies(session, who, date(2026, 10, 1))
    finding.sweep(session)
    dies(session, who, None)
    assert finding.sweep(session) == 1
    dies(session, who, date(2026, 11, 1))
    assert finding.sweep(session) == 1
    rows = session.execute(text("SELECT state, amount_vnd FROM recoveries ORDER BY id")).all()
    assert [tuple(row) for row in rows] == [("withdrawn", 2 * FULL), ("proposed", FULL)]
    session.commit()


def test_a_recovery_follows_a_person_who_moves_once_no_list_withholds_for_it(session: Session) -> None:
    who, recovery = owing(session)
    returning.pay_cash(session, recovery.id, 40_000, reference="PT-1", by=make.ACCOUNTANT)
    packet = months.sent(session, JANUARY)
    who.beneficiary.area = make.area(session, make.OTHER_COMMUNE)
    session.commit()
    assert finding.sweep(session) == 0, "the old area's list still withholds"
    months.reported(session, packet)
    locking.lock(session, office.settlement_of(session, packet).id, by=make.ACCOUNTANT)
    assert finding.sweep(session) == 1
    session.commit()
    with acting_as(make.actor(Role.CLERK, path="VN/01/00008/")):
        assert at(session, recovery).recovered_vnd == 40_000 + SHARE
    with acting_as(make.CLERK), pytest.raises(NotFound):
        at(session, recovery)


def test_what_was_withheld_in_one_area_and_paid_in_another_is_counted_by_the_sweep(session: Session) -> None:
    who, recovery = owing(session)
    packet = months.sent(session, JANUARY)
    session.execute(text("UPDATE payout_lines SET result = 'paid' WHERE batch_id = :id"), {"id": packet.batch_id})
    assert withholding.count(session, by=make.ACCOUNTANT, settlement_ids=[]) == 0
    who.beneficiary.area = make.area(session, make.OTHER_COMMUNE)
    session.flush()
    assert (finding.sweep(session), finding.sweep(session)) == (2, 0), "counted, and at once with its person"
    assert at(session, recovery).recovered_vnd == SHARE
    session.rollback()
