"""Unpaid money is carried exactly once into the next list of the same person, in whichever order people do things."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.errors import ChitraError
from app.models import Packet, PayoutLine
from app.services import periods
from app.services.batches import approval, lines, making
from app.services.settlements import deciding, locking, reopening
from tests import factories as make
from tests import months, office
from tests.services.carrying import DECEMBER, FULL, JANUARY, NOVEMBER, OCTOBER, WHY, carried
from tests.services.carrying import books_in_order as books_in_order

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
