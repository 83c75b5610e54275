"""Months missed by a suspension, when the rate rises afterwards or the person has moved meanwhile."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.extensions import acting_as
from app.models import ArrearsProposal, Entitlement, Suspension
from app.rules.actors import Role
from app.services import suspensions
from app.services.arrears import deciding, noticing, proposing
from app.services.batches import approval, making
from app.services.lives import relocating
from tests import factories as make

MAY, JUNE, JULY, AUGUST, SEPTEMBER = (date(2026, month, 1) for month in range(5, 10))
THERE = f"VN/01/{make.OTHER_COMMUNE}/"


def owed(session: Session, of: Entitlement) -> dict[tuple[date, int], int]:
    """Approved arrears: how often each amount of each month."""
    rows = session.execute(
        text("SELECT for_month, amount_vnd, count(*) AS n FROM arrears WHERE entitlement_id = :id GROUP BY 1, 2"),
        {"id": of.id},
    )
    return {(row.for_month, row.amount_vnd): row.n for row in rows}


@pytest.fixture
def absent(session: Session) -> Entitlement:
    """Somebody unpaid from May to July, and somebody else who is paid."""
    one = make.entitled(session, "Nguyễn Vắng")
    make.entitled(session, "Trần Có Mặt")
    for month in (MAY, JUNE, JULY):
        with clock.at(month):
            make.settled_month(session, month, unpaid=[one.id])
    return one


def suspended(session: Session, absent: Entitlement) -> Suspension:
    one = suspensions.propose(session, absent.beneficiary_id, by=make.CLERK, because="Không gặp được")
    return suspensions.suspend(session, one.id, by=make.SUPERVISOR, because="Đủ căn cứ")


def back(session: Session, one: Suspension) -> ArrearsProposal:
    clerk = make.actor(Role.CLERK, "xa.canbo2")
    suspensions.ask_resume(session, one.id, by=clerk, because="Đã về", with_arrears=True)
    suspensions.resume(session, one.id, by=make.SUPERVISOR)
    assert one.proposal_id is not None
    return session.get_one(ArrearsProposal, one.proposal_id)


def rise(session: Session) -> ArrearsProposal:
    asked = proposing.RiseRequest(make.area(session, "01").id, JULY, SEPTEMBER, date(2026, 11, 1), "Nâng mức", "335")
    return proposing.propose_rise(session, asked, by=make.PROVINCE_CLERK)


def test_a_rise_that_applies_back_is_owed_for_missed_months_too(session: Session, absent: Entitlement) -> None:
    with clock.at(date(2026, 7, 28)):
        one = suspended(session, absent)
    for month in (AUGUST, SEPTEMBER):
        with clock.at(month):
            make.settled_month(session, month)
    with clock.at(date(2026, 9, 20)):
        waits = back(session, one)
    with clock.at(date(2026, 10, 14)):
        assert noticing.uncounted(session, make.COMMUNE_PATH) is not None, "what was missed is no rise"
        first = rise(session)
        deciding.approve(session, first.id, by=make.PROVINCE_SUPERVISOR)
        assert owed(session, absent) == {(JULY, 40_000): 1}, "what was missed is not granted yet"
        deciding.approve(session, waits.id, by=make.SUPERVISOR)
        second = rise(session)
        assert (second.line_count, second.total_vnd) == (2, 80_000)
        deciding.approve(session, second.id, by=make.PROVINCE_SUPERVISOR)
        assert owed(session, absent) == {
            (JULY, 40_000): 1,
            (AUGUST, 500_000): 1,
            (AUGUST, 40_000): 1,
            (SEPTEMBER, 500_000): 1,
            (SEPTEMBER, 40_000): 1,
        }
        with pytest.raises(proposing.NothingOwed), session.begin_nested():
            rise(session)
        assert noticing.uncounted(session, make.COMMUNE_PATH) is None


def test_months_missed_before_a_move_are_owed_as_well(session: Session, absent: Entitlement) -> None:
    there = make.actor(Role.CLERK, "noi.den", THERE)
    deciding_there = make.actor(Role.SUPERVISOR, "noi.den.duyet", THERE)
    make.entitled(session, "Lê Ở Sẵn", commune=make.OTHER_COMMUNE)
    with clock.at(date(2026, 7, 28)):
        one = suspended(session, absent)
    with clock.at(AUGUST):
        make.settled_month(session, AUGUST)
    with clock.at(SEPTEMBER):
        asked = relocating.ask(session, absent.beneficiary_id, make.OTHER_COMMUNE, by=make.CLERK, reason="Về ở với con")
        assert relocating.accept(session, asked.id, by=there) == SEPTEMBER
        request = making.ListRequest(make.area(session, make.OTHER_COMMUNE).id, SEPTEMBER, "monthly")
        made = making.make_lists(session, request, by=there)
        approval.lock_many(session, made.batch_ids, by=deciding_there)
    with clock.at(date(2026, 9, 28)):
        with acting_as(there):
            suspensions.ask_resume(session, one.id, by=there, because="Đã về", with_arrears=True)
        with acting_as(deciding_there):
            suspensions.resume(session, one.id, by=deciding_there)
            assert one.proposal_id is not None
            deciding.approve(session, one.proposal_id, by=deciding_there)
    assert owed(session, absent) == {(AUGUST, 500_000): 1, (SEPTEMBER, 500_000): 1}


def test_months_unpaid_before_a_move_count_after_it(session: Session, absent: Entitlement) -> None:
    there = make.actor(Role.CLERK, "noi.den", THERE)
    with clock.at(AUGUST):
        asked = relocating.ask(session, absent.beneficiary_id, make.OTHER_COMMUNE, by=make.CLERK, reason="Về ở với con")
        relocating.accept(session, asked.id, by=there)
        with acting_as(there):
            one = suspensions.propose(session, absent.beneficiary_id, by=there, because="Không gặp được")
        deciding_there = make.actor(Role.SUPERVISOR, "noi.den.duyet", THERE)
        with acting_as(deciding_there):
            suspensions.suspend(session, one.id, by=deciding_there, because="Đủ căn cứ")
    assert (one.unpaid_periods, one.from_month) == (3, AUGUST)
