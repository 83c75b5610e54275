"""Closing: a month in which nothing is left to pay, and lists closed one by one; opened again with a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from time import sleep
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import clock
from app.errors import NotFound
from app.extensions import acting_as, db, transaction
from app.models import Packet, PayoutBatch, Settlement
from app.services import packets, periods, sending, transitions
from app.services.batches import approval, making
from app.services.settlements import locking, reopening
from tests import factories as make
from tests import months, office

NOVEMBER, DECEMBER = make.NOVEMBER, date(2026, 12, 1)
WHY = "Bưu điện gửi lại biên bản"


@pytest.fixture(autouse=True)
def mid_november() -> Iterator[None]:
    with clock.at(date(2026, 11, 10)):
        yield


def period_state(session: Session, month: date = NOVEMBER) -> Any:
    return session.execute(
        text("SELECT a.state FROM area_periods a JOIN periods p ON p.id = a.period_id WHERE p.month = :month"),
        {"month": month},
    ).scalar_one()


def closed(session: Session) -> list[str]:
    """Codes of the closed lists."""
    return list(session.scalars(text("SELECT code FROM payout_batches WHERE closed_at IS NOT NULL ORDER BY code")))


def sent(session: Session, batch_id: int) -> Packet:
    """A list made before, approved, sent and taken."""
    approval.lock(session, batch_id, by=make.SUPERVISOR)
    packet = packets.queue(session, batch_id, by=make.CLERK)
    session.commit()
    assert sending.send_next(office.ScriptedAgency().connect)
    office.refresh(session)
    office.tell(session, packet, status="pdng")
    return session.get_one(Packet, packet.id, populate_existing=True)


def two_lists(session: Session) -> tuple[PayoutBatch, PayoutBatch]:
    """A monthly list and one of social pensions, both settled; the month is still open."""
    make.entitled(session)
    make.entitlement(session, make.person(session, "Lê Thị Tám"), batch_kind="social_pension")
    given = [sent(session, make.made_list(session, kind=kind)) for kind in ("monthly", "social_pension")]
    for packet in given:
        months.reported(session, packet, report=packet.code)
        locking.lock(session, office.settlement_of(session, packet).id, by=make.ACCOUNTANT)
    session.commit()
    first, second = (office.batch_of(session, packet) for packet in given)
    return first, second


def test_a_month_whose_lists_are_all_cancelled_closes_and_the_next_is_made(session: Session) -> None:
    who = make.entitled(session)
    months.closed(session, make.OCTOBER, {who.id: "unpaid"})
    batch_id = make.made_list(session)
    with pytest.raises(periods.ListsUnfinished):
        months.close(session, NOVEMBER)
    session.rollback()
    approval.cancel(session, make.made_list(session), by=make.CLERK, because="Lập nhầm")
    with pytest.raises(making.PreviousPeriodOpen):
        make.made_list(session, month=DECEMBER)
    months.close(session, NOVEMBER)
    assert period_state(session) == "closed" and closed(session) == ["CT-202610-00004-M"]
    periods.reopen(session, months.area_period(session, NOVEMBER), by=make.SUPERVISOR, because=WHY)
    assert period_state(session) == "open"
    months.close(session, NOVEMBER)
    later = make.made_list(session, month=DECEMBER)
    carried = text("SELECT carried_vnd FROM payout_lines WHERE batch_id = :id")
    assert session.scalar(carried, {"id": later}) == 540_000, "what October left unpaid waits no longer than that"
    assert batch_id != later
    session.commit()


def test_closing_everywhere_at_once_leaves_alone_where_nobody_was_paid(session: Session) -> None:
    """Whoever cancelled a list perhaps means to make it again: only the commune itself says that nothing is to be paid."""
    make.entitled(session)
    approval.cancel(session, make.made_list(session), by=make.CLERK, because="Lập nhầm")
    assert periods.close_all(session, make.COMMUNE_PATH, NOVEMBER, by=make.ACCOUNTANT) == (0, ["Phường Ba Đình"])
    assert period_state(session) == "open"


def test_no_list_is_made_for_a_month_that_is_closed(session: Session) -> None:
    make.entitled(session)
    months.closed(session, NOVEMBER)
    with pytest.raises(making.ListExists):
        make.made_list(session)
    make.entitlement(session, make.person(session, "Lê Thị Tám"), batch_kind="social_pension")
    with pytest.raises(making.PeriodClosed, match="Phường Ba Đình"):
        make.made_list(session, kind="social_pension")
    session.rollback()
    periods.reopen(session, months.area_period(session, NOVEMBER), by=make.SUPERVISOR, because=WHY)
    make.entitlement(session, make.person(session, "Lê Thị Chín"), batch_kind="social_pension")
    assert make.made_list(session, kind="social_pension")
    session.commit()


def test_lists_close_one_by_one_and_the_month_with_the_last(session: Session) -> None:
    first, second = two_lists(session)
    assert periods.close_list(session, first.id, by=make.CLERK).state == "open"
    session.commit()
    assert closed(session) == [first.code] and first.closed_by == "xa.clerk"
    assert office.audit(session, "batch", first.id)[-1] == "close"
    with pytest.raises(making.PreviousPeriodOpen):
        make.made_list(session, month=DECEMBER)
    session.rollback()
    assert periods.close_list(session, second.id, by=make.ACCOUNTANT).state == "closed"
    session.commit()
    assert office.audit(session, "period", months.area_period(session, NOVEMBER))[-1] == "close"
    assert make.made_list(session, month=DECEMBER)


def test_a_cancelled_list_does_not_keep_the_month_open_and_a_draft_does(session: Session) -> None:
    first, second = two_lists(session)
    make.entitled(session, "Người Mới")
    draft = make.made_list(session, kind="supplementary")
    for one in (first, second):
        assert periods.close_list(session, one.id, by=make.CLERK).state == "open"
    with pytest.raises(transitions.WrongState):
        periods.close_list(session, draft, by=make.CLERK)
    approval.cancel(session, draft, by=make.CLERK, because="Lập nhầm")
    assert period_state(session) == "open"
    months.close(session, NOVEMBER)
    assert period_state(session) == "closed"
    assert office.audit(session, "batch", first.id).count("close") == 1, "it was closed already"


def test_the_whole_month_closes_and_opens_its_lists(session: Session) -> None:
    first, second = two_lists(session)
    months.close(session, NOVEMBER)
    assert closed(session) == [first.code, second.code]
    key = months.area_period(session, NOVEMBER)
    periods.reopen(session, key, by=make.SUPERVISOR, because=WHY)
    session.commit()
    assert closed(session) == [] and office.audit(session, "batch", first.id)[-2:] == ["close", "open"]


def test_a_closed_list_opens_with_a_reason_and_takes_the_month_along(session: Session) -> None:
    first, second = two_lists(session)
    months.close(session, NOVEMBER)
    with pytest.raises(transitions.ReasonMissing):
        periods.open_list(session, first.id, by=make.SUPERVISOR, because=" ")
    with pytest.raises(transitions.NotYours):
        periods.open_list(session, first.id, by=make.CLERK, because=WHY)
    session.rollback()
    assert periods.open_list(session, first.id, by=make.SUPERVISOR, because=WHY).state == "open"
    session.commit()
    assert closed(session) == [second.code]
    assert office.audit(session, "period", months.area_period(session, NOVEMBER))[-1] == "reopen"
    with pytest.raises(periods.ListOpen):
        periods.open_list(session, first.id, by=make.SUPERVISOR, because=WHY)
    periods.close_list(session, first.id, by=make.CLERK)
    with pytest.raises(periods.ListClosed):
        periods.close_list(session, first.id, by=make.CLERK)
    session.commit()
    draft = make.made_list(session, month=DECEMBER)
    approval.lock(session, draft, by=make.SUPERVISOR)
    with pytest.raises(periods.NextPeriodStarted, match="CT-202612"):
        periods.open_list(session, first.id, by=make.SUPERVISOR, because=WHY)


def test_the_settlement_of_a_closed_list_stays_locked(session: Session) -> None:
    first, second = two_lists(session)
    periods.close_list(session, first.id, by=make.CLERK)
    session.commit()
    keys = {one.batch_id: one.id for one in session.query(Settlement)}
    with pytest.raises(reopening.ListClosed, match=first.code):
        reopening.reopen(session, keys[first.id], by=make.SUPERVISOR, because=WHY)
    session.rollback()
    reopening.reopen(session, keys[second.id], by=make.SUPERVISOR, because=WHY)
    periods.open_list(session, first.id, by=make.SUPERVISOR, because=WHY)
    reopening.reopen(session, keys[first.id], by=make.SUPERVISOR, because=WHY)
    session.commit()


def test_the_database_itself_keeps_a_closed_list_settled_and_its_closing_audited(session: Session) -> None:
    first, second = two_lists(session)
    periods.close_list(session, first.id, by=make.CLERK)
    session.commit()
    keys = {"first": first.id, "second": second.id}
    with pytest.raises(DBAPIError, match="closed_when_settled"), session.begin_nested():
        session.execute(text("UPDATE settlements SET state = 'received' WHERE batch_id = :first"), keys)
        session.execute(text("UPDATE payout_batches SET state = 'accepted' WHERE id = :first"), keys)
    for statement in (
        "UPDATE payout_batches SET closed_at = NULL, closed_by = NULL WHERE id = :first",
        "UPDATE payout_batches SET closed_at = now(), closed_by = 'x' WHERE id = :second",
    ):
        session.execute(text(statement), keys)
        with pytest.raises(DBAPIError, match="without an audit row"):
            session.commit()
        session.rollback()
    assert closed(session) == [first.code]


def test_months_settled_at_once_close_list_by_list_together(session: Session) -> None:
    january, february = date(2027, 1, 1), date(2027, 2, 1)
    session.execute(
        text(
            "INSERT INTO payment_settings (area_id, area_path, valid_from, months_per_settlement)"
            " SELECT id, path, d::date, n FROM areas, (VALUES ('2027-01-01', 2), ('2027-03-01', 1)) v(d, n) WHERE code = '00004'"
        )
    )
    make.agency(session)
    make.entitled(session)
    request = making.ListRequest(make.area(session).id, january, together=True)
    with clock.at(date(2026, 12, 20)):
        made = making.make_lists(session, request, by=make.CLERK).batch_ids
    batch_of = {one.period.month: one.id for one in session.query(PayoutBatch).filter(PayoutBatch.id.in_(made))}
    approval.lock(session, batch_of[february], by=make.SUPERVISOR)
    packet = sent(session, batch_of[january])
    assert sending.send_next(office.ScriptedAgency().connect)
    office.refresh(session)
    given = [packet, session.scalars(select(Packet).where(Packet.batch_id == batch_of[february])).one()]
    office.tell(session, given[1], status="pdng")
    for packet in given:
        months.reported(session, packet, report=packet.code)
    locking.lock(session, office.settlement_of(session, given[0]).id, by=make.ACCOUNTANT)
    session.commit()
    assert periods.close_list(session, batch_of[february], by=make.CLERK).state == "closed"
    assert len(closed(session)) == 2 and {period_state(session, january), period_state(session, february)} == {"closed"}
    periods.open_list(session, batch_of[january], by=make.SUPERVISOR, because=WHY)
    session.commit()
    assert closed(session) == [] and {period_state(session, january), period_state(session, february)} == {"open"}


def test_a_list_being_made_is_waited_for_and_keeps_the_month_open(database: Flask, session: Session) -> None:
    """Closing reads the lists of the month when nobody is making one: it never closes over a list it has not seen."""
    make.entitled(session)
    packet = months.settled(session, NOVEMBER)
    make.entitlement(session, make.person(session, "Lê Thị Tám"), batch_kind="social_pension")
    session.commit()
    key, batch_id = months.area_period(session, NOVEMBER), packet.batch_id

    def closing(close: Callable[[Session], object]) -> str:
        with database.app_context(), clock.at(date(2026, 11, 10)), acting_as(make.CLERK):
            try:
                with transaction() as opened:
                    close(opened)
                return "closed"
            except periods.ListsUnfinished:
                return "unfinished"
            finally:
                db.session.remove()

    for close, said in (
        (lambda opened: periods.close(opened, key, by=make.CLERK), "unfinished"),
        (lambda opened: periods.close_list(opened, batch_id, by=make.CLERK), "closed"),
    ):
        with ThreadPoolExecutor(1) as pool:
            made = make.made_list(session, kind="social_pension")
            done = pool.submit(closing, close)
            while not session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
                assert not done.done(), done.result()
                sleep(0.05)
            session.commit()
            assert done.result(30) == said
        assert period_state(session) == "open"
        approval.cancel(session, made, by=make.CLERK, because="Lập nhầm")
        session.commit()


def test_an_unknown_list_is_not_found(session: Session) -> None:
    for act in (
        lambda: periods.close_list(session, 999_999, by=make.CLERK),
        lambda: periods.open_list(session, 999_999, by=make.SUPERVISOR, because=WHY),
    ):
        with pytest.raises(NotFound):
            act()
