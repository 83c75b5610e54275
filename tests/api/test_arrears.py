"""Truy lĩnh by REST: proposed, approved by somebody else, taken back; what is owed is read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app import clock
from app.rules.actors import Role
from tests import factories as make
from tests.accounts import people
from tests.api.answers import fields_of, problem_of, rows
from tests.api.conftest import Program

PROPOSALS, LINES = "/api/v1/arrears_proposals/", "/api/v1/arrears_lines/"
RISE = {
    "area_code": people.BA_DINH, "from_month": "07/2026", "to_month": "2026-10", "due_month": "11/2026",
    "reason": "Nâng mức chuẩn", "decision_no": "335/2026/NĐ-CP",
}  # fmt: skip


@pytest.fixture(autouse=True)
def november() -> Iterator[None]:
    with clock.at(date(2026, 11, 10)):
        yield


@pytest.fixture
def entitlement_id(session: Session) -> int:
    """One person, listed in July at the old rate."""
    one = make.entitled(session)
    key = one.id
    with clock.at(date(2026, 6, 20)):
        make.settled_month(session, date(2026, 7, 1))
    session.commit()
    return key


def test_a_rise_is_proposed_approved_and_taken_back(program: Program, entitlement_id: int) -> None:
    clerk, supervisor = program(Role.CLERK), program(Role.SUPERVISOR)
    made = clerk.post(PROPOSALS, json=RISE)
    assert made.status_code == 201, made.text
    facts: dict[str, Any] = made.json["result"]
    assert (facts["cause"], facts["state"], facts["line_count"], facts["total_vnd"]) == ("rates", "proposed", 1, 40_000)
    address = f"{PROPOSALS}{made.json['id']}"
    problem_of(clerk.post(PROPOSALS, json=RISE), 409)
    approved = supervisor.post(f"{address}/approve", json={"reason": "Đúng"})
    assert (approved.json["result"]["state"], approved.json["result"]["decision_note"]) == ("approved", "Đúng")
    owed = program(Role.AUDITOR).get("/api/v1/arrears/").json["result"]
    assert [(one["for_month"], one["amount_vnd"], one["line_id"]) for one in owed] == [("2026-07-01", 40_000, None)]
    assert supervisor.post(f"{address}/revoke", json={"reason": "Nhầm"}).json["result"]["state"] == "withdrawn"
    assert rows("SELECT count(*) FROM arrears") == [(0,)]


def test_a_proposal_is_rejected_or_withdrawn(program: Program, entitlement_id: int) -> None:
    clerk, supervisor = program(Role.CLERK), program(Role.SUPERVISOR)
    one = clerk.post(PROPOSALS, json=RISE).json["id"]
    assert supervisor.post(f"{PROPOSALS}{one}/reject", json={"reason": "Chờ"}).json["result"]["state"] == "rejected"
    two = clerk.post(PROPOSALS, json=RISE).json["id"]
    assert clerk.post(f"{PROPOSALS}{two}/withdraw", json={"reason": "Nhầm"}).json["result"]["state"] == "withdrawn"
    problem_of(supervisor.post(f"{PROPOSALS}{two}/approve"), 409)


def test_a_month_is_held_out_and_put_back_while_the_proposal_waits(program: Program, entitlement_id: int) -> None:
    clerk, supervisor = program(Role.CLERK), program(Role.SUPERVISOR)
    proposal = clerk.post(PROPOSALS, json=RISE).json["id"]
    found = clerk.get(LINES, query_string={"q": f"(filters:!((col:proposal_id,opr:eq,value:{proposal})))"}).json
    assert [(one["for_month"], one["amount_vnd"], one["live"]) for one in found["result"]] == [
        ("2026-07-01", 40_000, True)
    ]
    address = f"{LINES}{found['ids'][0]}"
    assert fields_of(clerk.post(f"{address}/exclude", json={})) == {"reason"}
    held = clerk.post(f"{address}/exclude", json={"reason": "Đã trả ngoài"}).json["result"]
    assert (held["live"], held["excluded_code"], held["excluded_reason"]) == (False, "by_hand", "Đã trả ngoài")
    problem_of(clerk.post(f"{address}/exclude", json={"reason": "x"}), 409)
    assert clerk.post(f"{address}/restore").json["result"]["live"] is True
    problem_of(clerk.post(f"{address}/restore"), 409)
    supervisor.post(f"{PROPOSALS}{proposal}/approve")
    problem_of(clerk.post(f"{address}/exclude", json={"reason": "x"}), 403)
    assert supervisor.post(f"{address}/exclude", json={"reason": "x"}).json["result"]["live"] is False
    problem_of(program(Role.CLERK, area=make.OTHER_COMMUNE).post(f"{address}/restore"), 404)
    problem_of(program(Role.AUDITOR).post(f"{address}/restore"), 403)


def test_an_amount_is_entered_by_hand_once(program: Program, entitlement_id: int) -> None:
    entry = {
        "entitlement_id": entitlement_id, "for_month": "06/2026", "due_month": "11/2026", "amount_vnd": 500_000,
        "reason": "Hồ sơ chậm", "decision_no": "9/QĐ-UBND",
    }  # fmt: skip
    clerk = program(Role.CLERK)
    made = clerk.post(f"{PROPOSALS}by_hand", json=entry)
    assert made.status_code == 201 and made.json["result"]["total_vnd"] == 500_000
    problem_of(clerk.post(f"{PROPOSALS}by_hand", json=entry), 409)
    assert fields_of(clerk.post(f"{PROPOSALS}by_hand", json=entry | {"amount_vnd": 0})) == {"amount_vnd"}
    problem_of(clerk.post(f"{PROPOSALS}by_hand", json=entry | {"entitlement_id": 999_999}), 404)


def test_an_area_out_of_scope_is_not_found(program: Program, entitlement_id: int) -> None:
    for code in (make.OTHER_COMMUNE, "99999"):
        problem_of(program(Role.CLERK).post(PROPOSALS, json=RISE | {"area_code": code}), 404)
