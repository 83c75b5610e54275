"""Unpaid money is carried exactly once into the next list of the same person, in whichever order people do things."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import date

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.errors import ChitraError
from app.models import Entitlement, Packet, PayoutLine
from app.services import auto_sending, packets, periods, sending, settings
from app.services.batches import approval, lines, making
from app.services.settlements import deciding, locking, reopening, together
from tests import factories as make
from tests import months, office

OCTOBER, NOVEMBER, DECEMBER = (date(2026, month, 1) for month in (10, 11, 12))
JANUARY, FEBRUARY, MARCH, APRIL = (date(2027, month, 1) for month in (1, 2, 3, 4))
FULL, WHY = 540_000, "Kiểm tra"


@pytest.fixture(autouse=True)
def books_in_order(session: Session) -> Iterator[None]:
    with clock.at(date(2026, 12, 10)):
        yield
        session.rollback()
        assert months.wrong(session) == {}


def carried(session: Session, batch_id: int) -> dict[int, int]:
    """Entitlement -> đồng carried by live lines of a list."""
    rows = session.execute(
        text("SELECT entitlement_id, carried_vnd FROM payout_lines WHERE batch_id = :id AND live AND carried_vnd > 0"),
        {"id": batch_id},
    )
    return {row.entitlement_id: row.carried_vnd for row in rows}


# --- Any order of any acts -----------------------------------------------------------------------------------------


class Hands:
    """Clerks and supervisors who do whatever comes to mind with November's lists, and with October's settlement."""

    def __init__(self, session: Session, october: Packet, seed: int) -> None:
        self.session, self.october, self.dice = session, october, random.Random(seed)
        self.acts: list[Callable[[], object]] = [
            self.make, self.make, self.remake, self.lock, self.unlock, self.cancel, self.exclude, self.restore,
            self.reopen_period, self.close_period, self.reopen_settlement, self.decide, self.lock_settlement,
        ]  # fmt: skip

    def lists(self, *states: str) -> list[int]:
        rows = self.session.execute(
            text(
                "SELECT b.id FROM payout_batches b JOIN periods p ON p.id = b.period_id WHERE p.month = '2026-11-01'"
                " AND b.state = ANY(:states) ORDER BY b.id"
            ),
            {"states": list(states)},
        )
        return list(rows.scalars())

    def one(self, *states: str) -> int:
        found = self.lists(*states)
        return self.dice.choice(found) if found else -1

    def make(self) -> None:
        make.made_list(self.session, month=NOVEMBER, kind=self.dice.choice(["monthly", "monthly", "supplementary"]))

    def remake(self) -> None:
        making.remake(self.session, self.one("draft"), by=make.CLERK)

    def lock(self) -> None:
        approval.lock(self.session, self.one("draft"), by=make.SUPERVISOR)

    def unlock(self) -> None:
        approval.unlock(self.session, self.one("locked"), by=make.SUPERVISOR, because=WHY)

    def cancel(self) -> None:
        approval.cancel(self.session, self.one("draft"), by=make.CLERK, because=WHY)

    def line(self, *, live: bool) -> int:
        rows = self.session.scalars(
            select(PayoutLine.id).where(PayoutLine.batch_id.in_(self.lists("draft")), PayoutLine.live.is_(live))
        ).all()
        return self.dice.choice(sorted(rows)) if rows else -1

    def exclude(self) -> None:
        lines.exclude(self.session, self.line(live=True), by=make.CLERK, because=WHY)

    def restore(self) -> None:
        lines.restore(self.session, self.line(live=False), by=make.CLERK)

    def reopen_period(self) -> None:
        periods.reopen(self.session, months.area_period(self.session, OCTOBER), by=make.SUPERVISOR, because=WHY)

    def close_period(self) -> None:
        periods.close(self.session, months.area_period(self.session, OCTOBER), by=make.ACCOUNTANT)

    def settlement(self) -> int:
        return office.settlement_of(self.session, self.october).id

    def reopen_settlement(self) -> None:
        reopening.reopen(self.session, self.settlement(), by=make.SUPERVISOR, because=WHY)

    def decide(self) -> None:
        line = self.dice.choice(office.lines_of(self.session, self.october))
        outcome = self.dice.choice(["paid", "unpaid", "unpaid", "unpaid_stopped"])
        deciding.decide(self.session, self.settlement(), line.reference, outcome, by=make.CLERK, because=WHY)

    def lock_settlement(self) -> None:
        locking.lock(self.session, self.settlement(), by=make.ACCOUNTANT)

    def go(self, steps: int) -> int:
        """Do things, wherever they are allowed; how many were."""
        done = 0
        for _step in range(steps):
            act = self.dice.choice(self.acts)
            try:
                with self.session.begin_nested():
                    act()
            except ChitraError:
                continue
            done += 1
        return done

    def finish(self) -> None:
        """Bring October and one November list to their end, whatever was left."""
        for end in (
            self.lock_settlement, self.close_period, *[self.unlock] * len(self.lists("locked")),
            *[self.cancel] * len(self.lists("draft", "locked")), self.make_monthly,
        ):  # fmt: skip
            try:
                with self.session.begin_nested():
                    end()
            except ChitraError:
                continue

    def make_monthly(self) -> None:
        approval.lock(self.session, make.made_list(self.session, month=NOVEMBER), by=make.SUPERVISOR)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_people_do_in_whatever_order_everything_unpaid_is_carried_once(session: Session, seed: int) -> None:
    people = [make.entitled(session, f"Trần Văn {number}") for number in range(4)]
    october = months.closed(session, OCTOBER, {people[0].id: "unpaid", people[1].id: "unpaid"})
    hands = Hands(session, october, seed)
    assert hands.go(40) > 5
    assert months.wrong(session) == {}
    hands.finish()
    unpaid = {
        line.entitlement_id: line.total_vnd for line in office.lines_of(session, october) if line.result == "unpaid"
    }
    assert carried(session, hands.lists("locked")[0]) == unpaid
    session.commit()


# --- One after the other ---------------------------------------------------------------------------------------------


def test_money_unpaid_for_months_is_carried_with_all_that_came_before_it(session: Session) -> None:
    who = make.entitled(session)
    months.closed(session, OCTOBER, {who.id: "unpaid"})
    months.closed(session, NOVEMBER, {who.id: "unpaid"})
    packet = months.closed(session, DECEMBER)
    assert months.line(session, packet, who.id).carried_vnd == 2 * FULL
    assert carried(session, make.made_list(session, month=JANUARY)) == {}


def test_what_is_unpaid_and_stopped_is_never_carried(session: Session) -> None:
    who = make.entitled(session)
    packet = months.sent(session, OCTOBER)
    months.reported(session, packet, {who.id: "unpaid"})
    key = office.settlement_of(session, packet).id
    deciding.decide(
        session, key, months.line(session, packet, who.id).reference, "unpaid_stopped", by=make.CLERK, because=WHY
    )
    locking.lock(session, key, by=make.ACCOUNTANT)
    months.close(session, OCTOBER)
    assert carried(session, make.made_list(session, month=NOVEMBER)) == {}
    session.commit()


def test_a_cancelled_list_leaves_the_money_to_the_next_one_made(session: Session) -> None:
    who = make.entitled(session)
    months.closed(session, OCTOBER, {who.id: "unpaid"})
    batch_id = make.made_list(session, month=NOVEMBER)
    approval.cancel(session, batch_id, by=make.CLERK, because=WHY)
    assert carried(session, make.made_list(session, month=NOVEMBER)) == {who.id: FULL}
    session.commit()


# --- Two and three months at once --------------------------------------------------------------------------------------


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
