"""The month as steps: their states, deadlines and next actions, for one commune, a province and the country."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.errors import NotFound
from app.models import Area
from app.rules.actors import Actor, Role
from app.services import extensions, month_facts, periods, transitions, workbench
from app.services.batches import approval
from app.services.batches.making import ListRequest, make_lists
from app.services.month_steps import STEPS, Step
from app.services.workbench import AreaMonth
from tests import factories as make
from tests import office, stages

NOVEMBER = make.NOVEMBER
WAITING, DOING, DONE, LATE, ATTENTION = "waiting", "doing", "done", "late", "attention"


@pytest.fixture(autouse=True)
def before_the_cut_off() -> Any:
    """20 October 2026: the lists of November are due on the 22nd, since the 24th and 25th are a weekend."""
    with clock.at(date(2026, 10, 20)):
        yield


def month(session: Session, by: Actor = make.CLERK, period: date = NOVEMBER) -> AreaMonth:
    session.expire_all()
    return workbench.month(session, make.area(session), period, by=by)


def states(row: AreaMonth) -> list[str]:
    return [str(step.state) for step in row.steps]


def step(row: AreaMonth, name: str) -> Step:
    return next(one for one in row.steps if one.kind.name == name)


def test_the_steps_are_those_of_the_month_in_their_order() -> None:
    names = [kind.name for kind in STEPS]
    assert names == ["changes", "make", "lock", "send", "receive", "pay", "settle", "lock_settlement", "close"]


def test_a_commune_where_nobody_is_entitled_has_nothing_to_do(session: Session) -> None:
    row = month(session)
    assert row.empty and states(row) == [WAITING] * 9
    assert row.next_action is None and row.days_late == 0


def test_before_the_list_is_made_making_it_is_the_clerks_next_action(session: Session) -> None:
    make.entitled(session)
    row = month(session)
    assert states(row) == [DOING, DOING, *[WAITING] * 7]
    assert row.missing_kinds == ("monthly",)
    action = row.next_action
    assert action is not None and (action.move, action.endpoint) == ("make", "MakeListsView.form")
    assert action.args == {"area": row.area.id, "month": "11/2026", "kind": "monthly"}
    assert month(session, make.SUPERVISOR).next_action is None


def test_pensioners_expect_a_second_list(session: Session) -> None:
    make.entitled(session)
    make.entitlement(session, make.person(session, "Bà Cụ"), batch_kind="social_pension")
    make.made_list(session)
    row = month(session)
    assert row.missing_kinds == ("social_pension",)
    assert states(row)[:3] == [DOING, DOING, DOING]
    assert step(row, "make").lists == 2 and step(row, "make").done == 1


def test_an_earlier_open_period_holds_the_making_back(session: Session) -> None:
    make.entitled(session)
    make.made_list(session, month=make.OCTOBER)
    row = month(session)
    assert row.area.open_before == make.OCTOBER
    assert states(row)[:2] == [DOING, WAITING]
    assert row.next_action is None


def test_the_last_day_to_send_is_the_day_before_the_cut_off(session: Session) -> None:
    make.entitled(session)
    row = month(session)
    cut_off = month_facts.settings.list_cutoff(session, make.COMMUNE_PATH, NOVEMBER)
    assert step(row, "send").due == date.fromordinal(cut_off.toordinal() - 1)
    with clock.at(step(row, "send").due or NOVEMBER):
        assert step(month(session), "make").state == DOING
    with clock.at(cut_off):
        late = month(session)
    assert step(late, "make").state == LATE and late.days_late == 1
    assert step(late, "changes").state == DOING and step(late, "changes").days_late == 0


def test_without_settings_there_are_no_deadlines(session: Session) -> None:
    make.entitled(session)
    session.execute(text("UPDATE payment_settings SET list_cutoff_day = NULL, settlement_cutoff_day = NULL,"
                         " payment_day_to = NULL"))  # fmt: skip
    assert {one.due for one in month(session).steps} == {None}
    session.rollback()


def test_a_draft_waits_for_somebody_who_did_not_make_it(session: Session) -> None:
    batch_id = make.made_list(session, people=2)
    row = month(session, make.SUPERVISOR)
    assert states(row)[:4] == [DONE, DONE, DOING, WAITING]
    action = row.next_action
    assert action is not None and (action.move, action.endpoint, action.args) == (
        "lock", "BatchView.show", {"pk": batch_id},
    )  # fmt: skip
    assert step(row, "make").done_by == ("xa.clerk",)
    assert (step(row, "make").people, step(row, "make").amount_vnd) == (2, 1_080_000)
    maker = Actor("xa.clerk", frozenset({Role.SUPERVISOR}), make.COMMUNE_PATH)
    assert month(session, maker).next_action is None
    assert month(session, make.CLERK).next_action is None


def test_blocking_findings_are_the_clerks_to_put_right(session: Session) -> None:
    make.entitled(session, id_number="001145000001")
    make.entitled(session, "Lò Thị Ánh", id_number="001145000001")
    make.made_list(session)
    row = month(session)
    assert step(row, "lock").state == ATTENTION and row.troubled
    assert row.next_action is not None and row.next_action.move == "check"


def test_an_approved_list_is_the_clerks_to_send(session: Session) -> None:
    batch_id = make.locked_list(session)
    row = month(session)
    assert states(row)[:5] == [DONE, DONE, DONE, DOING, WAITING]
    assert row.next_action is not None and row.next_action.args == {"pk": batch_id}
    assert row.current is step(row, "send")
    assert step(row, "lock").done_by == ("xa.supervisor",)
    assert month(session, make.SUPERVISOR).next_action is None


def test_a_queued_packet_is_not_yet_sent(session: Session) -> None:
    office.queued(session)
    row = month(session)
    assert states(row)[3:5] == [DOING, WAITING]
    assert row.next_action is None


def test_a_packet_in_doubt_needs_a_person(session: Session) -> None:
    stages.in_doubt(session)
    assert step(month(session), "send").state == ATTENTION


def test_a_received_packet_waits_for_the_agency(session: Session) -> None:
    office.received(session)
    row = month(session)
    assert states(row)[3:6] == [DONE, DOING, WAITING]
    assert step(row, "send").done_by == ("xa.clerk",)


def test_a_returned_list_is_the_supervisors_to_open_again(session: Session) -> None:
    packet = stages.returned(session)
    row = month(session, make.SUPERVISOR)
    assert step(row, "receive").state == ATTENTION
    assert row.next_action is not None
    assert (row.next_action.move, row.next_action.args) == ("unlock", {"pk": packet.batch_id})
    assert month(session, make.CLERK).next_action is None


def test_the_agency_pays_within_its_days_and_then_settles(session: Session) -> None:
    office.accepted(session)
    row = month(session)
    assert states(row)[4:8] == [DONE, DOING, WAITING, WAITING]
    assert step(row, "pay").due == date(2026, 11, 15)
    with clock.at(date(2026, 11, 16)):
        assert states(month(session))[4:8] == [DONE, DONE, DOING, WAITING]
    due = step(row, "settle").due
    assert due is not None
    with clock.at(date.fromordinal(due.toordinal() + 2)):
        late = month(session)
    assert step(late, "settle").state == LATE and late.days_late == 2


def test_payment_days_past_the_end_of_a_short_month_end_with_it(session: Session) -> None:
    session.execute(text("UPDATE payment_settings SET payment_day_to = 31"))
    make.entitled(session)
    assert step(month(session), "pay").due == date(2026, 11, 30)
    session.rollback()


def test_granted_days_move_the_deadline_and_asked_ones_wait_for_a_supervisor(session: Session) -> None:
    settlement = office.settlement_of(session, office.accepted(session))
    before = step(month(session), "settle").due
    asked = extensions.ask(session, settlement.id, days=5, reason="Mưa lũ", asked_by="Bưu điện", by=make.ACCOUNTANT)
    with clock.at(date(2026, 11, 20)):
        row = month(session, make.SUPERVISOR)
        assert step(row, "settle").state == ATTENTION
        assert row.next_action is not None
        assert (row.next_action.endpoint, row.next_action.args) == ("SettlementView.show", {"pk": settlement.id})
        assert month(session, make.CLERK).next_action is None
    extensions.grant(session, asked.id, by=make.SUPERVISOR)
    after = step(month(session), "settle").due
    assert before is not None and after is not None and (after - before).days == 5


def test_a_part_of_the_settlement_starts_the_step(session: Session) -> None:
    packet = office.accepted(session, people=2)
    results = office.results(office.lines_of(session, packet), "paid")
    office.hear(session, office.parts(packet.code, results, size=1)[0])
    assert states(month(session))[5:8] == [DONE, DOING, WAITING]


def test_a_complete_settlement_is_the_accountants_to_lock(session: Session) -> None:
    settlement = stages.reported(session)
    row = month(session, make.ACCOUNTANT)
    assert states(row)[5:9] == [DONE, DONE, DOING, WAITING]
    assert row.next_action is not None
    assert (row.next_action.move, row.next_action.args) == ("settle", {"pk": settlement.id})
    assert month(session, make.CLERK).next_action is None


def test_a_line_the_agency_does_not_mention_needs_a_decision(session: Session) -> None:
    packet = office.accepted(session, people=2)
    results = office.results(office.lines_of(session, packet), "paid")
    office.hear(session, *office.parts(packet.code, results[:1]))
    assert step(month(session), "lock_settlement").state == ATTENTION


def test_a_settled_month_is_closed_and_everything_is_done(session: Session) -> None:
    stages.settled(session)
    row = month(session)
    assert states(row) == [*[DONE] * 8, DOING]
    assert row.next_action is not None and row.next_action.endpoint == "AreaPeriodView.show"
    assert row.next_action.args == {"pk": row.area.area_period_id}
    auditor = make.actor(Role.AUDITOR)
    assert month(session, auditor).next_action is None
    periods.close(session, row.area.area_period_id or 0, by=make.CLERK)
    closed = month(session)
    assert states(closed) == [DONE] * 9 and closed.current is None and closed.next_action is None


def test_of_two_drafts_the_action_leads_to_the_list_of_both(session: Session) -> None:
    make.entitlement(session, make.person(session, "Bà Cụ"), batch_kind="social_pension")
    make.made_list(session, people=1)
    make.made_list(session, kind="social_pension")
    action = month(session, make.SUPERVISOR).next_action
    assert action is not None and action.endpoint == "BatchView.list"
    assert action.args["_flt_2_state"] == "draft"


def test_a_cancelled_list_is_missing_again(session: Session) -> None:
    batch_id = make.made_list(session, people=1)
    approval.cancel(session, batch_id, by=make.CLERK, because="Lập nhầm")
    assert month(session).missing_kinds == ("monthly",)


def test_an_area_out_of_scope_or_above_the_paying_ones_is_not_found(session: Session) -> None:
    with pytest.raises(NotFound):
        workbench.month(session, make.area(session, make.OTHER_COMMUNE), NOVEMBER, by=make.CLERK)
    with pytest.raises(NotFound):
        workbench.month(session, make.area(session, "01"), NOVEMBER, by=make.PROVINCE_CLERK)


def province(session: Session) -> Area:
    return make.area(session, "01")


def test_a_province_has_a_row_for_each_commune_and_a_tally_of_those_with_people(session: Session) -> None:
    make.entitled(session)
    make.entitled(session, "Người Khác", commune=make.OTHER_COMMUNE)
    make.locked_list(session, people=1)
    rows = workbench.table(session, province(session), NOVEMBER, by=make.PROVINCE_SUPERVISOR)
    assert len(rows) == 126 and sum(not row.empty for row in rows) == 2
    tallies = {one.kind.name: one for one in workbench.tally(rows)}
    assert (tallies["make"].areas, tallies["make"].done, tallies["make"].people) == (2, 1, 2)
    assert (tallies["make"].state, tallies["send"].state, tallies["receive"].state) == (DOING, DOING, WAITING)
    with clock.at(NOVEMBER):
        late = workbench.tally(workbench.table(session, province(session), NOVEMBER, by=make.PROVINCE_SUPERVISOR))
    assert {one.kind.name: one.state for one in late}["make"] == LATE


def test_the_latest_and_the_troubled_come_first(session: Session) -> None:
    make.entitled(session, "Người Khác", commune=make.OTHER_COMMUNE)
    make.locked_list(session, people=1)
    rows = sorted(
        workbench.table(session, province(session), NOVEMBER, by=make.PROVINCE_CLERK), key=lambda row: row.lateness
    )
    assert [row.area.code for row in rows if not row.empty] == [make.OTHER_COMMUNE, make.COMMUNE]
    transitions.move(
        session, "batch", next(iter(row for row in rows if row.area.code == make.COMMUNE)).lists[0].id,
        "unlock", by=make.SUPERVISOR, because="Sửa",
    )  # fmt: skip
    session.execute(text("UPDATE payout_batches SET version = 2"))
    session.execute(
        text(
            "INSERT INTO batch_findings (batch_id, area_path, code, severity)"
            " SELECT id, area_path, 'zero_amount', 'blocking' FROM payout_batches"
        )
    )
    again = sorted(
        workbench.table(session, province(session), NOVEMBER, by=make.PROVINCE_CLERK), key=lambda row: row.lateness
    )
    assert again[0].area.code == make.COMMUNE
    tallies = {one.kind.name: one for one in workbench.tally(again)}
    assert tallies["lock"].state == ATTENTION


def test_a_province_that_pays_itself_is_one_row(session: Session) -> None:
    session.execute(
        text(
            "INSERT INTO payment_settings (area_id, area_path, valid_from, paying_level)"
            " SELECT id, path, DATE '2026-01-01', 'province' FROM areas WHERE code = '01'"
        )
    )
    make.agency(session)
    make.entitled(session)
    make.entitled(session, "Người Khác", commune=make.OTHER_COMMUNE)
    make_lists(session, ListRequest(province(session).id, NOVEMBER), by=make.PROVINCE_CLERK)
    rows = workbench.table(session, province(session), NOVEMBER, by=make.PROVINCE_CLERK)
    assert [row.area.code for row in rows] == ["01"]
    assert rows[0].lists[0].people_count == 2


def test_the_country_has_a_row_for_each_province_with_people(session: Session) -> None:
    make.locked_list(session, people=2)
    make.entitled(session, "Người Tỉnh Khác", commune="01255")
    central = Actor("tw", frozenset({Role.CENTRAL_ADMIN}), "VN/")
    found = workbench.provinces(session, make.area(session, "VN"), NOVEMBER, by=central)
    assert {(row.code, row.areas) for row in found} == {("01", 1), (make.area(session, "01255").path[3:5], 1)}
    hanoi = next(row for row in found if row.code == "01")
    assert next(one for one in hanoi.tallies if one.kind.name == "lock").state == DONE
    assert hanoi.days_late == 0


def test_changes_count_people_who_come_end_or_died(session: Session) -> None:
    make.entitled(session)
    make.entitlement(session, make.person(session, "Mới"), starts_on=NOVEMBER)
    make.entitlement(session, make.person(session, "Hết"), ends_on=date(2026, 10, 31))
    make.person(session, "Mất", status="dead", died_on=date(2026, 10, 5))
    found = month_facts.changes(session, make.COMMUNE_PATH, NOVEMBER)
    assert (found.added, found.ended, found.died) == (1, 1, 1)


def test_a_province_of_126_communes_takes_two_statements_and_a_look_at_the_calendar(session: Session) -> None:
    make.locked_list(session, people=1)
    from sqlalchemy import event

    counted: list[str] = []
    listen = lambda *args: counted.append(args[2])  # noqa: E731
    engine = session.get_bind()
    where = province(session)
    event.listen(engine, "before_cursor_execute", listen)
    try:
        workbench.table(session, where, NOVEMBER, by=make.PROVINCE_CLERK)
    finally:
        event.remove(engine, "before_cursor_execute", listen)
    assert len(counted) <= 2 + 3 * 3 + 1, "lists, areas; for each cut-off its months, settings and days off"
