"""The same request several times at the same moment: one effect, and every other caller is told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.rules.actors import Role
from tests import factories as make
from tests import stages
from tests.api.answers import rows
from tests.api.conftest import Program

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
