"""Two and three months listed, sent, settled and closed at once, and what they carry."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.models import Entitlement, Packet
from app.services import auto_sending, packets, periods, sending, settings
from app.services.batches import approval, making
from app.services.settlements import locking, reopening, together
from tests import factories as make
from tests import months, office
from tests.services.carrying import APRIL, DECEMBER, FEBRUARY, FULL, JANUARY, MARCH, NOVEMBER, OCTOBER, WHY, carried
from tests.services.carrying import books_in_order as books_in_order


def at_once(session: Session, count: int | None, since: date) -> None:
    session.execute(
        text(
            "INSERT INTO payment_settings (area_id, valid_from, months_per_settlement)"
            " SELECT id, :since, :count FROM areas WHERE path = 'VN/01/'"
        ),
        {"since": since, "count": count},
    )
    session.commit()


def tet(session: Session) -> Entitlement:
    """December settled with somebody unpaid; January and February are settled at once, March by itself again."""
    make.agency(session)
    at_once(session, 2, JANUARY)
    at_once(session, 1, MARCH)
    who = make.entitled(session)
    months.closed(session, DECEMBER, {who.id: "unpaid"})
    return who


def both(session: Session) -> list[int]:
    """The lists of January and February, made in one go."""
    request = making.ListRequest(make.area(session).id, FEBRUARY, together=True)
    return making.make_lists(session, request, by=make.CLERK).batch_ids


def sent(session: Session, batch_ids: list[int]) -> list[Packet]:
    """All approved; one button sends them, and the agency has them."""
    approval.lock_many(session, batch_ids, by=make.SUPERVISOR)
    made = packets.queue(session, batch_ids[0], by=make.CLERK)
    session.commit()
    while sending.send_next(office.ScriptedAgency().connect):
        pass
    office.refresh(session)
    found = [session.scalars(select(Packet).where(Packet.batch_id == one)).one() for one in batch_ids]
    assert found[0].id == made.id
    return found


def accepted(session: Session, packet: Packet) -> Packet:
    office.tell(session, packet, status="pdng")
    return session.get_one(Packet, packet.id, populate_existing=True)


@pytest.mark.parametrize(
    ("month", "paired"),
    [
        (DECEMBER, [DECEMBER]),
        (JANUARY, [JANUARY, FEBRUARY]),
        (FEBRUARY, [JANUARY, FEBRUARY]),
        (MARCH, [MARCH]),
        (APRIL, [APRIL]),
    ],
)
def test_months_are_paired_from_the_setting_on_until_the_next_one(
    session: Session, month: date, paired: list[date]
) -> None:
    at_once(session, 2, JANUARY)
    at_once(session, 1, MARCH)
    assert settings.months_together(session, make.COMMUNE_PATH, month) == paired


def test_three_months_at_once_count_from_the_month_the_setting_holds_for(session: Session) -> None:
    at_once(session, 3, date(2026, 10, 15))
    found = [
        settings.months_together(session, make.COMMUNE_PATH, month) for month in (OCTOBER, NOVEMBER, JANUARY, MARCH)
    ]
    assert found == [[OCTOBER], [NOVEMBER, DECEMBER, JANUARY], [NOVEMBER, DECEMBER, JANUARY], [FEBRUARY, MARCH, APRIL]]
    assert settings.list_cutoff(session, make.COMMUNE_PATH, JANUARY).month == 10, "before the first of them"
    assert settings.settlement_cutoff(session, make.COMMUNE_PATH, NOVEMBER) == date(2027, 1, 25), "in the last of them"


def test_two_months_are_made_settled_and_closed_at_once_and_all_unpaid_is_carried_after(session: Session) -> None:
    who = tet(session)
    other = make.entitled(session, "Trần Văn Hai")
    first, second = both(session)
    assert (carried(session, first), carried(session, second)) == ({who.id: FULL}, {}), "December's money once"
    january, february = [accepted(session, one) for one in sent(session, [first, second])]
    assert {office.settlement_of(session, one).due_on for one in (january, february)} == {date(2027, 2, 25)}
    months.reported(session, january, {who.id: "unpaid"})
    key = office.settlement_of(session, january).id
    with pytest.raises(locking.DoesNotTieOut, match="CT-202702"):
        locking.lock(session, key, by=make.ACCOUNTANT)
    session.rollback()
    months.reported(session, february, {who.id: "unpaid", other.id: "unpaid"})
    locking.lock(session, key, by=make.ACCOUNTANT)
    assert [office.settlement_of(session, one).state for one in (january, february)] == ["locked", "locked"]
    months.close(session, JANUARY)
    states = session.execute(text("SELECT state FROM area_periods")).scalars()
    assert set(states) == {"closed"}, "February with January"
    march = make.made_list(session, month=MARCH)
    assert carried(session, march) == {who.id: 3 * FULL, other.id: FULL}
    session.commit()


def test_a_month_of_two_waits_for_the_other_and_they_are_reopened_together(session: Session) -> None:
    who = tet(session)
    first, second = both(session)
    january, february = sent(session, [first, second])
    accepted(session, january)
    months.reported(session, january, {who.id: "unpaid"})
    key = office.settlement_of(session, january).id
    with pytest.raises(together.GroupUnfinished, match="CT-202702-00004-M"):
        locking.lock(session, key, by=make.ACCOUNTANT)
    session.rollback()
    months.reported(session, accepted(session, february))
    locking.lock(session, key, by=make.ACCOUNTANT)
    months.close(session, FEBRUARY)
    march = make.made_list(session, month=MARCH)
    periods.reopen(session, months.area_period(session, JANUARY), by=make.SUPERVISOR, because=WHY)
    reopening.reopen(session, key, by=make.SUPERVISOR, because=WHY)
    assert set(
        session.execute(
            text("SELECT state FROM settlements WHERE batch_id = ANY(:ids)"), {"ids": [first, second]}
        ).scalars()
    ) == {"received"}
    assert carried(session, march) == {}
    locking.lock(session, key, by=make.ACCOUNTANT)
    assert carried(session, march) == {who.id: 2 * FULL}
    session.commit()


def test_lists_settled_at_once_are_sent_at_once_or_not_at_all(session: Session) -> None:
    tet(session)
    first, second = both(session)
    approval.lock(session, first, by=make.SUPERVISOR)
    with pytest.raises(packets.GroupNotApproved, match="CT-202702-00004-M chưa được duyệt"):
        packets.queue(session, first, by=make.CLERK)
    approval.lock(session, second, by=make.SUPERVISOR)
    assert set(packets.queue_many(session, [second], by=make.CLERK)) == {first, second}
    with pytest.raises(packets.PacketUnderWay):
        packets.queue(session, first, by=make.CLERK)
    session.commit()


def test_a_list_of_two_that_came_back_goes_again_alone(session: Session) -> None:
    tet(session)
    january, february = sent(session, both(session))
    office.tell(session, january, status="rjct", reason_message="Sai tổng")
    approval.unlock(session, january.batch_id, by=make.SUPERVISOR, because=WHY)
    approval.lock(session, january.batch_id, by=make.SUPERVISOR)
    assert set(packets.queue_many(session, [january.batch_id], by=make.CLERK)) == {january.batch_id}
    office.refresh(session)
    session.commit()
    office.tell(session, february, status="rjct", reason_message="Sai tổng")
    assert packets.sent_with(session, [january.batch_id])[0].state == "returned"


def test_the_cut_off_sends_both_months_or_waits_for_the_approval_that_is_missing(session: Session) -> None:
    tet(session)
    session.execute(
        text(
            "INSERT INTO payment_settings (area_id, valid_from, auto_send) SELECT id, :since, true FROM areas WHERE path = :path"
        ),
        {"since": JANUARY, "path": make.COMMUNE_PATH},
    )
    first, second = both(session)
    approval.lock(session, first, by=make.SUPERVISOR)
    session.commit()
    with clock.at(date(2026, 12, 26)):
        auto_sending.sweep()
        assert session.query(Packet).filter(Packet.batch_id.in_([first, second])).count() == 0
        approval.lock(session, second, by=make.SUPERVISOR)
        session.commit()
        auto_sending.sweep()
        found = session.query(Packet).filter(Packet.batch_id.in_([first, second]), Packet.queued_by == "system")
        assert found.count() == 2
        packets.withdraw(session, found.first().id, by=make.CLERK, because=WHY)
        session.commit()
        assert auto_sending.due(session) == []


def test_remaking_and_cancelling_one_of_two_months_carries_earlier_money_once(session: Session) -> None:
    who = tet(session)
    first, second = both(session)
    for acts in ((first,), (second,), (first, second), (second, first)):
        for batch_id in acts:
            making.remake(session, batch_id, by=make.CLERK)
        assert [carried(session, one) for one in (first, second)] == [{who.id: FULL}, {}]
    approval.cancel(session, first, by=make.CLERK, because=WHY)
    making.remake(session, second, by=make.CLERK)
    assert carried(session, second) == {who.id: FULL}
    with pytest.raises(making.ListExists):
        making.make_lists(session, making.ListRequest(make.area(session).id, FEBRUARY), by=make.CLERK)
    again = making.make_lists(session, making.ListRequest(make.area(session).id, JANUARY, together=True), by=make.CLERK)
    assert [why for why, _error in again.left_out] == ["02/2027"]
    with pytest.raises(making.ListExists):
        both(session)
    session.commit()


def test_the_whole_period_of_a_province_is_closed_where_it_can_be(session: Session) -> None:
    make.entitled(session)
    make.entitled(session, commune=make.OTHER_COMMUNE)
    make.entitled(session, commune="00025")
    months.settled(session, OCTOBER)
    request = making.ListRequest(make.area(session, "01").id, OCTOBER)
    rest = making.make_lists(session, request, by=make.PROVINCE_CLERK).batch_ids
    approval.cancel(session, rest[0], by=make.CLERK, because=WHY)
    found = periods.close_all(session, "VN/01/", OCTOBER, by=make.PROVINCE_ACCOUNTANT)
    assert (found[0], len(found[1])) == (1, 2)
    assert periods.close_all(session, "VN/01/00004/", OCTOBER, by=make.PROVINCE_ACCOUNTANT) == (0, [])
    session.commit()
