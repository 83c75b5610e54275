"""Tạm dừng on the screens: proposed from the page of unpaid people, decided by another, resumed with arrears."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app import clock
from app.rules.actors import Role
from tests import factories as make
from tests.screens.desk import Desk


@pytest.fixture(autouse=True)
def november() -> Iterator[None]:
    with clock.at(date(2026, 11, 10)):
        yield


@pytest.fixture
def person(session: Session) -> int:
    """Somebody unpaid for three periods; committed."""
    one = make.entitled(session, "Nguyễn Vắng")
    make.entitled(session, "Trần Có Mặt")
    for number in (8, 9, 10):
        with clock.at(date(2026, number - 1, 20)):
            make.settled_month(session, date(2026, number, 1), unpaid=[one.id])
    key = one.beneficiary_id
    session.commit()
    return key


@pytest.fixture
def desk(database: Flask, person: int) -> Desk:
    return Desk(database)


def plain(answer: Any) -> str:
    return unescape(answer.get_data(as_text=True)).replace("\u00a0", " ")


def press(client: FlaskClient, move: str, key: int, **form: str) -> Any:
    return client.post(f"/suspensions/{move}/{key}", data=form)


def proposed(desk: Desk, clerk: FlaskClient, person: int) -> int:
    answer = press(clerk, "propose", person, reason="Không liên hệ được")
    assert answer.status_code == 303, plain(answer)
    return int(answer.location.rsplit("/", 1)[1])


def test_from_the_alert_to_the_decision_and_back(desk: Desk, person: int) -> None:
    clerk, supervisor = desk.signed_in(Role.CLERK), desk.signed_in(Role.SUPERVISOR)
    assert "ba kỳ liên tiếp: xem xét đề nghị tạm dừng" in plain(clerk.get("/"))
    assert f"/suspensions/propose/{person}" in plain(clerk.get("/workbench/streaks"))
    assert "/suspensions/propose/" not in plain(supervisor.get("/workbench/streaks"))
    key = proposed(desk, clerk, person)
    assert "Xem đề nghị tạm dừng" in plain(clerk.get("/workbench/streaks"))
    assert "/suspensions/list/" in plain(supervisor.get("/"))
    assert "Nguyễn Vắng" in plain(supervisor.get(f"/suspensions/list/?area={make.COMMUNE}"))
    assert "/suspensions/suspend/" not in plain(clerk.get(f"/suspensions/show/{key}"))
    assert "/suspensions/suspend/" in plain(supervisor.get(f"/suspensions/show/{key}"))
    press(supervisor, "suspend", key, reason="Đủ căn cứ")
    assert desk.value("SELECT status FROM beneficiaries WHERE id = :id", id=person) == "suspended"
    with desk.books() as session:
        make.settled_month(session, make.NOVEMBER)
    press(clerk, "ask-resume", key, reason="Đã về nhà", with_arrears="yes")
    assert "các tháng đã lỡ thành đề nghị truy lĩnh" in plain(supervisor.get(f"/suspensions/show/{key}"))
    answer = press(supervisor, "resume", key, reason="Đồng ý")
    page = plain(supervisor.get(answer.location))
    assert "Đề nghị truy lĩnh" in page and "540.000 đ" in page and "Hưởng lại sau tạm dừng" in page
    assert "Xem đề nghị truy lĩnh" in plain(clerk.get(f"/suspensions/show/{key}"))


def test_it_may_be_refused_kept_and_resumed_without_arrears(desk: Desk, person: int) -> None:
    clerk, supervisor = desk.signed_in(Role.CLERK), desk.signed_in(Role.SUPERVISOR)
    press(supervisor, "refuse", proposed(desk, clerk, person), reason="Đã liên hệ được")
    key = proposed(desk, clerk, person)
    press(supervisor, "suspend", key, reason="Đủ căn cứ")
    press(clerk, "ask-resume", key, reason="Đã về nhà")
    press(supervisor, "keep", key, reason="Chưa xác minh")
    press(clerk, "ask-resume", key, reason="Đã xác minh")
    answer = press(supervisor, "resume", key)
    assert answer.location.endswith(f"/suspensions/show/{key}")
    assert desk.value("SELECT string_agg(state, ',' ORDER BY id) FROM suspensions") == "refused,resumed"
    assert desk.value("SELECT count(*) FROM arrears_proposals") == 0


def test_another_area_cannot_touch_it(desk: Desk, person: int) -> None:
    key = proposed(desk, desk.signed_in(Role.CLERK), person)
    other = desk.signed_in(Role.SUPERVISOR, area=make.OTHER_COMMUNE)
    assert other.get(f"/suspensions/show/{key}").status_code == 404
    assert press(other, "suspend", key, reason="x").status_code == 404
    assert other.get(f"/suspensions/suspend/{key}").status_code == 405
    far = desk.signed_in(Role.CLERK, area=make.OTHER_COMMUNE)
    assert press(far, "propose", person, reason="x").status_code in (303, 404)
    assert press(far, "propose", 0, reason="x").status_code in (303, 404)
    assert desk.value("SELECT count(*) FROM suspensions") == 1
