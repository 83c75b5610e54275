"""Races of what people decide about money: the check of one holds until it is written, and nobody waits in a circle."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.extensions import db, transaction
from app.services import periods
from app.services.batches import making
from app.services.recoveries import opening
from app.services.recoveries.opening import Proposal
from app.services.settlements import locking, reopening
from tests import factories as make
from tests import office
from tests.proof import dying, many, right
from tests.proof.dying import Ran

pytestmark = pytest.mark.xdist_group("proof_races")


HOLDING = "chitra-holding"
"""What the connection is called that has done its part and not committed."""


def until(name: str, condition: str, seconds: float) -> None:
    """Some child's connection of this name is like that."""
    found = text(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = :name AND pid <> pg_backend_pid()"
        f" AND datname = current_database() AND {condition}"
    )
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        db.session.execute(text("SELECT pg_stat_clear_snapshot()"))
        if db.session.execute(found, {"name": name}).scalar_one():
            return
        time.sleep(0.05)


def meet(
    first: Callable[[Session], Any], second: Callable[[Session], Any], then: Callable[[Session], Any]
) -> list[Ran]:
    """`second` begins when `first` is done but not committed; `then` is done with the first, when the second waits."""

    def holding() -> object:
        with transaction() as session:
            first(session)
            session.execute(text(f"SET LOCAL application_name = '{HOLDING}'"))
            until(dying.NAME, "wait_event_type = 'Lock'", 3)
            then(session)
        return "done"

    def meeting() -> object:
        until(HOLDING, "true", 60)
        db.session.rollback()
        with transaction() as session:
            second(session)
        return "done"

    children = [dying.start(holding), dying.start(meeting)]
    return [child.ended() for child in children]


def nothing(_session: Session) -> None:
    """No more."""


def test_approving_a_recovery_meets_the_reopening_of_what_was_paid(books: Session) -> None:
    """The line is no longer paid when the reopening is written: either the approval is refused, or the reopening."""
    [packet] = many.accepted(books, 1)
    settlement_id = office.settlement_of(books, packet).id
    office.hear(books, *office.parts(packet.code, office.results(office.lines_of(books, packet), "paid")))
    locking.lock(books, settlement_id, by=many.ACCOUNTANT)
    who = office.lines_of(books, packet)[0].beneficiary_id
    made = opening.propose(books, Proposal(who, make.NOVEMBER, make.NOVEMBER, "Khai sai"), by=many.CLERK).id
    books.commit()
    opened, approved = meet(
        lambda session: reopening.reopen(session, settlement_id, by=many.SUPERVISOR, because="Sai"),
        lambda session: opening.approve(session, made, by=many.SUPERVISOR),
        nothing,
    )
    assert opened.returned == "done"
    assert approved.raised.startswith("NoLongerPaid"), approved
    right.assert_right(books)


def test_closing_everywhere_meets_the_closing_of_one_commune(books: Session) -> None:
    """The province is half through when a commune of its closes its own month: one waits for the other."""
    given = many.accepted(books, 2)
    keys = []
    for packet in given:
        office.hear(books, *office.parts(packet.code, office.results(office.lines_of(books, packet), "paid")))
        locking.lock(books, office.settlement_of(books, packet).id, by=many.ACCOUNTANT)
        batch = office.batch_of(books, packet)
        keys.append(
            books.execute(
                text("SELECT id FROM area_periods WHERE area_id = :area AND period_id = :period"),
                {"area": batch.area_id, "period": batch.period_id},
            ).scalar_one()
        )
    books.commit()
    one, other = keys
    everywhere, alone = meet(
        lambda session: periods.close(session, one, by=many.ACCOUNTANT),
        lambda session: periods.close(session, other, by=many.ACCOUNTANT),
        lambda session: periods.close(session, other, by=many.ACCOUNTANT),
    )
    assert (everywhere.raised, everywhere.returned) == ("", "done")
    assert alone.raised.startswith("WrongState"), "it is closed already, in words"
    right.assert_right(books)


def test_making_next_months_lists_meets_the_reopening_of_a_month(books: Session) -> None:
    """Nobody's unpaid money is carried by a list while the settlement that left it unpaid is being opened again."""
    [packet] = many.accepted(books, 1, people=1)
    [line] = office.lines_of(books, packet)
    settlement_id = office.settlement_of(books, packet).id
    office.hear(books, *office.parts(packet.code, office.results([line], "unpaid")))
    locking.lock(books, settlement_id, by=many.ACCOUNTANT)
    batch = office.batch_of(books, packet)
    area_id = batch.area_id
    key = books.execute(
        text("SELECT id FROM area_periods WHERE area_id = :area AND period_id = :period"),
        {"area": area_id, "period": batch.period_id},
    ).scalar_one()
    periods.close(books, key, by=many.ACCOUNTANT)
    periods.ensure(books, date(2026, 12, 1))
    books.commit()

    def opened_again(session: Session) -> None:
        periods.reopen(session, key, by=many.SUPERVISOR, because="Sai")
        reopening.reopen(session, settlement_id, by=many.SUPERVISOR, because="Sai")

    made, opened = meet(
        lambda session: making.make_lists(
            session, making.ListRequest(area_id, date(2026, 12, 1), "monthly"), by=many.CLERK
        ),
        opened_again,
        nothing,
    )
    assert (made.raised, opened.raised) == ("", "")
    books.rollback()
    assert books.scalar(text("SELECT count(*) FROM carry_overs WHERE from_line_id = :id"), {"id": line.id}) == 0
    right.assert_right(books)


@pytest.mark.parametrize("first", ["close", "reopen"])
def test_closing_a_list_meets_the_reopening_of_its_settlement(books: Session, first: str) -> None:
    """Whoever comes second is refused in words: a closed list stays settled, a reopened one is not closed."""
    [packet] = many.accepted(books, 1, people=1)
    settlement_id = office.settlement_of(books, packet).id
    office.hear(books, *office.parts(packet.code, office.results(office.lines_of(books, packet), "paid")))
    locking.lock(books, settlement_id, by=many.ACCOUNTANT)
    books.commit()
    steps: dict[str, Callable[[Session], Any]] = {
        "close": lambda session: periods.close_list(session, packet.batch_id, by=many.ACCOUNTANT),
        "reopen": lambda session: reopening.reopen(session, settlement_id, by=many.SUPERVISOR, because="Sai"),
    }
    second = "reopen" if first == "close" else "close"
    done, refused = meet(steps[first], steps[second], nothing)
    assert (done.raised, done.returned) == ("", "done")
    assert refused.raised.startswith(("ListClosed", "PeriodClosed") if second == "reopen" else "WrongState"), refused
    right.assert_right(books)
