"""The authorisation matrix of the REST API: every role × every address × a row of the own or of another area."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any, NamedTuple

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.extensions import acting_as
from app.models import BatchFinding, FileImport, Recovery, ResultChange, Settlement, Suspension
from app.rules.actors import PEOPLE, SYSTEM, Role
from app.services import extensions, transitions
from app.services.arrears import proposing
from app.services.arrears.proposing import HandEntry
from app.services.lives import deaths, relocating
from tests import factories as make
from tests import money_desk, office
from tests.accounts import people
from tests.api.answers import rows
from tests.api.conftest import Program

CLERK, ACCOUNTANT, SUPERVISOR = Role.CLERK, Role.ACCOUNTANT, Role.SUPERVISOR
AGENCY_USER = Role.AGENCY_USER
READERS = frozenset(PEOPLE) - {AGENCY_USER}
OFFICE = frozenset({CLERK, ACCOUNTANT, SUPERVISOR})
DECIDERS = frozenset({CLERK, ACCOUNTANT})
WHY = {"reason": "Vì sao"}


class Door(NamedTuple):
    """An address, who may pass, what is sent; `key` names the row it is about."""

    method: str
    address: str
    who: frozenset[Role]
    key: str = ""
    body: dict[str, Any] | None = None


DOORS = [
    *(Door("GET", f"/api/v1/{name}/", READERS) for name in ("areas", "beneficiaries", "payout_batches", "reports")),
    *(
        Door("GET", f"/api/v1/{name}/", frozenset(PEOPLE))
        for name in ("packets", "settlements", "settlement_records", "extensions")
    ),
    Door("GET", "/api/v1/areas/{}", READERS, "area"),
    Door("GET", "/api/v1/beneficiaries/{}", READERS, "person"),
    Door("GET", "/api/v1/payout_batches/{}", READERS, "batch"),
    Door("GET", "/api/v1/packets/{}", frozenset(PEOPLE), "packet"),
    Door("GET", "/api/v1/settlements/{}", frozenset(PEOPLE), "settlement"),
    Door("GET", "/api/v1/settlement_records/{}", frozenset(PEOPLE), "record"),
    Door("GET", "/api/v1/extensions/{}", frozenset(PEOPLE), "extension"),
    Door("GET", "/api/v1/reports/DVCT_01?area={}", READERS, "code"),
    Door("GET", "/api/v1/reports/DVCT_02?area={}", READERS, "code"),
    Door("POST", "/api/v1/beneficiaries/", frozenset({CLERK}), "", {"full_name": 1}),
    Door("PUT", "/api/v1/beneficiaries/{}", frozenset({CLERK}), "person", {"row_version": 77}),
    Door("POST", "/api/v1/payout_batches/", frozenset({CLERK}), "", {"area_code": 1}),
    Door("POST", "/api/v1/payout_batches/{}/lock", frozenset({SUPERVISOR}), "batch", {}),
    Door("POST", "/api/v1/payout_batches/{}/unlock", frozenset({SUPERVISOR}), "batch", WHY),
    Door("POST", "/api/v1/payout_batches/{}/send", frozenset({CLERK}), "batch", {}),
    Door("POST", "/api/v1/payout_batches/{}/recall", frozenset({CLERK, SUPERVISOR}), "batch", {}),
    Door("POST", "/api/v1/settlements/{}/lock", frozenset({ACCOUNTANT}), "settlement", {}),
    Door(
        "POST",
        "/api/v1/settlements/{}/extend",
        frozenset({CLERK, ACCOUNTANT, SUPERVISOR, AGENCY_USER}),
        "settlement",
        {},
    ),
    Door("POST", "/api/v1/extensions/{}/grant", frozenset({SUPERVISOR}), "extension", {"reason": 5}),
    Door("POST", "/api/v1/extensions/{}/refuse", frozenset({SUPERVISOR}), "extension", {}),
    Door("POST", "/api/v1/extensions/{}/revoke", frozenset({SUPERVISOR}), "extension", {}),
    *(Door("GET", f"/api/v1/{name}/", READERS) for name in ("arrears", "arrears_proposals")),
    Door("GET", "/api/v1/arrears/{}", READERS, "arrears"),
    Door("GET", "/api/v1/arrears_proposals/{}", READERS, "proposal"),
    Door("POST", "/api/v1/arrears_proposals/", frozenset({CLERK}), "", {"area_code": 1}),
    Door("POST", "/api/v1/arrears_proposals/by_hand", frozenset({CLERK}), "", {}),
    Door("POST", "/api/v1/arrears_proposals/{}/approve", frozenset({SUPERVISOR}), "proposal", {"reason": 5}),
    Door("POST", "/api/v1/arrears_proposals/{}/reject", frozenset({SUPERVISOR}), "proposal", {}),
    Door("POST", "/api/v1/arrears_proposals/{}/withdraw", frozenset({CLERK}), "proposal", {}),
    Door("POST", "/api/v1/arrears_proposals/{}/revoke", frozenset({SUPERVISOR}), "proposal", {}),
    Door("POST", "/api/v1/settlements/{}/reopen", frozenset({SUPERVISOR}), "settlement", {}),
    Door("GET", "/api/v1/recoveries/", READERS),
    Door("GET", "/api/v1/recoveries/{}", READERS, "recovery"),
    Door("POST", "/api/v1/recoveries/", frozenset({CLERK}), "", {}),
    Door("POST", "/api/v1/recoveries/{}/approve", frozenset({SUPERVISOR}), "recovery", {"decision_no": 5}),
    Door("POST", "/api/v1/recoveries/{}/refuse", frozenset({SUPERVISOR}), "recovery", {}),
    Door("POST", "/api/v1/recoveries/{}/cash", frozenset({ACCOUNTANT}), "recovery", {}),
    Door("POST", "/api/v1/recoveries/{}/write_off", frozenset({SUPERVISOR}), "recovery", {}),
    *(Door("GET", f"/api/v1/{name}/", READERS) for name in ("deaths", "relocations")),
    Door("GET", "/api/v1/deaths/{}", READERS, "death"),
    Door("GET", "/api/v1/relocations/{}", READERS, "relocation"),
    Door("POST", "/api/v1/deaths/", frozenset({CLERK}), "", {}),
    Door("POST", "/api/v1/deaths/{}/undo", frozenset({CLERK}), "death", {}),
    Door("POST", "/api/v1/relocations/", frozenset({CLERK}), "", {}),
    Door("POST", "/api/v1/relocations/{}/accept", frozenset({CLERK, SUPERVISOR}), "relocation", {"reason": 5}),
    Door("POST", "/api/v1/relocations/{}/refuse", frozenset({CLERK, SUPERVISOR}), "relocation", {}),
    Door("POST", "/api/v1/relocations/{}/withdraw", frozenset({CLERK, SUPERVISOR}), "relocation", {}),
    Door("GET", "/api/v1/settlements/{}/lines", frozenset(PEOPLE), "settlement"),
    *(
        Door("POST", f"/api/v1/settlements/{{}}/{move}", DECIDERS, "settlement", {})
        for move in ("decide", "decide_missing")
    ),
    *(
        Door("POST", f"/api/v1/settlements/{{}}/{move}", frozenset({ACCOUNTANT, SUPERVISOR}), "settlement", {})
        for move in ("let_through", "decline")
    ),
    Door("GET", "/api/v1/imports/", DECIDERS),
    Door("GET", "/api/v1/imports/{}", DECIDERS, "file"),
    Door("GET", "/api/v1/imports/{}/findings", DECIDERS, "file"),
    Door("POST", "/api/v1/imports/{}/columns", DECIDERS, "file", {}),
    Door("POST", "/api/v1/imports/{}/apply", DECIDERS, "file", {}),
    Door("POST", "/api/v1/imports/{}/discard", DECIDERS, "file", {"reason": 5}),
    *(Door("GET", f"/api/v1/{name}/", READERS) for name in ("transfers", "suspensions", "area_periods", "messages")),
    Door("GET", "/api/v1/transfers/{}", READERS, "transfer"),
    Door("POST", "/api/v1/transfers/", frozenset({ACCOUNTANT}), "", {}),
    Door("POST", "/api/v1/transfers/{}/approve", frozenset({SUPERVISOR}), "transfer", {"reason": 5}),
    Door("POST", "/api/v1/transfers/{}/refuse", frozenset({SUPERVISOR}), "transfer", {}),
    Door("POST", "/api/v1/transfers/{}/correct", frozenset({ACCOUNTANT}), "transfer", {}),
    Door("GET", "/api/v1/balances/?area={}", READERS, "code"),
    Door("GET", "/api/v1/balances/account?agency=vnpost&area={}", READERS, "code"),
    Door("GET", "/api/v1/balances/minutes?agency=vnpost&area={}", READERS, "code"),
    Door("GET", "/api/v1/suspensions/{}", READERS, "suspension"),
    Door("POST", "/api/v1/suspensions/", frozenset({CLERK}), "", {}),
    Door("POST", "/api/v1/suspensions/{}/ask_resume", frozenset({CLERK}), "suspension", {}),
    Door("POST", "/api/v1/suspensions/{}/resume", frozenset({SUPERVISOR}), "suspension", {"reason": 5}),
    *(
        Door("POST", f"/api/v1/suspensions/{{}}/{move}", frozenset({SUPERVISOR}), "suspension", {})
        for move in ("suspend", "refuse", "keep")
    ),
    Door("GET", "/api/v1/area_periods/{}", READERS, "period"),
    Door("POST", "/api/v1/area_periods/{}/close", OFFICE, "period", {}),
    Door("POST", "/api/v1/area_periods/{}/reopen", frozenset({SUPERVISOR}), "period", {}),
    Door("POST", "/api/v1/area_periods/close_all", OFFICE, "", {}),
    Door("GET", "/api/v1/messages/{}", READERS, "message"),
    Door("POST", "/api/v1/messages/{}/acknowledge", OFFICE, "message", {}),
    *(
        Door("GET", f"/api/v1/{name}/", READERS)
        for name in ("payout_lines", "batch_findings", "arrears_lines", "entitlements", "payees", "payment_methods")
    ),
    Door("GET", "/api/v1/payout_lines/{}", READERS, "line"),
    Door("POST", "/api/v1/payout_lines/{}/exclude", frozenset({CLERK}), "line", {}),
    Door("POST", "/api/v1/payout_lines/{}/restore", frozenset({CLERK}), "line", {"reason": 5}),
    Door("GET", "/api/v1/batch_findings/{}", READERS, "finding"),
    Door("POST", "/api/v1/payout_batches/{}/remake", frozenset({CLERK}), "batch", {"reason": 5}),
    Door("POST", "/api/v1/payout_batches/{}/cancel", frozenset({CLERK}), "batch", {}),
    Door("POST", "/api/v1/payout_batches/{}/close", frozenset({CLERK, ACCOUNTANT, SUPERVISOR}), "batch", {"reason": 5}),
    Door("POST", "/api/v1/payout_batches/{}/open", frozenset({SUPERVISOR}), "batch", WHY),
    Door("POST", "/api/v1/packets/{}/answer", frozenset({CLERK, SUPERVISOR, AGENCY_USER}), "packet", {}),
    Door("POST", "/api/v1/packets/{}/ask_now", frozenset({CLERK, SUPERVISOR}), "packet", {"reason": 5}),
    Door("POST", "/api/v1/packets/{}/keep_waiting", frozenset({CLERK, SUPERVISOR}), "packet", {}),
    Door("GET", "/api/v1/arrears_lines/{}", READERS, "arrears_line"),
    Door("POST", "/api/v1/arrears_lines/{}/exclude", frozenset({CLERK, SUPERVISOR}), "arrears_line", {}),
    Door("POST", "/api/v1/arrears_lines/{}/restore", frozenset({CLERK, SUPERVISOR}), "arrears_line", {"reason": 5}),
    *(
        door
        for name in ("entitlement", "payee", "payment_method")
        for door in (
            Door("GET", f"/api/v1/{name}s/{{}}", READERS, name),
            Door("POST", f"/api/v1/{name}s/", frozenset({CLERK}), "", {}),
            Door("PUT", f"/api/v1/{name}s/{{}}", frozenset({CLERK}), name, {"row_version": 77}),
        )
    ),
    *(
        Door("POST", f"/api/v1/recoveries/{{}}/{move}", frozenset({SUPERVISOR}), "recovery", {})
        for move in ("instalment", "withdraw")
    ),
    Door("POST", "/api/v1/deaths/stranger", frozenset({CLERK}), "", {}),
    Door("POST", "/api/v1/successions/", frozenset({Role.CENTRAL_ADMIN}), "", {}),
    Door("GET", "/api/v1/settlements/{}/minutes", READERS, "settlement"),
    Door("POST", "/api/v1/reports/DVCT_01/export", READERS, "", {"form": 1}),
    Door("GET", "/api/v1/attention/?area={}", READERS, "code"),
    Door("GET", "/api/v1/attention/message?area={}", READERS, "code"),
    Door("GET", "/api/v1/result_changes/", READERS),
    Door("GET", "/api/v1/result_changes/{}", READERS, "result_change"),
    Door("POST", "/api/v1/result_changes/", DECIDERS, "", {}),
    Door("POST", "/api/v1/result_changes/{}/undo", DECIDERS, "result_change", {"reason": 5}),
    Door("POST", "/api/v1/payment_settings/", frozenset({Role.PROVINCE_ADMIN, Role.CENTRAL_ADMIN}), "", {}),
    Door("GET", "/api/v1/_openapi", frozenset(PEOPLE)),
]
"""Bodies are such that nothing happens: what is asked here is only whether the door opens (200, 409 or 422)."""

AREAS = {
    "own": people.BA_DINH,
    "above": people.HANOI,
    "country": "VN",
    "beside": make.OTHER_COMMUNE,
    "far": people.DAK_LAK,
}
"""Where the user sits, seen from the commune whose rows these are."""


@pytest.fixture(autouse=True)
def mid_november() -> Iterator[None]:
    """Before the settlement's deadline: what comes later is held for a person."""
    with clock.at(date(2026, 11, 10)):
        yield


def _lives(session: Session) -> tuple[int, int]:
    """Somebody who died, and somebody who wants to move far away."""
    dead, leaving = make.entitled(session, "Người Đã Mất"), make.entitled(session, "Người Chuyển Đi")
    death = deaths.record(session, dead.beneficiary_id, date(2026, 11, 3), by=make.CLERK)
    moving = relocating.ask(session, leaving.beneficiary_id, "25747", by=make.CLERK, reason="Về quê")
    session.commit()
    return death.id, moving.id


@pytest.fixture
def keys(session: Session) -> dict[str, Any]:
    """A settlement of Ba Đình reported in part, with an extension that waits; keys of everything."""
    packet = office.accepted(session, people=2)
    lines = office.results(office.lines_of(session, packet)[:1], "paid")
    office.tell(session, packet, lines=lines, status="succ", settlement=_part(lines))
    settlement = office.settlement_of(session, packet)
    with acting_as(SYSTEM):
        asked = extensions.ask(session, settlement.id, days=3, reason="Mưa", asked_by="x", by=make.CLERK)
        entitled = make.entitled(session)
        owed = make.arrears(session, entitled, 40_000)
        entry = HandEntry(entitled.id, make.OCTOBER, date(2026, 12, 1), 40_000, "Chậm", "1/QĐ")
        proposal = proposing.enter(session, entry, by=make.CLERK)
        line = office.lines_of(session, packet)[0]
        recovery = Recovery(
            line_id=line.id, beneficiary_id=line.beneficiary_id, area_path=line.area_path, amount_vnd=1, reason="Sai"
        )
        session.add(recovery)
        session.flush()
        transitions.created(session, "recovery", [recovery.id], by=make.CLERK)
    session.commit()
    one = "SELECT min(id) FROM "
    death, moving = _lives(session)
    return {
        "area": people.area_id(people.BA_DINH), "code": people.BA_DINH, "person": rows(one + "beneficiaries")[0][0],
        "batch": packet.batch_id, "packet": packet.id, "settlement": settlement.id, "extension": asked.id,
        "arrears": owed.id, "proposal": proposal.id, "recovery": recovery.id, "death": death, "relocation": moving,
        "record": rows(one + "settlement_records")[0][0],
        **_paperwork(session, settlement),
    }  # fmt: skip


def _paperwork(session: Session, settlement: Settlement) -> dict[str, int]:
    """Rows of what people enter, by door."""
    change = ResultChange(
        settlement_id=settlement.id, area_path=settlement.area_path, how="all", from_standing="pending",
        to_outcome="paid", reason="x", line_count=1, total_vnd=1, made_by="x",
    )  # fmt: skip
    file = FileImport(
        kind="sheet", area_id=settlement.batch.area_id, area_path=settlement.area_path, settlement_id=settlement.id,
        file_name="x", file_path="x", file_sha256="x", started_by="x",
    )  # fmt: skip
    person = make.person(session)
    suspension = Suspension(
        beneficiary_id=person.id, area_path=person.area_path, unpaid_periods=3, reason="x", proposed_by="x"
    )
    session.add_all([change, file, suspension])
    session.flush()
    transitions.created(session, "suspension", [suspension.id], by=make.CLERK)
    transfer = money_desk.entered(session, month=date(2026, 11, 1), transferred_on=date(2026, 11, 2))
    session.commit()
    one = "SELECT min(id) FROM "
    finding = BatchFinding(batch_id=settlement.batch_id, area_path=settlement.area_path, code="x", severity="warning")
    session.add(finding)
    session.commit()
    return {
        **{name[:-1]: rows(one + name)[0][0] for name in ("entitlements", "payees", "payment_methods")},
        "line": rows(one + "payout_lines")[0][0], "finding": finding.id,
        "arrears_line": rows(one + "arrears_proposal_lines")[0][0],
        "result_change": change.id, "file": file.id, "suspension": suspension.id, "transfer": transfer.id,
        "period": rows("SELECT id FROM area_periods")[0][0], "message": rows("SELECT min(id) FROM inbox")[0][0],
    }  # fmt: skip


def _part(lines: list[Any]) -> Any:
    from app.agency.messages import ControlTotals, SettlementPart

    return SettlementPart("QT-1", 1, 2, ControlTotals.of(lines))


def seen_from(where: str, door: Door) -> bool:
    """Whether the row is in the user's area or below; an area is also seen from below, by its own people only."""
    return where in ("own", "above", "country")


SEATS = {Role.CENTRAL_ADMIN: ("country",), Role.PROVINCE_ADMIN: ("above", "far")}
"""Administrators sit at one level only; everybody else may sit anywhere."""


@pytest.mark.parametrize(
    ("role", "where"), [(role, where) for role in sorted(PEOPLE) for where in SEATS.get(role, AREAS)]
)
def test_a_door_opens_for_its_roles_and_only_onto_the_own_area(
    program: Program, keys: dict[str, Any], role: Role, where: str
) -> None:
    client = program(role, area=AREAS[where])
    before = rows("SELECT (SELECT count(*) FROM state_changes), (SELECT sum(row_version) FROM beneficiaries)")
    wrong = []
    for door in DOORS:
        address = door.address.format(keys.get(door.key, ""))
        status = client.open(address, method=door.method, json=door.body).status_code
        if role not in door.who:
            fits = status == 403
        elif door.key and not seen_from(where, door):
            fits = status == 404
        else:
            fits = status in ({200} if door.method == "GET" else {409, 422})
        if not fits:
            wrong.append(f"{role} {where}: {door.method} {address}: {status}")
    assert not wrong, "\n".join(wrong)
    assert rows("SELECT (SELECT count(*) FROM state_changes), (SELECT sum(row_version) FROM beneficiaries)") == before


@pytest.mark.parametrize("where", ["beside", "far"])
def test_a_list_holds_nothing_of_another_area(program: Program, keys: dict[str, Any], where: str) -> None:
    client = program(Role.AUDITOR, area=AREAS[where])
    for door in DOORS:
        if (
            door.method == "GET"
            and not door.key
            and "areas" not in door.address
            and "result" in client.get(door.address).json
        ):
            answer = client.get(door.address).json
            assert door.address.endswith("/reports/") or answer["ids"] == [], door.address


def test_a_report_of_the_own_area_holds_nothing_of_another(program: Program, keys: dict[str, Any]) -> None:
    for where in ("beside", "far"):
        answer = program(Role.AUDITOR, area=AREAS[where]).get("/api/v1/reports/DVCT_02?period=11/2026").json
        assert (answer["count"], answer["result"]) == (0, [])
    assert program(Role.AUDITOR).get("/api/v1/reports/DVCT_02?period=11/2026").json["count"] == 2


ELSEWHERE = {
    *(("GET", f"/api/v1/{name}") for name in ("work/<>", "payment_settings/", "payment_settings/<>")),
    ("POST", "/api/v1/imports/"),
    ("GET", "/api/v1/imports/templates/<>"),
    ("GET", "/api/v1/imports/<>/workbook"),
    ("POST", "/api/v1/packets/<>/bring"),
    ("GET", "/api/v1/packets/<>/file/<>"),
    ("GET", "/api/v1/work/<>/file"),
    *(("GET", f"/api/v1/successions/{path}") for path in ("", "<>")),
}
"""One's own work is nobody else's (test_actions.py); settings are inherited, and seen from below (test_payment_settings.py);
what is sent and taken away as a file is no JSON (test_imports.py, test_packets.py); everybody reads what areas became
(test_successions.py)."""


def test_every_address_of_the_api_is_in_the_matrix(app: Flask) -> None:
    tried = {(door.method, door.address.partition("?")[0].replace("{}", "<>")) for door in DOORS}
    tried = {(method, re.sub(r"DVCT_0\d|(?<=attention/)message", "<>", address)) for method, address in tried}
    routed = {
        (method, re.sub(r"<\w+>", "<>", rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/") and "/security/" not in rule.rule
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert tried == routed - ELSEWHERE


def test_the_matrix_tries_a_real_month(keys: dict[str, Any], session: Session) -> None:
    assert session.scalar(text("SELECT state FROM settlements")) == "partial"
    assert all(keys.values())
