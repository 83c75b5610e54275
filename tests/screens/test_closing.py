"""Chốt kỳ through the browser's door: a list by itself, and a month in which nothing is left to pay."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import clock
from app.rules.actors import Role
from app.services.batches import approval
from tests import factories as make
from tests import stages
from tests.screens.desk import Desk, buttons, seen, text_of


@pytest.fixture(autouse=True)
def mid_november() -> Iterator[None]:
    with clock.at(date(2026, 11, 10)):
        yield


@pytest.fixture
def desk(database: Flask) -> Desk:
    return Desk(database)


def press(client: FlaskClient, key: int, name: str, reason: str = "") -> str:
    """The button of the list's page, pressed; the page it leads to."""
    stamp = seen(text_of(client.get(f"/lists/show/{key}")), f"do-{name}")
    form = {"seen": stamp, "reason": reason}
    return text_of(client.post(f"/lists/action/{name}/{key}", data=form, follow_redirects=True))


def test_a_list_is_closed_by_itself_and_opened_with_a_reason(desk: Desk) -> None:
    with desk.books() as session:
        key = stages.settled(session).id
        make.entitled(session, "Người Thêm")
        draft = make.made_list(session, kind="supplementary")
    clerk, supervisor = desk.signed_in(Role.CLERK), desk.signed_in(Role.SUPERVISOR)
    period = desk.value("SELECT id FROM area_periods")
    settlement = desk.value("SELECT id FROM settlements")
    assert "close" in buttons(text_of(clerk.get(f"/lists/show/{key}")))
    page = press(clerk, key, "close")
    assert "Đã chốt danh sách CT-202611-00004-M: 2 người" in page and "Người chốt" in page
    assert not buttons(page) & {"close", "open"}
    shown = text_of(supervisor.get(f"/settlements/show/{settlement}"))
    assert "Mở lại danh sách trước khi mở lại quyết toán" in shown and '<dialog id="reopen"' not in shown
    month = text_of(clerk.get(f"/periods/show/{period}"))
    assert "Đã chốt" in month and "Chốt danh sách" in month and "CT-202611-00004-M" in month
    page = press(supervisor, key, "open", "Bưu điện gửi lại biên bản")
    assert "Đã mở lại danh sách CT-202611-00004-M" in page
    history = text_of(clerk.get(f"/lists/history/{key}"))
    assert "Mở lại danh sách đã chốt" in history and "Bưu điện gửi lại biên bản" in history
    assert "Bưu điện gửi lại biên bản" in text_of(clerk.get(f"/periods/show/{period}"))
    with desk.books() as session:
        approval.cancel(session, draft, by=make.CLERK, because="Lập nhầm")
    press(clerk, key, "close")
    assert desk.value("SELECT state FROM area_periods") == "closed"


def test_closing_a_list_is_the_roles_own(desk: Desk) -> None:
    with desk.books() as session:
        key = stages.settled(session).id
    assert desk.signed_in(Role.AUDITOR).post(f"/lists/action/close/{key}").status_code == 403
    assert desk.signed_in(Role.CLERK).post(f"/lists/action/open/{key}").status_code == 403
    stranger = desk.signed_in(Role.CLERK, area=make.OTHER_COMMUNE)
    assert stranger.post(f"/lists/action/close/{key}").status_code == 404
    assert desk.value("SELECT closed_at IS NULL FROM payout_batches")


def test_a_month_of_cancelled_lists_says_that_nothing_is_to_be_paid_and_closes(desk: Desk) -> None:
    with desk.books() as session:
        approval.cancel(session, make.made_list(session, people=1), by=make.CLERK, because="Không chi trả tháng này")
    clerk, period = desk.signed_in(Role.CLERK), desk.value("SELECT id FROM area_periods")
    page = text_of(clerk.get(f"/periods/show/{period}"))
    assert "Kỳ này không có gì để trả." in page and "Mọi danh sách của kỳ 11/2026 đã hủy" in page
    form = {"seen": seen(page, "close")}
    after = text_of(clerk.post(f"/periods/close/{period}", data=form, follow_redirects=True))
    assert "Đã chốt kỳ 11/2026" in after and "Kỳ này không có gì để trả." not in after
    with desk.books() as session:
        assert make.made_list(session, month=date(2026, 12, 1))
