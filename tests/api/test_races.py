"""The same request several times at the same moment: one effect, and every other caller is told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from io import BytesIO
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app import clock
from app.rules.actors import Role
from tests import factories as make
from tests import hand, months, office, stages
from tests.api.answers import rows
from tests.api.conftest import Program
from tests.imports import books

AT_ONCE = 4


def at_once(client: FlaskClient, address: str, body: dict[str, Any]) -> list[int]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = pool.map(lambda _n: client.post(address, json=body).status_code, range(AT_ONCE))
        return sorted(answers)


def test_a_person_is_entered_once(program: Program) -> None:
    body = {"full_name": "Nguyễn Thị Bình", "birth": "1950", "area_code": "00004"}
    assert at_once(program(Role.CLERK), "/api/v1/beneficiaries/", body) == [201, 409, 409, 409]
    assert rows("SELECT count(*) FROM beneficiaries") == [(1,)]


def test_a_list_is_made_once(program: Program, session: Session) -> None:
    make.agency(session)
    make.entitled(session)
    session.commit()
    body = {"area_code": "00004", "month": "11/2026"}
    assert at_once(program(Role.CLERK), "/api/v1/payout_batches/", body) == [201, 409, 409, 409]
    assert rows("SELECT count(*) FROM payout_batches") == [(1,)]


def test_a_list_is_locked_and_sent_once(program: Program, session: Session) -> None:
    key = make.made_list(session, people=2)
    session.commit()
    assert at_once(program(Role.SUPERVISOR), f"/api/v1/payout_batches/{key}/lock", {}) == [200, 409, 409, 409]
    assert at_once(program(Role.CLERK), f"/api/v1/payout_batches/{key}/send", {}) == [200, 409, 409, 409]
    assert rows("SELECT move, count(*) FROM state_changes WHERE machine = 'batch' GROUP BY move ORDER BY move") == [
        ("create", 1),
        ("lock", 1),
        ("send", 1),
    ]


def test_a_settlement_is_locked_once(program: Program, session: Session) -> None:
    settlement = stages.reported(session, people=2)
    assert at_once(program(Role.ACCOUNTANT), f"/api/v1/settlements/{settlement.id}/lock", {}) == [200, 409, 409, 409]
    assert rows("SELECT count(*) FROM money_movements WHERE to_bucket = 'paid'") == [(2,)]


def test_an_extension_is_asked_once(program: Program, session: Session) -> None:
    settlement = stages.reported(session, people=1)
    body = {"days": 5, "reason": "Mưa lũ"}
    assert at_once(program(Role.CLERK), f"/api/v1/settlements/{settlement.id}/extend", body) == [201, 409, 409, 409]
    assert rows("SELECT count(*) FROM deadline_extensions") == [(1,)]


ONCE, MADE_ONCE = [200, 409, 409, 409], [201, 409, 409, 409]


def test_results_are_entered_undone_and_decided_once(program: Program, session: Session) -> None:
    key, clerk = hand.own_settlement(session, people=2).id, program(Role.CLERK)
    body = {"settlement_id": key, "from_standing": "pending", "outcome": "paid"}
    assert at_once(clerk, "/api/v1/result_changes/", body) == MADE_ONCE
    change = rows("SELECT id FROM result_changes")[0][0]
    assert at_once(clerk, f"/api/v1/result_changes/{change}/undo", {}) == ONCE
    line = clerk.get(f"/api/v1/settlements/{key}/lines").json["result"][0]["reference"]
    body = {"reference": line, "from_standing": "pending", "outcome": "unpaid", "reason": "Vắng mặt"}
    assert at_once(clerk, f"/api/v1/settlements/{key}/decide", body) == ONCE
    assert rows("SELECT line_count FROM result_changes ORDER BY id") == [(2,), (1,)]


def test_a_file_is_applied_once(program: Program, session: Session) -> None:
    settlement, clerk = hand.own_settlement(session, people=2), program(Role.CLERK)
    content = books.xlsx([["Mã đối tượng"], *([line.beneficiary_code] for line in hand.lines(session, settlement))])
    form = {
        "kind": "codes",
        "settlement_id": str(settlement.id),
        "outcome": "paid",
        "file": (BytesIO(content), "a.xlsx"),
    }
    sent = clerk.post("/api/v1/imports/", data=form, content_type="multipart/form-data").json
    stamp = {"stamp": sent["result"]["stamp"]}
    assert at_once(clerk, f"/api/v1/imports/{sent['id']}/apply", stamp) == ONCE
    assert rows("SELECT line_count FROM result_changes") == [(2,)]


def test_a_transfer_is_entered_approved_and_corrected_once(program: Program, session: Session) -> None:
    make.agency(session)
    session.commit()
    accountant, supervisor = program(Role.ACCOUNTANT), program(Role.SUPERVISOR)
    document = {
        "agency_code": "vnpost", "area_code": "00004", "month": "11/2026", "kind": "transfer", "amount_vnd": 1_000,
        "treasury_ref": "KB-1", "transferred_on": "26/10/2026",
    }  # fmt: skip
    assert at_once(accountant, "/api/v1/transfers/", document) == MADE_ONCE
    address = f"/api/v1/transfers/{rows('SELECT id FROM agency_transfers')[0][0]}"
    assert at_once(supervisor, f"{address}/approve", {}) == ONCE
    right = {"right_vnd": 900, "month": "11/2026", "reason": "Gõ nhầm"}
    assert at_once(accountant, f"{address}/correct", right) == MADE_ONCE
    assert rows("SELECT amount_vnd FROM agency_transfers ORDER BY id") == [(1_000,), (-100,)]


def test_a_period_is_closed_once(program: Program, session: Session) -> None:
    make.entitled(session)
    months.settled(session, make.NOVEMBER)
    key = months.area_period(session, make.NOVEMBER)
    assert at_once(program(Role.CLERK), f"/api/v1/area_periods/{key}/close", {}) == ONCE
    assert rows("SELECT count(*) FROM state_changes WHERE machine = 'period' AND move = 'close'") == [(1,)]


def test_what_came_late_is_let_through_once(program: Program, session: Session) -> None:
    packet = office.accepted(session, people=1)
    with clock.at(date(2026, 11, 26)):
        office.settle(session, packet, "paid")
    address = f"/api/v1/settlements/{office.settlement_of(session, packet).id}/let_through"
    assert at_once(program(Role.ACCOUNTANT), address, {"reason": "Bão"}) == ONCE


def test_a_message_is_looked_at_once(program: Program, session: Session) -> None:
    packet = stages.returned(session, people=1)
    office.settle(session, packet, "paid")
    key = rows("SELECT max(id) FROM inbox")[0][0]
    assert at_once(program(Role.CLERK), f"/api/v1/messages/{key}/acknowledge", {"reason": "Đã hỏi"}) == ONCE
    assert rows("SELECT count(*) FROM acknowledgements") == [(1,)]


def test_what_is_kept_about_a_person_is_entered_once(program: Program, session: Session) -> None:
    person, clerk = make.person(session).id, program(Role.CLERK)
    session.commit()
    code = rows("SELECT code FROM benefit_types WHERE batch_kind = 'monthly' ORDER BY code")[0][0]
    body: dict[str, Any] = {
        "beneficiary_id": person,
        "benefit_code": code,
        "decision_no": "1",
        "starts_on": "01/10/2026",
    }
    assert at_once(clerk, "/api/v1/entitlements/", body) == MADE_ONCE
    body = {"beneficiary_id": person, "kind": "carer", "full_name": "Lê A", "valid_from": "01/11/2026"}
    assert at_once(clerk, "/api/v1/payees/", body) == MADE_ONCE
    payee = rows("SELECT id FROM payees WHERE kind = 'carer'")[0][0]
    body = {"payee_id": payee, "kind": "bank", "account_no": "123456789", "bank_code": "VCB"}
    assert at_once(clerk, "/api/v1/payment_methods/", body) == MADE_ONCE
    body = {
        "full_name": "Phạm Ngoài", "birth": "1940", "area_code": make.COMMUNE, "died_on": "03/11/2026",
        "organiser": "Lê Văn Con", "funeral_month": "11/2026",
    }  # fmt: skip
    assert at_once(clerk, "/api/v1/deaths/stranger", body) == MADE_ONCE


def test_a_line_is_held_out_and_returned_once(program: Program, session: Session) -> None:
    make.made_list(session, people=2)
    session.commit()
    address = f"/api/v1/payout_lines/{rows('SELECT min(id) FROM payout_lines')[0][0]}"
    assert at_once(program(Role.CLERK), f"{address}/exclude", {"reason": "Đã mất"}) == ONCE
    assert at_once(program(Role.CLERK), f"{address}/restore", {}) == ONCE
    assert rows("SELECT line_count FROM payout_batches") == [(2,)]


def test_cash_comes_back_once(program: Program, session: Session) -> None:
    person = make.entitled(session).beneficiary_id
    months.closed(session, make.OCTOBER)
    wanted = {"beneficiary_id": person, "first_month": "10/2026", "last_month": "10/2026", "reason": "Khai sai"}
    key = program(Role.CLERK).post("/api/v1/recoveries/", json=wanted).json["id"]
    address = f"/api/v1/recoveries/{key}"
    assert at_once(program(Role.SUPERVISOR), f"{address}/approve", {}) == ONCE
    assert at_once(program(Role.ACCOUNTANT), f"{address}/cash", {"amount_vnd": 1_000, "reference": "PT-1"}) == ONCE
    assert rows("SELECT amount_vnd FROM recovery_entries") == [(1_000,)]
