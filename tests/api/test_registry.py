"""The registry beside people by REST: entitlements, payees, payment methods, each once and at the version that was read."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.rules.actors import Role
from tests import factories as make
from tests.api.answers import fields_of, problem_of, rows
from tests.api.conftest import Program

ENTITLEMENTS, PAYEES, METHODS = (f"/api/v1/{name}/" for name in ("entitlements", "payees", "payment_methods"))


@pytest.fixture
def person(session: Session) -> int:
    key = make.person(session, "Lê Thị Hoa").id
    session.commit()
    return int(key)


def benefit() -> str:
    return str(rows("SELECT code FROM benefit_types WHERE batch_kind = 'monthly' ORDER BY code")[0][0])


def test_an_entitlement_is_entered_once_and_changed(program: Program, person: int) -> None:
    clerk = program(Role.CLERK)
    body = {"beneficiary_id": person, "benefit_code": benefit(), "decision_no": "12/QĐ", "starts_on": "01/10/2026"}
    made = clerk.post(ENTITLEMENTS, json=body | {"coefficient": "1.5"})
    assert made.status_code == 201, made.text
    row = made.json["result"]
    assert (row["coefficient"], row["units"], row["status"], row["saved_by"]) == ("1.50", 1, "active", "x00004.clerk")
    problem_of(clerk.post(ENTITLEMENTS, json=body), 409)
    address = f"{ENTITLEMENTS}{made.json['id']}"
    change = {"row_version": row["row_version"], "ends_on": "31/12/2026", "status": "ended"}
    done = clerk.put(address, json=change).json["result"]
    assert (done["ends_on"], done["status"], done["decision_no"]) == ("2026-12-31", "ended", "12/QĐ")
    problem_of(clerk.put(address, json=change), 409)
    bad = {"row_version": done["row_version"], "ends_on": "01/01/2020"}
    assert fields_of(clerk.put(address, json=bad)) == {"ends_on"}
    assert rows("SELECT what FROM access_log WHERE what = 'API entitlements'") == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("benefit_code", "XX99"),
        *(("coefficient", value) for value in (1.5, "0", "1,5", "101", "1.555", "-1")),
        ("units", 0),
        ("starts_on", None),
        ("status", "dead"),
        ("saved_by", "x"),
    ],
)
def test_a_wrong_entitlement_is_named(program: Program, person: int, field: str, value: Any) -> None:
    body = {"beneficiary_id": person, "benefit_code": benefit(), "decision_no": "1", "starts_on": "01/10/2026"}
    assert fields_of(program(Role.CLERK).post(ENTITLEMENTS, json=body | {field: value})) == {field}
    assert rows("SELECT count(*) FROM entitlements") == [(0,)]


def test_a_guardian_with_an_account_receives_from_now_on(program: Program, person: int) -> None:
    clerk = program(Role.CLERK)
    body = {"beneficiary_id": person, "kind": "guardian", "full_name": "Lê Văn Con", "valid_from": "01/11/2026"}
    made = clerk.post(PAYEES, json=body | {"id_number": "001085000123", "phone": "0912345678"})
    assert made.status_code == 201, made.text
    assert made.json["result"]["id_number"].endswith("*123") and "001085000123" not in made.text
    assert "phone" not in program(Role.AUDITOR).get(f"{PAYEES}{made.json['id']}").json["result"]
    problem_of(clerk.post(PAYEES, json=body), 409)
    assert rows("SELECT kind FROM payees WHERE is_current") == [("guardian",)]
    account = {"payee_id": made.json["id"], "kind": "bank", "account_no": "123456789", "bank_code": "VCB"}
    paid = clerk.post(METHODS, json=account)
    assert (paid.status_code, paid.json["result"]["account_no"]) == (201, "123456789")
    problem_of(clerk.post(METHODS, json=account), 409)
    assert fields_of(clerk.post(METHODS, json=account | {"account_no": "12"})) == {"account_no"}
    cash = {"row_version": paid.json["result"]["row_version"], "kind": "cash"}
    assert clerk.put(f"{METHODS}{paid.json['id']}", json=cash).json["result"]["account_no"] is None
    short = {"row_version": 1, "kind": "authorised"}
    assert fields_of(clerk.put(f"{PAYEES}{made.json['id']}", json=short)) == {"valid_to"}


def test_others_neither_enter_nor_change(program: Program, person: int) -> None:
    payee = rows("SELECT id FROM payees")[0][0]
    beside, auditor = program(Role.CLERK, area=make.OTHER_COMMUNE), program(Role.AUDITOR)
    entered = {
        ENTITLEMENTS: {
            "beneficiary_id": person,
            "benefit_code": benefit(),
            "decision_no": "1",
            "starts_on": "01/10/2026",
        },
        PAYEES: {"beneficiary_id": person, "kind": "carer", "full_name": "Lê A", "valid_from": "01/11/2026"},
        METHODS: {"payee_id": payee, "kind": "cash"},
    }
    for address, body in entered.items():
        problem_of(beside.post(address, json=body), 404)
        problem_of(auditor.post(address, json=body), 403)
        assert beside.get(address).json["ids"] == []
    problem_of(beside.put(f"{PAYEES}{payee}", json={"row_version": 1}), 404)
    problem_of(auditor.put(f"{PAYEES}{payee}", json={"row_version": 1}), 403)
    problem_of(program(Role.CLERK).post(f"{PAYEES}{payee}", json={}), 405)
    assert auditor.get(PAYEES).json["ids"] == [payee]
    assert rows("SELECT what, row_count FROM access_log") == [("API payees", 1)]
