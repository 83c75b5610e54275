"""Quyết toán đơn vị chi trả through the browser's door: who may, what the figures say, what is refused and in which words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from html import unescape
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from python_calamine import CalamineWorkbook
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.agency.messages import ControlTotals
from app.models import Settlement
from app.reports import exporting
from app.rules.actors import Role
from app.services.settlements import locking
from tests import factories as make
from tests import office, stages
from tests.accounts import people

AMOUNT = 540_000
ACTIONS = ("lock", "decide", "decide-missing", "extend")
SignedIn = Callable[..., FlaskClient]


@pytest.fixture(autouse=True)
def mid_november() -> Iterator[None]:
    with clock.at(date(2026, 11, 10)):
        yield


@pytest.fixture
def signed_in(database: Flask) -> SignedIn:
    def come(role: Role, *, area: str = make.COMMUNE) -> FlaskClient:
        name = f"thu.{role.value}.{area}".replace("_", "-").lower()
        agency = people.agency_id() if role is Role.AGENCY_USER else None
        people.issue(name, role, area=area, agency=agency)
        return people.sign_in(database, name)

    return come


def show(client: FlaskClient, settlement_id: int, query: str = "") -> str:
    answer = client.get(f"/settlements/show/{settlement_id}{query}")
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return plain(answer)


def plain(answer: Any) -> str:
    return unescape(answer.get_data(as_text=True)).replace("\u00a0", " ")


def post(client: FlaskClient, settlement_id: int, action: str, **form: Any) -> str:
    """Press a button of the settlement's page; the page that follows."""
    page = f"/settlements/show/{settlement_id}"
    headers = {"Referer": f"http://localhost{page}"}
    answer = client.post(f"/settlements/{action}/{settlement_id}", data=form, headers=headers)
    assert answer.status_code == 303, plain(answer)
    return plain(client.get(answer.location))


def hidden(page: str, action: str, name: str, *, near: str = "") -> str:
    """The value of a hidden field of the form that posts to an action; `near` stands in the same form."""
    for form in re.findall(rf'<form method="post" action="[^"]*/{action}/\d+">.*?</form>', page, re.S):
        found = re.search(rf'name="{name}" value="([^"]*)"', form)
        if found and near in form:
            return found[1]
    raise AssertionError(f"no {name} for {action}")


def state(session: Session, settlement_id: int) -> str:
    office.refresh(session)
    return session.get_one(Settlement, settlement_id).state


def reported(session: Session, *outcomes: str, people: int = 3, **more: Any) -> int:
    """A settlement the agency has reported in full; committed."""
    settlement_id = stages.reported(session, *outcomes, people=people, **more).id
    session.rollback()
    return settlement_id


def waiting(session: Session, *, people: int = 3) -> int:
    settlement_id = office.settlement_of(session, office.accepted(session, people=people)).id
    session.rollback()
    return settlement_id


def references(session: Session) -> list[str]:
    office.refresh(session)
    return list(session.execute(text("SELECT reference FROM payout_lines WHERE live ORDER BY no")).scalars())


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


# --- Locking ------------------------------------------------------------------------------------------------------


def test_an_accountant_locks_what_the_dialog_said(session: Session, signed_in: SignedIn) -> None:
    settlement_id = reported(session, "paid", "unpaid", "recover")
    client = signed_in(Role.ACCOUNTANT)
    page = show(client, settlement_id)
    said = "1 người đã trả (540.000 đ), 1 chưa trả (540.000 đ), 1 cần truy thu (540.000 đ)"
    assert f"Ghi {said}. 1 người chưa trả được mang tiền sang kỳ sau." in page
    after = post(client, settlement_id, "lock", seen=hidden(page, "lock", "seen"))
    assert f": {said}." in after
    assert "Đã chốt" in after
    assert "/settlements/decide/" not in after
    assert state(session, settlement_id) == "locked"
    results = session.execute(text("SELECT result FROM payout_lines WHERE live ORDER BY no")).scalars()
    assert list(results) == ["paid", "unpaid", "to_recover"]


def test_the_page_names_who_locked(session: Session, signed_in: SignedIn) -> None:
    settlement_id = reported(session, "paid")
    client = signed_in(Role.ACCOUNTANT)
    after = post(client, settlement_id, "lock", seen=hidden(show(client, settlement_id), "lock", "seen"))
    username = session.execute(text("SELECT locked_by FROM settlements")).scalar_one()
    whole = session.execute(
        text("SELECT last_name || ' ' || first_name FROM ab_user WHERE username = :name"), {"name": username}
    ).scalar_one()
    assert after.count(whole) >= 3, "in the header, beside the lock and in the history"
    assert f">{username}" not in after


def test_locking_twice_says_that_it_is_locked_and_writes_once(session: Session, signed_in: SignedIn) -> None:
    settlement_id = reported(session, "paid")
    client = signed_in(Role.ACCOUNTANT)
    seen = hidden(show(client, settlement_id), "lock", "seen")
    post(client, settlement_id, "lock", seen=seen)
    before = session.execute(text("SELECT count(*) FROM money_movements")).scalar_one()
    assert "đã chốt hoặc không còn hiệu lực" in post(client, settlement_id, "lock", seen=seen)
    office.refresh(session)
    assert session.execute(text("SELECT count(*) FROM money_movements")).scalar_one() == before


def test_locking_what_does_not_tie_out_is_refused_with_the_reason(session: Session, signed_in: SignedIn) -> None:
    settlement_id = waiting(session)
    after = post(signed_in(Role.ACCOUNTANT), settlement_id, "lock", seen="0.0-0.0-0.0")
    assert "Chưa thể chốt quyết toán" in after
    assert "3 lượt người, 1.620.000 đ chưa có kết quả." in after
    assert state(session, settlement_id) == "waiting"


def test_figures_that_moved_since_the_page_was_opened_are_not_locked(session: Session, signed_in: SignedIn) -> None:
    settlement_id = reported(session, "paid", "paid", "unpaid")
    client = signed_in(Role.ACCOUNTANT)
    seen = hidden(show(client, settlement_id), "lock", "seen")
    reference = references(session)[2]
    page = show(client, settlement_id, "?tab=unpaid")
    line = hidden(page, "decide", "seen", near=reference)
    post(client, settlement_id, "decide", reference=reference, outcome="paid", reason="Ký nhận sau", seen=line)
    after = post(client, settlement_id, "lock", seen=seen)
    assert "Số liệu vừa thay đổi từ lúc bạn mở trang; nay chốt sẽ ghi 3 người đã trả (1.620.000 đ), 0 chưa trả" in after
    assert state(session, settlement_id) == "received"
    results = session.execute(text("SELECT DISTINCT result FROM payout_lines")).scalars()
    assert list(results) == ["pending"]


# --- Deciding -----------------------------------------------------------------------------------------------------


def test_a_dispute_is_shown_with_all_that_was_said_and_decided_with_a_reason(
    session: Session, signed_in: SignedIn
) -> None:
    packet = office.accepted(session, people=2)
    settlement_id = office.settlement_of(session, packet).id
    office.settle(session, packet, "paid")
    office.settle(session, packet, "unpaid", "paid", report="QT-2")
    reference = references(session)[0]
    client = signed_in(Role.CLERK)
    page = show(client, settlement_id, "?tab=disputed")
    assert "Đã trả 540.000 đ" in page
    assert "Chưa trả 540.000 đ, vắng mặt" in page
    seen = hidden(page, "decide", "seen", near=reference)
    form = {"reference": reference, "outcome": "unpaid_stopped", "reason": "Đã chết ngày 02/11", "seen": seen}
    after = post(client, settlement_id, "decide", **form, back=f"/settlements/show/{settlement_id}?tab=disputed")
    assert "là “Chưa trả và dừng chi trả”" in after
    assert "quyết định: Đã chết ngày 02/11" in after
    again = post(client, settlement_id, "decide", **form)
    assert "quyết định là “Chưa trả và dừng chi trả” (Đã chết ngày 02/11)" in again


def test_a_line_that_changed_since_the_page_was_opened_is_not_decided(session: Session, signed_in: SignedIn) -> None:
    packet = office.accepted(session, people=2)
    settlement_id = office.settlement_of(session, packet).id
    session.rollback()
    client = signed_in(Role.CLERK)
    reference = references(session)[0]
    seen = hidden(show(client, settlement_id, "?tab=pending"), "decide", "seen", near=reference)
    office.settle(session, packet, "paid")
    form = {"reference": reference, "outcome": "unpaid", "reason": "Không đến", "seen": seen}
    assert "nay là “Đã trả”. Hãy xem lại rồi quyết định." in post(client, settlement_id, "decide", **form)
    office.refresh(session)
    assert session.execute(text("SELECT count(decided_outcome) FROM settlement_records")).scalar_one() == 0


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"outcome": ""}, "Kết quả không hợp lệ."),
        ({"outcome": "carried"}, "Kết quả không hợp lệ."),
        ({"reason": ""}, "Phải ghi lý do của quyết định."),
        ({"reason": "x" * 1001}, "Lý do chưa đọc được"),
        ({"reason": "a\x00b"}, "Lý do chưa đọc được"),
        ({"reference": "202611-0"}, "Không tìm thấy"),
        ({"reference": ""}, "Không tìm thấy"),
        ({"seen": ""}, "vừa thay đổi từ lúc bạn mở trang"),
    ],
)
def test_a_decision_that_cannot_be_made_is_refused_in_words(
    session: Session, signed_in: SignedIn, form: dict[str, str], words: str
) -> None:
    settlement_id = waiting(session, people=1)
    client = signed_in(Role.CLERK)
    seen = hidden(show(client, settlement_id, "?tab=pending"), "decide", "seen")
    filled = {"reference": references(session)[0], "outcome": "paid", "reason": "Ký nhận", "seen": seen} | form
    assert words in post(client, settlement_id, "decide", **filled)
    office.refresh(session)
    assert session.execute(text("SELECT count(*) FROM settlement_records")).scalar_one() == 0


def test_a_settlement_on_paper_is_entered_in_bulk_then_locked(session: Session, signed_in: SignedIn) -> None:
    settlement_id = waiting(session)
    client = signed_in(Role.ACCOUNTANT)
    page = show(client, settlement_id, "?tab=pending")
    assert "Ghi cùng một kết quả cho 3 dòng chưa có kết quả, 1.620.000 đ." in page
    form = {"outcome": "paid", "reason": "Bảng ký nhận số 12", "seen": hidden(page, "decide-missing", "seen")}
    assert "Đã ghi “Đã trả” cho 3 dòng." in post(client, settlement_id, "decide-missing", **form)
    assert "nay là 0" in post(client, settlement_id, "decide-missing", **form)
    page = show(client, settlement_id)
    post(client, settlement_id, "lock", seen=hidden(page, "lock", "seen"))
    assert state(session, settlement_id) == "locked"


def test_a_reference_that_is_not_ours_is_looked_at_and_then_no_longer_in_the_way(
    session: Session, signed_in: SignedIn
) -> None:
    packet = office.accepted(session, people=1)
    settlement_id = office.settlement_of(session, packet).id
    ours = office.lines_of(session, packet)
    foreign = office.result(ours[0])
    foreign = type(foreign)(**{**foreign.__dict__, "reference": "202611-999999"})
    office.hear(session, *office.parts(packet.code, [office.result(ours[0]), foreign]))
    client = signed_in(Role.ACCOUNTANT)
    page = show(client, settlement_id, "?tab=differing")
    assert "202611-999999" in page
    assert "không có trong gói tin đã gửi, chưa được xem xét" in page
    seen = hidden(page, "decide", "seen", near="202611-999999")
    form = {"reference": "202611-999999", "outcome": "paid", "reason": "Của xã khác", "seen": seen}
    post(client, settlement_id, "decide", **form, back=f"/settlements/show/{settlement_id}?tab=differing")
    assert "figures-good" in show(client, settlement_id)


def test_a_locked_settlement_takes_no_decision(session: Session, signed_in: SignedIn) -> None:
    settlement_id = reported(session, "paid")
    reference = references(session)[0]
    locking.lock(session, settlement_id, by=make.ACCOUNTANT)
    session.commit()
    form = {"reference": reference, "outcome": "unpaid", "reason": "x", "seen": ""}
    assert "đã chốt hoặc không còn hiệu lực" in post(signed_in(Role.CLERK), settlement_id, "decide", **form)


def test_a_settlement_of_a_rejected_packet_is_shown_and_takes_nothing(session: Session, signed_in: SignedIn) -> None:
    packet = office.accepted(session, people=2)
    settlement_id = office.settlement_of(session, packet).id
    office.tell(session, packet, status="rjct", reason_code="rjct", reason_message="Danh sách thay đổi")
    client = signed_in(Role.ACCOUNTANT)
    page = show(client, settlement_id, "?tab=all")
    assert "Không còn hiệu lực" in page
    for action in ("lock", "decide", "decide-missing", "extend"):
        assert f"/settlements/{action}/" not in page, action
    form = {"outcome": "paid", "reason": "x", "seen": "2"}
    assert "không còn hiệu lực" in post(client, settlement_id, "decide-missing", **form)
    assert "không còn hiệu lực" in post(client, settlement_id, "lock", seen="")


def test_lines_are_turned_by_pages_and_counted(session: Session, signed_in: SignedIn) -> None:
    settlement_id = waiting(session, people=53)
    client = signed_in(Role.CLERK)
    first, second = (show(client, settlement_id, f"?tab=all&page={number}") for number in (0, 1))
    assert "1–50 trong 53" in first
    assert "51–53 trong 53" in second
    assert [page.count('class="number" data-label="STT"') for page in (first, second)] == [50, 3]


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
