"""Quyết toán đơn vị chi trả through the browser's door: who may, what the figures say, what is taken away on paper."""

from __future__ import annotations

import re
from datetime import date
from io import BytesIO

import pytest
from flask import Flask
from python_calamine import CalamineWorkbook
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.agency.messages import ControlTotals
from app.models import Settlement
from app.reports import exporting
from app.rules.actors import Role
from tests import factories as make
from tests import office
from tests.screens.settling import SignedIn, hidden, plain, post, reported, show, state
from tests.screens.settling import mid_november as mid_november
from tests.screens.settling import signed_in as signed_in

AMOUNT = 540_000
ACTIONS = ("lock", "decide", "decide-missing", "extend")


# --- Reading ------------------------------------------------------------------------------------------------------


def test_the_page_says_in_people_and_money_what_was_sent_and_what_became_of_it(
    session: Session, signed_in: SignedIn
) -> None:
    settlement_id = reported(session, "paid", "unpaid", "recover")
    page = show(signed_in(Role.CLERK), settlement_id)
    figures = re.search(r'<section class="figures figures-good.*?</section>', page, re.S)
    assert figures is not None
    words = " ".join(re.sub(r"<[^>]+>", " ", figures[0]).split())
    assert words == (
        "Đã gửi 1.620.000 đ 3 người = Đã trả 540.000 đ 1 người + Chưa trả 540.000 đ 1 người"
        " + Cần truy thu 540.000 đ 1 người + Chưa có kết quả 0 đ 0 người Khớp Số liệu khớp đến từng đồng."
    )


def test_a_settlement_that_does_not_tie_out_says_the_difference_and_offers_no_lock(
    session: Session, signed_in: SignedIn
) -> None:
    settlement_id = reported(session, totals=ControlTotals(2, 2 * AMOUNT, 1, AMOUNT, 0, 0))
    page = show(signed_in(Role.ACCOUNTANT), settlement_id)
    assert "figures-bad" in page
    assert "Bưu điện báo đã trả 2 lượt người, 1.080.000 đ, cộng từng dòng là 3 lượt người, 1.620.000 đ." in page
    assert "/settlements/lock/" not in page


def test_each_tab_shows_its_lines_and_a_name_is_found_without_marks(session: Session, signed_in: SignedIn) -> None:
    make.entitled(session, "Đỗ Thị Hoà")
    make.entitled(session, "Y Bhăm Niê")
    settlement_id = reported(session, "paid", "unpaid", "recover", people=1)
    clerk = signed_in(Role.CLERK)
    names = {"Đỗ Thị Hoà", "Y Bhăm Niê", "Trần Văn 1"}
    shown = {
        tab: {name for name in names if name in show(clerk, settlement_id, f"?tab={tab}")}
        for tab in ("paid", "unpaid", "recover", "all", "disputed", "differing")
    }
    assert [len(shown[tab]) for tab in ("paid", "unpaid", "recover")] == [1, 1, 1]
    assert shown["paid"] | shown["unpaid"] | shown["recover"] == names == shown["all"]
    assert shown["disputed"] == shown["differing"] == set()
    found = show(clerk, settlement_id, "?tab=all&q=do+thi+hoa")
    assert "Đỗ Thị Hoà" in found
    assert "Y Bhăm Niê" not in found
    assert "Không có ai khớp với ô tìm." in show(clerk, settlement_id, "?tab=all&q=khong+co")


def test_who_is_unpaid_again_has_the_reason_and_the_streak_in_words(session: Session, signed_in: SignedIn) -> None:
    late = make.entitled(session, "Lò Thị Mai")
    for month in (date(2026, 9, 1), make.OCTOBER):
        make.settled_month(session, month, unpaid=[late.id])
    settlement_id = reported(session, "unpaid", people=1)
    page = show(signed_in(Role.CLERK), settlement_id, "?tab=unpaid")
    rows = {name: row for row in page.split("<tr>") for name in ("Lò Thị Mai", "Trần Văn 1") if name in row}
    assert "Vắng mặt, không đến nhận" in rows["Lò Thị Mai"]
    assert "3 kỳ" in rows["Lò Thị Mai"]
    assert "1 kỳ" in rows["Trần Văn 1"]


def test_messages_are_listed_with_what_became_of_them(session: Session, signed_in: SignedIn) -> None:
    packet = office.accepted(session)
    settlement_id = office.settlement_of(session, packet).id
    office.settle(session, packet, "paid")
    office.tell(session, packet, status="pdng", extension_days=5, reason_code="pdng", reason_message="Mưa lũ")
    page = show(signed_in(Role.CLERK), settlement_id)
    for words in ("Tiếp nhận gói tin", "Kết quả chi trả (3 dòng)", "Xin gia hạn", "Đã ghi nhận", "Mưa lũ", "5 ngày"):
        assert words in page, words


def test_the_list_obeys_the_month_and_tells_where_else_something_is_open(session: Session, signed_in: SignedIn) -> None:
    settlement_id = reported(session, "paid", "unpaid")
    code = session.get_one(Settlement, settlement_id).packet.code
    session.rollback()
    clerk = signed_in(Role.CLERK)
    page = plain(clerk.get("/settlements/list/"))
    for words in (code, "Phường Ba Đình", "Đã nhận đủ", "1.620.000 đ", "540.000 đ", "2 người", "còn"):
        assert words in page, words
    assert clerk.post("/month", data={"month": "10/2026"}).status_code == 303
    earlier = plain(clerk.get("/settlements/list/"))
    assert code not in earlier
    assert "Kỳ 11/2026 (1)" in earlier


def test_the_list_is_searched_by_the_name_of_an_area(session: Session, signed_in: SignedIn) -> None:
    settlement_id = reported(session, "paid")
    code = session.get_one(Settlement, settlement_id).packet.code
    session.rollback()
    client = signed_in(Role.AUDITOR, area="VN")
    assert code in plain(client.get("/settlements/list/?_flt_0_area_path=ba+dinh"))
    assert code not in plain(client.get("/settlements/list/?_flt_0_area_path=ngoc+ha"))


@pytest.mark.parametrize("query", ["?page=1e18", "?page=-1", "?page=99999", "?tab=khong", "?q=" + "x" * 100])
def test_an_odd_address_still_gets_a_page(session: Session, signed_in: SignedIn, query: str) -> None:
    settlement_id = reported(session, "paid")
    assert signed_in(Role.CLERK).get(f"/settlements/show/{settlement_id}{query}").status_code == 200


@pytest.mark.parametrize("typed", ["x" * 101, "a%00b", "a%07b"])
def test_a_search_that_cannot_be_read_is_named_at_its_box(session: Session, signed_in: SignedIn, typed: str) -> None:
    settlement_id = reported(session, "paid")
    answer = signed_in(Role.CLERK).get(f"/settlements/show/{settlement_id}?tab=all&q={typed}")
    assert answer.status_code == 422
    assert "field-error" in answer.get_data(as_text=True)


def test_who_looked_at_names_is_recorded(session: Session, signed_in: SignedIn) -> None:
    settlement_id = reported(session, "paid", "unpaid", "unpaid")
    client = signed_in(Role.AUDITOR)
    show(client, settlement_id, "?tab=unpaid")
    client.get(f"/settlements/minutes/{settlement_id}")
    office.refresh(session)
    seen = session.execute(text("SELECT what, entity_id, row_count FROM access_log ORDER BY id")).all()
    assert [tuple(row) for row in seen] == [("settlement", settlement_id, 2), ("settlement_minutes", settlement_id, 2)]


@pytest.mark.parametrize("role", [role for role in Role if role not in (Role.AGENCY, Role.SYSTEM)])
def test_every_role_reads_and_only_those_who_may_are_offered_buttons(
    session: Session, signed_in: SignedIn, role: Role
) -> None:
    settlement_id = reported(session, "paid", "unpaid")
    area = {Role.CENTRAL_ADMIN: "VN", Role.PROVINCE_ADMIN: "01"}.get(role, make.COMMUNE)
    client = signed_in(role, area=area)
    page = show(client, settlement_id, "?tab=all")
    assert (f"/settlements/lock/{settlement_id}" in page) == (role is Role.ACCOUNTANT)
    assert (f"/settlements/decide/{settlement_id}" in page) == (role in (Role.CLERK, Role.ACCOUNTANT))
    may_ask = role in (Role.CLERK, Role.ACCOUNTANT, Role.SUPERVISOR, Role.AGENCY_USER)
    assert (f"/settlements/extend/{settlement_id}" in page) == may_ask
    assert client.get("/settlements/list/").status_code == 200
    assert client.get("/settlement-records/list/").status_code == 200
    prints = client.get(f"/settlements/minutes/{settlement_id}").status_code
    assert prints == (403 if role is Role.AGENCY_USER else 200)


@pytest.mark.parametrize("action", ACTIONS)
def test_a_role_without_the_permission_is_refused(session: Session, signed_in: SignedIn, action: str) -> None:
    settlement_id = reported(session, "paid")
    answer = signed_in(Role.AUDITOR).post(f"/settlements/{action}/{settlement_id}", data={"reason": "x"})
    assert answer.status_code == 403
    assert state(session, settlement_id) == "received"


def test_a_clerk_cannot_lock(session: Session, signed_in: SignedIn) -> None:
    settlement_id = reported(session, "paid")
    assert signed_in(Role.CLERK).post(f"/settlements/lock/{settlement_id}").status_code == 403
    assert state(session, settlement_id) == "received"


@pytest.mark.parametrize("path", ["show", "minutes", "extend"])
def test_another_areas_settlement_is_not_found(session: Session, signed_in: SignedIn, path: str) -> None:
    settlement_id = reported(session, "paid")
    client = signed_in(Role.ACCOUNTANT, area=make.OTHER_COMMUNE)
    assert client.get(f"/settlements/{path}/{settlement_id}").status_code == 404
    assert "CT-" not in plain(client.get("/settlements/list/"))


@pytest.mark.parametrize("action", ACTIONS)
def test_nothing_is_done_to_another_areas_settlement(session: Session, signed_in: SignedIn, action: str) -> None:
    settlement_id = reported(session, "paid")
    client = signed_in(Role.ACCOUNTANT, area=make.OTHER_COMMUNE)
    form = {"reason": "x", "outcome": "paid", "seen": "0", "days": "5", "asked_by": "a", "newest": "0"}
    assert client.post(f"/settlements/{action}/{settlement_id}", data=form).status_code == 404
    assert state(session, settlement_id) == "received"


@pytest.mark.parametrize("key", ["0", "abc", "-1", "1e18", "9" * 30, "1.5"])
def test_a_key_that_is_none_is_not_found(database: Flask, signed_in: SignedIn, key: str) -> None:
    assert signed_in(Role.CLERK).get(f"/settlements/show/{key}").status_code == 404


# --- Biên bản and records ------------------------------------------------------------------------------------------


def test_the_minutes_are_vietnamese_official_and_name_the_unpaid(session: Session, signed_in: SignedIn) -> None:
    make.entitled(session, "Đỗ Thị Hoà")
    settlement_id = reported(session, "unpaid", people=0)
    client = signed_in(Role.ACCOUNTANT)
    client.post("/language", data={"language": "en"})
    page = plain(client.get(f"/settlements/minutes/{settlement_id}"))
    for words in (
        "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập - Tự do - Hạnh phúc", "PHƯỜNG BA ĐÌNH", "BIÊN BẢN",
        "Năm trăm bốn mươi nghìn đồng", "Người lập biểu", "Kế toán", "Thủ trưởng đơn vị", "Đại diện đơn vị chi trả",
        "Đỗ Thị Hoà", "Vắng mặt, không đến nhận", "chưa chốt",
    ):  # fmt: skip
        assert words in page, words


def test_every_line_is_taken_away_as_a_workbook_and_that_is_recorded(session: Session, signed_in: SignedIn) -> None:
    make.entitled(session, "Đỗ Thị Hoà")
    settlement_id = reported(session, "paid", "unpaid", people=1)
    code = session.get_one(Settlement, settlement_id).packet.code
    session.rollback()
    answer = signed_in(Role.CLERK).post(f"/settlements/workbook/{settlement_id}")
    assert (answer.status_code, answer.mimetype) == (200, exporting.TYPES["xlsx"])
    assert f"{code}.xlsx" in answer.headers["Content-Disposition"]
    rows = CalamineWorkbook.from_filelike(BytesIO(answer.data)).get_sheet_by_index(0).to_python()
    cells = {str(cell) for row in rows for cell in row}
    assert {"Đỗ Thị Hoà", "Trần Văn 1", "Đã trả", "Chưa trả", "Vắng mặt, không đến nhận"} <= cells
    taken = session.execute(text("SELECT what, row_count FROM access_log")).one()
    assert tuple(taken) == ("report DVCT_02", 2)


def test_a_workbook_is_for_those_who_may_and_of_the_own_area(session: Session, signed_in: SignedIn) -> None:
    settlement_id = reported(session, "paid")
    assert signed_in(Role.AGENCY_USER).post(f"/settlements/workbook/{settlement_id}").status_code == 403
    other = signed_in(Role.CLERK, area=make.OTHER_COMMUNE)
    assert other.post(f"/settlements/workbook/{settlement_id}").status_code == 404


def test_a_very_long_list_is_sent_to_the_report_instead(
    session: Session, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    settlement_id = reported(session, "paid", people=3)
    monkeypatch.setattr(exporting, "AT_ONCE", 2)
    assert "có 3 dòng, tải ngay được nhiều nhất 2" in post(signed_in(Role.CLERK), settlement_id, "workbook")


def test_records_are_listed_and_shown(session: Session, signed_in: SignedIn) -> None:
    make.entitled(session, "Đỗ Thị Hoà")
    reported(session, "unpaid", people=0)
    client = signed_in(Role.CLERK)
    page = plain(client.get("/settlement-records/list/"))
    assert "Đỗ Thị Hoà" in page
    assert "Vắng mặt" in page
    key = session.execute(text("SELECT id FROM settlement_records")).scalar_one()
    session.rollback()
    assert "Đỗ Thị Hoà" in plain(client.get(f"/settlement-records/show/{key}"))
    other = signed_in(Role.CLERK, area=make.OTHER_COMMUNE)
    assert other.get(f"/settlement-records/show/{key}").status_code == 404


# --- Money that came back ----------------------------------------------------------------------------------------


def test_the_page_shows_what_the_agency_took_back_and_the_lock_says_what_it_counts(
    session: Session, signed_in: SignedIn
) -> None:
    packet = office.accepted(session, people=2)
    first, second = office.lines_of(session, packet)
    said = [office.receipt("PT-1", first, 100_000), office.receipt("PT-2", second, 5_000)]
    office.settle(session, packet, "recover", "paid", collected=said)
    settlement_id, name = office.settlement_of(session, packet).id, first.full_name
    session.rollback()
    accountant = signed_in(Role.ACCOUNTANT)
    page = show(accountant, settlement_id)
    assert "Tiền truy thu bưu điện đã thu" in page and "Ghi khi chốt, cùng lúc mở khoản truy thu" in page
    assert "100.000 đ tiền truy thu đã thu được ghi vào các khoản truy thu." in page
    assert "Dòng này không có khoản truy thu đang thu" in page
    after = post(accountant, settlement_id, "lock", seen=hidden(page, "lock", "seen"))
    assert re.search(rf'<a href="/recoveries/show/\d+">{name}</a>', after) and "Đã ghi vào khoản truy thu" in after
    assert "phiếu thu PT-2, 5.000 đ (Dòng này không có khoản truy thu đang thu)" in after
