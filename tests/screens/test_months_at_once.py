"""Months settled at once and reopened settlements through the browser's door: one button for all, each asked once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from html import unescape
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.models import Packet
from app.rules.actors import Role
from app.services import sending
from app.services.batches import approval, making
from tests import factories as make
from tests import months, office
from tests.screens.desk import Desk, seen, text_of

NOVEMBER, DECEMBER = date(2026, 11, 1), date(2026, 12, 1)


@pytest.fixture(autouse=True)
def mid_november() -> Iterator[None]:
    with clock.at(date(2026, 11, 10)):
        yield


@pytest.fixture
def desk(database: Flask) -> Desk:
    return Desk(database)


def page(client: Any, path: str, **query: Any) -> str:
    return unescape(text_of(client.get(path, query_string=query))).replace("\u00a0", " ")


def post(client: Any, path: str, **form: Any) -> str:
    return unescape(text_of(client.post(path, data=form, follow_redirects=True))).replace("\u00a0", " ")


@pytest.fixture
def paired(session: Session) -> int:
    """November and December settled at once; the key of the commune."""
    session.execute(
        text(
            "INSERT INTO payment_settings (area_id, valid_from, months_per_settlement)"
            " SELECT id, '2026-11-01', 2 FROM areas WHERE path = 'VN/01/'"
        )
    )
    make.agency(session)
    make.entitled(session, "Đỗ Thị Hoà")
    session.commit()
    return make.area(session).id


def test_two_months_are_made_with_one_button_or_one_alone(desk: Desk, paired: int) -> None:
    clerk = desk.signed_in(Role.CLERK)
    asked = {"area": paired, "month": "11/2026", "kind": "monthly"}
    assert 'name="together"' in page(clerk, "/make-lists/") and "11/2026, 12/2026" in page(clerk, "/make-lists/")
    assert 'name="together"' not in page(clerk, "/make-lists/", **asked | {"month": "10/2026"})
    alone, both = page(clerk, "/make-lists/", **asked), page(clerk, "/make-lists/", **asked, together="y")
    assert "trong 1 danh sách" in alone and "trong 2 danh sách" in both and "1.080.000 đ" in both
    assert "Đã lập 2 danh sách" in post(clerk, "/make-lists/", **asked, together="y")
    assert desk.value("SELECT count(*) FROM payout_batches WHERE group_month = '2026-11-01'") == 2


def accepted(session: Session, batch_id: int) -> Packet:
    packet = session.query(Packet).filter_by(batch_id=batch_id).one()
    office.tell(session, packet, status="pdng")
    return session.get_one(Packet, packet.id, populate_existing=True)


def test_two_months_are_shown_locked_closed_and_reopened_at_once(desk: Desk, session: Session, paired: int) -> None:
    request = making.ListRequest(paired, NOVEMBER, together=True)
    first, second = making.make_lists(session, request, by=make.CLERK).batch_ids
    approval.lock(session, first, by=make.SUPERVISOR)
    session.commit()
    clerk = desk.signed_in(Role.CLERK)
    lists = f"/lists/show/{first}"
    offered = page(clerk, lists)
    assert "Quyết toán một lần nên đi cùng danh sách CT-202612-00004-M." in offered
    refused = post(clerk, f"/lists/action/send/{first}", seen=seen(offered, "do-send"))
    assert "danh sách CT-202612-00004-M chưa được duyệt" in refused
    approval.lock(session, second, by=make.SUPERVISOR)
    session.commit()
    post(clerk, f"/lists/action/send/{first}", seen=seen(page(clerk, lists), "do-send"))
    while sending.send_next(office.ScriptedAgency().connect):
        pass
    office.refresh(session)
    november = accepted(session, first)
    months.reported(session, november)
    key = office.settlement_of(session, november).id
    period = months.area_period(session, NOVEMBER)
    accountant, boss = desk.signed_in(Role.ACCOUNTANT), desk.signed_in(Role.SUPERVISOR)
    waiting = page(accountant, f"/settlements/show/{key}")
    assert "CT-202612-00004-M chưa được đơn vị chi trả tiếp nhận" in waiting
    assert '<dialog id="lock"' not in waiting
    december = accepted(session, second)
    months.reported(session, december)
    shown = page(accountant, f"/settlements/show/{key}")
    assert "Quyết toán một lần cho các tháng" in shown and "2 người đã trả (1.080.000 đ)" in shown
    done = post(accountant, f"/settlements/lock/{key}", seen=seen(shown, "lock"))
    assert "2 người đã trả (1.080.000 đ)" in done and '<dialog id="reopen"' not in done
    month_page = page(accountant, f"/periods/show/{period}")
    assert "cùng kỳ 12/2026" in month_page and "CT-202612-00004-M" in month_page
    assert "Đã chốt kỳ 11/2026" in post(accountant, f"/periods/close/{period}", seen=seen(month_page, "close"))
    assert desk.value("SELECT count(*) FROM area_periods WHERE state = 'closed'") == 2
    locked = page(boss, f"/settlements/show/{key}")
    assert "Mở lại kỳ trước khi mở lại quyết toán" in locked and '<dialog id="reopen"' not in locked
    assert "Hãy mở lại kỳ trước" in post(boss, f"/settlements/reopen/{key}", reason="Sai")
    closed = page(boss, f"/periods/show/{period}")
    assert "chưa có danh sách được duyệt" in closed
    post(boss, f"/periods/reopen/{period}", seen=seen(closed, "reopen"), reason="Sai")
    opened = page(boss, f"/settlements/show/{key}")
    assert "Mở lại quyết toán: 2 dòng, 1.080.000 đ trở về chờ kết quả" in opened
    assert "Phải ghi lý do" in post(boss, f"/settlements/reopen/{key}")
    assert "Đã mở lại quyết toán CT-202611" in post(boss, f"/settlements/reopen/{key}", reason="Bưu điện báo nhầm")
    assert accountant.post(f"/settlements/reopen/{key}", data={"reason": "x"}).status_code == 403
    assert desk.value("SELECT count(*) FROM settlements WHERE state = 'received'") == 2


def test_the_whole_month_is_closed_at_once_and_who_waits_is_named(desk: Desk, session: Session) -> None:
    make.entitled(session)
    make.entitled(session, commune=make.OTHER_COMMUNE)
    months.settled(session, NOVEMBER)
    request = making.ListRequest(make.area(session, "01").id, NOVEMBER)
    making.make_lists(session, request, by=make.PROVINCE_CLERK)
    session.commit()
    accountant = desk.signed_in(Role.ACCOUNTANT, area="01")
    assert "2 đơn vị đang mở" in page(accountant, "/periods/list/")
    done = post(accountant, "/periods/close-all/")
    assert "Đã chốt kỳ 11/2026 của 1 đơn vị" in done and "Chưa chốt được 1 đơn vị: Phường Ngọc Hà" in done
    assert "Chốt cả kỳ" not in done, "one area is closed on its own page"
    assert desk.signed_in(Role.AUDITOR).post("/periods/close-all/").status_code == 403
