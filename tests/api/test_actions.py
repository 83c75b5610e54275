"""The month by REST: each action once, by who may, on what is in scope; the second time a refusal in words."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.jobs import running
from app.rules.actors import Role
from app.services.batches import previewing
from tests import factories as make
from tests import office, stages
from tests.accounts import people
from tests.api.answers import fields_of, problem_of, rows
from tests.api.conftest import Program

LISTS, SETTLEMENTS, EXTENSIONS = "/api/v1/payout_batches/", "/api/v1/settlements/", "/api/v1/extensions/"
NOVEMBER = {"area_code": "00004", "month": "11/2026", "kind": "monthly"}
WHY = {"reason": "Một người vừa qua đời"}


def listed(session: Session, *, people: int = 2) -> None:
    """A commune with an agency and people to pay, committed."""
    make.agency(session)
    for number in range(people):
        make.entitled(session, f"Trần Văn {number}")
    session.commit()


def committed(session: Session, key: int) -> str:
    """The address of a list that is now there for everybody."""
    session.commit()
    return f"{LISTS}{key}"


def acted(client: FlaskClient, address: str, body: Any = None, status: int = 200) -> dict[str, Any]:
    answer = client.post(address, json=body) if body is not None else client.post(address)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json
    return found


def audit(machine: str) -> list[str]:
    return [move for (move,) in rows("SELECT move FROM state_changes WHERE machine = :m ORDER BY id", m=machine)]


# --- Lists ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("month", ["11/2026", "2026-11"])
def test_a_clerk_makes_the_list_of_the_own_commune(program: Program, session: Session, month: str) -> None:
    listed(session)
    made = acted(program(Role.CLERK), LISTS, NOVEMBER | {"month": month}, 201)
    assert made["left_out"] == []
    assert rows("SELECT id, code, state, line_count, made_by FROM payout_batches") == [
        (made["ids"][0], "CT-202611-00004-M", "draft", 2, "x00004.clerk")
    ]


def test_a_province_is_made_in_one_call_and_who_is_left_out_is_named(program: Program, session: Session) -> None:
    listed(session)
    make.entitled(session, commune=make.OTHER_COMMUNE)
    session.commit()
    acted(program(Role.CLERK), LISTS, NOVEMBER, 201)
    made = acted(program(Role.CLERK, area=people.HANOI), LISTS, NOVEMBER | {"area_code": "01"}, 201)
    assert len(made["ids"]) == 1
    assert [(one["area"], "đã có" in one["detail"]) for one in made["left_out"]] == [("Phường Ba Đình", True)]


def test_making_the_same_list_twice_makes_one(program: Program, session: Session) -> None:
    listed(session)
    acted(program(Role.CLERK), LISTS, NOVEMBER, 201)
    assert "đã có" in problem_of(program(Role.CLERK).post(LISTS, json=NOVEMBER), 409)["detail"]
    assert rows("SELECT count(*) FROM payout_batches") == [(1,)]


@pytest.mark.parametrize("code", ["00008", "01", "VN", "66", "99999"])
def test_a_list_of_another_area_is_not_found(program: Program, session: Session, code: str) -> None:
    listed(session)
    problem_of(program(Role.CLERK).post(LISTS, json=NOVEMBER | {"area_code": code}), 404)
    assert rows("SELECT count(*) FROM payout_batches") == [(0,)]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("area_code", value) for value in (None, "", 4, "x" * 21, ["00004"], "\x00")),
        *(("month", value) for value in (None, "", 202611, "13/2026", "11-26", "11/1850", 1e18, "2026-11-01")),
        *(("month", value) for value in ("11/1999", "11/2099")),
        *(("kind", value) for value in (None, "", "hằng tháng", 1, "MONTHLY")),
        ("state", "locked"),
        ("id", 7),
    ],
)
def test_a_wrong_request_for_a_list_is_named(program: Program, session: Session, field: str, value: Any) -> None:
    listed(session)
    answer = program(Role.CLERK).post(LISTS, json=NOVEMBER | {field: value})
    assert fields_of(answer) == {field}
    assert rows("SELECT count(*) FROM payout_batches") == [(0,)]


def test_what_is_missing_is_said_in_words(program: Program, session: Session) -> None:
    make.entitled(session)
    session.commit()
    assert "hợp đồng" in problem_of(program(Role.CLERK).post(LISTS, json=NOVEMBER), 409)["detail"]
    assert fields_of(program(Role.CLERK).post(LISTS, json={})) == {"area_code", "month"}


def test_a_list_is_locked_once_by_somebody_who_did_not_make_it(program: Program, session: Session) -> None:
    address = committed(session, make.made_list(session, people=2))
    shown = acted(program(Role.SUPERVISOR), f"{address}/lock", {})["result"]
    assert (shown["state"], shown["locked_by"], len(shown["lines_sha256"])) == ("locked", "x00004.supervisor", 64)
    assert "Đã duyệt" in problem_of(program(Role.SUPERVISOR).post(f"{address}/lock"), 409)["detail"]
    assert audit("batch") == ["create", "lock"]


def test_nobody_locks_the_own_preparation(program: Program, session: Session) -> None:
    key = make.made_list(session, people=1)
    program(Role.SUPERVISOR)
    session.execute(text("UPDATE payout_batches SET made_by = 'x00004.supervisor'"))
    address = committed(session, key)
    problem_of(program(Role.SUPERVISOR).post(f"{address}/lock"), 403)
    assert audit("batch") == ["create"]


def test_a_locked_list_is_opened_once_with_a_reason(program: Program, session: Session) -> None:
    address = committed(session, make.locked_list(session))
    supervisor = program(Role.SUPERVISOR)
    assert acted(supervisor, f"{address}/unlock", WHY)["result"]["state"] == "draft"
    problem_of(supervisor.post(f"{address}/unlock", json=WHY), 409)
    assert rows("SELECT reason FROM state_changes WHERE move = 'unlock'") == [(WHY["reason"],)]


def test_sending_queues_one_packet(program: Program, session: Session) -> None:
    address = committed(session, make.locked_list(session))
    clerk = program(Role.CLERK)
    assert acted(clerk, f"{address}/send", {"reason": "Đúng hạn"})["result"]["state"] == "sent"
    assert "gói tin" in problem_of(clerk.post(f"{address}/send"), 409)["detail"]
    assert rows("SELECT code, state, queued_by FROM packets") == [("CT-202611-00004-M-V1", "queued", "x00004.clerk")]


def test_a_draft_is_not_sent(program: Program, session: Session) -> None:
    address = committed(session, make.made_list(session, people=1))
    problem_of(program(Role.CLERK).post(f"{address}/send"), 409)
    assert rows("SELECT count(*) FROM packets") == [(0,)]


def test_a_packet_that_still_waits_is_withdrawn(program: Program, session: Session) -> None:
    packet = office.queued(session)
    address = f"{LISTS}{packet.batch_id}/recall"
    assert acted(program(Role.SUPERVISOR), address, WHY)["result"]["state"] == "locked"
    problem_of(program(Role.SUPERVISOR).post(address, json=WHY), 409)
    assert rows("SELECT state FROM packets") == [("withdrawn",)]


def test_a_packet_the_agency_has_is_asked_back_once(program: Program, session: Session) -> None:
    packet = office.received(session)
    address = f"{LISTS}{packet.batch_id}/recall"
    assert acted(program(Role.CLERK), address, WHY)["result"]["state"] == "sent"
    problem_of(program(Role.SUPERVISOR).post(address, json=WHY), 409)
    shown = program(Role.CLERK).get(f"/api/v1/packets/{packet.id}").json["result"]
    assert (shown["recall_reason"], shown["recall_asked_by"]) == (WHY["reason"], "x00004.clerk")


def test_a_packet_in_doubt_is_made_certain_first(program: Program, session: Session) -> None:
    packet = stages.in_doubt(session)
    assert (
        "Chưa rõ" in problem_of(program(Role.CLERK).post(f"{LISTS}{packet.batch_id}/recall", json=WHY), 409)["detail"]
    )


def test_a_list_never_sent_has_nothing_to_ask_back(program: Program, session: Session) -> None:
    address = committed(session, make.locked_list(session))
    problem_of(program(Role.CLERK).post(f"{address}/recall", json=WHY), 409)


@pytest.mark.parametrize("action", ["unlock", "recall"])
@pytest.mark.parametrize("reason", [None, "", "   ", 5, "x" * 2001, "a\x00b", ["x"]])
def test_a_reason_is_needed_where_the_books_demand_one(
    program: Program, session: Session, action: str, reason: Any
) -> None:
    packet = office.queued(session, people=1)
    role = Role.SUPERVISOR
    assert fields_of(program(role).post(f"{LISTS}{packet.batch_id}/{action}", json={"reason": reason})) == {"reason"}
    assert fields_of(program(role).post(f"{LISTS}{packet.batch_id}/{action}")) == {"reason"}
    assert rows("SELECT state FROM packets") == [("queued",)]


# --- Settlements ---------------------------------------------------------------------------------------------------


def test_a_settlement_that_ties_out_is_locked_once(program: Program, session: Session) -> None:
    settlement = stages.reported(session, "paid", "unpaid", people=2)
    accountant = program(Role.ACCOUNTANT)
    before = accountant.get(f"{SETTLEMENTS}{settlement.id}").json
    assert before["figures"]["ties_out"] and before["figures"]["unpaid"]["people"] == 1
    locked = acted(accountant, f"{SETTLEMENTS}{settlement.id}/lock")
    assert (locked["result"]["state"], locked["result"]["paid_count"], locked["result"]["unpaid_count"]) == (
        "locked",
        1,
        1,
    )
    problem_of(accountant.post(f"{SETTLEMENTS}{settlement.id}/lock"), 409)
    assert audit("settlement").count("lock") == 1
    assert {result for (result,) in rows("SELECT result FROM payout_lines")} == {"paid", "unpaid"}


def test_a_settlement_that_does_not_tie_out_is_refused_with_the_difference(program: Program, session: Session) -> None:
    packet = office.accepted(session, people=2)
    settlement = office.settlement_of(session, packet)
    accountant = program(Role.ACCOUNTANT)
    figures = accountant.get(f"{SETTLEMENTS}{settlement.id}").json["figures"]
    assert not figures["ties_out"] and figures["problems"] and figures["pending"]["people"] == 2
    assert figures["problems"][0] in problem_of(accountant.post(f"{SETTLEMENTS}{settlement.id}/lock"), 409)["detail"]
    assert {result for (result,) in rows("SELECT result FROM payout_lines")} == {"pending"}


def test_an_extension_is_asked_granted_and_counted(program: Program, session: Session) -> None:
    settlement = stages.reported(session, people=1)
    asked = {"days": 5, "reason": "Mưa lũ", "asked_by": "Bưu điện Ba Đình"}
    made = acted(program(Role.CLERK), f"{SETTLEMENTS}{settlement.id}/extend", asked, 201)
    problem_of(program(Role.CLERK).post(f"{SETTLEMENTS}{settlement.id}/extend", json=asked), 409)
    assert rows("SELECT count(*) FROM deadline_extensions") == [(1,)]
    supervisor = program(Role.SUPERVISOR)
    shown = acted(supervisor, f"{EXTENSIONS}{made['id']}/grant", {"reason": "Đồng ý"})["result"]
    assert (shown["state"], shown["decided_by"], shown["decision_note"]) == ("granted", "x00004.supervisor", "Đồng ý")
    for again in ("grant", "refuse"):
        problem_of(supervisor.post(f"{EXTENSIONS}{made['id']}/{again}", json=WHY), 409)
    found = supervisor.get(f"{SETTLEMENTS}{settlement.id}").json
    assert found["extended_due_on"] > found["result"]["due_on"]


def test_an_extension_is_refused_with_a_reason(program: Program, session: Session) -> None:
    settlement = stages.reported(session, people=1)
    body = {"days": 5, "reason": "Mưa lũ"}
    made = acted(program(Role.CLERK), f"{SETTLEMENTS}{settlement.id}/extend", body, 201)
    address = f"{EXTENSIONS}{made['id']}/refuse"
    assert fields_of(program(Role.SUPERVISOR).post(address)) == {"reason"}
    assert acted(program(Role.SUPERVISOR), address, WHY)["result"]["state"] == "refused"
    assert rows("SELECT asked_by FROM deadline_extensions") == [("Nguyễn Văn Thử",)]


def test_twenty_days_are_never_reached(program: Program, session: Session) -> None:
    settlement = stages.reported(session, people=1)
    address = f"{SETTLEMENTS}{settlement.id}/extend"
    first = acted(program(Role.CLERK), address, {"days": 15, "reason": "Mưa lũ"}, 201)
    second = acted(program(Role.CLERK), address, {"days": 5, "reason": "Vẫn mưa"}, 201)
    acted(program(Role.SUPERVISOR), f"{EXTENSIONS}{first['id']}/grant")
    problem_of(program(Role.SUPERVISOR).post(f"{EXTENSIONS}{second['id']}/grant"), 409)
    assert rows("SELECT sum(days) FROM deadline_extensions WHERE state = 'granted'") == [(15,)]


def test_fewer_days_are_granted_and_taken_back(program: Program, session: Session) -> None:
    with clock.at(date(2026, 11, 10)):
        settlement = office.settlement_of(session, office.accepted(session))
        session.commit()
        address = f"{SETTLEMENTS}{settlement.id}/extend"
        made = acted(program(Role.CLERK), address, {"days": 7, "reason": "Mưa lũ"}, 201)
        supervisor = program(Role.SUPERVISOR)
        assert fields_of(supervisor.post(f"{EXTENSIONS}{made['id']}/grant", json={"days": 20})) == {"days"}
        shown = acted(supervisor, f"{EXTENSIONS}{made['id']}/grant", {"days": 3})["result"]
        assert (shown["state"], shown["days"], shown["asked_days"]) == ("granted", 3, 7)
        shown = acted(supervisor, f"{EXTENSIONS}{made['id']}/revoke", {"reason": "Đã chi xong"})["result"]
        assert (shown["state"], shown["decision_note"]) == ("revoked", "Đã chi xong")


def test_nobody_grants_the_own_request(program: Program, session: Session) -> None:
    settlement = stages.reported(session, people=1)
    supervisor = program(Role.SUPERVISOR)
    made = acted(supervisor, f"{SETTLEMENTS}{settlement.id}/extend", {"days": 3, "reason": "Mưa lũ"}, 201)
    problem_of(supervisor.post(f"{EXTENSIONS}{made['id']}/grant"), 403)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("days", value) for value in (None, 0, -1, 20, 10**18, 1e18, 2.5, "5", True, [5])),
        *(("reason", value) for value in (None, "", " ", 5, "x" * 1001, "a\x00b")),
        *(("asked_by", value) for value in (5, "x" * 121, "a\x07")),
        ("due_on", "2027-01-01"),
    ],
)
def test_a_wrong_request_for_days_is_named(program: Program, session: Session, field: str, value: Any) -> None:
    settlement = stages.reported(session, people=1)
    body = {"days": 5, "reason": "Mưa lũ", field: value}
    assert fields_of(program(Role.CLERK).post(f"{SETTLEMENTS}{settlement.id}/extend", json=body)) == {field}
    assert rows("SELECT count(*) FROM deadline_extensions") == [(0,)]


def test_an_agencys_user_asks_for_days_of_its_own_settlement(program: Program, session: Session) -> None:
    settlement = stages.reported(session, people=1)
    body = {"days": 4, "reason": "Thiếu người"}
    address = f"{SETTLEMENTS}{settlement.id}/extend"
    acted(program(Role.AGENCY_USER), address, body, 201)
    other = program(Role.AGENCY_USER, agency="viettel", name="viettel.ba-dinh")
    problem_of(other.post(address, json=body), 404)
    assert rows("SELECT entered_by FROM deadline_extensions") == [("x00004.agency-user",)]


# --- What no row can be ------------------------------------------------------------------------------------------

ACTIONS = [
    (Role.SUPERVISOR, LISTS, "lock"),
    (Role.SUPERVISOR, LISTS, "unlock"),
    (Role.CLERK, LISTS, "send"),
    (Role.CLERK, LISTS, "recall"),
    (Role.ACCOUNTANT, SETTLEMENTS, "lock"),
    (Role.CLERK, SETTLEMENTS, "extend"),
    (Role.SUPERVISOR, EXTENSIONS, "grant"),
    (Role.SUPERVISOR, EXTENSIONS, "refuse"),
]


@pytest.mark.parametrize(("role", "address", "action"), ACTIONS)
def test_an_action_on_what_cannot_be_a_key_is_not_found(
    program: Program, role: Role, address: str, action: str
) -> None:
    for key in ("0", "-1", "999999", "9" * 30, "1.5", "abc", "1'--", "%00", "٣", "null"):
        problem_of(program(role).post(f"{address}{key}/{action}", json=WHY), 404)


@pytest.mark.parametrize(("role", "address", "action"), ACTIONS)
def test_an_action_is_never_a_link(program: Program, role: Role, address: str, action: str) -> None:
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        answer = program(role).open(f"{address}1/{action}", method=method)
        assert problem_of(answer, 405)
        assert "POST" in answer.headers["Allow"]


def test_a_big_area_is_made_in_the_background_and_its_progress_can_be_read(
    app: Flask, program: Program, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.agency(session)
    make.entitled(session)
    session.commit()
    monkeypatch.setattr(previewing, "MANY_PEOPLE", 0)
    clerk, other = program(Role.CLERK), program(Role.SUPERVISOR)
    asked = {"area_code": make.COMMUNE, "month": "11/2026"}
    answer = clerk.post(LISTS, json=asked)
    assert answer.status_code == 202 and answer.json["phase"] == "queued"
    assert problem_of(clerk.post(LISTS, json=asked), 409)
    address = f"/api/v1/work/{answer.json['work']}"
    running.once(app)
    done = clerk.get(address).json
    assert done["phase"] == "done" and len(done["result"]["batch_ids"]) == 1
    problem_of(other.get(address), 404)
    problem_of(clerk.get("/api/v1/work/0x1"), 404)
