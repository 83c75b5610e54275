"""Danh sách truy thu through the browser's door: proposed by one, decided by another, every figure on the page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from html import unescape
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.jobs import recoveries as job
from app.rules.actors import Role
from app.services import attention
from tests import factories as make
from tests import months
from tests.screens.desk import Desk, seen, text_of

OCTOBER, NOVEMBER = make.OCTOBER, make.NOVEMBER


@pytest.fixture(autouse=True)
def mid_november() -> Iterator[None]:
    with clock.at(date(2026, 11, 10)):
        yield


@pytest.fixture
def desk(database: Flask) -> Desk:
    return Desk(database)


def page(client: Any, path: str) -> str:
    return unescape(text_of(client.get(path))).replace("\u00a0", " ")


def post(client: Any, path: str, **form: Any) -> str:
    return unescape(text_of(client.post(path, data=form, follow_redirects=True))).replace("\u00a0", " ")


@pytest.fixture
def recovery_id(session: Session) -> int:
    who = make.entitled(session, "Đỗ Thị Hoà")
    months.closed(session, OCTOBER, {who.id: "recover"})
    found: int = session.execute(text("SELECT id FROM recoveries")).scalar_one()
    make.made_list(session)
    session.commit()
    return found


def test_a_recovery_shows_its_four_figures_its_ledger_and_the_lists_that_withhold(desk: Desk, recovery_id: int) -> None:
    accountant = desk.signed_in(Role.ACCOUNTANT)
    assert "378.000" in page(accountant, f"/recoveries/cash/{recovery_id}"), "all that no list withholds is offered"
    answer = post(accountant, f"/recoveries/cash/{recovery_id}", amount_vnd="40.000", reference="PT-12", note="Con nộp")
    for words in (
        "Đã ghi 40.000 đ nộp lại; còn phải thu 500.000 đ",
        "PT-12",
        "Con nộp",
        "CT-202611-00004-M",
        "Chờ quyết toán",
    ):
        assert words in answer, words
    for shown in (page(accountant, "/recoveries/list/"), answer):
        for words in (
            "Đỗ Thị Hoà",
            "Đã chết",
            "540.000 đ",
            "162.000 đ",
            "40.000 đ",
            "500.000 đ",
            "10/2026",
            "Đang thu",
        ):
            assert words in shown, words
    too_much = post(accountant, f"/recoveries/cash/{recovery_id}", amount_vnd="999.000", reference="PT-13")
    assert "338.000 đ" in too_much and "Có chỗ cần xem lại" in too_much


def test_a_recovery_is_found_by_a_name_without_marks_and_only_in_its_area(desk: Desk, recovery_id: int) -> None:
    clerk = desk.signed_in(Role.CLERK)
    assert "Đỗ Thị Hoà" in page(clerk, "/recoveries/list/?_flt_0_line_id=do+thi+hoa")
    assert "Đỗ Thị Hoà" not in page(clerk, "/recoveries/list/?_flt_0_line_id=tran+van")
    other = desk.signed_in(Role.ACCOUNTANT, area=make.OTHER_COMMUNE)
    assert "Không có khoản truy thu nào." in page(other, "/recoveries/list/")
    for path in ("show", "cash"):
        assert other.get(f"/recoveries/{path}/{recovery_id}").status_code == 404
    assert desk.signed_in(Role.AGENCY_USER).get("/recoveries/list/").status_code == 403
    for path in ("add", "edit/1", "delete/1", f"refuse/{recovery_id}"):
        assert clerk.get(f"/recoveries/{path}").status_code in (404, 405)


def test_a_supervisor_changes_the_instalment_and_writes_off_what_the_dialog_said(desk: Desk, recovery_id: int) -> None:
    boss = desk.signed_in(Role.SUPERVISOR)
    assert "Mức khấu trừ mỗi kỳ" in page(boss, f"/recoveries/instalment/{recovery_id}")
    assert "50.000 đ" in post(boss, f"/recoveries/instalment/{recovery_id}", instalment_vnd="50.000")
    assert "không quá" not in post(boss, f"/recoveries/instalment/{recovery_id}", instalment_vnd="")
    assert "từ 1 đồng" in post(boss, f"/recoveries/instalment/{recovery_id}", instalment_vnd="900.000")
    shown = page(boss, f"/recoveries/show/{recovery_id}")
    assert "Xóa 378.000 đ còn phải thu" in shown and "162.000 đ đang khấu trừ" in shown
    stale = post(boss, f"/recoveries/write-off/{recovery_id}", reason="Hộ nghèo", seen="open.0.0.0")
    assert "vừa thay đổi" in stale
    assert "Phải ghi lý do" in post(boss, f"/recoveries/write-off/{recovery_id}", seen=seen(shown, "write-off"))
    done = post(boss, f"/recoveries/write-off/{recovery_id}", reason="Hộ nghèo", seen=seen(shown, "write-off"))
    assert "Xóa theo quyết định" in done and "378.000 đ" in done and "Đang thu" in done
    assert "chỉ rút lại khi mở lại quyết toán" in post(boss, f"/recoveries/withdraw/{recovery_id}", reason="Nhầm")


def test_a_clerk_proposes_and_another_decides(desk: Desk, session: Session) -> None:
    who = make.entitled(session, "Lò Văn Pành")
    person_id = who.beneficiary_id
    months.closed(session, OCTOBER)
    clerk, boss = desk.signed_in(Role.CLERK, Role.SUPERVISOR), desk.signed_in(Role.SUPERVISOR, name="sep.khac")
    assert "Lò Văn Pành" in page(clerk, f"/recoveries/propose?beneficiary={person_id}")
    assert len(clerk.get("/recoveries/choices/beneficiary?q=lo van").json["results"]) == 1
    form: dict[str, Any] = {
        "first_month": "10/2026",
        "last_month": "11/2026",
        "reason": "Khai sai",
        "amount_vnd": "600.000",
    }
    assert "Chưa nhập ô này" in post(clerk, "/recoveries/propose", **form)
    form["beneficiary"] = person_id
    assert "đến số đã trả" in post(clerk, "/recoveries/propose", **form)
    own = post(clerk, "/recoveries/propose", **form | {"amount_vnd": "300.000", "decision_no": "7/QĐ"})
    assert "chờ lãnh đạo quyết định" in own and "một lãnh đạo khác phải quyết định" in own
    key = desk.value("SELECT id FROM recoveries")
    assert "không được là người đã đề nghị" in post(clerk, f"/recoveries/approve/{key}")
    with desk.books() as books:
        assert [i.kind.name for i in attention.items(books, make.COMMUNE_PATH, NOVEMBER)] == ["recovery"]
        assert attention.places(books, make.COMMUNE_PATH, "recovery")[0].code == "Lò Văn Pành"
    assert "7/QĐ" in page(boss, f"/recoveries/approve/{key}")
    done = post(boss, f"/recoveries/approve/{key}", decision_no="8/QĐ", decided_on="05/11/2026", instalment_vnd="")
    assert "Đã đồng ý truy thu 300.000 đ" in done and "số 8/QĐ, ngày 05/11/2026" in done
    assert "Đã rút lại" in post(boss, f"/recoveries/withdraw/{key}", reason="Nhầm người")
    assert desk.value("SELECT state FROM recoveries") == "withdrawn"


def test_what_the_sweep_proposes_may_be_refused(desk: Desk, session: Session) -> None:
    who = make.entitled(session, "Lò Văn Pành")
    months.closed(session, OCTOBER)
    who.ends_on = date(2026, 9, 30)
    session.commit()
    assert job.find() is False
    boss, key = desk.signed_in(Role.SUPERVISOR), desk.value("SELECT id FROM recoveries")
    shown = page(boss, f"/recoveries/show/{key}")
    assert "Đã hết hưởng theo quyết định" in shown and "Hệ thống" in shown
    assert "Phải ghi lý do" in post(boss, f"/recoveries/refuse/{key}")
    assert "Không truy thu" in post(boss, f"/recoveries/refuse/{key}", reason="Gia hạn")
