"""Lists on screen: each button, and several lists at once."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text

from app.models import Beneficiary, PayoutLine
from app.rules.actors import Role
from app.screens import batch_bulk
from app.services import sending
from app.services.batches import approval, making
from tests import factories as make
from tests import office, stages
from tests.screens.desk import Desk, buttons, seen, text_of
from tests.screens.listing import asked, draft, first_line, prepared, state
from tests.screens.listing import desk as desk
from tests.screens.listing import mid_november as mid_november


def press(client: FlaskClient, batch_id: int, name: str, **form: str) -> Any:
    """Press a button on the page of a list as it is shown now."""
    page = text_of(client.get(f"/lists/show/{batch_id}"))
    return client.post(
        f"/lists/action/{name}/{batch_id}",
        data={"seen": seen(page, f"do-{name}"), **form},
        headers={"Referer": f"http://localhost/lists/show/{batch_id}"},
    )


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
