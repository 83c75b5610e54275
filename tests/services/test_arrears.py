"""Truy lĩnh: the rise of 2026 by hand-checked figures, who is held out, each đồng owed once."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.demo.places import DEMO_COMMUNE
from app.errors import NotFound
from app.extensions import acting_as
from app.models import ArrearsProposal, BenefitType, Entitlement
from app.services.arrears import computing, deciding, noticing, proposing
from app.services.batches import approval, lines, making
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
    rise,
    status,
)
from tests.services.rises import november as november

# --- The rise of 2026 ---------------------------------------------------------------------------------------------


def test_the_rise_of_2026_by_hand_checked_figures(session: Session) -> None:
    """500.000 -> 540.000 from 01/07/2026, in force 05/10/2026: 40.000 × coefficient × units for each month listed."""
    old = make.entitled(session, "Nguyễn Thị Già", "1.5")
    child = make.entitled(session, "Trần Bé", "2.5")
    dead = make.entitled(session, "Lê Văn Mất", "1")
    stopped = make.entitled(session, "Phạm Thị Dừng", "2")
    parent = make.entitlement(session, make.person(session, "Võ Thị Đơn"), "1", stacks=True, units=2)
    pensioner = make.entitlement(session, make.person(session, "Đỗ Cụ"), "1", batch_kind="social_pension")
    month_settled(session, JULY, unpaid=[old.id])
    child.coefficient = Decimal("1.5")  # turned four
    month_settled(session, AUGUST)
    month_settled(session, SEPTEMBER)
    status(session, dead, status="dead", died_on=date(2026, 8, 14))
    stopped.ends_on = date(2026, 8, 31)
    status(session, stopped, status="stopped")
    with clock.at(date(2026, 9, 20)):
        make.locked_list(session, people=0, month=make.OCTOBER)
    late = make.entitlement(session, make.person(session, "Bùi Mới"), "1", starts_on=make.OCTOBER)
    with clock.at(date(2026, 10, 12)):
        batch_id = make.made_list(session, month=make.OCTOBER, kind="supplementary")
        approval.lock(session, batch_id, by=make.SUPERVISOR)

    made = propose(session)

    assert owed(session, old) == dict.fromkeys([JULY, AUGUST, SEPTEMBER, make.OCTOBER], 60_000), "unpaid counts too"
    assert owed(session, child) == {JULY: 100_000, AUGUST: 60_000, SEPTEMBER: 60_000, make.OCTOBER: 60_000}
    assert owed(session, dead) == {JULY: 40_000, AUGUST: 40_000}, "the month of death is still owed"
    assert held_out(session, dead) == {SEPTEMBER: "dead"}
    assert owed(session, stopped) == {JULY: 80_000, AUGUST: 80_000}
    assert held_out(session, stopped) == {SEPTEMBER: "ended"}
    assert owed(session, parent) == dict.fromkeys([JULY, AUGUST, SEPTEMBER, make.OCTOBER], 80_000)
    assert owed(session, late) == {}, "its October list was made at the new rate"
    assert owed(session, pensioner) == {}, "no pension list was made"
    # 4×60 + (100+3×60) + 2×40 + 2×80 + 4×80 nghìn
    assert made.total_vnd == 240_000 + 280_000 + 80_000 + 160_000 + 320_000
    assert (made.people_count, made.line_count, made.excluded_count) == (5, 16, 2)


def test_what_is_approved_enters_the_next_list_exactly_once(session: Session) -> None:
    one, two = make.entitled(session, "Nguyễn Thị Một"), make.entitled(session, "Trần Thị Hai", "2")
    listed(session)
    made = propose(session, to_month=AUGUST)
    batch_id = make.made_list(session)
    assert amounts(session, batch_id) == {one.id: 0, two.id: 0}, "nothing before the approval"
    deciding.approve(session, made.id, by=make.SUPERVISOR, note="Đúng")
    making.remake(session, batch_id, by=make.CLERK)
    assert amounts(session, batch_id) == {one.id: 80_000, two.id: 160_000}
    making.remake(session, batch_id, by=make.CLERK)
    assert amounts(session, batch_id) == {one.id: 80_000, two.id: 160_000}
    row = session.scalars(select(ArrearsProposal)).one()
    assert (row.state, row.decided_by, row.decision_note) == ("approved", make.SUPERVISOR.username, "Đúng")
    with pytest.raises(proposing.NothingOwed):
        propose(session, to_month=AUGUST)
    session.rollback()


def test_a_second_rise_owes_only_what_the_first_left(session: Session) -> None:
    one = make.entitled(session)
    listed(session)
    deciding.approve(session, propose(session).id, by=make.SUPERVISOR)
    raise_standard(session, "VN", 560_000, AUGUST)
    propose(session)
    assert sum_owed(session, one) == {JULY: 40_000, AUGUST: 60_000}


def sum_owed(session: Session, entitlement: Entitlement) -> dict[date, int]:
    rows = session.execute(
        text(
            "SELECT for_month, sum(amount_vnd) AS vnd FROM arrears_proposal_lines WHERE live AND entitlement_id = :id"
            " GROUP BY 1"
        ),
        {"id": entitlement.id},
    )
    return {row.for_month: row.vnd for row in rows}


def raise_standard(session: Session, code: str, amount_vnd: int, since: date) -> None:
    """A further rise that applies back, for an area and below; rolled back with the test."""
    session.execute(
        text(
            "INSERT INTO standard_amounts (area_id, area_path, batch_kind, amount_vnd, applies_from, enacted_on,"
            " legal_basis) SELECT id, path, 'monthly', :vnd, :since, :known, 'NQ' FROM areas WHERE code = :code"
        ),
        {"vnd": amount_vnd, "since": since, "known": make.NOVEMBER, "code": code},
    )


def test_a_provincial_rate_is_owed_in_its_province_only(session: Session) -> None:
    here, there = make.entitled(session, "Nguyễn Ở Đây"), make.entitled(session, "Trần Ở Kia", commune=DEMO_COMMUNE)
    listed(session)
    with clock.at(date(2026, 7, 20)):
        request = making.ListRequest(make.area(session, DEMO_COMMUNE).id, AUGUST, "monthly")
        elsewhere = make.actor(making.Role.CLERK, "kia", "VN/")
        batch_id = making.make_lists(session, request, by=elsewhere).batch_ids[0]
        approval.lock(session, batch_id, by=make.actor(making.Role.SUPERVISOR, "kia2", "VN/"))
    raise_standard(session, "01", 650_000, JULY)
    propose(session, by=elsewhere, area_id=make.area(session, "VN").id)
    assert owed(session, here) == {JULY: 150_000, AUGUST: 150_000}
    assert owed(session, there) == {AUGUST: 40_000}


def test_a_coefficient_of_the_law_rises_with_the_law_and_one_of_its_own_stays(session: Session) -> None:
    group = session.scalars(
        select(BenefitType).where(BenefitType.batch_kind == "monthly").order_by(BenefitType.code)
    ).first()
    law = session.execute(
        text("SELECT coefficient FROM benefit_rates WHERE benefit_type_id = :id"), {"id": group.id}
    ).scalar_one()
    by_law = make.entitlement(session, make.person(session, "Theo Luật"), str(law), benefit_type=group)
    own = make.entitlement(session, make.person(session, "Theo Quyết Định"), "0.75", benefit_type=group)
    listed(session)
    session.execute(
        text(
            "INSERT INTO benefit_rates (benefit_type_id, coefficient, applies_from, legal_basis)"
            " VALUES (:id, :law + 0.5, :since, 'NĐ')"
        ),
        {"id": group.id, "law": law, "since": AUGUST},
    )
    propose(session)
    more = int(law * 40_000)
    assert owed(session, by_law) == {JULY: more, AUGUST: int((law + Decimal("0.5")) * 540_000 - law * 500_000)}
    assert owed(session, own) == {JULY: 30_000, AUGUST: 30_000}


# --- Who is held out ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("person", "entitled", "result", "why"),
    [
        ({"status": "suspended"}, {}, "paid", "suspended"),
        ({}, {"status": "suspended"}, "paid", "suspended"),
        ({"status": "moved"}, {}, "paid", "moved"),
        ({"status": "stopped"}, {}, "paid", "stopped"),
        ({}, {"status": "ended"}, "paid", "stopped"),
        ({}, {}, "unpaid_stopped", "stopped"),
        pytest.param({}, {}, "to_recover", "to_recover", marks=pytest.mark.wrong_books("recovery_opened")),
    ],
)
def test_what_does_not_apply_is_held_out_with_the_reason(
    session: Session, person: dict[str, Any], entitled: dict[str, Any], result: str, why: str
) -> None:
    odd, usual = make.entitled(session, "Nguyễn Khác"), make.entitled(session, "Trần Thường")
    month_settled(session, JULY)
    status(session, odd, **person)
    for name, value in entitled.items():
        setattr(odd, name, value)
    session.flush()
    if result != "paid":
        rewrite_result(session, odd, result)
    propose(session)
    assert (owed(session, odd), held_out(session, odd)) == ({}, {JULY: why})
    assert owed(session, usual) == {JULY: 40_000}


def rewrite_result(session: Session, entitlement: Entitlement, result: str) -> None:
    """As the lock of a settlement would have written it: the list, not closed, goes back to accepted for a moment."""
    facts = {"id": entitlement.id, "result": result}
    batch = session.execute(
        text(
            "SELECT b.id, b.closed_at AS closed FROM payout_lines l JOIN payout_batches b ON b.id = l.batch_id"
            " WHERE l.entitlement_id = :id"
        ),
        facts,
    ).one()
    session.execute(
        text("UPDATE payout_batches SET state = 'accepted', closed_at = NULL WHERE id = :id"), {"id": batch.id}
    )
    session.execute(text("UPDATE payout_lines SET result = :result WHERE entitlement_id = :id"), facts)
    session.execute(
        text("UPDATE payout_batches SET state = 'settled', closed_at = :closed WHERE id = :id"), dict(batch._mapping)
    )


def test_a_line_held_out_of_its_list_is_owed_nothing(session: Session) -> None:
    out, kept = make.entitled(session, "Nguyễn Ra"), make.entitled(session, "Trần Ở")
    with clock.at(date(2026, 6, 20)):
        batch_id = make.made_list(session, month=JULY)
        held = session.execute(
            text("SELECT id FROM payout_lines WHERE entitlement_id = :id"), {"id": out.id}
        ).scalar_one()
        lines.exclude(session, held, by=make.CLERK, because="Chưa rõ")
        assert_draft_counts_nothing(session)
        approval.lock(session, batch_id, by=make.SUPERVISOR)
    propose(session)
    assert (owed(session, out), held_out(session, out)) == ({}, {})
    assert owed(session, kept) == {JULY: 40_000}


def test_a_funeral_listed_after_its_month_is_owed_the_rise_of_the_list(session: Session) -> None:
    """The cost decided for June is paid by the list of July: 20 times 40.000."""
    dead = make.person(session, status="dead", died_on=date(2026, 6, 3))
    funeral = make.entitlement(
        session, dead, "20", batch_kind="funeral", starts_on=date(2026, 6, 1), ends_on=date(2026, 6, 30)
    )
    with clock.at(date(2026, 6, 20)):
        approval.lock(session, make.made_list(session, month=JULY, kind="funeral"), by=make.SUPERVISOR)
    propose(session)
    assert (owed(session, funeral), held_out(session, funeral)) == ({JULY: 800_000}, {})


def assert_draft_counts_nothing(session: Session) -> None:
    assert computing.size(session, "VN/01/", "VN/010", months=(JULY, make.OCTOBER)) == 0


def test_who_died_since_the_computation_is_held_out_by_the_approval(session: Session) -> None:
    died, moved, kept, lives = (make.entitled(session, f"Người {number}") for number in range(4))
    listed(session)
    made = propose(session)
    status(session, died, status="dead", died_on=date(2026, 7, 5))
    status(session, moved, area=make.area(session, DEMO_COMMUNE))
    status(session, kept, status="suspended")
    kept_line = line_of(session, kept, JULY)
    deciding.exclude(session, kept_line.id, by=make.CLERK, because="Tạm dừng")
    deciding.restore(session, kept_line.id, by=make.CLERK)
    session.commit()
    with acting_as(make.SUPERVISOR):
        deciding.approve(session, made.id, by=make.SUPERVISOR)
        session.commit()
    assert (owed(session, died), held_out(session, died)) == ({JULY: 40_000}, {AUGUST: "dead"})
    assert held_out(session, moved) == {JULY: "moved", AUGUST: "moved"}
    assert (owed(session, kept), held_out(session, kept)) == ({JULY: 40_000}, {AUGUST: "suspended"})
    assert owed(session, lives) == {JULY: 40_000, AUGUST: 40_000}
    assert session.execute(text("SELECT sum(amount_vnd) FROM arrears")).scalar() == 160_000


def test_a_proposal_without_anybody_left_is_not_approved(session: Session) -> None:
    only = make.entitled(session)
    listed(session)
    made = propose(session)
    status(session, only, status="suspended")
    with pytest.raises(deciding.NobodyLeft):
        deciding.approve(session, made.id, by=make.SUPERVISOR)


# --- What is asked ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"area_id": 0}, NotFound),
        ({"reason": " "}, proposing.ReasonMissing),
        ({"from_month": make.NOVEMBER}, proposing.MonthsUnreadable),
        ({"from_month": date(2020, 1, 1)}, proposing.MonthsUnreadable),
        ({"due_month": make.OCTOBER}, proposing.DueTooEarly),
        ({}, proposing.NothingOwed),
    ],
)
def test_a_request_that_cannot_be_computed_says_why(
    session: Session, changes: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        propose(session, **changes)
    session.rollback()


def test_large_computations_are_told_from_small_ones(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    make.entitled(session)
    listed(session)
    area = make.area(session)
    assert not proposing.is_big(session, area, rise(session))
    monkeypatch.setattr(proposing, "BIG", 1)
    assert proposing.is_big(session, area, rise(session))


# --- A rise nobody has computed -----------------------------------------------------------------------------------


def test_a_rise_is_noticed_until_it_is_proposed(session: Session) -> None:
    assert noticing.uncounted(session, make.COMMUNE_PATH) is None
    make.entitled(session)
    listed(session)
    with clock.at(date(2026, 10, 4)):
        assert noticing.uncounted(session, "VN/01/") is None, "the decree is not in force yet"
    found = noticing.uncounted(session, "VN/01/")
    assert found is not None and (found.first, found.last, found.lists) == (JULY, AUGUST, 2)
    assert noticing.uncounted(session, "VN/66/") is None
    made = propose(session)
    assert noticing.uncounted(session, make.COMMUNE_PATH) is None
    deciding.reject(session, made.id, by=make.SUPERVISOR, because="Sai")
    assert noticing.uncounted(session, make.COMMUNE_PATH) == found
    make.locked_list(session, people=1)
    assert noticing.uncounted(session, make.COMMUNE_PATH) == found, "November was listed at the new rate"
