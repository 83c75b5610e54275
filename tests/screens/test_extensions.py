"""Gia hạn through the browser's door: asked once, decided by another, never 20 days."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.models import DeadlineExtension, PaymentSetting
from app.rules.actors import Role
from app.services import extensions
from app.services.settlements import locking
from tests import factories as make
from tests import office, stages
from tests.accounts import people

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


@pytest.fixture
def settlement_id(session: Session) -> int:
    found = office.settlement_of(session, office.accepted(session)).id
    session.rollback()
    return found


def plain(answer: Any) -> str:
    return unescape(answer.get_data(as_text=True)).replace("\u00a0", " ")


def ask(client: FlaskClient, settlement_id: int, **form: str) -> Any:
    filled = {"days": "5", "reason": "Mưa lũ", "asked_by": "Bưu điện Ba Đình", "newest": "0"} | form
    return client.post(f"/settlements/extend/{settlement_id}", data=filled)


def asked(session: Session, settlement_id: int, days: int = 5, *, by: Any = make.CLERK) -> int:
    made = extensions.ask(session, settlement_id, days=days, reason="Mưa lũ", asked_by="Bưu điện", by=by)
    session.commit()
    return made.id


def decide(client: FlaskClient, extension_id: int, move: str, **form: str) -> str:
    """Press a button of the request's page; the page that follows."""
    headers = {"Referer": f"http://localhost/extensions/show/{extension_id}"}
    answer = client.post(f"/extensions/{move}/{extension_id}", data=form, headers=headers)
    assert answer.status_code == 303, plain(answer)
    return plain(client.get(answer.location))


def stored(session: Session) -> list[tuple[int, str, str | None]]:
    office.refresh(session)
    rows = session.execute(text("SELECT days, state, decision_note FROM deadline_extensions ORDER BY id"))
    return [tuple(row) for row in rows]


# --- Asking -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.CLERK, Role.ACCOUNTANT, Role.SUPERVISOR, Role.AGENCY_USER])
def test_days_are_asked_for_with_a_reason_and_who_wants_them(
    session: Session, signed_in: SignedIn, settlement_id: int, role: Role
) -> None:
    client = signed_in(role)
    answer = ask(client, settlement_id, days="7")
    assert answer.status_code == 303
    page = plain(client.get(answer.location))
    assert "Đã ghi đề nghị gia hạn 7 ngày; chờ lãnh đạo quyết định." in page
    assert "Bưu điện Ba Đình" in page
    assert stored(session) == [(7, "asked", None)]


@pytest.mark.parametrize("days", ["0", "20", "-1", "1e18", "9" * 20, "năm", "5,5", "", "5\x00"])
def test_days_that_cannot_be_are_named_at_their_field_and_what_was_typed_is_kept(
    session: Session, signed_in: SignedIn, settlement_id: int, days: str
) -> None:
    answer = ask(signed_in(Role.CLERK), settlement_id, days=days, reason="Bão số 9")
    page = plain(answer)
    assert answer.status_code == 422
    assert 'href="#days"' in page
    assert "Bão số 9" in page
    assert stored(session) == []


@pytest.mark.parametrize(
    "form", [{"reason": ""}, {"reason": "x" * 1001}, {"reason": "a\x07b"}, {"asked_by": ""}, {"asked_by": "x" * 121}]
)
def test_words_that_cannot_be_kept_are_named_at_their_field(
    session: Session, signed_in: SignedIn, settlement_id: int, form: dict[str, str]
) -> None:
    answer = ask(signed_in(Role.CLERK), settlement_id, **form)
    assert answer.status_code == 422
    assert f'href="#{next(iter(form))}"' in plain(answer)
    assert stored(session) == []


def test_the_same_request_sent_twice_is_kept_once(session: Session, signed_in: SignedIn, settlement_id: int) -> None:
    client = signed_in(Role.CLERK)
    assert ask(client, settlement_id).status_code == 303
    again = ask(client, settlement_id)
    assert again.status_code == 409
    assert "Vừa có đề nghị gia hạn khác cho quyết toán này (5 ngày, thu.clerk.00004 nhập)" in plain(again)
    assert len(stored(session)) == 1


def test_no_more_than_19_days_in_all_may_be_asked_for(
    session: Session, signed_in: SignedIn, settlement_id: int
) -> None:
    extension_id = asked(session, settlement_id, 15)
    extensions.grant(session, extension_id, by=make.SUPERVISOR)
    session.commit()
    answer = ask(signed_in(Role.CLERK), settlement_id, newest=str(extension_id))
    assert answer.status_code == 422
    assert "đã gia hạn 15 ngày, chỉ còn 4 ngày" in plain(answer)
    assert "Mưa lũ" in plain(answer)


def test_a_locked_settlement_is_not_extended(session: Session, signed_in: SignedIn) -> None:
    settlement_id = stages.reported(session, "paid").id
    locking.lock(session, settlement_id, by=make.ACCOUNTANT)
    session.commit()
    client = signed_in(Role.CLERK)
    for answer in (client.get(f"/settlements/extend/{settlement_id}"), ask(client, settlement_id)):
        assert answer.status_code == 409
        assert "đã chốt hoặc không còn hiệu lực" in plain(answer)


# --- Deciding -----------------------------------------------------------------------------------------------------


def test_a_supervisor_grants_and_the_deadline_moves(session: Session, signed_in: SignedIn, settlement_id: int) -> None:
    extension_id = asked(session, settlement_id)
    due = extensions.due_on(session, settlement_id)
    session.rollback()
    client = signed_in(Role.SUPERVISOR)
    page = plain(client.get(f"/extensions/show/{extension_id}"))
    later = date.fromordinal(due.toordinal() + 5)
    assert f"Hạn quyết toán chuyển từ {due:%d/%m/%Y} thành {later:%d/%m/%Y}." in page
    after = decide(client, extension_id, "grant", reason="Đường bị chia cắt")
    assert f"Hạn quyết toán mới: {later:%d/%m/%Y}." in after
    assert stored(session) == [(5, "granted", "Đường bị chia cắt")]
    settlement = plain(client.get(f"/settlements/show/{settlement_id}"))
    assert f"({later:%d/%m/%Y})" in settlement
    assert f"đã gia hạn 5 ngày, hạn đầu {due:%d/%m/%Y}" in settlement


def test_a_refusal_needs_a_reason(session: Session, signed_in: SignedIn, settlement_id: int) -> None:
    extension_id = asked(session, settlement_id)
    client = signed_in(Role.SUPERVISOR)
    assert "Phải ghi lý do." in decide(client, extension_id, "refuse", reason=" ")
    assert stored(session) == [(5, "asked", None)]
    assert "Đã ghi không đồng ý gia hạn" in decide(client, extension_id, "refuse", reason="Đã đủ thời gian")
    assert stored(session) == [(5, "refused", "Đã đủ thời gian")]


def test_a_second_decision_is_refused_with_the_state_in_words(
    session: Session, signed_in: SignedIn, settlement_id: int
) -> None:
    extension_id = asked(session, settlement_id)
    client = signed_in(Role.SUPERVISOR)
    decide(client, extension_id, "grant")
    assert "đang ở trạng thái “Đã đồng ý”" in decide(client, extension_id, "grant")
    assert "đang ở trạng thái “Đã đồng ý”" in decide(client, extension_id, "refuse", reason="x")
    assert stored(session) == [(5, "granted", None)]


def test_who_entered_a_request_cannot_decide_it(session: Session, signed_in: SignedIn, settlement_id: int) -> None:
    client = signed_in(Role.SUPERVISOR)
    ask(client, settlement_id)
    extension_id = session.execute(text("SELECT id FROM deadline_extensions")).scalar_one()
    session.rollback()
    page = plain(client.get(f"/extensions/show/{extension_id}"))
    assert "một lãnh đạo khác phải quyết định" in page
    assert "/extensions/grant/" not in page
    assert "không được là người đã nhập" in decide(client, extension_id, "grant")
    assert stored(session)[0][1] == "asked"


def test_requests_that_together_are_too_long_cannot_all_be_granted(
    session: Session, signed_in: SignedIn, settlement_id: int
) -> None:
    first, second = asked(session, settlement_id, 12), asked(session, settlement_id, 12)
    client = signed_in(Role.SUPERVISOR)
    decide(client, first, "grant")
    page = plain(client.get(f"/extensions/show/{second}"))
    assert "nhiều nhất 7 ngày trong 12 ngày đã xin" in page
    assert "dưới 20 ngày" in decide(client, second, "grant")
    assert [row[1] for row in stored(session)] == ["granted", "asked"]


def test_a_request_left_over_from_a_locked_settlement_has_lapsed(session: Session, signed_in: SignedIn) -> None:
    settlement_id = stages.reported(session, "paid").id
    extension_id = asked(session, settlement_id)
    locking.lock(session, settlement_id, by=make.ACCOUNTANT)
    session.commit()
    client = signed_in(Role.SUPERVISOR)
    page = plain(client.get(f"/extensions/show/{extension_id}"))
    assert "Hết hiệu lực" in page and "đang được báo cho đơn vị chi trả" in page
    assert "/extensions/grant/" not in page
    assert "đã chốt hoặc không còn hiệu lực" in decide(client, extension_id, "grant")
    assert stored(session) == [(5, "lapsed", "Quyết toán đã chốt khi chưa có quyết định gia hạn.")]


@pytest.mark.parametrize("move", ["grant", "refuse"])
@pytest.mark.parametrize("role", [Role.CLERK, Role.ACCOUNTANT, Role.AUDITOR, Role.AGENCY_USER])
def test_only_a_supervisor_decides(
    session: Session, signed_in: SignedIn, settlement_id: int, role: Role, move: str
) -> None:
    extension_id = asked(session, settlement_id)
    client = signed_in(role)
    page = plain(client.get(f"/extensions/show/{extension_id}"))
    assert f"/extensions/{move}/" not in page
    assert client.post(f"/extensions/{move}/{extension_id}", data={"reason": "x"}).status_code == 403
    assert stored(session)[0][1] == "asked"


def test_another_areas_request_is_not_found(session: Session, signed_in: SignedIn, settlement_id: int) -> None:
    extension_id = asked(session, settlement_id)
    client = signed_in(Role.SUPERVISOR, area=make.OTHER_COMMUNE)
    assert client.get(f"/extensions/show/{extension_id}").status_code == 404
    for move in ("grant", "refuse"):
        assert client.post(f"/extensions/{move}/{extension_id}", data={"reason": "x"}).status_code == 404
    assert "Chưa có đề nghị gia hạn nào." in plain(client.get("/extensions/list/"))
    assert session.get_one(DeadlineExtension, extension_id, populate_existing=True).state == "asked"


def test_requests_are_listed_by_state_and_area(session: Session, signed_in: SignedIn, settlement_id: int) -> None:
    asked(session, settlement_id)
    client = signed_in(Role.AUDITOR)
    assert "Chờ quyết định" in plain(client.get("/extensions/list/?_flt_2_state=asked&_flt_0_area_path=ba+dinh"))
    assert "Không có dòng nào khớp" in plain(client.get("/extensions/list/?_flt_0_area_path=ngoc+ha"))


def test_fewer_days_are_granted_and_then_taken_back(session: Session, signed_in: SignedIn, settlement_id: int) -> None:
    supervisor = signed_in(Role.SUPERVISOR)
    key = asked(session, settlement_id, 7)
    page = decide(supervisor, key, "grant", days="3", reason="Ba ngày là đủ")
    assert "28/11/2026" in page and "đang được báo cho đơn vị chi trả" in page and "Thu hồi gia hạn" in page
    assert stored(session) == [(3, "granted", "Ba ngày là đủ")]
    page = decide(supervisor, key, "revoke", reason="Đã chi xong")
    assert (
        "Đã thu hồi gia hạn. Hạn quyết toán: 25/11/2026" in page and "Thu hồi gia hạn" not in page.split("Lịch sử")[0]
    )
    assert stored(session) == [(3, "revoked", "Đã chi xong")]


def test_the_page_offers_no_more_days_than_the_next_lists_leave(
    session: Session, signed_in: SignedIn, settlement_id: int
) -> None:
    session.add(PaymentSetting(area=make.area(session), valid_from=date(2026, 7, 1), list_cutoff_day=28,
                               shift_to_working_day=False))  # fmt: skip
    key = asked(session, settlement_id, 7)
    supervisor = signed_in(Role.SUPERVISOR)
    page = plain(supervisor.get(f"/extensions/show/{key}"))
    assert "nhiều nhất 2 ngày trong 7 ngày" in page and 'value="2"' in page
    headers = {"Referer": f"http://localhost/extensions/show/{key}"}
    for days, why in (("3", "quá ngày 27/11/2026"), ("x", "từ 1 đến 7"), ("8", "từ 1 đến 7")):
        answer = supervisor.post(f"/extensions/grant/{key}", data={"days": days}, headers=headers)
        assert why in plain(supervisor.get(answer.location) if answer.status_code == 303 else answer)
    assert stored(session) == [(7, "asked", None)]


def test_where_the_next_lists_leave_no_day_none_is_offered(
    session: Session, signed_in: SignedIn, settlement_id: int
) -> None:
    session.add(PaymentSetting(area=make.area(session), valid_from=date(2026, 7, 1), list_cutoff_day=26,
                               shift_to_working_day=False))  # fmt: skip
    key = asked(session, settlement_id, 7)
    page = plain(signed_in(Role.SUPERVISOR).get(f"/extensions/show/{key}"))
    assert "Không gia hạn thêm được ngày nào" in page and "grant-days" not in page


def test_the_page_says_whether_the_agency_was_told(session: Session, signed_in: SignedIn, settlement_id: int) -> None:
    supervisor, key = signed_in(Role.SUPERVISOR), asked(session, settlement_id, 3)
    decide(supervisor, key, "refuse", reason="Không cần")
    for told, words in (("", "Đã báo đơn vị chi trả"), (", answer = 'không hỗ trợ'", "Hãy báo bằng cách khác")):
        session.execute(text(f"UPDATE agency_notices SET delivered_at = now(), body = '', body_sha256 = 'x'{told}"))
        session.commit()
        assert words in plain(supervisor.get(f"/extensions/show/{key}"))
