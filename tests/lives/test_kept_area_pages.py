"""Reading an ended area in the browser and by REST: chosen on the lists page, everything shown, nothing changed, no one else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.jobs.work import KINDS
from app.models import Settlement
from app.reports import exporting
from app.rules.actors import Role
from app.services import work
from tests import factories as make
from tests import stages
from tests.accounts import people
from tests.lives.test_kept_areas import KEEPER, OTHER, end
from tests.screens.desk import Desk, text_of

pytestmark = pytest.mark.usefixtures("areas_that_end")


@pytest.fixture(autouse=True)
def mid_november() -> Iterator[None]:
    with clock.at(date(2026, 11, 10)):
        yield


@pytest.fixture
def desk(database: Flask) -> Desk:
    return Desk(database)


def ended(desk: Desk) -> dict[str, int]:
    """A commune with a settled list and a draft, merged into its neighbour; keys of what it leaves."""
    with desk.books() as session:
        batch = stages.settled(session, "paid", "unpaid", people=2).id
        draft = make.made_list(session, kind="supplementary", people=1)
        found = keys(session) | {"batch": batch, "draft": draft}
        end(session)
    return found


def keys(session: Session) -> dict[str, int]:
    return {
        "settlement": session.query(Settlement).one().id,
        "packet": session.scalar(text("SELECT id FROM packets")) or 0,
        "period": session.scalar(text("SELECT id FROM area_periods")) or 0,
    }


def choose(client: FlaskClient, code: str = make.COMMUNE) -> Any:
    return client.post("/kept-area", data={"code": code}, follow_redirects=True)


PAGES = (
    "/lists/list/", "/lists/show/{batch}", "/lists/show/{draft}", "/lists/history/{batch}", "/lists/packets/{batch}",
    "/lists/print/{batch}", "/reports/DVCT_02?from=11/2026&to=11/2026",
    "/packets/show/{packet}", "/settlements/list/", "/settlements/show/{settlement}", "/periods/show/{period}",
)  # fmt: skip


def test_the_keeper_finds_reads_and_returns(desk: Desk) -> None:
    found = ended(desk)
    clerk = desk.signed_in(Role.CLERK, area=KEEPER)
    home = text_of(clerk.get("/lists/list/"))
    assert "Xem Phường Ba Đình (đến 30/11/2026)" in home and "Trợ cấp hằng tháng</td>" not in home
    assert clerk.get("/lists/show/{batch}".format(**found)).status_code == 404
    page = text_of(choose(clerk))
    assert "Đang xem Phường Ba Đình, địa bàn đã kết thúc." in page and "Phường Ba Đình</a>" in page
    assert "Lập danh sách" not in page and "Gửi bưu điện" not in page and "/make-lists/" not in page
    assert clerk.get("/make-lists/").status_code == clerk.get("/account/").status_code == 403
    for address in PAGES:
        answer = clerk.get(address.format(**found))
        shown = text_of(answer)
        assert answer.status_code == 200, (address, answer.status_code)
        assert "Trần Văn" in shown or "/show/{batch}" not in address, address
        for button in ('<dialog id="do-', '<dialog id="close"', '<dialog id="reopen"', '<dialog id="lock"'):
            assert button not in shown, (address, button)
    assert clerk.get("/").location.endswith("/lists/list/")
    back = text_of(choose(clerk, ""))
    assert "Đang xem Phường Ba Đình" not in back and "Xem Phường Ba Đình" in back
    assert desk.value("SELECT count(*) > 0 FROM access_log WHERE actor = 'clerk.00008' AND area_path = 'VN/01/00004/'")


CHANGES = (
    "/lists/action/cancel/{draft}", "/lists/action/lock/{draft}", "/lists/action/remake/{draft}", "/lists/action/close/{batch}",
    "/periods/close/{period}", "/periods/reopen/{period}", "/settlements/lock/{settlement}", "/settlements/reopen/{settlement}",
    "/settlements/extend/{settlement}", "/packets/recall/{packet}",
)  # fmt: skip


@pytest.mark.parametrize("role", [Role.CLERK, Role.SUPERVISOR, Role.ACCOUNTANT])
def test_no_form_changes_anything_there(desk: Desk, role: Role) -> None:
    found = ended(desk)
    somebody = desk.signed_in(role, area=KEEPER)
    choose(somebody)
    moves = desk.value("SELECT count(*) FROM state_changes")
    for address in CHANGES:
        form = {"reason": "Thử", "seen": "", "days": "2", "outcome": "paid"}
        answer = somebody.post(address.format(**found), data=form, headers={"Referer": "http://localhost/lists/list/"})
        assert answer.status_code == 403, address
    assert desk.value("SELECT count(*) FROM state_changes") == moves
    assert desk.value("SELECT count(*) FROM payout_batches WHERE state IN ('draft', 'settled')") == 2


def test_nobody_else_may_choose_it(desk: Desk) -> None:
    found = ended(desk)
    for client in (
        desk.signed_in(Role.CLERK, area=OTHER),
        desk.signed_in(Role.AGENCY_USER, area=KEEPER),
    ):
        assert client.post("/kept-area", data={"code": make.COMMUNE}).status_code == 422
        assert client.get("/lists/show/{batch}".format(**found)).status_code in (403, 404)
    stranger = desk.program.test_client()
    assert "/login/" in stranger.post("/kept-area", data={"code": make.COMMUNE}).location
    clerk = desk.signed_in(Role.CLERK, area=KEEPER, name="nguoi.giu")
    assert clerk.get("/kept-area").status_code == 405
    for code in (OTHER, "01", "x"):
        assert clerk.post("/kept-area", data={"code": code}).status_code == 422


def test_whoever_is_moved_elsewhere_reads_no_longer(desk: Desk) -> None:
    found = ended(desk)
    clerk = desk.signed_in(Role.CLERK, area=KEEPER)
    choose(clerk)
    assert clerk.get("/lists/show/{batch}".format(**found)).status_code == 200
    with desk.books() as session:
        session.execute(
            text(
                "UPDATE ab_user u SET area_id = a.id, area_path = a.path FROM areas a WHERE a.code = :c AND u.username = :u"
            ),
            {"c": OTHER, "u": "clerk.00008"},
        )
    assert clerk.get("/lists/show/{batch}".format(**found)).status_code == 404
    assert "Đang xem" not in text_of(clerk.get("/lists/list/"))


def test_a_long_report_of_it_is_made_by_the_scheduler(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    ended(desk)
    clerk = desk.signed_in(Role.CLERK, area=KEEPER)
    choose(clerk)
    monkeypatch.setattr(exporting, "AT_ONCE", 0)
    answer = clerk.post("/reports/DVCT_02/export?from=11/2026&to=11/2026", data={"form": "xlsx"})
    assert answer.status_code == 303 and "work=" in answer.location
    assert work.perform_next(KINDS)
    assert desk.value("SELECT phase FROM work_items") == "done"
    file = "/work/{}/file".format(desk.value("SELECT id FROM work_items"))
    assert clerk.get(file).status_code == 200
    choose(clerk, "")
    assert clerk.get(file).status_code == 404


def test_a_program_reads_it_by_naming_it(desk: Desk) -> None:
    found = ended(desk)
    desk.signed_in(Role.SUPERVISOR, area=KEEPER, name="lanh.dao")
    program = desk.program.test_client()
    said = program.post("/api/v1/security/login", json={"username": "lanh.dao", "password": people.SECRET}).json
    token = {"Authorization": f"Bearer {said['access_token']}"}
    old = token | {"Chitra-Area": make.COMMUNE}
    assert program.get("/api/v1/payout_batches/", headers=token).json["count"] == 0
    listed = program.get("/api/v1/payout_batches/", headers=old).json
    assert listed["count"] == 2 and {one["area"]["code"] for one in listed["result"]} == {make.COMMUNE}
    address = "/api/v1/payout_batches/{draft}/lock".format(**found)
    assert program.post(address, json={}, headers=old).status_code in (403, 404, 409)
    foreign = program.get("/api/v1/payout_batches/", headers=token | {"Chitra-Area": OTHER})
    assert foreign.status_code == 200 and foreign.json["count"] == 0
    assert desk.value("SELECT state FROM payout_batches WHERE id = :id", id=found["draft"]) == "draft"
