"""What needs a person, what waits for approval, and people unpaid for several periods."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app import clock
from app.agency.messages import ControlTotals
from app.rules.actors import Actor, Role
from app.services import attention, extensions
from tests import factories as make
from tests import money_desk as desk
from tests import office, stages

NOVEMBER, OCTOBER, SEPTEMBER = make.NOVEMBER, make.OCTOBER, date(2026, 9, 1)


@pytest.fixture(autouse=True)
def mid_november() -> Any:
    with clock.at(date(2026, 11, 10)):
        yield


def items(session: Session, path: str = make.COMMUNE_PATH) -> dict[str, tuple[int, int, int | None]]:
    """What is in the way, but for the rise of 2026: months listed before it was known are told of by tests of arrears."""
    found = attention.items(session, path, NOVEMBER)
    return {item.kind.name: (item.count, item.places, item.id) for item in found if item.kind.name != "rise"}


def test_a_quiet_commune_has_no_items(session: Session) -> None:
    make.locked_list(session)
    assert items(session) == {}


def test_a_returned_list_is_an_item_with_its_page(session: Session) -> None:
    packet = stages.returned(session)
    assert items(session) == {"returned": (1, 1, packet.batch_id)}
    assert items(session, "VN/01/00008/") == {}


def test_several_of_a_kind_are_counted_and_found(session: Session) -> None:
    make.entitlement(session, make.person(session, "Bà Cụ"), batch_kind="social_pension")
    for kind in ("monthly", "social_pension"):
        for _twice in range(2):
            person = make.person(session, f"{kind} {_twice}", id_number="001145000001")
            make.entitlement(session, person, batch_kind=kind)
    make.made_list(session)
    make.made_list(session, kind="social_pension")
    count, lists, _first = items(session)["blocking"]
    assert count >= 4 and lists == 2
    found = attention.places(session, make.COMMUNE_PATH, "blocking")
    assert sum(place.count for place in found) == count
    assert {(place.code[-1], place.area_name, place.month) for place in found} == {
        (letter, "Phường Ba Đình", NOVEMBER) for letter in "MP"
    }


def test_blocking_findings_of_one_draft_lead_to_its_findings(session: Session) -> None:
    make.entitled(session, id_number="001145000001")
    make.entitled(session, "Lò Thị Ánh", id_number="001145000001")
    batch_id = make.made_list(session)
    assert items(session)["blocking"] == (2, 1, batch_id)


def test_a_packet_in_doubt_is_an_item(session: Session) -> None:
    packet = stages.in_doubt(session)
    assert items(session)["in_doubt"] == (1, 1, packet.id)


def test_undecided_lines_are_counted_until_the_settlement_is_locked(session: Session) -> None:
    packet = office.accepted(session, people=3)
    results = office.results(office.lines_of(session, packet), "paid")
    office.hear(session, *office.parts(packet.code, results[:1]))
    settlement = office.settlement_of(session, packet)
    assert items(session)["undecided"] == (2, 1, settlement.id)
    assert "untied" not in items(session)


def test_totals_that_do_not_tie_out_are_an_item(session: Session) -> None:
    packet = office.accepted(session, people=2)
    results = office.results(office.lines_of(session, packet), "paid")
    wrong = ControlTotals(2, 1, 0, 0, 0, 0)
    office.hear(session, *office.parts(packet.code, results, totals=wrong))
    settlement = office.settlement_of(session, packet)
    assert items(session) == {"untied": (1, 1, settlement.id)}
    assert [place.id for place in attention.places(session, make.COMMUNE_PATH, "untied")] == [settlement.id]


def test_an_extension_asked_for_is_an_item_and_waits_for_the_supervisor(session: Session) -> None:
    settlement = office.settlement_of(session, office.accepted(session))
    asked = extensions.ask(session, settlement.id, days=5, reason="Mưa lũ", asked_by="Bưu điện", by=make.ACCOUNTANT)
    assert items(session)["extension"] == (1, 1, asked.id)
    (waiting,) = attention.approvals(session, make.COMMUNE_PATH, by=make.SUPERVISOR)
    assert (waiting.kind, waiting.id, waiting.days, waiting.asked_by) == ("extension", asked.id, 5, "Bưu điện")
    both = Actor(make.ACCOUNTANT.username, frozenset({Role.SUPERVISOR}), make.COMMUNE_PATH)
    assert attention.approvals(session, make.COMMUNE_PATH, by=both) == []


def test_a_draft_waits_for_every_supervisor_but_its_maker(session: Session) -> None:
    batch_id = make.made_list(session, people=2)
    (waiting,) = attention.approvals(session, make.COMMUNE_PATH, by=make.SUPERVISOR)
    assert (waiting.kind, waiting.id, waiting.people, waiting.amount_vnd) == ("batch", batch_id, 2, 1_080_000)
    assert (waiting.month, waiting.list_kind, waiting.blocking, waiting.asked_by) == (
        NOVEMBER,
        "monthly",
        0,
        "xa.clerk",
    )
    maker = Actor("xa.clerk", frozenset({Role.CLERK, Role.SUPERVISOR}), make.COMMUNE_PATH)
    assert attention.approvals(session, make.COMMUNE_PATH, by=maker) == []
    assert attention.approvals(session, make.COMMUNE_PATH, by=make.CLERK) == []


def unpaid_months(session: Session, *months: date) -> int:
    """Somebody unpaid in each of the months, next to somebody always paid; the entitlement."""
    owed = make.entitled(session, "Người Vắng")
    make.entitled(session, "Người Có Mặt")
    for month in months:
        with clock.at(month):
            make.settled_month(session, month, unpaid=[owed.id])
    return owed.id


def test_one_unpaid_month_is_no_streak_two_are(session: Session) -> None:
    owed = unpaid_months(session, OCTOBER)
    assert items(session) == {}
    with clock.at(date(2026, 11, 20)):
        make.settled_month(session, NOVEMBER, unpaid=[owed])
    assert items(session) == {"streak": (1, 0, None)}
    (person,) = attention.unpaid_streaks(session, make.COMMUNE_PATH, NOVEMBER)
    assert (person.full_name, person.periods, person.total_vnd) == ("Người Vắng", 2, 1_040_000)
    assert person.area_name == "Phường Ba Đình"


def test_three_months_are_told_apart_and_the_last_known_month_counts(session: Session) -> None:
    unpaid_months(session, date(2026, 8, 1), SEPTEMBER, OCTOBER)
    (person,) = attention.unpaid_streaks(session, make.COMMUNE_PATH, NOVEMBER)
    assert person.periods == attention.SUSPEND_AFTER


def test_being_paid_ends_a_streak(session: Session) -> None:
    unpaid_months(session, SEPTEMBER, OCTOBER)
    with clock.at(date(2026, 11, 20)):
        make.settled_month(session, NOVEMBER)
    assert items(session) == {}


# --- Money for the agency ------------------------------------------------------------------------------------------


def test_transfers_that_wait_are_trouble_and_a_supervisors_to_approve(session: Session) -> None:
    key = desk.entered(session, 5_000).id
    session.commit()
    found = {item.kind.name: item for item in attention.items(session, make.COMMUNE_PATH, make.NOVEMBER)}
    assert (found["transfer"].count, found["transfer"].id) == (1, key)
    (place,) = attention.places(session, make.COMMUNE_PATH, "transfer")
    assert (place.id, place.month) == (key, make.NOVEMBER)
    (waits,) = attention.approvals(session, make.COMMUNE_PATH, by=make.SUPERVISOR)
    assert (waits.kind, waits.id, waits.amount_vnd, waits.asked_by) == ("transfer", key, 5_000, "tinh.ketoan")
    maker = make.actor(make.Role.SUPERVISOR, "tinh.ketoan")
    assert attention.approvals(session, make.COMMUNE_PATH, by=maker) == []
    assert attention.approvals(session, make.COMMUNE_PATH, by=make.ACCOUNTANT) == []


def test_an_account_that_keeps_transfers_here_and_is_short_is_trouble(session: Session) -> None:
    packet = office.accepted(session, people=2)

    def short() -> int:
        kinds = {item.kind.name: item.count for item in attention.items(session, make.COMMUNE_PATH, make.NOVEMBER)}
        return kinds.get("due", 0)

    assert short() == 0, "nothing says that transfers are kept here"
    desk.transferred(session, packet.total_vnd - 1)
    assert short() == 1
    desk.transferred(session, 1)
    assert short() == 0
