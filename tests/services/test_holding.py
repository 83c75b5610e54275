"""Settlements after the deadline: kept, shown, and applied only when a person says so or grants more days."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.errors import ChitraError, NotFound
from app.models import Acknowledgement, InboxMessage, Packet
from app.rules.actors import Role
from app.services import extensions, inbox
from app.services.settlements import arithmetic, holding, locking
from tests import factories as make
from tests import office
from tests.screens.desk import Desk, text_of

DUE = date(2026, 11, 25)


@pytest.fixture(autouse=True)
def mid_november() -> Any:
    with clock.at(date(2026, 11, 10)):
        yield


def late(session: Session, *outcomes: str, people: int = 1, day: date = date(2026, 11, 26), **more: Any) -> Packet:
    """A packet whose settlement came after the deadline."""
    packet = office.accepted(session, people=people)
    with clock.at(day, hour=0):
        office.settle(session, packet, *(outcomes or ("paid",)), **more)
    return packet


def said_of(session: Session, packet: Packet) -> list[tuple[str | None, str | None]]:
    """(outcome, note) of everything after the acceptance."""
    office.refresh(session)
    rows = session.execute(
        select(InboxMessage.outcome, InboxMessage.note)
        .where(InboxMessage.transaction_id == packet.code)
        .order_by(InboxMessage.id)
    )
    return [tuple(row) for row in rows][1:]


def test_a_settlement_after_the_deadline_is_held_and_changes_nothing(session: Session) -> None:
    packet = late(session)
    assert said_of(session, packet) == [("held", "Quyết toán đến sau hạn 25/11/2026, chờ người quyết định.")]
    settlement = office.settlement_of(session, packet)
    assert (settlement.state, settlement.parts_received) == ("waiting", 0)
    assert arithmetic.figures(session, settlement.id).pending.people == 1
    assert holding.count(session, settlement.id) == 1
    assert inbox.apply_next() is False, "it waits for a person, not for the scheduler"


def test_the_last_minute_of_the_deadline_is_in_time_whenever_it_is_applied(session: Session) -> None:
    packet = office.accepted(session, people=1)
    body = office.parts(packet.code, office.results(office.lines_of(session, packet), "paid"))[0]
    with clock.at(DUE, hour=23):
        office.arrive(session, body)
    with clock.at(date(2026, 11, 27)):
        inbox.apply_waiting()
    assert office.settlement_of(session, packet).state == "received"


def test_a_person_lets_it_through_with_a_reason(session: Session) -> None:
    packet = late(session, "paid", people=2, size=1)
    settlement = office.settlement_of(session, packet)
    assert holding.let_through(session, settlement.id, by=make.ACCOUNTANT, because=" Mưa lũ ") == 2
    session.commit()
    inbox.apply_waiting()
    assert said_of(session, packet) == [("applied", None)] * 2
    assert office.settlement_of(session, packet).state == "received"
    released = session.scalars(select(InboxMessage).where(InboxMessage.released_at.is_not(None))).all()
    assert {(one.released_by, one.release_reason) for one in released} == {(make.ACCOUNTANT.username, "Mưa lũ")}
    with pytest.raises(holding.NothingHeld):
        holding.let_through(session, settlement.id, by=make.SUPERVISOR, because="Lần nữa")


def grant(session: Session, packet: Packet, days: int) -> None:
    settlement_id = office.settlement_of(session, packet).id
    asked = extensions.ask(session, settlement_id, days=days, reason="Lũ", asked_by="Bưu điện", by=make.CLERK)
    extensions.grant(session, asked.id, by=make.SUPERVISOR)
    session.commit()
    inbox.apply_waiting()


def test_an_extension_lets_through_what_came_in_time_by_it(session: Session) -> None:
    packet = late(session, day=date(2026, 11, 28))
    grant(session, packet, 2)
    assert said_of(session, packet)[0][0] == "held", "27/11 is still before the 28th"
    grant(session, packet, 1)
    assert said_of(session, packet) == [("applied", None)]
    assert office.settlement_of(session, packet).state == "received"


def test_what_is_declined_is_kept_and_never_counts(session: Session) -> None:
    packet = late(session)
    settlement = office.settlement_of(session, packet)
    assert holding.decline(session, settlement.id, by=make.SUPERVISOR, because="Đã nhập từ giấy") == 1
    session.commit()
    assert said_of(session, packet) == [("ignored", "Không ghi nhận vì đến sau hạn: Đã nhập từ giấy")]
    looked = session.scalars(select(Acknowledgement)).one()
    assert (looked.subject, looked.actor, looked.reason) == ("message", make.SUPERVISOR.username, "Đã nhập từ giấy")
    with pytest.raises(holding.NothingHeld):
        holding.decline(session, settlement.id, by=make.SUPERVISOR, because="Lần nữa")


def test_a_settlement_with_something_held_is_not_locked(session: Session) -> None:
    packet = office.accepted(session, people=1)
    office.settle(session, packet, "paid")
    with clock.at(date(2026, 11, 26)):
        office.settle(session, packet, "unpaid", report="QT-2")
    settlement = office.settlement_of(session, packet)
    with pytest.raises(locking.HeldBack):
        locking.lock(session, settlement.id, by=make.ACCOUNTANT)
    session.rollback()
    holding.decline(session, settlement.id, by=make.ACCOUNTANT, because="Trái với bảng ký nhận")
    locking.lock(session, settlement.id, by=make.ACCOUNTANT)


@pytest.mark.parametrize(
    ("who", "because", "problem"),
    [
        (make.CLERK, "Lý do", holding.NotYoursToLetThrough),
        (make.ACCOUNTANT, "  ", holding.ReasonMissing),
        (make.ACCOUNTANT, "x" * 2001, holding.ReasonTooLong),
    ],
)
def test_it_takes_the_right_person_and_a_reason(
    session: Session, who: Any, because: str, problem: type[ChitraError]
) -> None:
    settlement = office.settlement_of(session, late(session))
    for decide in (holding.let_through, holding.decline):
        with pytest.raises(problem):
            decide(session, settlement.id, by=who, because=because)
        with pytest.raises(NotFound):
            decide(session, 999_999, by=make.ACCOUNTANT, because="Lý do")


def test_on_the_page_it_is_shown_and_decided(database: Flask) -> None:
    desk = Desk(database)
    with desk.books() as session:
        packet = late(session)
        key = office.settlement_of(session, packet).id
    accountant, clerk = desk.signed_in(Role.ACCOUNTANT), desk.signed_in(Role.CLERK)
    page = text_of(accountant.get(f"/settlements/show/{key}"))
    assert (
        "Có quyết toán đến sau hạn." in page and '<dialog id="let-through"' in page and '<dialog id="decline"' in page
    )
    shown = text_of(clerk.get(f"/settlements/show/{key}"))
    assert "Có quyết toán đến sau hạn." in shown and '<dialog id="let-through"' not in shown
    for verb in ("let-through", "decline"):
        assert clerk.post(f"/settlements/{verb}/{key}", data={"reason": "x"}).status_code == 403
        assert accountant.get(f"/settlements/{verb}/{key}").status_code == 405
        stranger = desk.signed_in(Role.ACCOUNTANT, area=make.OTHER_COMMUNE, name=f"khac.{verb}")
        assert stranger.post(f"/settlements/{verb}/{key}", data={"reason": "x"}).status_code == 404
    answer = accountant.post(f"/settlements/let-through/{key}", data={"reason": "Mưa lũ"}, follow_redirects=True)
    assert "Đã cho ghi nhận 1 tin đến sau hạn" in text_of(answer)
    with desk.books():
        inbox.apply_waiting()
    page = text_of(accountant.get(f"/settlements/show/{key}"))
    assert (
        "Cho ghi nhận dù đến sau hạn: Mưa lũ (accountant.00004)." in page and "Có quyết toán đến sau hạn." not in page
    )


def test_on_the_page_it_can_be_left_out(database: Flask) -> None:
    desk = Desk(database)
    with desk.books() as session:
        key = office.settlement_of(session, late(session)).id
    answer = desk.signed_in(Role.SUPERVISOR).post(
        f"/settlements/decline/{key}", data={"reason": "Sai"}, follow_redirects=True
    )
    assert "Không ghi nhận 1 tin đến sau hạn." in text_of(answer)
