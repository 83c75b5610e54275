"""Packets, periods and deaths on screen: works, other role, other area, stale page, the record of downloads."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from flask import Flask

from app import clock
from app.rules.actors import Role
from app.services import broken_messages
from tests import factories as make
from tests import office, stages
from tests.screens.desk import Desk, seen, text_of


@pytest.fixture(autouse=True)
def mid_november() -> Any:
    with clock.at(date(2026, 11, 10)):
        yield


@pytest.fixture
def desk(database: Flask) -> Desk:
    return Desk(database)


def back(path: str) -> dict[str, str]:
    return {"Referer": f"http://localhost{path}"}


# --- Packets -----------------------------------------------------------------------------------------------------


def test_packets_are_listed_with_those_to_look_at_first(desk: Desk) -> None:
    with desk.books() as session:
        packet_id = stages.in_doubt(session).id
    page = text_of(desk.signed_in(Role.AUDITOR).get("/packets/list/"))
    assert "CT-202611-00004-M-V1" in page and "Chưa rõ kết quả (1)" in page
    address = page.split('class="quick"')[1].split('href="')[1].split('"')[0].replace("&amp;", "&")
    filtered = text_of(desk.signed_in(Role.CLERK).get(address))
    assert "CT-202611-00004-M-V1" in filtered
    shown = text_of(desk.signed_in(Role.SUPERVISOR).get(f"/packets/show/{packet_id}"))
    assert "Chưa rõ bưu điện đã nhận hay chưa" in shown and "timeout" in shown
    assert '<dialog id="recall"' not in shown


def test_a_packet_shows_the_messages_about_it_also_one_that_breaks_the_contract(desk: Desk) -> None:
    with desk.books() as session:
        packet = office.accepted(session, people=2)
        facts = {"agency_id": packet.agency_id, "transaction_id": packet.code, "headers": {}, "key_id": "k"}
        unread = broken_messages.Broken(
            **facts, message_id=None, action="on-disburse", body=b"{", problem="err.request.bad", why="not JSON"
        )
        broken_messages.keep(session, unread, answer={}, status=400)
        packet_id = packet.id
    page = text_of(desk.signed_in(Role.CLERK).get(f"/packets/show/{packet_id}"))
    assert "Tiếp nhận gói tin" in page and "Đã ghi nhận" in page
    assert "Tin không đọc được" in page and "Tin không đúng hợp đồng kết nối: not JSON (err.request.bad)" in page


def test_a_packet_of_another_area_or_agency_does_not_exist(desk: Desk) -> None:
    with desk.books() as session:
        packet_id = office.received(session, people=2).id
    stranger = desk.signed_in(Role.CLERK, area=make.OTHER_COMMUNE)
    assert "CT-202611" not in text_of(stranger.get("/packets/list/"))
    assert stranger.get(f"/packets/show/{packet_id}").status_code == 404
    assert stranger.post(f"/packets/recall/{packet_id}", data={"reason": "x"}).status_code == 404
    staff = desk.signed_in(Role.AGENCY_USER, area="01")
    page = text_of(staff.get(f"/packets/show/{packet_id}"))
    assert "CT-202611-00004-M-V1" in page and "/lists/show/" not in page
    assert staff.post(f"/packets/recall/{packet_id}", data={"reason": "x"}).status_code == 403


def test_a_clerk_asks_for_a_packet_once(desk: Desk) -> None:
    with desk.books() as session:
        packet_id = office.received(session, people=2).id
    clerk, path = desk.signed_in(Role.CLERK), f"/packets/show/{packet_id}"
    page = text_of(clerk.get(path))
    assert "Đề nghị Tổng công ty Bưu điện Việt Nam từ chối gói tin CT-202611-00004-M-V1, 2 người, 1.080.000" in page
    form = {"seen": seen(page, "recall"), "reason": "Một người vừa mất"}
    answer = clerk.post(f"/packets/recall/{packet_id}", data=form, headers=back(path))
    page = text_of(clerk.get(answer.location))
    assert "Đã đề nghị bưu điện từ chối gói tin" in page and "đang chờ trả lời" in page
    again = clerk.post(f"/packets/recall/{packet_id}", data=form, headers=back(path))
    assert "vừa thay đổi từ lúc bạn mở trang" in text_of(clerk.get(again.location))


def test_asking_needs_a_reason(desk: Desk) -> None:
    with desk.books() as session:
        packet_id = office.received(session, people=2).id
    clerk, path = desk.signed_in(Role.CLERK), f"/packets/show/{packet_id}"
    form = {"seen": seen(text_of(clerk.get(path)), "recall"), "reason": " "}
    answer = clerk.post(f"/packets/recall/{packet_id}", data=form, headers=back(path))
    assert "Phải ghi lý do" in text_of(clerk.get(answer.location))
    assert desk.value("SELECT recall_asked_at FROM packets") is None


def test_a_waiting_packet_is_withdrawn_at_once(desk: Desk) -> None:
    with desk.books() as session:
        packet_id = office.queued(session, people=2).id
    supervisor, path = desk.signed_in(Role.SUPERVISOR), f"/packets/show/{packet_id}"
    form = {"seen": seen(text_of(supervisor.get(path)), "recall"), "reason": "Thiếu một người"}
    answer = supervisor.post(f"/packets/recall/{packet_id}", data=form, headers=back(path))
    assert "chưa rời hệ thống" in text_of(supervisor.get(answer.location))
    assert desk.value("SELECT state FROM packets") == "withdrawn"


def test_a_rejected_packet_says_why(desk: Desk) -> None:
    with desk.books() as session:
        packet_id = stages.returned(session, because="Sai tài khoản").id
    page = text_of(desk.signed_in(Role.CLERK).get(f"/packets/show/{packet_id}"))
    assert "Bưu điện không nhận gói tin" in page and "Sai tài khoản" in page


def test_the_exact_bytes_are_for_who_audits_and_the_download_is_recorded(desk: Desk) -> None:
    with desk.books() as session:
        packet_id = office.received(session, people=2).id
    auditor = desk.signed_in(Role.AUDITOR)
    assert auditor.get(f"/packets/body/{packet_id}").status_code == 405
    answer = auditor.post(f"/packets/body/{packet_id}")
    assert answer.status_code == 200 and "CT-202611-00004-M-V1.json" in answer.headers["Content-Disposition"]
    assert len(json.loads(answer.data)["message"]["disbursements"]) == 2
    assert desk.value("SELECT encode(sha256(body), 'hex') = body_sha256 FROM packets") is True
    assert desk.value("SELECT row_count FROM access_log WHERE what = 'packet_body'") == 2
    for role in (Role.CLERK, Role.SUPERVISOR, Role.ACCOUNTANT):
        assert desk.signed_in(role).post(f"/packets/body/{packet_id}").status_code == 403


def test_a_packet_without_bytes_has_none_to_take(desk: Desk) -> None:
    with desk.books() as session:
        packet_id = office.queued(session, people=2).id
    auditor = desk.signed_in(Role.AUDITOR)
    assert auditor.post(f"/packets/body/{packet_id}").status_code == 404
    assert "/packets/body/" not in text_of(auditor.get(f"/packets/show/{packet_id}"))


# --- Periods -----------------------------------------------------------------------------------------------------


def period_id(desk: Desk) -> int:
    return int(desk.value("SELECT id FROM area_periods"))


def test_a_settled_month_is_closed_in_numbers_and_opened_again_with_a_reason(desk: Desk) -> None:
    with desk.books() as session:
        stages.settled(session, "paid", "unpaid", people=2)
    clerk, supervisor = desk.signed_in(Role.CLERK), desk.signed_in(Role.SUPERVISOR)
    key = period_id(desk)
    assert "Đang mở" in text_of(clerk.get("/periods/list/"))
    page = text_of(clerk.get(f"/periods/show/{key}"))
    assert "Chốt kỳ 11/2026 với 1 danh sách, 2 người" in page and "1 dòng chưa trả" in page
    stamp = seen(page, "close")
    answer = clerk.post(f"/periods/close/{key}", data={"seen": stamp}, headers=back(f"/periods/show/{key}"))
    page = text_of(clerk.get(answer.location))
    assert "Đã chốt kỳ 11/2026" in page and "reopen" not in page
    again = clerk.post(f"/periods/close/{key}", data={"seen": stamp}, headers=back(f"/periods/show/{key}"))
    assert "vừa được clerk.00004 “Chốt kỳ”" in text_of(clerk.get(again.location))
    stamp = seen(text_of(supervisor.get(f"/periods/show/{key}")), "reopen")
    form = {"seen": stamp, "reason": "Ghi nhầm một người"}
    supervisor.post(f"/periods/reopen/{key}", data=form)
    page = text_of(supervisor.get(f"/periods/show/{key}"))
    assert "Ghi nhầm một người" in page and "Mở lại kỳ" in page
    assert desk.value("SELECT state FROM area_periods") == "open"


def test_an_unfinished_month_is_not_closed(desk: Desk) -> None:
    with desk.books() as session:
        make.locked_list(session)
    clerk, key = desk.signed_in(Role.CLERK), period_id(desk)
    page = text_of(clerk.get(f"/periods/show/{key}"))
    assert "Còn 1 danh sách chưa quyết toán xong" in page and '<dialog id="close"' not in page
    stamp = str(desk.value("SELECT max(id) FROM state_changes WHERE machine = 'period'"))
    answer = clerk.post(f"/periods/close/{key}", data={"seen": stamp}, headers=back(f"/periods/show/{key}"))
    assert "Chưa thể chốt kỳ" in text_of(clerk.get(answer.location))


def test_closing_and_reopening_are_their_roles_own(desk: Desk) -> None:
    with desk.books() as session:
        make.locked_list(session)
    key = period_id(desk)
    assert desk.signed_in(Role.AUDITOR).post(f"/periods/close/{key}").status_code == 403
    assert desk.signed_in(Role.CLERK).post(f"/periods/reopen/{key}").status_code == 403
    stranger = desk.signed_in(Role.CLERK, area=make.OTHER_COMMUNE)
    assert stranger.get(f"/periods/show/{key}").status_code == 404
    assert stranger.post(f"/periods/close/{key}").status_code == 404
    assert stranger.get(f"/periods/close/{key}").status_code == 405


def test_the_months_listed_are_those_of_the_header(desk: Desk) -> None:
    with desk.books() as session:
        make.locked_list(session)
    clerk = desk.signed_in(Role.CLERK)
    clerk.post("/month", data={"month": "10/2026", "back": "/periods/list/"})
    assert "Kỳ này chưa được mở ở đây" in text_of(clerk.get("/periods/list/"))


# --- Deaths ------------------------------------------------------------------------------------------------------


def test_the_dead_are_listed_and_nobody_else(desk: Desk) -> None:
    with desk.books() as session:
        dead = make.person(session, "Người Đã Mất", status="dead", died_on=date(2026, 10, 5)).id
        alive = make.person(session, "Người Còn Sống").id
    clerk = desk.signed_in(Role.CLERK)
    page = text_of(clerk.get("/deaths/list/"))
    assert "Người Đã Mất" in page and "05/10/2026" in page and "Người Còn Sống" not in page
    assert clerk.get(f"/deaths/show/{dead}").status_code == 200
    assert clerk.get(f"/deaths/show/{alive}").status_code == 404
    assert desk.signed_in(Role.CLERK, area=make.OTHER_COMMUNE).get(f"/deaths/show/{dead}").status_code == 404
