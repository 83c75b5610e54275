"""Tạm dừng: alerts at two and three unpaid periods, a person proposes, another decides, arrears on resumption."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.errors import NotFound
from app.models import ArrearsProposal, Entitlement, Suspension
from app.rules.actors import Role
from app.services import attention, registry, suspensions, transitions
from app.services.arrears import deciding
from app.services.batches import approval, making
from tests import factories as make

AUGUST, SEPTEMBER, DECEMBER = date(2026, 8, 1), date(2026, 9, 1), date(2026, 12, 1)
OTHER_CLERK = make.actor(Role.CLERK, "xa.canbo2")


@pytest.fixture(autouse=True)
def november() -> Iterator[None]:
    with clock.at(date(2026, 11, 10)):
        yield


def month(session: Session, of: date, unpaid: list[int]) -> int:
    with clock.at(date(of.year, of.month - 1, 20)):
        return make.settled_month(session, of, unpaid=unpaid)


@pytest.fixture
def absent(session: Session) -> Entitlement:
    """Somebody unpaid in August, September and October; somebody else was paid."""
    one = make.entitled(session, "Nguyễn Vắng")
    make.entitled(session, "Trần Có Mặt")
    for of in (AUGUST, SEPTEMBER, make.OCTOBER):
        month(session, of, [one.id])
    return one


def proposed(session: Session, absent: Entitlement) -> Suspension:
    return suspensions.propose(session, absent.beneficiary_id, by=make.CLERK, because="Không liên hệ được")


def suspended(session: Session, absent: Entitlement) -> Suspension:
    return suspensions.suspend(session, proposed(session, absent).id, by=make.SUPERVISOR, because="Đủ căn cứ")


def counts(session: Session) -> dict[str, int]:
    found = attention.items(session, make.COMMUNE_PATH, make.NOVEMBER)
    return {item.kind.name: item.count for item in found if item.kind.name in ("streak", "streak_long", "suspension")}


def lines(session: Session, batch_id: int) -> dict[int, tuple[int, int, int]]:
    rows = session.execute(
        text(
            "SELECT entitlement_id, benefit_vnd, arrears_vnd, carried_vnd FROM payout_lines WHERE batch_id = :id AND live"
        ),
        {"id": batch_id},
    )
    return {row.entitlement_id: (row.benefit_vnd, row.arrears_vnd, row.carried_vnd) for row in rows}


def test_alerts_come_at_two_and_at_three_unpaid_periods(session: Session) -> None:
    one = make.entitled(session)
    month(session, AUGUST, [one.id])
    month(session, SEPTEMBER, [one.id])
    assert attention._streaks_count(session, make.COMMUNE_PATH, SEPTEMBER) == (1, 0)
    assert suspensions.unpaid_periods(session, one.beneficiary_id) == 2
    with pytest.raises(suspensions.NotUnpaidLongEnough, match="2 kỳ"):
        suspensions.propose(session, one.beneficiary_id, by=make.CLERK, because="x")
    month(session, make.OCTOBER, [one.id])
    assert counts(session) == {"streak": 1, "streak_long": 1}
    suspensions.propose(session, one.beneficiary_id, by=make.CLERK, because="Không liên hệ được")
    assert counts(session) == {"streak": 1, "streak_long": 1, "suspension": 1}


def test_a_paid_month_or_a_gap_ends_the_row_of_unpaid_periods(session: Session, absent: Entitlement) -> None:
    assert suspensions.unpaid_periods(session, absent.beneficiary_id) == 3
    session.execute(text("UPDATE periods SET month = '2026-06-01' WHERE month = :m"), {"m": AUGUST})
    assert suspensions.unpaid_periods(session, absent.beneficiary_id) == 2
    paid = session.execute(text("SELECT id FROM beneficiaries WHERE full_name = 'Trần Có Mặt'")).scalar_one()
    assert suspensions.unpaid_periods(session, paid) == 0


def test_who_is_suspended_is_in_no_list_and_their_money_waits(session: Session, absent: Entitlement) -> None:
    draft = make.made_list(session)
    assert lines(session, draft)[absent.id] == (540_000, 0, 1_500_000)
    one = suspended(session, absent)
    assert (one.state, one.from_month, absent.beneficiary.status) == ("suspended", make.NOVEMBER, "suspended")
    with pytest.raises(approval.BlockingFindings):
        approval.lock(session, draft, by=make.SUPERVISOR)
    making.remake(session, draft, by=make.CLERK)
    assert absent.id not in lines(session, draft)
    approval.lock(session, draft, by=make.SUPERVISOR)
    assert counts(session)["streak"] == 1 and "streak_long" not in counts(session)
    assert session.execute(text("SELECT count(*) FROM carry_overs WHERE from_line_id IN (SELECT id FROM payout_lines"
                                " WHERE entitlement_id = :id) AND to_line_id IN (SELECT id FROM payout_lines WHERE"
                                " batch_id = :batch)"), {"id": absent.id, "batch": draft}).scalar() == 0  # fmt: skip


def test_one_proposes_and_another_decides(session: Session, absent: Entitlement) -> None:
    with pytest.raises(suspensions.NotAClerk):
        suspensions.propose(session, absent.beneficiary_id, by=make.SUPERVISOR, because="x")
    with pytest.raises(suspensions.ReasonMissing):
        suspensions.propose(session, absent.beneficiary_id, by=make.CLERK, because=" ")
    with pytest.raises(NotFound):
        suspensions.propose(session, 0, by=make.CLERK, because="x")
    one = proposed(session, absent)
    with pytest.raises(suspensions.AlreadyProposed):
        proposed(session, absent)
    both = make.actor(Role.SUPERVISOR, make.CLERK.username)
    for decide in (suspensions.suspend, suspensions.refuse):
        with pytest.raises(suspensions.OwnRequest):
            decide(session, one.id, by=both, because="x")
    suspensions.refuse(session, one.id, by=make.SUPERVISOR, because="Đã liên hệ được")
    assert (one.state, absent.beneficiary.status) == ("refused", "active")
    again = proposed(session, absent)
    absent.beneficiary.status = "moved"
    session.flush()
    with pytest.raises(suspensions.NotActive):
        suspensions.suspend(session, again.id, by=make.SUPERVISOR, because="x")
    with pytest.raises(suspensions.NotActive):
        proposed(session, absent)
    with pytest.raises(NotFound):
        suspensions.suspend(session, 0, by=make.SUPERVISOR, because="x")


def resumed(session: Session, one: Suspension, *, with_arrears: bool) -> Suspension:
    suspensions.ask_resume(session, one.id, by=OTHER_CLERK, because="Đã về nhà", with_arrears=with_arrears)
    return suspensions.resume(session, one.id, by=make.SUPERVISOR, note="Đồng ý")


def test_the_months_missed_become_arrears_when_the_decision_says_so(session: Session, absent: Entitlement) -> None:
    one = suspended(session, absent)
    make.settled_month(session, make.NOVEMBER)
    resumed(session, one, with_arrears=True)
    assert (one.state, absent.beneficiary.status) == ("resumed", "active")
    made = session.get_one(ArrearsProposal, one.proposal_id)
    assert (made.cause, made.state, made.made_by, made.reason) == (
        "resumption",
        "proposed",
        OTHER_CLERK.username,
        "Đã về nhà",
    )
    assert (made.from_month, made.to_month, made.due_month) == (make.NOVEMBER, make.NOVEMBER, DECEMBER)
    assert (made.line_count, made.total_vnd) == (1, 540_000), "November alone: earlier months were listed"
    deciding.approve(session, made.id, by=make.SUPERVISOR)
    with clock.at(date(2026, 11, 20)):
        december = make.made_list(session, month=DECEMBER)
    assert lines(session, december)[absent.id] == (540_000, 540_000, 1_500_000)


def test_without_that_the_months_missed_are_not_owed(session: Session, absent: Entitlement) -> None:
    one = suspended(session, absent)
    make.settled_month(session, make.NOVEMBER)
    resumed(session, one, with_arrears=False)
    assert one.proposal_id is None
    with clock.at(date(2026, 11, 20)):
        december = make.made_list(session, month=DECEMBER)
    assert lines(session, december)[absent.id] == (540_000, 0, 1_500_000)


def test_a_month_not_listed_yet_is_not_missed(session: Session, absent: Entitlement) -> None:
    one = suspended(session, absent)
    draft = make.made_list(session)
    resumed(session, one, with_arrears=True)
    assert one.proposal_id is None
    making.remake(session, draft, by=make.CLERK)
    assert lines(session, draft)[absent.id] == (540_000, 0, 1_500_000)


def test_a_supplementary_list_does_not_pay_a_month_proposed_as_arrears(session: Session, absent: Entitlement) -> None:
    one = suspended(session, absent)
    make.locked_list(session, people=0)
    resumed(session, one, with_arrears=True)
    assert session.get_one(ArrearsProposal, one.proposal_id).total_vnd == 540_000
    with pytest.raises(making.NobodyEligible):
        make.made_list(session, kind="supplementary")
    deciding.reject(session, one.proposal_id, by=make.SUPERVISOR, because="Trả bằng danh sách bổ sung")
    assert lines(session, make.made_list(session, kind="supplementary"))[absent.id] == (540_000, 0, 0)


def test_the_end_of_a_suspension_is_decided_by_another_too(session: Session, absent: Entitlement) -> None:
    one = suspended(session, absent)
    with pytest.raises(transitions.ReasonMissing):
        suspensions.ask_resume(session, one.id, by=make.CLERK, because="", with_arrears=True)
    suspensions.ask_resume(session, one.id, by=make.CLERK, because="Đã về", with_arrears=True)
    both = make.actor(Role.SUPERVISOR, make.CLERK.username)
    with pytest.raises(suspensions.OwnRequest):
        suspensions.resume(session, one.id, by=both)
    with pytest.raises(suspensions.OwnRequest):
        suspensions.keep(session, one.id, by=both, because="x")
    suspensions.keep(session, one.id, by=make.SUPERVISOR, because="Chưa xác minh")
    assert (one.state, one.with_arrears, absent.beneficiary.status) == ("suspended", False, "suspended")
    suspensions.ask_resume(session, one.id, by=make.CLERK, because="Đã xác minh", with_arrears=True)
    absent.beneficiary.status, absent.beneficiary.died_on = "dead", date(2026, 11, 2)
    session.flush()
    with pytest.raises(suspensions.NoLongerSuspended):
        suspensions.resume(session, one.id, by=make.SUPERVISOR)


def test_the_registry_does_not_suspend_or_resume_by_itself(session: Session, absent: Entitlement) -> None:
    person = absent.beneficiary
    person.status = "suspended"
    with session.no_autoflush, pytest.raises(registry.SuspensionNeedsDecision):
        registry.save_beneficiary(session, person, by=make.CLERK)
    session.refresh(person)
    suspended(session, absent)
    person.status = "active"
    with session.no_autoflush, pytest.raises(registry.SuspensionNeedsDecision):
        registry.save_beneficiary(session, person, by=make.CLERK)
    person.status, person.died_on = "dead", date(2026, 11, 2)
    with session.no_autoflush:
        registry.save_beneficiary(session, person, by=make.CLERK)


def test_who_was_suspended_without_a_decision_of_ours_may_be_set_active(session: Session) -> None:
    person = make.person(session, status="suspended")
    person.status = "active"
    with session.no_autoflush:
        registry.save_beneficiary(session, person, by=make.CLERK)
    session.flush()
    assert person.status == "active"


def test_a_suspension_moves_with_its_person(session: Session, absent: Entitlement) -> None:
    one = suspended(session, absent)
    absent.beneficiary.area = make.area(session, make.OTHER_COMMUNE)
    session.flush()
    session.expire_all()
    assert one.area_path == "VN/01/00008/"
