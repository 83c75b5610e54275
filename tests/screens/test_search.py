"""The search box of the header finds people in scope and reports, and gives nothing away."""

from __future__ import annotations

import pytest
from flask import Flask

from app.rules.actors import Role
from app.services import finding
from tests import factories as make
from tests.screens.desk import Desk, text_of


@pytest.fixture
def desk(database: Flask) -> Desk:
    return Desk(database)


def test_people_are_found_by_the_beginning_of_a_name_without_marks(desk: Desk) -> None:
    with desk.books() as session:
        make.person(session, "Nguyễn Thị Hoà")
        make.person(session, "Trần Văn Nguyễn")
        make.person(session, "Nguyễn Thị Hoa", commune=make.OTHER_COMMUNE)
    page = text_of(desk.signed_in(Role.CLERK).get("/search/?q=nguyen thi"))
    assert "Nguyễn Thị Hoà" in page
    assert "Trần Văn Nguyễn" not in page and "Nguyễn Thị Hoa<" not in page
    assert desk.value("SELECT row_count FROM access_log WHERE what = 'search'") == 1


def test_a_code_leads_straight_to_the_person(desk: Desk) -> None:
    with desk.books() as session:
        person = make.person(session, "Nguyễn Thị Hoà")
        code, key = person.code, person.id
    answer = desk.signed_in(Role.AUDITOR).get(f"/search/?q={code.lower()}")
    assert answer.status_code == 303 and answer.headers["Location"].endswith(f"/beneficiaries/show/{key}")


@pytest.mark.parametrize(("typed", "found"), [("001160000001", True), ("00116", False), ("1160000001", False)])
def test_an_identity_number_is_found_whole_only(desk: Desk, typed: str, found: bool) -> None:
    with desk.books() as session:
        make.person(session, "Bà Cụ", id_number="001160000001")
    assert ("Bà Cụ" in text_of(desk.signed_in(Role.CLERK).get(f"/search/?q={typed}"))) is found


def test_reports_are_found_by_words(desk: Desk) -> None:
    page = text_of(desk.signed_in(Role.SUPERVISOR).get("/search/?q=đvct"))
    assert "/reports/DVCT_01" in page and "/reports/DVCT_02" in page


def test_nothing_typed_and_nothing_found_say_so(desk: Desk) -> None:
    clerk = desk.signed_in(Role.CLERK)
    assert "Hãy gõ vào ô tìm kiếm" in text_of(clerk.get("/search/?q=%20"))
    assert "Không tìm thấy ai" in text_of(clerk.get("/search/?q=khongai"))


def test_a_crowd_is_cut_off_and_says_so(desk: Desk) -> None:
    with desk.books() as session:
        for number in range(finding.MOST + 1):
            make.person(session, f"Lê Văn {'ABCDEFGHIKLMNOPQRSTUV'[number]}")
    assert f"Chỉ hiện {finding.MOST} người đầu" in text_of(desk.signed_in(Role.CLERK).get("/search/?q=le van"))


def test_an_agencys_staff_have_no_box_and_no_search(desk: Desk) -> None:
    staff = desk.signed_in(Role.AGENCY_USER)
    assert "search-box" not in text_of(staff.get("/"))
    assert staff.get("/search/?q=a").status_code == 403
    assert "search-box" in text_of(desk.signed_in(Role.CLERK).get("/"))
