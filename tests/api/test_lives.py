"""Deaths and moves by REST: once, by who may, in scope; the second time a refusal in words."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.rules.actors import Role
from tests import factories as make
from tests.api.answers import fields_of, problem_of, rows
from tests.api.conftest import Program

DEATHS, MOVES = "/api/v1/deaths/", "/api/v1/relocations/"


@pytest.fixture
def person(session: Session) -> int:
    make.agency(session)
    key = make.entitled(session, "Trần Văn Đi").beneficiary_id
    session.commit()
    return int(key)


def test_a_death_is_recorded_with_its_funeral_and_undone(program: Program, person: int) -> None:
    clerk = program(Role.CLERK)
    body: dict[str, Any] = {"beneficiary_id": person, "died_on": "03/11/2026", "organiser": "Lê Văn Con"}
    assert fields_of(clerk.post(DEATHS, json=body)) == {"funeral_month"}
    made = clerk.post(DEATHS, json=body | {"funeral_month": "2026-11", "decision_no": "5"})
    assert made.status_code == 201 and made.json["result"]["funeral_id"] is not None
    problem_of(clerk.post(DEATHS, json=body | {"funeral_month": "2026-11"}), 409)
    assert clerk.get(DEATHS).json["count"] == 1
    address = f"{DEATHS}{made.json['id']}/undo"
    assert fields_of(clerk.post(address, json={})) == {"reason"}
    assert clerk.post(address, json={"reason": "Nhầm"}).json["result"]["undone_by"] == "x00004.clerk"
    assert rows("SELECT status FROM beneficiaries") == [("active",)]


def test_a_death_without_a_claim_needs_no_month(program: Program, person: int) -> None:
    made = program(Role.CLERK).post(DEATHS, json={"beneficiary_id": person, "died_on": "2026-11-03"})
    assert made.status_code == 201 and made.json["result"]["funeral_id"] is None


def test_a_person_is_asked_for_and_taken_in(program: Program, person: int) -> None:
    here, there = program(Role.CLERK), program(Role.CLERK, area=make.OTHER_COMMUNE)
    body = {"beneficiary_id": person, "to_code": make.OTHER_COMMUNE, "reason": "Về quê"}
    assert fields_of(here.post(MOVES, json=body | {"to_code": "99999"})) == {"to_code"}
    made = here.post(MOVES, json=body)
    assert made.status_code == 201 and made.json["result"]["state"] == "asked"
    problem_of(here.post(f"{MOVES}{made.json['id']}/accept"), 403)
    taken = there.post(f"{MOVES}{made.json['id']}/accept")
    assert (taken.json["result"]["state"], taken.json["result"]["first_month"]) == ("accepted", "2026-11-01")
    problem_of(here.get(f"/api/v1/beneficiaries/{person}"), 404)


@pytest.mark.parametrize(("move", "by"), [("refuse", "there"), ("withdraw", "here")])
def test_a_request_is_ended_with_a_reason(program: Program, person: int, move: str, by: str) -> None:
    sides = {"here": program(Role.CLERK), "there": program(Role.CLERK, area=make.OTHER_COMMUNE)}
    made = (
        sides["here"]
        .post(MOVES, json={"beneficiary_id": person, "to_code": make.OTHER_COMMUNE, "reason": "Về quê"})
        .json
    )
    address = f"{MOVES}{made['id']}/{move}"
    assert fields_of(sides[by].post(address, json={})) == {"reason"}
    assert sides[by].post(address, json={"reason": "Không có hộ"}).json["result"]["decision_note"] == "Không có hộ"


def test_the_funeral_of_somebody_in_no_registry_is_recorded_once(program: Program, person: int) -> None:
    clerk = program(Role.CLERK)
    body = {
        "full_name": "Phạm Văn Ngoài", "birth": "1940", "area_code": make.COMMUNE, "died_on": "03/11/2026",
        "organiser": "Lê Văn Con", "funeral_month": "11/2026",
    }  # fmt: skip
    assert fields_of(clerk.post(f"{DEATHS}stranger", json={"beneficiary_id": 1})) == set(body) | {"beneficiary_id"}
    assert fields_of(clerk.post(f"{DEATHS}stranger", json=body | {"area_code": make.OTHER_COMMUNE})) == {"area_code"}
    made = clerk.post(f"{DEATHS}stranger", json=body)
    assert made.status_code == 201 and made.json["result"]["funeral_id"] is not None, made.text
    problem_of(clerk.post(f"{DEATHS}stranger", json=body), 409)
    problem_of(program(Role.SUPERVISOR).post(f"{DEATHS}stranger", json=body), 403)
    assert rows("SELECT status FROM beneficiaries WHERE full_name = 'Phạm Văn Ngoài'") == [("dead",)]
