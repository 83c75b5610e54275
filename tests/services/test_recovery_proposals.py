"""Truy thu: proposed by hand or by the sweep, decided by somebody else."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.extensions import acting_as, transaction
from app.models import Entitlement, Recovery
from app.rules.actors import Role
from app.services import transitions
from app.services.batches import approval, making
from app.services.recoveries import finding, opening, returning, withholding
from app.services.recoveries.opening import Proposal
from app.services.settlements import locking
from tests import factories as make
from tests import months, office
from tests.proof import dying
from tests.services.recovering import DECEMBER, FULL, JANUARY, NOVEMBER, OCTOBER, SHARE, amounts, at, made, owing
from tests.services.recovering import books_in_order as books_in_order

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
