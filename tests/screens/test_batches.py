"""Lists on screen: the list of lists, the page of one with its tabs, lines held out, other people."""

from __future__ import annotations

from datetime import date

import pytest

from app import clock
from app.rules.actors import Role
from tests import factories as make
from tests.screens.desk import Desk, buttons, text_of
from tests.screens.listing import desk as desk
from tests.screens.listing import draft, first_line, state
from tests.screens.listing import mid_november as mid_november

# --- The list of lists ------------------------------------------------------------------------------------------


def test_the_list_obeys_the_month_and_tells_of_other_months(desk: Desk) -> None:
    draft(desk)
    clerk = desk.signed_in(Role.CLERK)
    page = text_of(clerk.get("/lists/list/"))
    assert "Phường Ba Đình" in page and "Đang lập" in page and "1.620.000" in page
    clerk.post("/month", data={"month": "10/2026", "back": "/lists/list/"})
    october = text_of(clerk.get("/lists/list/"))
    assert "Kỳ này chưa có danh sách chi trả nào" in october
    assert "Kỳ 11/2026 (1)" in october


def test_lists_of_another_area_do_not_exist(desk: Desk) -> None:
    batch_id = draft(desk)
    stranger = desk.signed_in(Role.CLERK, area=make.OTHER_COMMUNE)
    assert "Phường Ba Đình" not in text_of(stranger.get("/lists/list/"))
    for tab in ("show", "findings", "changes", "packets", "history", "print", "status"):
        assert stranger.get(f"/lists/{tab}/{batch_id}").status_code == 404, tab
    for name in ("remake", "send", "cancel", "withdraw", "recall"):
        assert stranger.post(f"/lists/action/{name}/{batch_id}", data={"reason": "x"}).status_code == 404, name
    assert state(desk, batch_id) == "draft"


def test_an_agencys_staff_have_no_lists(desk: Desk) -> None:
    draft(desk)
    assert desk.signed_in(Role.AGENCY_USER, area="01").get("/lists/list/").status_code == 403


def test_what_changes_something_is_never_a_link(desk: Desk) -> None:
    batch_id = draft(desk)
    clerk = desk.signed_in(Role.CLERK)
    for path in (f"action/cancel/{batch_id}", f"exclude/{batch_id}/1", f"restore/{batch_id}/1"):
        assert clerk.get(f"/lists/{path}").status_code == 405, path


# --- The page ----------------------------------------------------------------------------------------------------


def test_the_page_says_what_the_list_is(desk: Desk) -> None:
    batch_id = draft(desk)
    clerk = desk.signed_in(Role.CLERK)
    page = text_of(clerk.get(f"/lists/show/{batch_id}"))
    for words in ("CT-202611-00004-M", "Trợ cấp hằng tháng", "1.620.000", "Một triệu sáu trăm hai mươi nghìn đồng",
                  "Trần Văn 1", "Thôn 1", "Tiền mặt"):  # fmt: skip
        assert words in page, words
    assert buttons(page) == {"remake", "cancel"}
    assert desk.value("SELECT row_count FROM access_log WHERE what = 'batch' AND entity_id = :id", id=batch_id) == 3


def test_lines_are_searched_filtered_and_paged(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    batch_id = draft(desk, people=5)
    clerk = desk.signed_in(Role.CLERK)
    found = text_of(clerk.get(f"/lists/show/{batch_id}?q=van+3"))
    assert "Trần Văn 3" in found and "Trần Văn 4" not in found
    assert "1 dòng, 540.000" in found
    assert "Không có dòng nào khớp" in text_of(clerk.get(f"/lists/show/{batch_id}?method=bank"))
    monkeypatch.setattr("app.screens.batch_page.PAGE_SIZE", 2)
    last = text_of(clerk.get(f"/lists/show/{batch_id}?page=2"))
    assert "Trần Văn 5" in last and "Trần Văn 1<" not in last
    for bad in ("page=x", "page=-1", "method=gold", "finding=none", "status=lost"):
        assert clerk.get(f"/lists/show/{batch_id}?{bad}").status_code == 400, bad
    unread = clerk.get(f"/lists/show/{batch_id}", query_string={"q": "a\x07b"})
    assert unread.status_code == 422 and "ký tự" in text_of(unread)


def test_each_tab_opens_and_leads_on(desk: Desk) -> None:
    with desk.books() as session:
        for _twice in range(2):
            make.entitled(session, "Lò Thị Ánh", id_number="001145000001")
    batch_id = draft(desk)
    clerk = desk.signed_in(Role.CLERK)
    findings = text_of(clerk.get(f"/lists/findings/{batch_id}"))
    assert findings.index("Trùng số định danh") < findings.index("Trùng họ tên")
    assert "Phải xử lý" in findings and "trùng với mã DT" in findings
    assert "Còn 2 lỗi phải xử lý trước khi duyệt" in findings
    assert "Kỳ trước chưa có danh sách cùng loại" in text_of(clerk.get(f"/lists/changes/{batch_id}"))
    assert clerk.get(f"/lists/changes/{batch_id}?section=all").status_code == 400
    assert "chưa được gửi lần nào" in text_of(clerk.get(f"/lists/packets/{batch_id}"))
    assert "Lập danh sách" in text_of(clerk.get(f"/lists/history/{batch_id}"))


def test_the_month_before_is_compared(desk: Desk) -> None:
    with desk.books() as session:
        gone = make.entitled(session, "Người Hết Hạn")
        make.entitled(session, "Người Ở Lại")
        with clock.at(date(2026, 10, 10)):
            make.settled_month(session, make.OCTOBER)
        gone.ends_on = date(2026, 10, 31)
        make.entitled(session, "Người Mới")
    batch_id = draft(desk, people=0)
    clerk = desk.signed_in(Role.CLERK)
    page = text_of(clerk.get(f"/lists/changes/{batch_id}"))
    assert "CT-202610-00004-M" in page and "Người Mới" in page and "Người Hết Hạn" not in page
    left = text_of(clerk.get(f"/lists/changes/{batch_id}?section=left"))
    assert "Người Hết Hạn" in left and "Hết thời hạn hưởng" in left


def test_the_printed_list_is_the_official_form_without_the_frame(desk: Desk) -> None:
    batch_id = draft(desk)
    auditor = desk.signed_in(Role.AUDITOR)
    auditor.post("/language", data={"language": "en", "back": "/"})
    page = text_of(auditor.get(f"/lists/print/{batch_id}"))
    for words in (
        "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM",
        "PHƯỜNG BA ĐÌNH",
        "Số tiền bằng chữ",
        "(chưa duyệt)",
        "Trần Văn 1",
    ):
        assert words in page, words
    assert 'id="menu"' not in page
    assert desk.value("SELECT count(*) FROM access_log WHERE what = 'batch_print'") == 1


# --- Lines -------------------------------------------------------------------------------------------------------


def test_a_clerk_holds_a_line_out_with_a_reason_and_returns_it(desk: Desk) -> None:
    batch_id = draft(desk)
    line = first_line(desk, batch_id)
    clerk = desk.signed_in(Role.CLERK)
    where = f"/lists/show/{batch_id}?page=0"
    answer = clerk.post(f"/lists/exclude/{batch_id}/{line}", data={"reason": "Đang đi viện", "back": where})
    assert answer.status_code == 303 and answer.location == where
    page = text_of(clerk.get(f"/lists/show/{batch_id}"))
    assert "Đã đưa ra" in page and "Đang đi viện" in page and "1.080.000" in page
    clerk.post(f"/lists/restore/{batch_id}/{line}")
    assert desk.value("SELECT total_vnd FROM payout_batches WHERE id = :id", id=batch_id) == 1_620_000


def test_a_line_is_not_held_out_without_a_reason_or_through_another_list(desk: Desk) -> None:
    batch_id = draft(desk)
    line = first_line(desk, batch_id)
    clerk = desk.signed_in(Role.CLERK)
    back = {"Referer": f"http://localhost/lists/show/{batch_id}"}
    answer = clerk.post(f"/lists/exclude/{batch_id}/{line}", data={"reason": " "}, headers=back)
    assert answer.status_code == 303 and "Phải ghi lý do" in text_of(clerk.get(answer.location))
    with desk.books() as session:
        make.entitlement(session, make.person(session, "Bà Cụ"), batch_kind="social_pension")
    other = draft(desk, people=0, kind="social_pension")
    for wrong in (f"{other}/{line}", f"{batch_id}/999999", f"{batch_id}/x"):
        assert clerk.post(f"/lists/exclude/{wrong}", data={"reason": "x"}).status_code == 404, wrong
    for role in (Role.SUPERVISOR, Role.AUDITOR):
        assert desk.signed_in(role).post(f"/lists/exclude/{batch_id}/{line}", data={"reason": "x"}).status_code == 403
    assert desk.value("SELECT count(*) FROM payout_lines WHERE NOT live") == 0
