"""The map of the workbench: every area has its outline, its shade says how far the month is, in words too."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.rules.actors import Role
from app.web import maps
from tests import factories as make
from tests.screens.desk import Desk, text_of

WITHOUT_OUTLINE = {"04402", "04423"}


@pytest.fixture(autouse=True)
def before_the_cut_off() -> Any:
    with clock.at(date(2026, 10, 20)):
        yield


def test_every_commune_and_province_has_an_outline(session: Session) -> None:
    areas = session.execute(text("SELECT level, code, left(path, 6) AS above FROM areas")).all()
    country = maps.provinces()
    assert country is not None
    assert set(country.paths) == {row.code for row in areas if row.level == "province"}
    drawn: set[str] = set()
    for code in country.paths:
        drawing = maps.communes(code)
        assert drawing is not None
        assert all(re.fullmatch(r"(M[\d L]+Z)+", path) for path in drawing.paths.values())
        drawn |= set(drawing.paths)
    assert {row.code for row in areas if row.level == "commune"} - drawn == WITHOUT_OUTLINE


def test_north_is_up_and_the_east_is_right() -> None:
    country = maps.provinces()
    assert country is not None

    def middle(code: str) -> tuple[float, float]:
        numbers = [int(number) for number in re.findall(r"\d+", country.paths[code])]
        return sum(numbers[::2]) / len(numbers[::2]), sum(numbers[1::2]) / len(numbers[1::2])

    (hanoi_x, hanoi_y), (saigon_x, saigon_y) = middle("01"), middle("79")
    assert hanoi_y < saigon_y and hanoi_x < saigon_x
    assert country.height > country.width


def test_there_is_no_map_of_what_is_not_shipped() -> None:
    assert maps.communes("00") is None


def test_a_commune_is_shaded_by_its_steps_and_leads_down(database: Flask) -> None:
    desk = Desk(database)
    with desk.books() as session:
        make.locked_list(session)
    admin = desk.signed_in(Role.PROVINCE_ADMIN, area="01")
    admin.post("/month", data={"month": "11/2026", "back": "/"})
    page = text_of(admin.get("/"))
    assert page.count("<path") > 100
    shape = re.search(r'<a href="/\?area=00004" aria-label="([^"]*)"><path class="map-3"', page)
    assert shape is not None and "Gửi bưu điện" in shape[1]
    with clock.at(date(2026, 11, 3)):
        assert "map-3 map-late" in text_of(admin.get("/"))


def test_a_province_is_as_far_as_its_communes_are(database: Flask) -> None:
    desk = Desk(database)
    with desk.books() as session:
        make.locked_list(session)
        make.entitled(session, commune=make.OTHER_COMMUNE)
    central = desk.signed_in(Role.CENTRAL_ADMIN, area="VN")
    central.post("/month", data={"month": "11/2026", "back": "/"})
    page = text_of(central.get("/"))
    assert re.search(r'<a href="/\?area=01" aria-label="Thành phố Hà Nội: 0/2 xã đã chốt kỳ"><path class="map-1"', page)
    with clock.at(date(2026, 11, 3)):
        assert "chậm nhất" in text_of(central.get("/"))
