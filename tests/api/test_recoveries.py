"""Truy thu by REST: proposed, decided by somebody else, paid back, written off; a settlement reopened."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy.orm import Session

from app import clock
from app.rules.actors import Role
from tests import factories as make
from tests import months, office
from tests.api.answers import fields_of, problem_of, rows
from tests.api.conftest import Program

RECOVERIES = "/api/v1/recoveries/"


@pytest.fixture(autouse=True)
def november() -> Iterator[None]:
    with clock.at(date(2026, 11, 10)):
        yield


def test_a_recovery_is_proposed_decided_paid_back_and_written_off(program: Program, session: Session) -> None:
    person = make.entitled(session).beneficiary_id
    months.closed(session, make.OCTOBER)
    clerk, supervisor = program(Role.CLERK), program(Role.SUPERVISOR)
    wanted = {"beneficiary_id": person, "first_month": "10/2026", "last_month": "2026-11", "reason": "Khai sai"}
    problem_of(clerk.post(RECOVERIES, json=wanted | {"beneficiary_id": 999_999}), 409)
    one = clerk.post(RECOVERIES, json=wanted | {"amount_vnd": 100_000})
    assert one.status_code == 201, one.text
    address = f"{RECOVERIES}{one.json['id']}"
    assert supervisor.post(f"{address}/refuse", json={"reason": "Sai"}).json["result"]["state"] == "withdrawn"
    two = clerk.post(RECOVERIES, json=wanted).json
    address = f"{RECOVERIES}{two['id']}"
    approved = supervisor.post(
        f"{address}/approve", json={"decision_no": "7/QĐ", "decided_on": "09/11/2026", "instalment_vnd": 50_000}
    )
    assert approved.json["result"]["decided_on"] == "2026-11-09"
    assert (approved.json["result"]["state"], approved.json["result"]["instalment_vnd"]) == ("open", 50_000)
    paid = program(Role.ACCOUNTANT).post(f"{address}/cash", json={"amount_vnd": 40_000, "reference": "PT-1"})
    assert paid.json["figures"] == {
        "recovered_vnd": 40_000, "written_off_vnd": 0, "waiting_vnd": 0, "remaining_vnd": 500_000,
    }  # fmt: skip
    problem_of(program(Role.ACCOUNTANT).post(f"{address}/cash", json={"amount_vnd": 40_000, "reference": "PT-1"}), 409)
    done = supervisor.post(f"{address}/write_off", json={"reason": "Hộ nghèo"}).json
    assert (done["result"]["state"], done["figures"]["written_off_vnd"]) == ("closed", 500_000)
    found = program(Role.AUDITOR).get(RECOVERIES).json["result"]
    assert sorted(one["state"] for one in found) == ["closed", "withdrawn"]
    problem_of(program(Role.AUDITOR).post(f"{address}/cash", json={"amount_vnd": 1, "reference": "x"}), 403)


def test_an_approved_recovery_has_its_instalment_changed_and_is_taken_back(program: Program, session: Session) -> None:
    person = make.entitled(session).beneficiary_id
    months.closed(session, make.OCTOBER)
    wanted = {"beneficiary_id": person, "first_month": "10/2026", "last_month": "10/2026", "reason": "Khai sai"}
    address = f"{RECOVERIES}{program(Role.CLERK).post(RECOVERIES, json=wanted).json['id']}"
    supervisor = program(Role.SUPERVISOR)
    problem_of(supervisor.post(f"{address}/instalment", json={"instalment_vnd": 1}), 409)
    supervisor.post(f"{address}/approve", json={"decision_no": "7/QĐ"})
    for most in (100_000, None):
        changed = supervisor.post(f"{address}/instalment", json={"instalment_vnd": most})
        assert changed.json["result"]["instalment_vnd"] == most
    for most in (0, "1", 540_001):
        assert fields_of(supervisor.post(f"{address}/instalment", json={"instalment_vnd": most})) == {"instalment_vnd"}
    assert fields_of(supervisor.post(f"{address}/withdraw", json={})) == {"reason"}
    problem_of(program(Role.ACCOUNTANT).post(f"{address}/withdraw", json={"reason": "x"}), 403)
    assert supervisor.post(f"{address}/withdraw", json={"reason": "Nhầm"}).json["result"]["state"] == "withdrawn"
    problem_of(supervisor.post(f"{address}/withdraw", json={"reason": "Nhầm"}), 409)


def test_a_locked_settlement_is_reopened_by_a_supervisor(program: Program, session: Session) -> None:
    make.entitled(session)
    key = office.settlement_of(session, months.settled(session, make.NOVEMBER)).id
    address = f"/api/v1/settlements/{key}/reopen"
    problem_of(program(Role.ACCOUNTANT).post(address, json={"reason": "Sai"}), 403)
    problem_of(program(Role.SUPERVISOR).post(address, json={}), 422)
    answer = program(Role.SUPERVISOR).post(address, json={"reason": "Bưu điện báo nhầm"})
    assert (answer.status_code, answer.json["result"]["state"]) == (200, "received")
    assert rows("SELECT result FROM payout_lines") == [("pending",)]


def test_a_settlement_says_what_the_agency_took_back(program: Program, session: Session) -> None:
    packet = office.accepted(session, people=1)
    line = office.lines_of(session, packet)[0]
    office.settle(session, packet, "recover", collected=[office.receipt("PT-1", line, 7_000)])
    key = office.settlement_of(session, packet).id
    reference = line.reference
    session.rollback()
    before = program(Role.ACCOUNTANT).get(f"/api/v1/settlements/{key}").json
    assert before["collected"] == [
        {"receipt": "PT-1", "reference": reference, "amount_vnd": 7_000, "standing": "opens", "recovery_id": None}
    ]
