"""Lists on screen: making, the page of one with its tabs, each button, lines held out, several at once, other people."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text

from app import clock
from app.models import Beneficiary, PayoutLine
from app.rules.actors import Role
from app.screens import batch_bulk
from app.services import sending
from app.services.batches import approval, making, previewing
from tests import factories as make
from tests import office, stages
from tests.screens.desk import Desk, buttons, seen, text_of


@pytest.fixture(autouse=True)
def mid_november() -> Any:
    with clock.at(date(2026, 11, 10)):
        yield


@pytest.fixture
def desk(database: Flask) -> Desk:
    return Desk(database)


def draft(desk: Desk, *, people: int = 3, **more: Any) -> int:
    with desk.books() as session:
        return make.made_list(session, people=people, **more)


def press(client: FlaskClient, batch_id: int, name: str, **form: str) -> Any:
    """Press a button on the page of a list as it is shown now."""
    page = text_of(client.get(f"/lists/show/{batch_id}"))
    return client.post(
        f"/lists/action/{name}/{batch_id}",
        data={"seen": seen(page, f"do-{name}"), **form},
        headers={"Referer": f"http://localhost/lists/show/{batch_id}"},
    )


def state(desk: Desk, batch_id: int) -> str:
    return str(desk.value("SELECT state FROM payout_batches WHERE id = :id", id=batch_id))


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


# --- Making ------------------------------------------------------------------------------------------------------


def prepared(desk: Desk, people: int = 2) -> None:
    with desk.books() as session:
        make.agency(session)
        for number in range(people):
            make.entitled(session, f"Trần Văn {number + 1}")


def asked(desk: Desk, **changes: str) -> dict[str, str]:
    area = desk.value("SELECT id FROM areas WHERE code = :code", code=make.COMMUNE)
    return {"area": str(area), "month": "11/2026", "kind": "monthly"} | changes


def test_the_form_says_what_would_be_made_and_makes_it(desk: Desk) -> None:
    prepared(desk)
    clerk = desk.signed_in(Role.CLERK)
    bare = text_of(clerk.get("/make-lists/"))
    assert "Phường Ba Đình" in bare and "11/2026" in bare and "Sẽ lập" not in bare
    preview = text_of(clerk.get("/make-lists/", query_string=asked(desk)))
    assert "2 người, 1.080.000" in preview
    assert desk.value("SELECT count(*) FROM payout_batches") == 0
    answer = clerk.post("/make-lists/", data=asked(desk))
    assert answer.status_code == 303 and "/lists/show/" in answer.location
    assert "Đã lập 1 danh sách: 2 người, 1.080.000" in text_of(clerk.get(answer.location))


def test_making_twice_makes_one_list(desk: Desk) -> None:
    prepared(desk)
    clerk = desk.signed_in(Role.CLERK)
    clerk.post("/make-lists/", data=asked(desk))
    again = clerk.post("/make-lists/", data=asked(desk), headers={"Referer": "http://localhost/make-lists/?x=1"})
    assert again.status_code == 303
    assert "đã có" in text_of(clerk.get(again.location))
    assert desk.value("SELECT count(*) FROM payout_batches") == 1
    assert "đã có" in text_of(clerk.get("/make-lists/", query_string=asked(desk)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"area": ""}, "Chưa nhập ô này"),
        ({"area": "999999"}, "Hãy chọn lại"),
        ({"month": "13/2026"}, "Kỳ chi trả"),
        ({"month": "1e18"}, "Không đọc được tháng"),
        ({"kind": "everything"}, "Hãy chọn một giá trị"),
    ],
)
def test_a_form_that_cannot_be_read_says_where(desk: Desk, changes: dict[str, str], words: str) -> None:
    prepared(desk)
    clerk = desk.signed_in(Role.CLERK)
    answer = clerk.post("/make-lists/", data=asked(desk, **changes))
    assert answer.status_code == 422 and words in text_of(answer)
    assert desk.value("SELECT count(*) FROM payout_batches") == 0


def test_another_area_cannot_be_chosen(desk: Desk) -> None:
    prepared(desk)
    stranger = desk.signed_in(Role.CLERK, area=make.OTHER_COMMUNE)
    assert stranger.post("/make-lists/", data=asked(desk)).status_code == 422
    found = stranger.get("/make-lists/choices/area?q=ba").get_json()
    assert "Ba Đình" not in str(found)


def test_only_clerks_make_lists(desk: Desk) -> None:
    prepared(desk)
    for role in (Role.SUPERVISOR, Role.ACCOUNTANT, Role.AUDITOR):
        colleague = desk.signed_in(role)
        assert colleague.get("/make-lists/").status_code == 403
        assert colleague.post("/make-lists/", data=asked(desk)).status_code == 403
        assert "/make-lists/" not in text_of(colleague.get("/lists/list/"))


def test_a_big_area_is_left_to_the_scheduler_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared(desk)
    monkeypatch.setattr(previewing, "MANY_PEOPLE", 1)
    clerk = desk.signed_in(Role.CLERK)
    assert "chạy nền" in text_of(clerk.get("/make-lists/", query_string=asked(desk)))
    for _twice in range(2):
        assert clerk.post("/make-lists/", data=asked(desk)).status_code in (303, 409)
    assert desk.value("SELECT count(*) FROM work_items WHERE kind = 'make_lists'") == 1
    page = text_of(clerk.get("/lists/list/"))
    assert "Lập danh sách kỳ 11/2026" in page and 'data-every="2"' in page
    answer = clerk.get("/lists/works?seen=0").get_json()
    assert answer["every_s"] == 2 and "Đang chờ đến lượt" in answer["html"]
    with desk.books() as session:
        session.execute(
            text("UPDATE work_items SET phase = 'done', message = 'Đã lập 2 danh sách.', finished_at = now()")
        )
    stamp = clerk.get("/lists/works?seen=0").get_json()
    assert stamp["every_s"] == 0 and "Đã lập 2 danh sách." in stamp["html"]
    assert "html" not in clerk.get(f"/lists/works?seen={stamp['stamp']}").get_json()


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


def first_line(desk: Desk, batch_id: int) -> int:
    return int(desk.value("SELECT min(id) FROM payout_lines WHERE batch_id = :id", id=batch_id))


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


# --- Buttons -----------------------------------------------------------------------------------------------------


def test_a_list_goes_from_draft_to_the_agency_by_two_people(desk: Desk) -> None:
    batch_id = draft(desk)
    clerk, supervisor = desk.signed_in(Role.CLERK), desk.signed_in(Role.SUPERVISOR)
    page = text_of(supervisor.get(f"/lists/show/{batch_id}"))
    assert buttons(page) == {"lock"} and "Duyệt 3 người, 1.620.000" in page
    answer = press(supervisor, batch_id, "lock")
    assert "Đã duyệt danh sách CT-202611-00004-M: 3 người" in text_of(supervisor.get(answer.location))
    assert state(desk, batch_id) == "locked"
    page = text_of(clerk.get(f"/lists/show/{batch_id}"))
    assert buttons(page) == {"send"} and "Gửi 3 người, 1.620.000" in page
    press(clerk, batch_id, "send")
    assert state(desk, batch_id) == "sent"
    page = text_of(clerk.get(f"/lists/show/{batch_id}"))
    assert buttons(page) == {"withdraw"} and "Chờ gửi" in page and 'data-every="2"' in page
    assert "CT-202611-00004-M-V1" in text_of(clerk.get(f"/lists/packets/{batch_id}"))


def test_a_button_pressed_twice_does_it_once_and_says_so(desk: Desk) -> None:
    batch_id = draft(desk)
    supervisor = desk.signed_in(Role.SUPERVISOR)
    stamp = seen(text_of(supervisor.get(f"/lists/show/{batch_id}")), "do-lock")
    form = {"data": {"seen": stamp}, "headers": {"Referer": f"http://localhost/lists/show/{batch_id}"}}
    first = supervisor.post(f"/lists/action/lock/{batch_id}", **form)
    assert "Đã duyệt" in text_of(supervisor.get(first.location))
    second = supervisor.post(f"/lists/action/lock/{batch_id}", **form)
    assert "vừa thay đổi từ lúc bạn mở trang" in text_of(supervisor.get(second.location))
    assert desk.value("SELECT count(*) FROM state_changes WHERE move = 'lock'") == 1


def test_what_was_seen_is_what_is_approved(desk: Desk) -> None:
    batch_id = draft(desk)
    clerk, supervisor = desk.signed_in(Role.CLERK), desk.signed_in(Role.SUPERVISOR)
    stamp = seen(text_of(supervisor.get(f"/lists/show/{batch_id}")), "do-lock")
    clerk.post(f"/lists/exclude/{batch_id}/{first_line(desk, batch_id)}", data={"reason": "Đi viện"})
    answer = supervisor.post(
        f"/lists/action/lock/{batch_id}",
        data={"seen": stamp},
        headers={"Referer": f"http://localhost/lists/show/{batch_id}"},
    )
    page = text_of(supervisor.get(answer.location))
    assert "số người hoặc số tiền khác" in page and "2 người, 1.080.000" in page
    assert state(desk, batch_id) == "draft"
    assert supervisor.post(f"/lists/action/lock/{batch_id}", data={}).status_code == 409


def test_a_stale_page_is_told_who_did_what(desk: Desk) -> None:
    batch_id = draft(desk)
    clerk, supervisor = desk.signed_in(Role.CLERK), desk.signed_in(Role.SUPERVISOR)
    stamp = seen(text_of(clerk.get(f"/lists/show/{batch_id}")), "do-cancel")
    press(supervisor, batch_id, "lock")
    answer = clerk.post(
        f"/lists/action/cancel/{batch_id}",
        data={"seen": stamp, "reason": "Lập nhầm"},
        headers={"Referer": f"http://localhost/lists/show/{batch_id}"},
    )
    page = text_of(clerk.get(answer.location))
    assert "supervisor.00004 “Duyệt”" in page
    assert state(desk, batch_id) == "locked"


def test_nobody_approves_their_own_preparation(desk: Desk) -> None:
    prepared(desk)
    both = desk.signed_in(Role.CLERK, Role.SUPERVISOR, name="ca.hai")
    made = both.post("/make-lists/", data=asked(desk))
    page = text_of(both.get(made.location))
    assert "lock" not in buttons(page)
    batch_id = int(made.location.rsplit("/", 1)[1])
    stamp = seen(page, "do-cancel")
    answer = both.post(f"/lists/action/lock/{batch_id}", data={"seen": stamp})
    assert answer.status_code == 403 and state(desk, batch_id) == "draft"


def test_each_button_is_its_roles_own(desk: Desk) -> None:
    batch_id = draft(desk)
    allowed = {
        Role.CLERK: {"remake", "send", "cancel", "withdraw", "recall"},
        Role.SUPERVISOR: {"lock", "unlock", "withdraw", "recall"},
        Role.ACCOUNTANT: set(),
        Role.AUDITOR: set(),
    }
    for role, names in allowed.items():
        client = desk.signed_in(role)
        for name in ("remake", "lock", "unlock", "send", "withdraw", "recall", "cancel"):
            status = client.post(f"/lists/action/{name}/{batch_id}", data={"reason": "x"}).status_code
            assert (status == 403) is (name not in names), (role, name, status)
    assert state(desk, batch_id) == "draft"


def test_a_returned_list_is_opened_corrected_and_sent_again(desk: Desk) -> None:
    with desk.books() as session:
        packet = stages.returned(session, people=2, because="Sai tài khoản")
        batch_id = packet.batch_id
    clerk, supervisor = desk.signed_in(Role.CLERK), desk.signed_in(Role.SUPERVISOR)
    page = text_of(supervisor.get(f"/lists/show/{batch_id}"))
    assert "Bưu điện trả lại danh sách" in page and "Sai tài khoản" in page and buttons(page) == {"unlock"}
    press(supervisor, batch_id, "unlock", reason="Sửa tài khoản")
    clerk.post(f"/lists/exclude/{batch_id}/{first_line(desk, batch_id)}", data={"reason": "Sai tài khoản"})
    press(clerk, batch_id, "remake")
    press(supervisor, batch_id, "lock")
    press(clerk, batch_id, "send")
    page = text_of(clerk.get(f"/lists/packets/{batch_id}"))
    assert "CT-202611-00004-M-V2" in page and "CT-202611-00004-M-V1" in page and "Bỏ" in page
    history = text_of(clerk.get(f"/lists/history/{batch_id}"))
    assert "Sửa tài khoản" in history and "Trả lại" in history


def test_making_a_list_again_says_who_is_now_on_no_list(desk: Desk) -> None:
    with desk.books() as session:
        make.agency(session, methods=("cash",))
        make.agency(session, "bidv", methods=("bank",))
        first = make.made_list(session, people=2)
        mover = make.person(session, "Kim Văn Lợi")
        make.entitlement(session, mover)
        make.payee(session, mover, method=make.BANK)
        added = max(making.remake(session, first, by=make.CLERK).batch_ids)
        approval.lock(session, added, by=make.SUPERVISOR)
        other = session.scalars(select(PayoutLine.beneficiary_id).where(PayoutLine.batch_id == first)).first()
        make.payee(session, session.get_one(Beneficiary, other), method=make.BANK)
    clerk = desk.signed_in(Role.CLERK)
    answer = press(clerk, first, "remake")
    page = text_of(clerk.get(answer.location))
    assert "1 người nay thuộc danh sách CT-202611-00004-M2, đã duyệt" in page and "Hãy lập danh sách bổ sung" in page


def test_unlocking_and_cancelling_need_a_reason(desk: Desk) -> None:
    batch_id = draft(desk)
    clerk, supervisor = desk.signed_in(Role.CLERK), desk.signed_in(Role.SUPERVISOR)
    answer = press(clerk, batch_id, "cancel", reason="  ")
    assert "Phải ghi lý do" in text_of(clerk.get(answer.location))
    press(supervisor, batch_id, "lock")
    press(supervisor, batch_id, "unlock", reason="")
    assert state(desk, batch_id) == "locked"
    press(supervisor, batch_id, "unlock", reason="Thiếu người")
    press(clerk, batch_id, "cancel", reason="Lập nhầm")
    assert state(desk, batch_id) == "cancelled"
    assert buttons(text_of(clerk.get(f"/lists/show/{batch_id}"))) == set()


def test_a_waiting_packet_is_withdrawn_and_one_with_the_agency_is_asked_back(desk: Desk) -> None:
    with desk.books() as session:
        packet = office.queued(session, people=2)
        batch_id = packet.batch_id
    clerk = desk.signed_in(Role.CLERK)
    press(clerk, batch_id, "withdraw", reason="Thiếu một người")
    assert state(desk, batch_id) == "locked"
    press(clerk, batch_id, "send")
    with desk.books() as session:
        office.hurry(session)
        assert sending.send_next(office.ScriptedAgency().connect)
    page = text_of(clerk.get(f"/lists/show/{batch_id}"))
    assert buttons(page) == {"recall"} and "đang so khớp" in page
    press(clerk, batch_id, "recall", reason="Một người vừa mất")
    page = text_of(clerk.get(f"/lists/show/{batch_id}"))
    assert "Đã đề nghị từ chối" in page and "Một người vừa mất" in page and buttons(page) == set()


def test_the_page_hears_of_the_packet_without_being_loaded_again(desk: Desk) -> None:
    with desk.books() as session:
        packet = office.queued(session, people=2)
        batch_id = packet.batch_id
    clerk = desk.signed_in(Role.CLERK)
    first = clerk.get(f"/lists/status/{batch_id}").get_json()
    assert first["every_s"] == 2 and "Chờ gửi" in first["html"]
    quiet = clerk.get(f"/lists/status/{batch_id}?seen={first['stamp']}").get_json()
    assert quiet == {"stamp": first["stamp"], "every_s": 2}
    with desk.books() as session:
        assert sending.send_next(office.ScriptedAgency().connect)
        office.refresh(session)
        office.tell(session, session.merge(packet), status="pdng")
    heard = clerk.get(f"/lists/status/{batch_id}?seen={first['stamp']}").get_json()
    assert heard["every_s"] == 20 and "Bưu điện đang chi trả" in heard["html"] and "recall" in heard["html"]


def test_a_list_without_a_connection_is_not_offered_to_be_sent(desk: Desk) -> None:
    with desk.books() as session:
        batch_id = make.locked_list(session)
        session.execute(text("UPDATE agencies SET base_url = NULL"))
    page = text_of(desk.signed_in(Role.CLERK).get(f"/lists/show/{batch_id}"))
    assert buttons(page) == set() and "không nhận gói tin qua kết nối" in page


# --- Several at once ---------------------------------------------------------------------------------------------


def two_communes(desk: Desk) -> list[int]:
    """Drafts of two communes, made by the province's clerk."""
    with desk.books() as session:
        make.agency(session)
        make.entitled(session)
        make.entitled(session, "Người Khác", commune=make.OTHER_COMMUNE)
        request = make.making.ListRequest(make.area(session, "01").id, make.NOVEMBER)
        return make.making.make_lists(session, request, by=make.PROVINCE_CLERK).batch_ids


def chosen(client: FlaskClient, action: str, ids: list[int]) -> Any:
    return client.post(
        "/lists/action_post",
        data={"action": action, "rowid": [str(one) for one in ids]},
        headers={"Referer": "http://localhost/lists/list/?x=1"},
    )


def test_a_province_approves_and_sends_several_lists_together(desk: Desk) -> None:
    ids = two_communes(desk)
    supervisor = desk.signed_in(Role.SUPERVISOR, area="01")
    answer = chosen(supervisor, "lock", ids)
    assert "Đã duyệt 2 danh sách: 2 người, 1.080.000" in text_of(supervisor.get(answer.location))
    clerk = desk.signed_in(Role.CLERK, area="01")
    chosen(clerk, "send", ids)
    assert [state(desk, one) for one in ids] == ["sent", "sent"]
    assert chosen(supervisor, "send", ids).status_code == 403


def test_one_list_that_cannot_be_approved_holds_all_back(desk: Desk) -> None:
    ids = two_communes(desk)
    supervisor = desk.signed_in(Role.SUPERVISOR, area="01")
    chosen(supervisor, "lock", ids[:1])
    answer = chosen(supervisor, "lock", ids)
    assert "Không thể" in text_of(supervisor.get(answer.location))
    assert sorted(state(desk, one) for one in ids) == ["draft", "locked"]


def test_a_list_out_of_scope_among_the_chosen_stops_all(desk: Desk) -> None:
    ids = two_communes(desk)
    assert chosen(desk.signed_in(Role.SUPERVISOR), "lock", ids).status_code == 404
    assert [state(desk, one) for one in ids] == ["draft", "draft"]


def test_many_lists_are_left_to_the_scheduler(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = two_communes(desk)
    monkeypatch.setattr(batch_bulk, "MANY_LISTS", 2)
    supervisor = desk.signed_in(Role.SUPERVISOR, area="01")
    answer = chosen(supervisor, "lock", ids)
    assert "chạy nền" in text_of(supervisor.get(answer.location))
    assert [state(desk, one) for one in ids] == ["draft", "draft"]
    chosen(supervisor, "lock", ids)
    assert desk.value("SELECT count(*) FROM work_items WHERE kind = 'lock_lists'") == 1
    clerk = desk.signed_in(Role.CLERK, area="01")
    chosen(clerk, "send", ids)
    assert desk.value("SELECT params->'batch_ids' FROM work_items WHERE kind = 'send_lists'") == sorted(ids)
