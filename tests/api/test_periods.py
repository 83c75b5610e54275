"""Periods by REST: closed alone and everywhere, opened again with a reason; what is unfinished is named."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.rules.actors import Role
from tests import factories as make
from tests import months
from tests.accounts import people
from tests.api.answers import fields_of, problem_of, rows
from tests.api.conftest import Program

PERIODS = "/api/v1/area_periods/"


@pytest.fixture
def settled(session: Session) -> str:
    """A commune whose November is settled; the address of its period."""
    make.entitled(session)
    months.settled(session, make.NOVEMBER)
    return f"{PERIODS}{months.area_period(session, make.NOVEMBER)}"


def test_a_period_is_closed_once_and_opened_again_with_a_reason(program: Program, settled: str) -> None:
    clerk, supervisor = program(Role.CLERK), program(Role.SUPERVISOR)
    assert clerk.post(f"{settled}/close").json["result"]["state"] == "closed"
    problem_of(clerk.post(f"{settled}/close"), 409)
    problem_of(clerk.post(f"{settled}/reopen", json={"reason": "x"}), 403)
    assert fields_of(supervisor.post(f"{settled}/reopen")) == {"reason"}
    again = supervisor.post(f"{settled}/reopen", json={"reason": "Bưu điện báo nhầm"})
    assert (again.json["result"]["state"], again.json["together_with"]) == ("open", [])
    assert rows("SELECT move, reason FROM state_changes WHERE machine = 'period' ORDER BY id") == [
        ("create", None), ("close", None), ("reopen", "Bưu điện báo nhầm"),
    ]  # fmt: skip


def test_a_list_is_closed_by_itself_and_opened_again_with_a_reason(program: Program, settled: str) -> None:
    [(key,)] = rows("SELECT id FROM payout_batches")
    address = f"/api/v1/payout_batches/{key}"
    clerk, supervisor = program(Role.CLERK), program(Role.SUPERVISOR)
    closed = clerk.post(f"{address}/close").json["result"]
    assert (closed["state"], closed["closed_by"] is not None) == ("settled", True)
    assert clerk.get(settled).json["result"]["state"] == "closed", "it was the only list"
    problem_of(clerk.post(f"{address}/close"), 409)
    problem_of(clerk.post(f"{address}/open", json={"reason": "x"}), 403)
    assert fields_of(supervisor.post(f"{address}/open")) == {"reason"}
    problem_of(program(Role.SUPERVISOR, area=make.OTHER_COMMUNE).post(f"{address}/open", json={"reason": "x"}), 404)
    problem_of(program(Role.AUDITOR).post(f"{address}/close"), 403)
    problem_of(clerk.get(f"{address}/close"), 405)
    opened = supervisor.post(f"{address}/open", json={"reason": "Bưu điện gửi lại biên bản"}).json["result"]
    assert (opened["closed_by"], opened["closed_at"]) == (None, None)
    assert clerk.get(settled).json["result"]["state"] == "open"


def test_a_month_is_closed_everywhere_it_can_be(program: Program, session: Session, settled: str) -> None:
    make.entitled(session, commune=make.OTHER_COMMUNE)
    session.commit()
    body = {"area_code": make.OTHER_COMMUNE, "month": "11/2026"}
    assert program(Role.CLERK, area=make.OTHER_COMMUNE).post("/api/v1/payout_batches/", json=body).status_code == 201
    accountant = program(Role.ACCOUNTANT, area=people.HANOI)
    assert accountant.get(PERIODS).json["count"] == 2
    wanted: dict[str, Any] = {"month": "11/2026"}
    for code in ("66", "99999"):
        assert fields_of(accountant.post(f"{PERIODS}close_all", json=wanted | {"area_code": code})) == {"area_code"}
    elsewhere = accountant.post(f"{PERIODS}close_all", json=wanted | {"area_code": make.OTHER_COMMUNE}).json
    assert elsewhere == {"closed": 0, "waiting": ["Phường Ngọc Hà"]}
    assert accountant.post(f"{PERIODS}close_all", json=wanted).json == {"closed": 1, "waiting": ["Phường Ngọc Hà"]}
    assert accountant.post(f"{PERIODS}close_all", json=wanted).json["closed"] == 0
    assert fields_of(accountant.post(f"{PERIODS}close_all", json={"month": "x", "kind": 1})) == {"month", "kind"}


def test_another_area_is_not_found_and_an_auditor_closes_nothing(program: Program, settled: str) -> None:
    beside = program(Role.CLERK, area=make.OTHER_COMMUNE)
    for client, status in ((beside, 404), (program(Role.AUDITOR), 403)):
        problem_of(client.post(f"{settled}/close"), status)
    problem_of(program(Role.CLERK).get(f"{settled}/close"), 405)
    body = {"month": "11/2026", "area_code": "00004"}
    assert fields_of(beside.post(f"{PERIODS}close_all", json=body)) == {"area_code"}
    assert beside.post(f"{PERIODS}close_all", json={"month": "11/2026"}).json == {"closed": 0, "waiting": []}
    assert rows("SELECT state FROM area_periods") == [("open",)]


# --- Months settled at once ------------------------------------------------------------------------------------------


def test_months_settled_at_once_are_made_and_closed_together(program: Program, session: Session) -> None:
    session.execute(
        text(
            "INSERT INTO payment_settings (area_id, area_path, valid_from, months_per_settlement, through_agency)"
            " SELECT id, path, '2026-11-01', 2, false FROM areas WHERE code = '00004'"
        )
    )
    make.entitled(session)
    session.commit()
    clerk, supervisor = program(Role.CLERK), program(Role.SUPERVISOR)
    asked = {"area_code": "00004", "month": "11/2026", "together": True}
    assert fields_of(clerk.post("/api/v1/payout_batches/", json=asked | {"together": 1})) == {"together"}
    made = clerk.post("/api/v1/payout_batches/", json=asked).json["ids"]
    assert len(made) == 2
    problem_of(clerk.post("/api/v1/payout_batches/", json=asked), 409)
    for batch in made:
        supervisor.post(f"/api/v1/payout_batches/{batch}/lock")
        clerk.post(f"/api/v1/payout_batches/{batch}/send")
    settlements = clerk.get("/api/v1/settlements/").json["ids"]
    for key in settlements:
        body = {"settlement_id": key, "from_standing": "pending", "outcome": "paid"}
        assert clerk.post("/api/v1/result_changes/", json=body).status_code == 201
    with clock.at(date(2026, 12, 26)):
        program(Role.ACCOUNTANT).post(f"/api/v1/settlements/{settlements[0]}/lock")
    assert rows("SELECT DISTINCT state FROM settlements") == [("locked",)]
    period = clerk.get(PERIODS).json["ids"][0]
    closed = clerk.post(f"{PERIODS}{period}/close").json
    assert closed["together_with"] == ["2026-11-01"]
    assert rows("SELECT DISTINCT state FROM area_periods") == [("closed",)]
