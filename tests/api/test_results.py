"""Results by hand by REST: all lines, the exceptions, undoing; one line decided; what came late; who may, and where."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app import clock
from app.rules.actors import Role
from app.services import inbox
from tests import factories as make
from tests import hand, office, stages
from tests.api.answers import fields_of, problem_of, rows
from tests.api.conftest import Program

CHANGES, SETTLEMENTS = "/api/v1/result_changes/", "/api/v1/settlements/"
DUE = date(2026, 11, 25)


@pytest.fixture(autouse=True)
def mid_november() -> Iterator[None]:
    with clock.at(date(2026, 11, 10)):
        yield


@pytest.fixture
def waiting(session: Session) -> int:
    """A settlement of three lines that waits for results by hand."""
    return hand.own_settlement(session, people=3).id


def paid(settlement: int, **more: Any) -> dict[str, Any]:
    return {"settlement_id": settlement, "from_standing": "pending", "outcome": "paid"} | more


def standings() -> str:
    found = rows("SELECT string_agg(coalesce(decided_outcome, '-'), ' ' ORDER BY reference) FROM settlement_records")
    return str(found[0][0])


def test_everybody_is_paid_the_exceptions_are_named_and_both_are_undone(program: Program, waiting: int) -> None:
    clerk = program(Role.CLERK)
    first = clerk.post(CHANGES, json=paid(waiting, line_count=3))
    assert first.status_code == 201, first.text
    assert (first.json["result"]["line_count"], first.json["result"]["total_vnd"]) == (3, 1_620_000)
    assert "“Chưa cập nhật”" in problem_of(clerk.post(CHANGES, json=paid(waiting)), 409)["detail"], "the second click"
    shown = clerk.get(f"{SETTLEMENTS}{waiting}/lines?tab=paid&page_size=2").json
    assert shown["count"] == 3 and [one["standing"] for one in shown["result"]] == ["paid", "paid"]
    away = [{"reference": shown["result"][0]["reference"], "reason": "Vắng mặt"}]
    asked = {"settlement_id": waiting, "from_standing": "paid", "outcome": "unpaid", "lines": away}
    assert fields_of(clerk.post(CHANGES, json=asked)) == {"reason"}
    second = clerk.post(CHANGES, json=asked | {"reason": "Theo biên bản"})
    assert (second.status_code, second.json["result"]["how"]) == (201, "line")
    assert standings() == "unpaid paid paid"
    assert clerk.get(f"{SETTLEMENTS}{waiting}/lines?tab=unpaid").json["result"][0]["decided_reason"] == "Vắng mặt"
    figures = clerk.get(f"{SETTLEMENTS}{waiting}").json["figures"]
    assert (figures["paid"]["people"], figures["unpaid"]["vnd"], figures["ties_out"]) == (2, 540_000, True)
    for made in (second, first):
        undone = clerk.post(f"{CHANGES}{made.json['id']}/undo")
        assert undone.json["result"]["undone_by"] == "x00004.clerk"
    assert "đã được hoàn tác" in problem_of(clerk.post(f"{CHANGES}{first.json['id']}/undo"), 409)["detail"]
    assert standings() == "- - -"
    assert [one["undone_count"] for one in clerk.get(CHANGES).json["result"]] == [1, 3]


def test_named_lines_change_all_or_none(program: Program, waiting: int) -> None:
    clerk = program(Role.CLERK)
    known = [one["reference"] for one in clerk.get(f"{SETTLEMENTS}{waiting}/lines").json["result"]]
    named = [{"reference": known[0]}, {"reference": "202611-999999"}]
    problem_of(clerk.post(CHANGES, json=paid(waiting, lines=named)), 409)
    problem_of(clerk.post(CHANGES, json=paid(waiting, line_count=2)), 409)
    assert rows("SELECT count(*) FROM result_changes") == [(0,)] and standings() == "None"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("settlement_id", "1"),
        ("from_standing", "dispute"),
        ("outcome", "pending"),
        ("reason", 5),
        ("line_count", 0),
        *(("lines", value) for value in ([], {}, "x", [1], [{}], [{"reference": 1}], [{"reference": "a", "x": 1}])),
        ("lines", [{"reference": "a"}, {"reference": "a"}]),
        ("state", "x"),
    ],
)
def test_a_wrong_change_is_named(program: Program, waiting: int, field: str, value: Any) -> None:
    assert fields_of(program(Role.CLERK).post(CHANGES, json=paid(waiting) | {field: value})) == {field}
    assert rows("SELECT count(*) FROM result_changes") == [(0,)]


def test_others_neither_enter_nor_undo(program: Program, waiting: int) -> None:
    made = program(Role.CLERK).post(CHANGES, json=paid(waiting)).json["id"]
    for client, status in (
        (program(Role.SUPERVISOR), 403),
        (program(Role.AUDITOR), 403),
        (program(Role.CLERK, area=make.OTHER_COMMUNE), 404),
    ):
        problem_of(client.post(CHANGES, json=paid(waiting, from_standing="paid", outcome="unpaid", reason="x")), status)
        problem_of(client.post(f"{CHANGES}{made}/undo"), status)
    assert standings() == "paid paid paid"


def test_a_connected_list_takes_no_results_in_bulk(program: Program, session: Session) -> None:
    settlement = stages.reported(session, "paid", people=1)
    problem_of(program(Role.CLERK).post(CHANGES, json=paid(settlement.id)), 409)


# --- One line ------------------------------------------------------------------------------------------------------


def test_a_line_is_decided_as_it_was_read(program: Program, waiting: int) -> None:
    clerk, address = program(Role.CLERK), f"{SETTLEMENTS}{waiting}/decide"
    reference = clerk.get(f"{SETTLEMENTS}{waiting}/lines").json["result"][0]["reference"]
    body = {"reference": reference, "from_standing": "pending", "outcome": "unpaid", "reason": "Vắng mặt"}
    assert clerk.post(address, json=body).json["figures"]["unpaid"]["people"] == 1
    assert "Chưa trả" in problem_of(clerk.post(address, json=body), 409)["detail"]
    problem_of(clerk.post(address, json=body | {"reference": "x"}), 404)
    assert fields_of(clerk.post(address, json={})) == {"reference", "from_standing", "outcome", "reason"}
    assert rows("SELECT how FROM result_changes") == [("line",)]


def test_a_dispute_of_a_connected_list_is_decided_by_a_person(program: Program, session: Session) -> None:
    packet = office.accepted(session, people=1)
    line = office.lines_of(session, packet)[0]
    office.settle(session, packet, "unpaid")
    office.settle(session, packet, "recover", report="QT-2")
    settlement = office.settlement_of(session, packet)
    address, clerk = f"{SETTLEMENTS}{settlement.id}", program(Role.CLERK)
    assert clerk.get(f"{address}/lines?tab=disputed").json["result"][0]["standing"] == "dispute"
    body = {"reference": line.reference, "from_standing": "dispute", "outcome": "paid", "reason": "Có chữ ký"}
    assert clerk.post(f"{address}/decide", json=body).json["figures"]["disputed"]["people"] == 0
    assert rows("SELECT count(*) FROM result_changes") == [(0,)]


def test_lines_nobody_spoke_of_are_decided_as_many_as_were_read(program: Program, session: Session) -> None:
    packet = office.accepted(session, people=3)
    office.hear(session, *office.parts(packet.code, office.results(office.lines_of(session, packet)[:1], "paid")))
    address = f"{SETTLEMENTS}{office.settlement_of(session, packet).id}"
    accountant = program(Role.ACCOUNTANT)
    body = {"line_count": 3, "outcome": "unpaid", "reason": "Bưu điện xác nhận"}
    assert "2 dòng" in problem_of(accountant.post(f"{address}/decide_missing", json=body), 409)["detail"]
    done = accountant.post(f"{address}/decide_missing", json=body | {"line_count": 2})
    assert done.json["figures"]["unpaid"]["people"] == 2


@pytest.mark.parametrize("question", ["tab=x", "page=-1", "page_size=x", "typed=An", "page=99999999999"])
def test_a_wrong_question_for_lines_is_a_problem(program: Program, waiting: int, question: str) -> None:
    problem_of(program(Role.CLERK).get(f"{SETTLEMENTS}{waiting}/lines?{question}"), 400)


def test_who_reads_lines_is_remembered(program: Program, waiting: int) -> None:
    program(Role.AUDITOR).get(f"{SETTLEMENTS}{waiting}/lines")
    assert rows("SELECT what, entity_id, row_count FROM access_log") == [("API settlement lines", waiting, 3)]


# --- What came late ------------------------------------------------------------------------------------------------


def late(session: Session) -> str:
    packet = office.accepted(session, people=1)
    with clock.at(date(2026, 11, 26)):
        office.settle(session, packet, "paid")
    return f"{SETTLEMENTS}{office.settlement_of(session, packet).id}"


def test_a_late_settlement_is_let_through_once(program: Program, session: Session) -> None:
    address, accountant = late(session), program(Role.ACCOUNTANT)
    assert accountant.get(address).json["held_count"] == 1
    assert fields_of(accountant.post(f"{address}/let_through", json={})) == {"reason"}
    done = accountant.post(f"{address}/let_through", json={"reason": "Bão"})
    assert (done.status_code, done.json["held_count"]) == (200, 0)
    problem_of(accountant.post(f"{address}/let_through", json={"reason": "Bão"}), 409)
    assert inbox.apply_next()
    assert accountant.get(address).json["figures"]["paid"]["people"] == 1


def test_a_late_settlement_is_declined_once(program: Program, session: Session) -> None:
    address, supervisor = late(session), program(Role.SUPERVISOR)
    assert supervisor.post(f"{address}/decline", json={"reason": "Quá hạn"}).json["held_count"] == 0
    problem_of(supervisor.post(f"{address}/decline", json={"reason": "Quá hạn"}), 409)
    assert rows("SELECT outcome FROM inbox ORDER BY id DESC LIMIT 1") == [("ignored",)]
