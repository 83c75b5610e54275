"""The first page of each role, what it leads to, and how it hears of a packet without being loaded again."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from app import clock
from app.rules.actors import Role
from app.services import extensions, sending
from tests import factories as make
from tests import office, stages
from tests.screens.desk import Desk, text_of


@pytest.fixture(autouse=True)
def before_the_cut_off() -> Any:
    with clock.at(date(2026, 10, 20)):
        yield


@pytest.fixture
def desk(database: Flask) -> Desk:
    return Desk(database)


def home(client: Any, month: str = "11/2026", query: str = "") -> str:
    client.post("/month", data={"month": month, "back": "/"})
    return text_of(client.get(f"/{query}"))


def test_signing_in_leads_to_the_task_list_of_the_commune(desk: Desk) -> None:
    with desk.books() as session:
        make.entitled(session)
    page = home(desk.signed_in(Role.CLERK))
    for words in (
        "Kỳ chi trả 11/2026",
        "Biến động",
        "Lập danh sách",
        "Bưu điện tiếp nhận",
        "Chốt kỳ",
        "Cần lập: Trợ cấp",
    ):
        assert words in page, words
    assert "/make-lists/?area=" in page
    assert "còn 2 ngày" in page


def test_each_role_is_offered_its_own_next_step(desk: Desk) -> None:
    with desk.books() as session:
        batch_id = make.made_list(session, people=2)
    assert f'href="/lists/show/{batch_id}">Duyệt<' in home(desk.signed_in(Role.SUPERVISOR))
    for role in (Role.CLERK, Role.ACCOUNTANT, Role.AUDITOR):
        page = home(desk.signed_in(role))
        assert "btn btn-primary" not in page, role
        assert "CT-202611-00004-M" in page
    with desk.books() as session:
        make.approval.lock(session, batch_id, by=make.SUPERVISOR)
    assert ">Gửi bưu điện</a>" in home(desk.signed_in(Role.CLERK, name="can.bo.hai"))


def test_a_supervisor_sees_what_waits_for_approval(desk: Desk) -> None:
    with desk.books() as session:
        make.made_list(session, people=2)
    assert "Chờ tôi duyệt" in home(desk.signed_in(Role.SUPERVISOR))
    assert "Chờ tôi duyệt" not in home(desk.signed_in(Role.CLERK))


def test_trouble_stands_above_with_a_link(desk: Desk) -> None:
    with desk.books() as session:
        packet = stages.returned(session)
        batch_id = packet.batch_id
    page = home(desk.signed_in(Role.SUPERVISOR))
    assert "Cần xử lý" in page and "Danh sách bị trả lại" in page
    assert f'href="/lists/show/{batch_id}">Danh sách bị trả lại' in page


def test_several_places_of_trouble_have_a_page(desk: Desk) -> None:
    with desk.books() as session:
        for kind in ("monthly", "social_pension"):
            for number in range(2):
                person = make.person(session, f"{kind} {number}", id_number="001145000001")
                make.entitlement(session, person, batch_kind=kind)
        make.made_list(session)
        make.made_list(session, kind="social_pension")
    clerk = desk.signed_in(Role.CLERK)
    assert "/workbench/attention/blocking" in home(clerk)
    page = text_of(clerk.get("/workbench/attention/blocking"))
    assert "CT-202611-00004-M" in page and "CT-202611-00004-P" in page and "/lists/findings/" in page
    for wrong in ("streak", "nothing"):
        assert clerk.get(f"/workbench/attention/{wrong}").status_code == 404
    assert "Không còn gì phải xử lý" in text_of(clerk.get("/workbench/attention/returned"))


def test_the_page_hears_of_its_packet(desk: Desk) -> None:
    with desk.books() as session:
        office.queued(session, people=2)
    clerk = desk.signed_in(Role.CLERK)
    assert 'data-every="2"' in home(clerk)
    first = clerk.get("/workbench/status").get_json()
    assert "Chờ gửi" in first["html"]
    assert "html" not in clerk.get(f"/workbench/status?seen={first['stamp']}").get_json()
    with desk.books() as session:
        assert sending.send_next(office.ScriptedAgency().connect)
        office.refresh(session)
    heard = clerk.get(f"/workbench/status?seen={first['stamp']}").get_json()
    assert heard["every_s"] == 20 and "Bưu điện đã nhận tin" in heard["html"]


def test_an_idle_page_does_not_ask_again(desk: Desk) -> None:
    with desk.books() as session:
        make.made_list(session, people=1)
    assert 'data-every="0"' in home(desk.signed_in(Role.CLERK))


def test_a_commune_without_people_says_so(desk: Desk) -> None:
    assert "Chưa có ai đang hưởng" in home(desk.signed_in(Role.CLERK))


def test_an_earlier_open_period_is_told(desk: Desk) -> None:
    with desk.books() as session:
        make.entitled(session)
        make.made_list(session, month=make.OCTOBER)
    page = home(desk.signed_in(Role.CLERK))
    assert "Kỳ 10/2026 chưa chốt" in page and "/make-lists/?area=" not in page


def test_a_province_sees_its_communes_and_goes_down_and_up(desk: Desk) -> None:
    with desk.books() as session:
        make.locked_list(session, people=2)
        make.entitled(session, "Người Khác", commune=make.OTHER_COMMUNE)
    admin = desk.signed_in(Role.PROVINCE_ADMIN, area="01")
    page = home(admin)
    table = page[page.index("<table") :]
    assert table.index("Phường Ngọc Hà") < table.index("Phường Ba Đình"), "what is behind comes first"
    assert "124 địa bàn chưa có ai đang hưởng" in page
    by_name = text_of(admin.get("/?sort=name"))
    assert by_name.index("Phường Ba Đình") < by_name.index("Phường Ngọc Hà")
    assert text_of(admin.get("/?sort=people")).index("Ba Đình") < text_of(admin.get("/?sort=people")).index("Ngọc Hà")
    assert admin.get("/?sort=luck").status_code == 400
    below = text_of(admin.get(f"/?area={make.COMMUNE}"))
    assert "CT-202611-00004-M" in below and 'href="/?area=01"' in below


def test_the_country_sees_its_provinces(desk: Desk) -> None:
    with desk.books() as session:
        make.locked_list(session, people=2)
        make.entitled(session, "Người Khác", commune="24235")
    central = desk.signed_in(Role.CENTRAL_ADMIN, area="VN")
    page = home(central)
    assert "Thành phố Hà Nội" in page and "Tỉnh Đắk Lắk" in page and "Phường Ba Đình" not in page
    for sort in ("name", "people"):
        assert central.get(f"/?sort={sort}").status_code == 200
    assert "Phường Ba Đình" in text_of(central.get("/?area=01"))


def test_a_province_that_pays_itself_has_one_task_list(desk: Desk) -> None:
    with desk.books() as session:
        session.execute(
            text(
                "INSERT INTO payment_settings (area_id, area_path, valid_from, paying_level)"
                " SELECT id, path, DATE '2026-01-01', 'province' FROM areas WHERE code = '01'"
            )
        )
        make.agency(session)
        make.entitled(session)
    assert "Các bước của kỳ" in home(desk.signed_in(Role.CLERK, area="01"))


def test_an_area_out_of_scope_is_not_found(desk: Desk) -> None:
    clerk = desk.signed_in(Role.CLERK)
    for code in (make.OTHER_COMMUNE, "01", "VN", "99999"):
        for path in ("/", "/workbench/status", "/workbench/streaks", "/workbench/attention/returned"):
            assert clerk.get(f"{path}?area={code}").status_code == 404, (path, code)


def test_people_unpaid_for_months_are_listed_and_the_look_is_recorded(desk: Desk) -> None:
    with desk.books() as session:
        owed = make.entitled(session, "Người Vắng")
        make.entitled(session, "Người Có Mặt")
        for month in (date(2026, 8, 1), date(2026, 9, 1), make.OCTOBER):
            with clock.at(month):
                make.settled_month(session, month, unpaid=[owed.id])
    clerk = desk.signed_in(Role.CLERK)
    assert "/workbench/streaks?area=00004" in home(clerk)
    page = text_of(clerk.get("/workbench/streaks"))
    assert "Người Vắng" in page and "từ 3 kỳ" in page and "Người Có Mặt" not in page
    assert desk.value("SELECT row_count FROM access_log WHERE what = 'unpaid_streaks'") == 1


def test_an_agencys_staff_see_their_packets_and_settlements(desk: Desk) -> None:
    with desk.books() as session:
        packet = office.accepted(session, people=2)
        settlement = office.settlement_of(session, packet)
        extensions.ask(session, settlement.id, days=2, reason="Mưa lũ", asked_by="Bưu điện", by=make.ACCOUNTANT)
    staff = desk.signed_in(Role.AGENCY_USER, area="01")
    page = home(staff)
    assert "Quyết toán phải gửi" in page and "CT-202611-00004-M-V1" in page and "1.080.000" in page
    assert staff.get("/workbench/streaks").status_code == 403


def test_a_step_with_several_lists_leads_to_just_those(desk: Desk) -> None:
    with desk.books() as session:
        make.entitlement(session, make.person(session, "Bà Cụ"), batch_kind="social_pension")
        make.made_list(session, people=1)
        make.made_list(session, kind="social_pension")
    supervisor = desk.signed_in(Role.SUPERVISOR)
    page = home(supervisor)
    address = page.split('href="/lists/list/?')[1].split('"')[0].replace("&amp;", "&")
    found = text_of(supervisor.get(f"/lists/list/?{address}"))
    assert found.count('data-row="BatchView"') == 2 and "selected" in found
