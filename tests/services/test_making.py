"""Making payment lists: who is on them, with which amounts, and when they cannot be made."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.errors import BadInput, NotFound
from app.models import Beneficiary, PayoutBatch
from app.rules.actors import Role
from app.services.batches import approval, making, previewing
from app.services.batches import lines as batch_lines
from app.services.batches.making import ListRequest
from tests import factories as make

NOVEMBER = make.NOVEMBER


@pytest.fixture(autouse=True)
def mid_november() -> Any:
    with clock.at(date(2026, 11, 10)):
        yield


def lines(session: Session, batch_id: int, *columns: str) -> list[Any]:
    wanted = ", ".join(columns)
    return list(
        session.execute(
            text(f"SELECT {wanted} FROM payout_lines WHERE batch_id = :id AND live ORDER BY no"), {"id": batch_id}
        )
    )


def totals(session: Session, batch_id: int) -> tuple[int, int, int]:
    batch = session.get_one(PayoutBatch, batch_id, populate_existing=True)
    return batch.people_count, batch.line_count, batch.total_vnd


def test_a_list_holds_coefficient_times_the_standard_amount_in_force(session: Session) -> None:
    make.entitled(session, coefficient="1.5")
    batch_id = make.made_list(session)
    assert lines(session, batch_id, "standard_vnd", "benefit_vnd", "total_vnd") == [(540_000, 810_000, 810_000)]
    assert totals(session, batch_id) == (1, 1, 810_000)


def test_a_rate_enacted_after_the_list_was_made_is_not_known_to_it(session: Session) -> None:
    make.entitled(session)
    with clock.at(date(2026, 9, 20)):
        batch_id = make.made_list(session, month=date(2026, 9, 1))
    assert lines(session, batch_id, "benefit_vnd") == [(500_000,)]


def test_a_province_may_pay_more(session: Session) -> None:
    make.entitled(session)
    session.execute(
        text(
            "INSERT INTO standard_amounts (area_id, area_path, batch_kind, amount_vnd, applies_from, enacted_on,"
            " legal_basis) SELECT id, path, 'monthly', 650000, '2026-01-01', '2026-01-01', 'NQ' FROM areas"
            " WHERE code = '01'"
        )
    )
    assert lines(session, make.made_list(session), "benefit_vnd") == [(650_000,)]


@pytest.mark.parametrize(
    ("what", "on_the_list"),
    [
        ({"starts_on": date(2026, 11, 30)}, True),  # the month of the first day is paid whole
        ({"starts_on": date(2026, 12, 1)}, False),
        ({"ends_on": date(2026, 11, 1)}, True),  # and so is the month of the last
        ({"ends_on": date(2026, 10, 31)}, False),
        ({"status": "suspended"}, False),
        ({"status": "ended"}, False),
    ],
)
def test_an_entitlement_is_paid_while_it_runs(session: Session, what: dict[str, Any], on_the_list: bool) -> None:
    make.entitled(session, "Người khác")
    wanted = make.entitlement(session, make.person(session), **what)
    batch_id = make.made_list(session)
    assert ((wanted.id,) in lines(session, batch_id, "entitlement_id")) is on_the_list


@pytest.mark.parametrize(
    ("what", "on_the_list"),
    [
        ({"status": "dead", "died_on": date(2026, 11, 2)}, True),  # the month of death is paid
        ({"status": "dead", "died_on": date(2026, 10, 31)}, False),
        ({"status": "suspended"}, False),
        ({"status": "stopped"}, False),
        ({"status": "moved"}, False),
    ],
)
def test_a_person_is_paid_while_alive_and_active(session: Session, what: dict[str, Any], on_the_list: bool) -> None:
    make.entitled(session, "Người khác")
    wanted = make.entitled(session, **what)
    batch_id = make.made_list(session)
    assert ((wanted.id,) in lines(session, batch_id, "entitlement_id")) is on_the_list


def test_of_several_groups_only_the_highest_coefficient_counts_and_the_single_parent_adds(session: Session) -> None:
    person = make.person(session)
    make.entitlement(session, person, "1.5")
    highest = make.entitlement(session, person, "2")
    parent = make.entitlement(session, person, "1", stacks=True, units=2)
    batch_id = make.made_list(session)
    assert sorted(lines(session, batch_id, "entitlement_id", "benefit_vnd")) == [
        (highest.id, 1_080_000),
        (parent.id, 1_080_000),
    ]
    assert totals(session, batch_id) == (1, 2, 2_160_000)


@pytest.mark.parametrize(
    ("assistance", "pension", "paid_in"),
    [("1", "1", "monthly"), ("1.5", "1", "monthly"), ("1", "1.5", "social_pension")],
)
def test_a_person_gets_the_higher_of_pension_and_assistance(
    session: Session, assistance: str, pension: str, paid_in: str
) -> None:
    person = make.person(session)
    make.entitlement(session, person, assistance)
    make.entitlement(session, person, pension, batch_kind="social_pension")
    for kind in ("monthly", "social_pension"):
        if kind == paid_in:
            assert totals(session, make.made_list(session, kind=kind))[0] == 1
        else:
            with pytest.raises(making.NobodyEligible):
                make.made_list(session, kind=kind)


def test_arrears_due_are_paid_once(session: Session) -> None:
    owed = make.entitled(session)
    make.arrears(session, owed, 160_000)
    make.arrears(session, owed, 40_000, due=date(2026, 12, 1))
    batch_id = make.made_list(session)
    assert lines(session, batch_id, "benefit_vnd", "arrears_vnd", "total_vnd") == [(540_000, 160_000, 700_000)]
    making.remake(session, batch_id, by=make.CLERK)
    assert totals(session, batch_id)[2] == 700_000


def test_unpaid_money_is_carried_exactly_once(session: Session) -> None:
    unpaid, paid = make.entitled(session, "Lê Văn Chưa"), make.entitled(session, "Phạm Thị Đủ")
    with clock.at(date(2026, 10, 20)):
        make.settled_month(session, make.OCTOBER, unpaid=[unpaid.id])
    batch_id = make.made_list(session)
    making.remake(session, batch_id, by=make.CLERK)
    assert sorted(lines(session, batch_id, "entitlement_id", "carried_vnd", "total_vnd")) == [
        (unpaid.id, 540_000, 1_080_000),
        (paid.id, 0, 540_000),
    ]
    assert session.execute(text("SELECT count(*), sum(amount_vnd) FROM carry_overs")).one() == (1, 540_000)
    with pytest.raises(making.ListExists):
        make.made_list(session)


def test_unpaid_money_of_an_ended_entitlement_is_a_line_of_its_own(session: Session) -> None:
    ended = make.entitled(session)
    with clock.at(date(2026, 10, 20)):
        make.settled_month(session, make.OCTOBER, unpaid=[ended.id])
    ended.status = "ended"
    batch_id = make.made_list(session)
    assert lines(session, batch_id, "benefit_vnd", "carried_vnd", "total_vnd") == [(0, 540_000, 540_000)]


def test_the_payee_and_the_payment_method_are_a_snapshot(session: Session) -> None:
    person = make.person(session)
    make.entitlement(session, person)
    make.payee(session, person, kind="guardian", name="Hoàng Văn Giám", method=make.BANK)
    batch_id = make.made_list(session)
    make.payee(session, person)
    assert lines(session, batch_id, "payee_kind", "payee_name", "payee_fa", "account_holder") == [
        ("guardian", "Hoàng Văn Giám", "account:0123456789@bidv", "NGUYEN THI BINH")
    ]


def test_each_agency_of_an_area_gets_its_own_list(session: Session) -> None:
    make.agency(session, methods=("cash",))
    make.agency(session, "bidv", methods=("bank",))
    make.entitled(session)
    person = make.person(session, "Đỗ Thị Én")
    make.entitlement(session, person)
    make.payee(session, person, method=make.BANK)
    request = ListRequest(make.area(session).id, NOVEMBER)
    made = making.make_lists(session, request, by=make.CLERK)
    codes = sorted(session.execute(text("SELECT code FROM payout_batches")).scalars())
    assert len(made.batch_ids) == 2
    assert codes == ["CT-202611-00004-M", "CT-202611-00004-M2"]


def test_a_province_is_made_in_one_action_and_names_what_it_left_out(session: Session) -> None:
    make.agency(session)
    for commune in (make.COMMUNE, make.OTHER_COMMUNE, "00025"):
        make.entitled(session, commune=commune)
    one = making.make_lists(session, ListRequest(make.area(session).id, NOVEMBER), by=make.PROVINCE_CLERK)
    province = ListRequest(make.area(session, "01").id, NOVEMBER)
    rest = making.make_lists(session, province, by=make.PROVINCE_CLERK)
    assert (len(one.batch_ids), len(rest.batch_ids)) == (1, 2)
    assert [name for name, _why in rest.left_out] == ["Phường Ba Đình"]
    assert isinstance(rest.left_out[0][1], making.ListExists)


def test_an_area_with_an_open_earlier_period_waits(session: Session) -> None:
    make.entitled(session)
    make.made_list(session, month=make.OCTOBER)
    with pytest.raises(making.PreviousPeriodOpen, match="Ba Đình"):
        make.made_list(session, month=NOVEMBER)


def test_a_list_needs_a_contract_for_every_payment_method(session: Session) -> None:
    make.entitled(session)
    with pytest.raises(making.ContractMissing, match="Ba Đình"):
        making.make_lists(session, ListRequest(make.area(session).id, NOVEMBER), by=make.CLERK)


def test_a_list_needs_a_standard_amount_in_force(session: Session) -> None:
    make.entitled(session)
    session.execute(text("DELETE FROM standard_amounts WHERE batch_kind = 'monthly'"))
    with pytest.raises(making.SettingsMissing, match="Ba Đình"):
        make.made_list(session)


def test_the_office_may_pay_by_itself(session: Session) -> None:
    make.entitled(session)
    session.execute(
        text(
            "INSERT INTO payment_settings (area_id, area_path, valid_from, through_agency)"
            " SELECT id, path, '2026-01-01', false FROM areas WHERE code = '01'"
        )
    )
    batch_id = make.made_list(session)
    assert lines(session, batch_id, "payee_fa", "agency_id")[0][1] is None
    assert lines(session, batch_id, "payee_fa")[0][0].endswith("@office")


def test_a_list_may_be_made_for_the_province_as_paying_area(session: Session) -> None:
    make.agency(session)
    for commune in (make.COMMUNE, make.OTHER_COMMUNE):
        make.entitled(session, commune=commune)
    session.execute(
        text(
            "INSERT INTO payment_settings (area_id, area_path, valid_from, paying_level)"
            " SELECT id, path, '2026-01-01', 'province' FROM areas WHERE code = '01'"
        )
    )
    made = making.make_lists(session, ListRequest(make.area(session, "01").id, NOVEMBER), by=make.PROVINCE_CLERK)
    assert totals(session, made.batch_ids[0]) == (2, 2, 1_080_000)


def test_a_supplement_takes_only_who_is_on_no_list_of_the_period(session: Session) -> None:
    make.entitled(session)
    make.locked_list(session, people=0)
    late = make.entitled(session, "Vũ Thị Giang")
    make.arrears(session, late, 90_000)
    batch_id = make.made_list(session, kind="supplementary")
    assert lines(session, batch_id, "entitlement_id", "total_vnd") == [(late.id, 540_000)]
    with pytest.raises(making.ListExists):
        make.made_list(session, kind="supplementary")
    approval.lock(session, batch_id, by=make.SUPERVISOR)
    with pytest.raises(making.NobodyEligible):
        make.made_list(session, kind="supplementary")


def test_remaking_picks_up_the_registry_and_keeps_who_was_held_out(session: Session) -> None:
    held = make.entitled(session, "Bùi Văn Hạ")
    make.entitled(session, "Cao Thị Ích")
    batch_id = make.made_list(session)
    key = session.execute(text("SELECT id FROM payout_lines WHERE entitlement_id = :id"), {"id": held.id}).scalar_one()
    batch_lines.exclude(session, key, by=make.CLERK, because="Chờ xác minh")
    make.entitled(session, "Dương Văn Khoa")
    making.remake(session, batch_id, by=make.CLERK)
    assert totals(session, batch_id)[0] == 2
    assert session.execute(
        text("SELECT excluded_reason, excluded_by FROM payout_lines WHERE entitlement_id = :id"), {"id": held.id}
    ).one() == ("Chờ xác minh", "xa.clerk")


def test_remaking_adds_a_list_for_a_new_agency(session: Session) -> None:
    make.agency(session, methods=("cash",))
    make.entitled(session)
    person = make.person(session, "Kim Văn Lợi")
    make.entitlement(session, person)
    batch_id = making.make_lists(session, ListRequest(make.area(session).id, NOVEMBER), by=make.CLERK).batch_ids[0]
    make.agency(session, "bidv", methods=("bank",))
    make.payee(session, person, method=make.BANK)
    made = making.remake(session, batch_id, by=make.CLERK)
    assert [totals(session, key)[0] for key in made.batch_ids] == [1, 1]
    again = making.remake(session, batch_id, by=make.CLERK)
    assert sorted(again.batch_ids) == sorted(made.batch_ids)


def two_lists(session: Session) -> tuple[int, int]:
    """The drafts of the post office and of a bank in one commune: one person at the post office, two at the bank."""
    make.agency(session, methods=("cash",))
    make.agency(session, "bidv", methods=("bank",))
    make.entitled(session, "Lò Thị Mai")
    for name in ("Kim Văn Lợi", "Ngô Thị Nga"):
        person = make.person(session, name)
        make.entitlement(session, person)
        make.payee(session, person, method=make.BANK)
    made = making.make_lists(session, ListRequest(make.area(session).id, NOVEMBER), by=make.CLERK).batch_ids
    first, second = sorted(made, key=lambda key: totals(session, key)[0])
    return first, second


def test_whoever_was_held_out_of_another_agency_s_approved_list_stays_out_when_a_list_is_made_again(
    session: Session,
) -> None:
    cash, bank = two_lists(session)
    key = session.execute(text("SELECT min(id) FROM payout_lines WHERE batch_id = :id"), {"id": bank}).scalar_one()
    batch_lines.exclude(session, key, by=make.CLERK, because="Chờ xác minh")
    approval.lock(session, bank, by=make.SUPERVISOR)
    made = making.remake(session, cash, by=make.CLERK)
    assert (made.batch_ids, made.left_out) == ([cash], [])
    assert [totals(session, one)[0] for one in (cash, bank)] == [1, 1]


def test_whoever_has_changed_to_an_agency_whose_list_is_approved_is_said_and_waits_for_a_supplement(
    session: Session,
) -> None:
    cash, bank = two_lists(session)
    approval.lock(session, bank, by=make.SUPERVISOR)
    make.entitled(session, "Lý Văn Phú")
    mover = session.execute(text("SELECT beneficiary_id FROM payout_lines WHERE batch_id = :id"), {"id": cash}).scalar()
    make.payee(session, session.get_one(Beneficiary, mover), method=make.BANK)
    made = making.remake(session, cash, by=make.CLERK)
    ((area, why),) = made.left_out
    assert isinstance(why, making.OtherListFixed) and "1 người" in why.message and area == make.area(session).full_name
    assert [totals(session, one)[0] for one in (cash, bank)] == [1, 2]
    extra = make.made_list(session, kind="supplementary")
    assert lines(session, extra, "beneficiary_id") == [(mover,)]
    again = making.remake(session, extra, by=make.CLERK)
    assert (again.batch_ids, again.left_out) == ([extra], [])


@pytest.mark.parametrize(
    ("request_of", "error"),
    [
        (lambda area_id: ListRequest(area_id, NOVEMBER, "weekly"), BadInput),
        (lambda area_id: ListRequest(area_id, date(1926, 11, 1)), BadInput),
        (lambda area_id: ListRequest(area_id, date(2099, 11, 1)), BadInput),
        (lambda area_id: ListRequest(-1, NOVEMBER), NotFound),
    ],
)
def test_a_senseless_request_is_refused(session: Session, request_of: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        making.make_lists(session, request_of(make.area(session).id), by=make.CLERK)


def test_another_area_cannot_be_made(session: Session) -> None:
    with pytest.raises(NotFound):
        making.make_lists(session, ListRequest(make.area(session, make.OTHER_COMMUNE).id, NOVEMBER), by=make.CLERK)
    with pytest.raises(NotFound):
        making.remake(session, 999_999, by=make.CLERK)


def test_only_a_clerk_makes_lists(session: Session) -> None:
    for role in (Role.SUPERVISOR, Role.AUDITOR, Role.AGENCY_USER):
        with pytest.raises(making.NotAClerk):
            making.make_lists(session, ListRequest(make.area(session).id, NOVEMBER), by=make.actor(role))


def test_making_leaves_an_audit_row_and_opens_the_period(session: Session) -> None:
    batch_id = make.made_list(session, people=1)
    session.commit()
    rows = session.execute(text("SELECT machine, entity_id, move, actor FROM state_changes ORDER BY id")).all()
    assert ("batch", batch_id, "create", "xa.clerk") in rows
    assert {row.machine for row in rows} == {"batch", "period"}


def test_an_area_nobody_knows_is_not_made_in_the_background_either(session: Session) -> None:
    with pytest.raises(NotFound):
        previewing.start_making(session, making.ListRequest(999_999, make.NOVEMBER, "monthly"), by=make.CLERK)
