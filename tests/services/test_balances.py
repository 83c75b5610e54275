"""The balance with the agency: opening + transferred − paid out + recovered = closing, every đồng, from rows alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import pairwise

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.extensions import acting_as
from app.services import balances, periods, transfers
from app.services.balances import Balance
from app.services.settlements import locking
from tests import factories as make
from tests import money_desk as desk
from tests import office, stages

DECEMBER = date(2026, 12, 1)
ONE = 540_000
"""One line of the commune: coefficient 1 at the standard amount of the month."""


@pytest.fixture(autouse=True)
def mid_november() -> Iterator[None]:
    with clock.at(date(2026, 11, 10)):
        yield


def balance(session: Session, month: date = make.NOVEMBER, path: str = make.COMMUNE_PATH) -> Balance:
    found = balances.of_account(session, path, make.agency(session).id, month)
    assert found is not None
    assert found.closing_vnd == (
        found.opening_vnd + found.transferred_vnd - found.paid_vnd - found.wrong_vnd + found.recovered_vnd
    )
    return found


def test_an_account_without_any_row_has_no_balance(session: Session) -> None:
    assert balances.of_account(session, make.COMMUNE_PATH, make.agency(session).id, make.NOVEMBER) is None


def test_what_is_sent_is_due_until_it_is_transferred(session: Session) -> None:
    office.accepted(session, people=3)
    found = balance(session)
    assert (found.payable_people, found.payable_vnd, found.need_vnd, found.due_vnd) == (3, 3 * ONE, 3 * ONE, 3 * ONE)
    desk.transferred(session, ONE)
    desk.entered(session, ONE)
    found = balance(session)
    assert (found.transferred_vnd, found.waiting_vnd, found.due_vnd, found.closing_vnd) == (ONE, ONE, 2 * ONE, ONE)


def test_a_list_that_was_not_sent_is_not_payable(session: Session) -> None:
    make.locked_list(session)
    session.commit()
    assert balances.of_month(session, make.COMMUNE_PATH, make.NOVEMBER) == []


def test_what_was_paid_leaves_and_what_must_be_recovered_left_too(session: Session) -> None:
    batch = stages.settled(session, "paid", "unpaid", "recover", "paid", people=4)
    desk.transferred(session, batch.total_vnd)
    found = balance(session)
    assert (found.paid_people, found.paid_vnd, found.unpaid_vnd, found.wrong_vnd) == (2, 2 * ONE, ONE, ONE)
    assert (found.closing_vnd, found.due_vnd, found.need_vnd) == (ONE, 0, 4 * ONE)
    assert found.fee_vnd == 2 * ONE * 8 // 1000
    (listed,) = balances.lists(session, make.COMMUNE_PATH, found.agency_id, make.NOVEMBER)
    assert (listed.batch_id, listed.settlement_state, listed.paid_vnd) == (batch.id, "locked", 2 * ONE)


def test_the_next_month_needs_the_unpaid_money_once_more_but_not_again_in_cash(session: Session) -> None:
    batch = stages.settled(session, "unpaid", "paid", "paid", people=3)
    desk.transferred(session, batch.total_vnd)
    periods.close(session, session.execute(text("SELECT id FROM area_periods")).scalar_one(), by=make.ACCOUNTANT)
    with clock.at(date(2026, 11, 20)):
        packet = office.accepted(session, people=0, month=DECEMBER)
    found = balance(session, DECEMBER)
    assert packet.total_vnd == 4 * ONE
    assert (found.opening_vnd, found.payable_vnd, found.need_vnd, found.due_vnd) == (ONE, 4 * ONE, 3 * ONE, 3 * ONE)
    assert balance(session).due_vnd == 0


def test_two_months_at_once_need_both(session: Session) -> None:
    stages.settled(session, "paid", people=2)
    desk.transferred(session, 2 * ONE)
    periods.close(session, session.execute(text("SELECT id FROM area_periods")).scalar_one(), by=make.ACCOUNTANT)
    packet = office.accepted(session, people=0, month=DECEMBER)
    desk.transferred(session, ONE, month=DECEMBER)
    found = balance(session, DECEMBER)
    assert (found.need_vnd, found.due_vnd) == (2 * ONE, ONE)
    later = balance(session, date(2027, 1, 1))
    assert (later.opening_vnd, later.payable_vnd, later.need_vnd, later.due_vnd) == (ONE, 0, ONE, ONE)
    office.settle(session, packet, "paid")
    locking.lock(session, office.settlement_of(session, packet).id, by=make.ACCOUNTANT)
    found = balance(session, DECEMBER)
    assert (found.closing_vnd, found.due_vnd) == (-ONE, ONE), "the agency paid from its own pocket"


def test_money_given_back_and_corrections_count_by_their_sign(session: Session) -> None:
    first = desk.transferred(session, 5_000_000)
    desk.transferred(session, 2_000_000, kind="return")
    assert balance(session).closing_vnd == 3_000_000
    down = balances_correction(session, first.id)
    assert balance(session).waiting_vnd == -1_000_000

    transfers.approve(session, down, by=make.SUPERVISOR)
    assert (balance(session).transferred_vnd, balance(session).waiting_vnd) == (2_000_000, 0)


def balances_correction(session: Session, key: int) -> int:

    return transfers.correct(session, key, 4_000_000, month=make.NOVEMBER, by=make.ACCOUNTANT, because="Theo sao kê").id


def test_money_recovered_in_cash_comes_back_to_the_agency_and_withheld_money_does_not(session: Session) -> None:
    batch = stages.settled(session, "recover", "recover", people=2)
    desk.transferred(session, batch.total_vnd)
    lines = session.execute(text("SELECT id FROM payout_lines ORDER BY id")).scalars().all()
    with acting_as(make.ACCOUNTANT):
        for line, other in ((lines[0], None), (lines[1], lines[0])):
            session.execute(
                text(
                    "INSERT INTO money_movements (line_id, area_path, from_bucket, to_bucket, amount_vnd, other_line_id,"
                    " actor, at) VALUES (:line, :path, 'to_recover', 'recovered', 40000, :other, 'xa.ketoan',"
                    " '2026-11-30 20:00+00')"
                ),
                {"line": line, "path": make.COMMUNE_PATH, "other": other},
            )
    assert (balance(session).recovered_vnd, balance(session).closing_vnd) == (0, 0), "1 December in Vietnam"
    december = balance(session, DECEMBER)
    assert (december.recovered_vnd, december.closing_vnd) == (40_000, 40_000)


def test_a_province_that_pays_for_its_communes_has_one_account(session: Session) -> None:
    session.execute(
        text(
            "INSERT INTO payment_settings (area_id, valid_from, transfer_level)"
            " SELECT id, '2026-11-01', 'province' FROM areas WHERE code = '01'"
        )
    )
    office.accepted(session, people=2)
    desk.transferred(session, 2 * ONE, area_id=make.area(session, "01").id)
    found = balance(session, path="VN/01/")
    assert (found.payable_vnd, found.closing_vnd, found.due_vnd) == (2 * ONE, 2 * ONE, 0)
    assert [one.area_path for one in balances.of_month(session, "VN/", make.NOVEMBER)] == ["VN/01/"]
    assert balances.of_month(session, make.COMMUNE_PATH, make.NOVEMBER) == []


def test_the_months_of_an_account_follow_from_each_other(session: Session) -> None:
    desk.transferred(session, ONE, month=make.OCTOBER)
    stages.settled(session, "paid", people=1)
    desk.transferred(session, ONE)
    months = balances.history(session, make.COMMUNE_PATH, make.OCTOBER, DECEMBER)
    assert [one.month for one in months] == [DECEMBER, make.NOVEMBER, make.OCTOBER]
    for later, earlier in pairwise(months):
        assert later.opening_vnd == earlier.closing_vnd


def test_another_area_and_an_agencys_user_see_no_balance(session: Session) -> None:
    office.accepted(session, people=1)
    desk.transferred(session, ONE)
    stranger = make.actor(make.Role.ACCOUNTANT, "khac", "VN/01/00008/")
    with acting_as(stranger):
        assert balances.of_month(session, "VN/", make.NOVEMBER) == []
    agency = make.actor(make.Role.AGENCY_USER, "buudien")
    agency = type(agency)(agency.username, agency.roles, agency.area_path, agency_id=make.agency(session).id)
    session.commit()
    with acting_as(agency):
        assert session.execute(text("SELECT count(*) FROM agency_transfers")).scalar() == 0
