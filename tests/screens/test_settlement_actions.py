"""Quyết toán đơn vị chi trả through the browser's door: locking and deciding, what is refused and in which words."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.rules.actors import Role
from app.services.settlements import locking
from tests import factories as make
from tests import office
from tests.screens.settling import SignedIn, hidden, post, reported, show, state
from tests.screens.settling import mid_november as mid_november
from tests.screens.settling import signed_in as signed_in


def waiting(session: Session, *, people: int = 3) -> int:
    settlement_id = office.settlement_of(session, office.accepted(session, people=people)).id
    session.rollback()
    return settlement_id


def references(session: Session) -> list[str]:
    office.refresh(session)
    return list(session.execute(text("SELECT reference FROM payout_lines WHERE live ORDER BY no")).scalars())


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
