"""The page that shows what the last check of the books found."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from app import clock
from app.rules.actors import Role
from app.services.books import checking
from tests import factories as make
from tests.screens.desk import Desk, text_of


@pytest.fixture(autouse=True)
def mid_november() -> Any:
    with clock.at(date(2026, 11, 10)):
        yield


@pytest.fixture
def desk(database: Flask) -> Desk:
    return Desk(database)


def wrong_books(desk: Desk) -> int:
    with desk.books() as session:
        batch_id = make.made_list(session, people=2)
        session.execute(text("UPDATE payout_batches SET people_count = 3"))
    with desk.books(), pytest.raises(checking.BooksWrong):
        checking.sweep()
    return batch_id


def test_before_the_first_check_the_page_says_so(desk: Desk) -> None:
    assert "Sổ sách chưa được kiểm tra lần nào" in text_of(desk.signed_in(Role.CENTRAL_ADMIN, area="VN").get("/books/"))


def test_the_page_names_what_is_wrong_and_every_sentence_that_holds(desk: Desk) -> None:
    batch_id = wrong_books(desk)
    page = text_of(desk.signed_in(Role.PROVINCE_ADMIN, area="01").get("/books/"))
    assert page.count("tag-bad") == 1 and page.count("tag-good") == len(checking.CHECKS) - 1
    assert f"Phường Ba Đình: 1 chỗ (payout_batches số {batch_id})" in page


def test_another_area_sees_its_own_books_only(desk: Desk) -> None:
    wrong_books(desk)
    page = text_of(desk.signed_in(Role.AUDITOR, area="25").get("/books/"))
    assert "tag-bad" not in page and "Phường Ba Đình" not in page


def test_administrators_are_led_there_from_the_workbench_and_clerks_are_not(desk: Desk) -> None:
    wrong_books(desk)
    assert 'href="/books/?area=01"' in text_of(desk.signed_in(Role.PROVINCE_ADMIN, area="01").get("/"))
    clerk = desk.signed_in(Role.CLERK)
    assert "/books/" not in text_of(clerk.get("/"))
    assert clerk.get("/books/").status_code in (302, 403)


def test_it_is_for_looking_only(desk: Desk) -> None:
    assert desk.signed_in(Role.CENTRAL_ADMIN, area="VN").post("/books/").status_code == 405
