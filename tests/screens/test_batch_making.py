"""Lists on screen: making one, and what its form refuses."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app.rules.actors import Role
from app.services.batches import previewing
from tests import factories as make
from tests.screens.desk import Desk, text_of
from tests.screens.listing import asked, prepared
from tests.screens.listing import desk as desk
from tests.screens.listing import mid_november as mid_november


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
