"""Transfers, balances and minutes by REST: entered, approved by another, corrected by a row, counted to the đồng."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from io import BytesIO
from typing import Any

import pytest
from pypdf import PdfReader
from sqlalchemy.orm import Session

from app import clock
from app.rules.actors import Role
from tests import factories as make
from tests import stages
from tests.api.answers import fields_of, problem_of, rows
from tests.api.conftest import Program

TRANSFERS, BALANCES = "/api/v1/transfers/", "/api/v1/balances/"
DOCUMENT: dict[str, Any] = {
    "agency_code": "vnpost", "area_code": "00004", "month": "11/2026", "kind": "transfer", "amount_vnd": 2_000_000,
    "treasury_ref": "KB-01/2026", "transferred_on": "26/10/2026",
}  # fmt: skip


@pytest.fixture(autouse=True)
def mid_november() -> Iterator[None]:
    with clock.at(date(2026, 11, 10)):
        yield


@pytest.fixture
def agency(session: Session) -> None:
    make.agency(session)
    session.commit()


def test_the_account_of_a_month_from_the_transfer_to_the_minutes(program: Program, session: Session) -> None:
    stages.settled(session, "paid", "unpaid", people=2)
    accountant, supervisor = program(Role.ACCOUNTANT), program(Role.SUPERVISOR)
    entered = accountant.post(TRANSFERS, json=DOCUMENT)
    assert (entered.status_code, entered.json["result"]["state"], entered.json["counted_vnd"]) == (201, "entered", None)
    problem_of(accountant.post(TRANSFERS, json=DOCUMENT), 409)
    address = f"{TRANSFERS}{entered.json['id']}"
    problem_of(accountant.post(f"{address}/approve"), 403)
    assert supervisor.post(f"{address}/approve").json["counted_vnd"] == 2_000_000
    problem_of(supervisor.post(f"{address}/approve"), 409)
    right = {"right_vnd": 1_080_000, "month": "11/2026", "reason": "Gõ nhầm"}
    corrected = accountant.post(f"{address}/correct", json=right)
    assert (corrected.status_code, corrected.json["result"]["amount_vnd"]) == (201, -920_000)
    assert corrected.json["result"]["corrects_id"] == entered.json["id"]
    problem_of(accountant.post(f"{address}/correct", json=right), 409)
    supervisor.post(f"{TRANSFERS}{corrected.json['id']}/approve")
    assert supervisor.get(address).json["counted_vnd"] == 1_080_000

    found = supervisor.get(f"{BALANCES}?month=11/2026").json
    one = found["result"][0]
    assert (one["agency_code"], one["area_code"], one["payable_vnd"]) == ("vnpost", "00004", 1_080_000)
    assert (one["transferred_vnd"], one["paid_vnd"], one["closing_vnd"]) == (1_080_000, 540_000, 540_000)
    assert one["fee_vnd"] == 4_320 and found["sums"]["closing_vnd"] == 540_000
    account = supervisor.get(f"{BALANCES}account?agency=vnpost&month=2026-11").json
    assert account["result"] == one and len(account["months"]) == 1
    assert [row["amount_vnd"] for row in account["transfers"]] == [2_000_000, -920_000]
    assert account["lists"][0]["unpaid_vnd"] == 540_000
    december = supervisor.get(f"{BALANCES}account?agency=vnpost&month=12/2026").json
    assert december["result"]["opening_vnd"] == 540_000
    paper = supervisor.get(f"{BALANCES}minutes?agency=vnpost&month=11/2026")
    assert (paper.status_code, paper.mimetype, paper.headers["Cache-Control"]) == (200, "application/pdf", "no-store")
    assert "1.080.000" in PdfReader(BytesIO(paper.data)).pages[0].extract_text()


def test_a_document_is_refused_with_a_reason(program: Program, agency: None) -> None:
    key = program(Role.ACCOUNTANT).post(TRANSFERS, json=DOCUMENT | {"kind": "return"}).json["id"]
    supervisor = program(Role.SUPERVISOR)
    assert fields_of(supervisor.post(f"{TRANSFERS}{key}/refuse", json={})) == {"reason"}
    done = supervisor.post(f"{TRANSFERS}{key}/refuse", json={"reason": "Sai số"})
    assert (done.json["result"]["state"], done.json["result"]["decision_note"]) == ("refused", "Sai số")
    problem_of(supervisor.post(f"{TRANSFERS}{key}/refuse", json={"reason": "Sai số"}), 409)
    problem_of(program(Role.ACCOUNTANT).post(f"{TRANSFERS}{key}/correct", json={
        "right_vnd": 1, "month": "11/2026", "reason": "x"}), 409)  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("agency_code", "nobody"),
        ("agency_code", None),
        ("area_code", "66"),
        ("area_code", "99999"),
        ("month", "11"),
        ("kind", "gift"),
        *(("amount_vnd", value) for value in (0, -1, 1.5, "1000", True)),
        ("treasury_ref", "x" * 65),
        ("treasury_ref", " "),
        ("transferred_on", "11/11/2026"),
        ("transferred_on", "hôm qua"),
        ("state", "approved"),
    ],
)
def test_a_wrong_document_is_named(program: Program, agency: None, field: str, value: Any) -> None:
    assert fields_of(program(Role.ACCOUNTANT).post(TRANSFERS, json=DOCUMENT | {field: value})) == {field}
    assert rows("SELECT count(*) FROM agency_transfers") == [(0,)]


def test_others_enter_and_see_nothing(program: Program, agency: None) -> None:
    key = program(Role.ACCOUNTANT).post(TRANSFERS, json=DOCUMENT).json["id"]
    for role in (Role.CLERK, Role.AUDITOR, Role.SUPERVISOR):
        problem_of(program(role).post(TRANSFERS, json=DOCUMENT | {"treasury_ref": "KB-2"}), 403)
    problem_of(program(Role.SUPERVISOR, area=make.OTHER_COMMUNE).post(f"{TRANSFERS}{key}/approve"), 404)
    problem_of(program(Role.SUPERVISOR).get(f"{TRANSFERS}{key}/approve"), 405)
    beside = program(Role.ACCOUNTANT, area=make.OTHER_COMMUNE)
    for path in ("", "account", "minutes"):
        problem_of(beside.get(f"{BALANCES}{path}?agency=vnpost&area=00004"), 404)
        problem_of(program(Role.AGENCY_USER).get(f"{BALANCES}{path}?agency=vnpost"), 403)
    assert beside.get(BALANCES).json["result"] == [] == beside.get(TRANSFERS).json["ids"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("?month=x", 400), ("?kind=1", 400), ("?agency=nobody", 404), ("?agency=%00", 404), ("?area=%00", 404),
        ("account", 400), ("account?agency=nobody", 404), ("minutes?agency=vnpost&month=13/2026", 400),
        ("minutes?agency=vnpost", 404), ("minutes", 400),
    ],
)  # fmt: skip
def test_a_wrong_question_for_a_balance_is_a_problem(program: Program, agency: None, path: str, status: int) -> None:
    problem_of(program(Role.AUDITOR).get(f"{BALANCES}{path}"), status)


def test_an_account_without_a_row_is_empty(program: Program, agency: None) -> None:
    found = program(Role.AUDITOR).get(f"{BALANCES}account?agency=vnpost").json
    assert (found["result"], found["months"], found["month"]) == (None, [], "2026-11-01")
