"""Suspensions by REST: proposed, decided by another, ended by a decision with the months missed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy.orm import Session

from app import clock
from app.rules.actors import Role
from tests import factories as make
from tests.api.answers import fields_of, problem_of, rows
from tests.api.conftest import Program

SUSPENSIONS = "/api/v1/suspensions/"
WHY = {"reason": "Không liên hệ được"}


@pytest.fixture(autouse=True)
def november() -> Iterator[None]:
    with clock.at(date(2026, 11, 10)):
        yield


@pytest.fixture
def absent(session: Session) -> int:
    """Somebody unpaid in August, September and October; somebody else was paid."""
    one = make.entitled(session, "Nguyễn Vắng")
    make.entitled(session, "Trần Có Mặt")
    for month in (date(2026, 8, 1), date(2026, 9, 1), make.OCTOBER):
        with clock.at(date(month.year, month.month - 1, 20)):
            make.settled_month(session, month, unpaid=[one.id])
    session.commit()
    return int(one.beneficiary_id)


def test_a_person_is_suspended_and_resumed_with_the_months_missed(program: Program, absent: int) -> None:
    clerk, supervisor = program(Role.CLERK), program(Role.SUPERVISOR)
    made = clerk.post(SUSPENSIONS, json=WHY | {"beneficiary_id": absent})
    assert (made.status_code, made.json["result"]["state"], made.json["result"]["unpaid_periods"]) == (
        201,
        "proposed",
        3,
    )
    problem_of(clerk.post(SUSPENSIONS, json=WHY | {"beneficiary_id": absent}), 409)
    address = f"{SUSPENSIONS}{made.json['id']}"
    assert fields_of(supervisor.post(f"{address}/suspend")) == {"reason"}
    done = supervisor.post(f"{address}/suspend", json=WHY).json["result"]
    assert (done["state"], done["from_month"]) == ("suspended", "2026-11-01")
    problem_of(supervisor.post(f"{address}/suspend", json=WHY), 409)
    assert rows("SELECT status FROM beneficiaries WHERE full_name = 'Nguyễn Vắng'") == [("suspended",)]
    assert fields_of(clerk.post(f"{address}/ask_resume", json=WHY | {"with_arrears": 1})) == {"with_arrears"}
    asked = clerk.post(f"{address}/ask_resume", json=WHY | {"with_arrears": False}).json["result"]
    assert (asked["state"], asked["with_arrears"]) == ("resuming", False)
    kept = supervisor.post(f"{address}/keep", json={"reason": "Chưa xác minh"}).json["result"]
    assert (kept["state"], kept["decision_note"]) == ("suspended", "Chưa xác minh")
    clerk.post(f"{address}/ask_resume", json=WHY | {"with_arrears": True})
    resumed = supervisor.post(f"{address}/resume", json={}).json["result"]
    assert resumed["state"] == "resumed" and resumed["resumed_at"]
    problem_of(supervisor.post(f"{address}/resume"), 409)
    assert rows("SELECT status FROM beneficiaries WHERE full_name = 'Nguyễn Vắng'") == [("active",)]


def test_a_proposal_is_refused_and_made_for_nobody_else(program: Program, session: Session, absent: int) -> None:
    clerk, supervisor = program(Role.CLERK), program(Role.SUPERVISOR)
    problem_of(supervisor.post(SUSPENSIONS, json=WHY | {"beneficiary_id": absent}), 403)
    problem_of(
        program(Role.CLERK, area=make.OTHER_COMMUNE).post(SUSPENSIONS, json=WHY | {"beneficiary_id": absent}), 404
    )
    assert fields_of(clerk.post(SUSPENSIONS, json={"beneficiary_id": "1", "x": 1})) == {"beneficiary_id", "reason", "x"}
    other = rows("SELECT id FROM beneficiaries WHERE full_name = 'Trần Có Mặt'")[0][0]
    assert "Mới có 0 kỳ" in problem_of(clerk.post(SUSPENSIONS, json=WHY | {"beneficiary_id": other}), 409)["detail"]
    address = f"{SUSPENSIONS}{clerk.post(SUSPENSIONS, json=WHY | {'beneficiary_id': absent}).json['id']}"
    problem_of(clerk.post(f"{address}/refuse", json=WHY), 403)
    assert supervisor.post(f"{address}/refuse", json=WHY).json["result"]["state"] == "refused"
    problem_of(supervisor.get(f"{address}/refuse"), 405)
