"""Truy lĩnh: proposals decided by somebody else, entered by hand, and lists opened again."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.errors import NotFound
from app.models import Entitlement
from app.rules.actors import Actor
from app.services import transitions
from app.services.arrears import deciding, proposing
from app.services.arrears.proposing import HandEntry
from app.services.batches import approval, making
from tests import factories as make
from tests.services.rises import (
    AUGUST,
    JULY,
    SEPTEMBER,
    amounts,
    held_out,
    line_of,
    listed,
    month_settled,
    owed,
    propose,
    status,
)
from tests.services.rises import november as november

# --- Deciding ------------------------------------------------------------------------------------------------------


def test_nobody_decides_their_own_proposal(session: Session) -> None:
    make.entitled(session)
    listed(session)
    made = propose(session)
    both = Actor(make.CLERK.username, frozenset({making.Role.CLERK, making.Role.SUPERVISOR}), make.COMMUNE_PATH)
    with pytest.raises(deciding.OwnPreparation):
        deciding.approve(session, made.id, by=both)
    with pytest.raises(deciding.OwnPreparation):
        deciding.reject(session, made.id, by=both, because="x")
    with pytest.raises(transitions.NotYours):
        deciding.approve(session, made.id, by=make.actor(making.Role.CLERK, "khac"))
    with pytest.raises(proposing.NotAClerk):
        propose(session, by=make.SUPERVISOR)


def test_what_was_rejected_or_withdrawn_may_be_proposed_again(session: Session) -> None:
    make.entitled(session)
    listed(session)
    deciding.reject(session, propose(session).id, by=make.SUPERVISOR, because="Chờ hướng dẫn")
    deciding.withdraw(session, propose(session).id, by=make.CLERK, because="Sai tháng")
    made = propose(session)
    assert made.total_vnd == 80_000
    with pytest.raises(transitions.ReasonMissing):
        deciding.withdraw(session, made.id, by=make.CLERK, because=" ")
    with pytest.raises(NotFound):
        deciding.withdraw(session, 999, by=make.CLERK, because="x")


def test_an_approval_is_taken_back_only_while_no_list_has_taken_it(session: Session) -> None:
    one = make.entitled(session)
    listed(session)
    made = propose(session)
    deciding.approve(session, made.id, by=make.SUPERVISOR)
    batch_id = make.made_list(session)
    with pytest.raises(deciding.AlreadyTaken, match="CT-202611"):
        deciding.revoke(session, made.id, by=make.SUPERVISOR, because="Nhầm")
    with pytest.raises(deciding.AlreadyTaken):
        deciding.exclude(session, line_of(session, one, JULY).id, by=make.SUPERVISOR, because="Nhầm")
    approval.cancel(session, batch_id, by=make.CLERK, because="Lập lại sau")
    deciding.revoke(session, made.id, by=make.SUPERVISOR, because="Nhầm")
    assert session.execute(text("SELECT count(*) FROM arrears")).scalar() == 0
    assert owed(session, one) == {}


def test_one_person_month_is_held_out_and_put_back(session: Session) -> None:
    one, two = make.entitled(session, "Nguyễn Một"), make.entitled(session, "Trần Hai")
    listed(session)
    made = propose(session)
    line_id = line_of(session, one, JULY).id
    with pytest.raises(deciding.ReasonMissing):
        deciding.exclude(session, line_id, by=make.CLERK, because=" ")
    with pytest.raises(deciding.NotYours):
        deciding.exclude(session, line_id, by=make.ACCOUNTANT, because="x")
    with pytest.raises(deciding.NotOut):
        deciding.restore(session, line_id, by=make.CLERK)
    deciding.exclude(session, line_id, by=make.CLERK, because="Đã trả tay")
    assert (made.total_vnd, made.excluded_count) == (120_000, 1)
    with pytest.raises(deciding.AlreadyOut):
        deciding.exclude(session, line_id, by=make.CLERK, because="x")
    with pytest.raises(deciding.NotYours):
        deciding.restore(session, line_id, by=make.ACCOUNTANT)
    deciding.restore(session, line_id, by=make.CLERK)
    deciding.exclude(session, line_id, by=make.SUPERVISOR, because="Đã trả tay")
    deciding.approve(session, made.id, by=make.SUPERVISOR)
    with pytest.raises(deciding.ProposalOver):
        deciding.restore(session, line_id, by=make.CLERK)
    with pytest.raises(deciding.NotYours):
        deciding.exclude(session, line_of(session, two, JULY).id, by=make.CLERK, because="x")
    deciding.exclude(session, line_of(session, two, JULY).id, by=make.SUPERVISOR, because="Đã trả tay")
    assert session.execute(text("SELECT sum(amount_vnd) FROM arrears")).scalar() == 80_000
    with pytest.raises(NotFound):
        deciding.restore(session, 999, by=make.CLERK)


def test_a_month_counted_elsewhere_is_not_put_back(session: Session) -> None:
    one = make.entitled(session)
    make.entitled(session, "Người Khác")
    listed(session)
    propose(session)
    line_id = line_of(session, one, JULY).id
    deciding.exclude(session, line_id, by=make.CLERK, because="Chờ")
    propose(session)
    with pytest.raises(deciding.OwedElsewhere):
        deciding.restore(session, line_id, by=make.CLERK)


# --- Lists opened again -------------------------------------------------------------------------------------------


def test_a_list_opened_again_owes_nothing_any_more(session: Session) -> None:
    """Made again it is at the new rate: the person must not get the difference twice."""
    one = make.entitled(session)
    month_settled(session, JULY)
    with clock.at(date(2026, 7, 20)):
        batch_id = make.locked_list(session, people=0, month=AUGUST)
    made = propose(session)
    deciding.approve(session, made.id, by=make.SUPERVISOR)
    approval.unlock(session, batch_id, by=make.SUPERVISOR, because="Sửa")
    assert (owed(session, one), held_out(session, one)) == ({JULY: 40_000}, {AUGUST: "reopened"})
    assert session.execute(text("SELECT sum(amount_vnd) FROM arrears")).scalar() == 40_000


def test_a_list_whose_arrears_are_in_a_list_is_not_opened_again(session: Session) -> None:
    make.entitled(session)
    month_settled(session, JULY)
    with clock.at(date(2026, 7, 20)):
        batch_id = make.locked_list(session, people=0, month=AUGUST)
    deciding.approve(session, propose(session).id, by=make.SUPERVISOR)
    session.execute(text("DELETE FROM area_periods"))  # as where two months are listed in one go
    make.made_list(session)
    with pytest.raises(deciding.ListOwesArrears, match="CT-202611"):
        approval.unlock(session, batch_id, by=make.SUPERVISOR, because="Sửa")


# --- By hand ------------------------------------------------------------------------------------------------------


def by_hand(of: Entitlement, **changes: Any) -> HandEntry:
    facts: dict[str, Any] = {
        "entitlement_id": of.id, "for_month": SEPTEMBER, "due_month": make.NOVEMBER, "amount_vnd": 750_000,
        "reason": "Hồ sơ duyệt chậm một tháng", "decision_no": "15/QĐ-UBND",
    }  # fmt: skip
    return HandEntry(**(facts | changes))


def test_an_amount_by_hand_is_paid_once_after_a_supervisor_approves_it(session: Session) -> None:
    late = make.entitled(session)
    made = proposing.enter(session, by_hand(late), by=make.CLERK)
    assert (made.cause, made.line_count, made.total_vnd) == ("manual", 1, 750_000)
    assert amounts(session, make.made_list(session)) == {late.id: 0}
    deciding.approve(session, made.id, by=make.SUPERVISOR)
    batch_id = session.execute(text("SELECT id FROM payout_batches")).scalar_one()
    making.remake(session, batch_id, by=make.CLERK)
    assert amounts(session, batch_id) == {late.id: 750_000}
    row = session.execute(text("SELECT for_month, reason, decision_no FROM arrears")).one()
    assert tuple(row) == (SEPTEMBER, "Hồ sơ duyệt chậm một tháng", "15/QĐ-UBND")


def test_an_amount_by_hand_for_a_listed_month_is_not_computed_again(session: Session) -> None:
    late = make.entitled(session)
    listed(session)
    proposing.enter(session, by_hand(late, for_month=JULY, amount_vnd=40_000), by=make.CLERK)
    make.arrears(session, late, 40_000)
    session.execute(text("UPDATE arrears SET for_month = :month"), {"month": AUGUST})
    with pytest.raises(proposing.NothingOwed):
        propose(session)
    session.rollback()


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"entitlement_id": 0}, NotFound),
        ({"reason": ""}, proposing.ReasonMissing),
        ({"amount_vnd": 0}, proposing.AmountUnreadable),
        ({"amount_vnd": 10**10}, proposing.AmountUnreadable),
        ({"due_month": SEPTEMBER}, proposing.DueTooEarly),
        ({"for_month": date(2025, 6, 1)}, proposing.NotEntitledThen),
        ({"for_month": make.OCTOBER}, proposing.NotEntitledThen),
    ],
)
def test_an_entry_that_cannot_be_says_why(session: Session, changes: dict[str, Any], error: type[Exception]) -> None:
    ended = make.entitlement(session, make.person(session), ends_on=date(2026, 9, 30))
    with pytest.raises(error):
        proposing.enter(session, by_hand(ended, **changes), by=make.CLERK)


def test_the_same_decision_for_the_same_month_is_entered_once(session: Session) -> None:
    late = make.entitled(session)
    proposing.enter(session, by_hand(late), by=make.CLERK)
    with pytest.raises(proposing.AlreadyEntered, match="09/2026"):
        proposing.enter(session, by_hand(late), by=make.CLERK)
    proposing.enter(session, by_hand(late, decision_no="16/QĐ-UBND"), by=make.CLERK)


def test_the_dead_are_owed_nothing_after_their_month_but_their_funeral(session: Session) -> None:
    dead = make.entitled(session)
    funeral = make.entitlement(session, dead.beneficiary, "20", batch_kind="funeral")
    status(session, dead, status="dead", died_on=date(2026, 8, 14))
    with pytest.raises(proposing.DeadThen, match="09/2026"):
        proposing.enter(session, by_hand(dead), by=make.CLERK)
    proposing.enter(session, by_hand(dead, for_month=AUGUST), by=make.CLERK)
    proposing.enter(session, by_hand(funeral), by=make.CLERK)
