"""Truy lĩnh on the screens: computed, entered, looked at line by line, approved by another, taken as a workbook."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from html import unescape
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from python_calamine import CalamineWorkbook
from sqlalchemy.orm import Session

from app import clock
from app.jobs.work import KINDS
from app.reports import exporting
from app.rules.actors import Role
from app.screens import arrears
from app.services import work
from app.services.arrears import proposing
from tests import factories as make
from tests.screens.desk import Desk

FORM = {
    "from_month": "07/2026", "to_month": "10/2026", "due_month": "11/2026", "reason": "Nâng mức chuẩn",
    "decision_no": "335/2026/NĐ-CP",
}  # fmt: skip


@pytest.fixture(autouse=True)
def november() -> Iterator[None]:
    with clock.at(date(2026, 11, 10)):
        yield


@pytest.fixture
def desk(database: Flask, session: Session) -> Desk:
    """Two people listed in July at the old rate, one of whom died in June."""
    one, two = make.entitled(session, "Nguyễn Thị Một"), make.entitled(session, "Trần Thị Hai", "1.5")
    with clock.at(date(2026, 6, 20)):
        make.settled_month(session, date(2026, 7, 1))
    two.beneficiary.status, two.beneficiary.died_on = "dead", date(2026, 6, 28)
    session.commit()
    assert one.id != two.id
    return Desk(database)


def plain(answer: Any) -> str:
    return unescape(answer.get_data(as_text=True)).replace("\u00a0", " ")


def propose(desk: Desk, clerk: FlaskClient, **form: str) -> Any:
    area = str(desk.value("SELECT id FROM areas WHERE code = :code", code=make.COMMUNE))
    return clerk.post("/make-arrears/", data={"area": area} | FORM | form)


def proposed(desk: Desk, clerk: FlaskClient) -> int:
    answer = propose(desk, clerk)
    assert answer.status_code == 303, plain(answer)
    return int(answer.location.rsplit("/", 1)[1])


def press(client: FlaskClient, key: int, move: str, **form: str) -> Any:
    headers = {"Referer": f"http://localhost/arrears-proposals/show/{key}"}
    return client.post(f"/arrears-proposals/{move}/{key}", data=form, headers=headers)


def test_the_workbench_leads_to_a_rise_nobody_has_computed(desk: Desk) -> None:
    clerk, supervisor = desk.signed_in(Role.CLERK), desk.signed_in(Role.SUPERVISOR)
    page = plain(clerk.get("/"))
    assert "chưa tính truy lĩnh" in page and 'href="/make-arrears/"' in page
    assert 'href="/arrears-proposals/list/' in plain(supervisor.get("/"))
    form = plain(clerk.get("/make-arrears/"))
    assert re.search(r'id="from_month"[^>]*value="07/2026"', form) and re.search(
        r'id="due_month"[^>]*value="11/2026"', form
    )
    key = proposed(desk, clerk)
    assert "chưa tính truy lĩnh" not in plain(clerk.get("/"))
    waits = plain(supervisor.get("/"))
    assert f"Duyệt truy lĩnh TL-{key}" in waits and "40.000 đ" in waits
    form = plain(clerk.get("/make-arrears/"))
    assert re.search(r'id="from_month"[^>]*value=""', form), "nothing is left to compute"


def test_a_rise_is_proposed_looked_at_and_approved_by_another(desk: Desk) -> None:
    clerk, supervisor = desk.signed_in(Role.CLERK), desk.signed_in(Role.SUPERVISOR)
    assert "/make-arrears/" in plain(clerk.get("/arrears-proposals/list/"))
    key = proposed(desk, clerk)
    page = plain(clerk.get(f"/arrears-proposals/show/{key}"))
    for words in ("Nguyễn Thị Một", "Đã chết trước tháng đó", "60.000 đ", "1 người, 40.000 đ", "Rút đề nghị"):
        assert words in page, words
    assert "do-approve" not in page and "Duyệt truy lĩnh" not in page
    assert "Duyệt truy lĩnh" in plain(supervisor.get(f"/arrears-proposals/show/{key}"))
    answer = press(supervisor, key, "approve", reason="Đúng quy định")
    assert "Đã duyệt truy lĩnh: 1 người, 40.000 đ" in plain(supervisor.get(answer.location))
    assert desk.value("SELECT sum(amount_vnd) FROM arrears") == 40_000
    assert press(supervisor, key, "revoke", reason="Nhầm").status_code == 303
    assert desk.value("SELECT count(*) FROM arrears") == 0
    assert desk.value("SELECT count(*) FROM access_log WHERE what = 'arrears_proposal'") >= 3


def test_who_made_it_is_told_that_another_decides(desk: Desk) -> None:
    both = desk.signed_in(Role.CLERK, Role.SUPERVISOR)
    key = proposed(desk, both)
    assert "một lãnh đạo khác phải duyệt" in plain(both.get(f"/arrears-proposals/show/{key}"))
    assert press(both, key, "approve").status_code in (303, 403)
    assert desk.value("SELECT state FROM arrears_proposals") == "proposed"


@pytest.mark.parametrize(("move", "role", "state"), [
    ("reject", Role.SUPERVISOR, "rejected"), ("withdraw", Role.CLERK, "withdrawn"),
])  # fmt: skip
def test_a_proposal_ends_with_a_reason(desk: Desk, move: str, role: Role, state: str) -> None:
    clerk = desk.signed_in(Role.CLERK)
    key = proposed(desk, clerk)
    who = clerk if role is Role.CLERK else desk.signed_in(role)
    press(who, key, move)
    assert desk.value("SELECT state FROM arrears_proposals") == "proposed"
    press(who, key, move, reason="Chờ hướng dẫn")
    assert desk.value("SELECT state FROM arrears_proposals") == state
    assert "Chờ hướng dẫn" in plain(clerk.get(f"/arrears-proposals/show/{key}"))


def test_one_line_is_held_out_and_put_back(desk: Desk) -> None:
    clerk = desk.signed_in(Role.CLERK)
    key = proposed(desk, clerk)
    line = desk.value("SELECT id FROM arrears_proposal_lines WHERE live")
    assert "Loại ra" in plain(clerk.get(f"/arrears-lines/show/{line}"))
    clerk.post(f"/arrears-lines/action/exclude/{line}", data={"reason": "Đã trả tay"})
    assert desk.value("SELECT line_count FROM arrears_proposals") == 0
    chosen = {"action": "restore", "rowid": [str(line)]}
    assert clerk.post("/arrears-lines/action_post", data=chosen).location.endswith(f"/show/{key}")
    assert desk.value("SELECT line_count FROM arrears_proposals") == 1
    found = plain(clerk.get("/arrears-lines/list/?_flt_0_beneficiary_id=thi mot"))
    assert "Nguyễn Thị Một" in found and "Trần Thị Hai" not in found


def test_an_amount_is_entered_by_hand(desk: Desk) -> None:
    clerk = desk.signed_in(Role.CLERK)
    one = desk.value("SELECT min(id) FROM entitlements")
    assert "Nguyễn Thị Một" in plain(clerk.get(f"/make-arrears/hand?entitlement={one}"))
    offered = clerk.get("/make-arrears/choices/entitlement?q=thi mot").json["results"]
    assert [row["id"] for row in offered] == [str(one)]
    entry = {
        "entitlement": str(one), "for_month": "06/2026", "due_month": "11/2026", "amount_vnd": "500.000",
        "reason": "Hồ sơ chậm", "decision_no": "9/QĐ-UBND",
    }  # fmt: skip
    assert clerk.post("/make-arrears/hand", data=entry).status_code == 303
    again = clerk.post("/make-arrears/hand", data=entry)
    assert again.status_code == 422 and "đã được nhập" in plain(again)
    early = clerk.post("/make-arrears/hand", data=entry | {"due_month": "05/2026"})
    assert early.status_code == 422 and "phải trả vào kỳ sau" in plain(early)
    assert desk.value("SELECT total_vnd FROM arrears_proposals") == 500_000


def test_a_request_that_owes_nobody_says_so_at_the_form(desk: Desk) -> None:
    answer = propose(desk, desk.signed_in(Role.CLERK), from_month="08/2026")
    assert answer.status_code == 422 and "Không có ai được truy lĩnh" in plain(answer)
    answer = propose(desk, desk.signed_in(Role.CLERK, name="khac"), reason="")
    assert answer.status_code == 422 and "Chưa nhập ô này" in plain(answer)


def test_the_workbook_adds_up_to_what_counts(desk: Desk) -> None:
    clerk = desk.signed_in(Role.CLERK)
    answer = press(clerk, proposed(desk, clerk), "workbook")
    assert_adds_up(answer.data)


def assert_adds_up(content: bytes) -> None:
    rows = CalamineWorkbook.from_filelike(BytesIO(content)).get_sheet_by_index(0).to_python()
    amounts = [row[7] for row in rows if str(row[0]).startswith("DT")]
    assert amounts.count(40_000) == 1 and rows[-1][7] == sum(amount for amount in amounts if amount)
    assert [row[8] for row in rows if row[0] and str(row[1]) == "Trần Thị Hai"] == ["Đã chết trước tháng đó"]


def test_what_is_big_runs_in_the_background(desk: Desk, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setattr(proposing, "BIG", 0)
    monkeypatch.setattr(arrears, "BIG", 0)
    monkeypatch.setattr(exporting, "AT_ONCE", 0)
    clerk, supervisor = desk.signed_in(Role.CLERK), desk.signed_in(Role.SUPERVISOR)
    assert propose(desk, clerk).location.endswith("/work/")
    assert work.perform_next(KINDS)
    assert "1 người, 40.000 đ" in plain(clerk.get("/work/"))
    key = desk.value("SELECT id FROM arrears_proposals")
    press(supervisor, key, "approve", reason="Đúng")
    press(clerk, key, "workbook")
    while work.perform_next(KINDS):
        pass
    assert desk.value("SELECT state || decision_note FROM arrears_proposals") == "approvedĐúng"
    item = desk.value("SELECT id FROM work_items WHERE kind = 'arrears_workbook'")
    assert desk.value("SELECT phase FROM work_items WHERE id = :id", id=item) == "done"
    with clerk.get(f"/work/{item}/file") as answer:
        assert_adds_up(answer.data)


@pytest.mark.parametrize("address", ["/arrears-proposals/show/{}", "/arrears-lines/show/{}"])
def test_another_area_sees_nothing_of_it(desk: Desk, address: str) -> None:
    clerk = desk.signed_in(Role.CLERK)
    proposed(desk, clerk)
    key = desk.value(
        "SELECT min(id) FROM " + ("arrears_proposals" if "proposals" in address else "arrears_proposal_lines")
    )
    other = desk.signed_in(Role.SUPERVISOR, area=make.OTHER_COMMUNE)
    assert clerk.get(address.format(key)).status_code == 200
    assert other.get(address.format(key)).status_code == 404
    assert press(other, key, "approve").status_code == 404
    assert clerk.get(f"/arrears-proposals/approve/{key}").status_code == 405
