"""Approved lists are sent by themselves at their cut-off where an area says so; people are reminded before."""

from __future__ import annotations

import logging
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.models import Packet, PaymentSetting
from app.rules.actors import Role
from app.services import attention, auto_sending, packets, settings
from app.services.batches import approval
from tests import factories as make
from tests import office
from tests.screens.desk import Desk, text_of

DECEMBER = date(2026, 12, 1)
LAST_DAY = date(2026, 11, 24)
"""The cut-off of December's lists is 25/11/2026, a Wednesday."""


@pytest.fixture(autouse=True)
def mid_november() -> Any:
    with clock.at(date(2026, 11, 10)):
        yield


def turn(session: Session, code: str = make.COMMUNE, **values: Any) -> None:
    """A row of settings of an area, in force from November on."""
    session.add(PaymentSetting(area=make.area(session, code), valid_from=make.NOVEMBER, **values))
    session.commit()


def states(session: Session) -> list[tuple[str, str]]:
    office.refresh(session)
    rows = session.execute(text("SELECT queued_by, state FROM packets ORDER BY id"))
    return [(row.queued_by, row.state) for row in rows]


def test_it_is_off_until_somebody_turns_it_on(session: Session) -> None:
    assert settings.effective(session, make.COMMUNE_PATH, DECEMBER).auto_send is False
    make.locked_list(session, month=DECEMBER)
    session.commit()
    with clock.at(LAST_DAY, hour=23):
        auto_sending.sweep()
    assert states(session) == []


def test_an_approved_list_is_sent_at_the_end_of_the_last_day_once(session: Session) -> None:
    turn(session, "01", auto_send=True)
    make.locked_list(session, month=DECEMBER)
    session.commit()
    with clock.at(LAST_DAY, hour=16):
        assert auto_sending.sweep() is False
        assert states(session) == []
    with clock.at(LAST_DAY, hour=17):
        auto_sending.sweep()
        auto_sending.sweep()
    assert states(session) == [("system", "queued")]
    assert office.audit(session, "packet", session.query(Packet).one().id) == ["create"]


def test_nothing_is_sent_without_approval_and_a_later_approval_counts(session: Session) -> None:
    turn(session, auto_send=True)
    batch_id = make.made_list(session, month=DECEMBER, people=1)
    session.commit()
    with clock.at(date(2026, 11, 26)):
        auto_sending.sweep()
        assert states(session) == []
        approval.lock(session, batch_id, by=make.SUPERVISOR)
        session.commit()
        auto_sending.sweep()
    assert states(session) == [("system", "queued")]


def test_what_somebody_withdrew_stays_until_it_is_approved_again(session: Session) -> None:
    turn(session, auto_send=True)
    batch_id = make.locked_list(session, month=DECEMBER)
    session.commit()
    with clock.at(date(2026, 11, 26)):
        auto_sending.sweep()
        packets.withdraw(session, session.query(Packet).one().id, by=make.CLERK, because="Sai")
        session.commit()
        auto_sending.sweep()
        assert states(session) == [("system", "withdrawn")]
        approval.unlock(session, batch_id, by=make.SUPERVISOR, because="Sửa")
        approval.lock(session, batch_id, by=make.SUPERVISOR)
        session.commit()
        auto_sending.sweep()
    assert states(session) == [("system", "withdrawn"), ("system", "queued")]


def test_the_nearest_area_decides(session: Session) -> None:
    turn(session, "01", auto_send=True)
    turn(session, auto_send=False)
    make.locked_list(session, month=DECEMBER)
    session.commit()
    with clock.at(date(2026, 11, 26)):
        assert auto_sending.due(session) == []


def test_a_list_that_cannot_be_sent_is_logged_and_months_that_are_over_are_left(
    session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    turn(session, auto_send=True)
    make.locked_list(session, month=DECEMBER)
    session.execute(text("UPDATE agencies SET is_active = false"))
    session.commit()
    with clock.at(date(2026, 11, 26)), caplog.at_level(logging.WARNING):
        auto_sending.sweep()
    assert [record.message for record in caplog.records] == ["not_sent_by_itself"]
    with clock.at(date(2027, 1, 2)):
        assert auto_sending.due(session) == []


def test_an_area_without_a_cutoff_sends_and_reminds_never(session: Session) -> None:
    make.locked_list(session, month=DECEMBER)
    session.execute(text("UPDATE payment_settings SET list_cutoff_day = NULL, auto_send = true, remind_days = 20"))
    with clock.at(date(2026, 11, 26)):
        assert auto_sending.due(session) == [] and auto_sending.reminders(session, "VN/") == []


def test_people_are_reminded_from_the_set_day_to_the_last(session: Session) -> None:
    turn(session, auto_send=True, remind_days=2)
    batch_id = make.made_list(session, month=DECEMBER, people=1)
    session.commit()
    for day, wanted in ((21, 0), (22, 1), (24, 1), (25, 0)):
        with clock.at(date(2026, 11, day)):
            assert len(auto_sending.reminders(session, make.COMMUNE_PATH)) == wanted, day
    with clock.at(LAST_DAY):
        (one,) = auto_sending.reminders(session, "VN/01/")
        assert (one.last_day, one.approved, one.sends_itself) == (LAST_DAY, False, False)
        found = {item.kind.name: item.id for item in attention.items(session, make.COMMUNE_PATH, make.NOVEMBER)}
        assert found == {"reminder": batch_id}
        assert [place.code for place in attention.places(session, make.COMMUNE_PATH, "reminder")] == [one.code]
        approval.lock(session, batch_id, by=make.SUPERVISOR)
        (one,) = auto_sending.reminders(session, make.COMMUNE_PATH)
        assert (one.approved, one.sends_itself) == (True, True)


def test_the_settings_are_on_the_screen(database: Flask) -> None:
    desk = Desk(database)
    admin = desk.signed_in(Role.PROVINCE_ADMIN, area="01")
    page = text_of(admin.get("/payment-settings/add"))
    assert "Tự gửi danh sách đã duyệt khi đến hạn" in page and "Nhắc trước hạn gửi danh sách (ngày)" in page
