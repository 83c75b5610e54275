"""Drafts by REST: read line by line, held out and returned, made again, cancelled; what the checks found."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.rules.actors import Role
from tests import factories as make
from tests.api.answers import fields_of, problem_of, rows
from tests.api.conftest import Program

LISTS, LINES, FINDINGS = "/api/v1/payout_batches/", "/api/v1/payout_lines/", "/api/v1/batch_findings/"
WHY = {"reason": "Vừa qua đời"}


@pytest.fixture
def draft(session: Session) -> int:
    """A draft of two people."""
    key = make.made_list(session, people=2)
    session.commit()
    return key


def of_list(key: int) -> dict[str, str]:
    return {"q": f"(filters:!((col:batch,opr:rel_o_m,value:{key})),order_column:no,order_direction:asc)"}


def test_a_line_is_held_out_and_returned(program: Program, draft: int) -> None:
    clerk = program(Role.CLERK)
    lines = clerk.get(LINES, query_string=of_list(draft)).json
    assert [row["no"] for row in lines["result"]] == [1, 2] and "full_name" not in lines["result"][0]
    address = f"{LINES}{lines['ids'][0]}"
    assert fields_of(clerk.post(f"{address}/exclude", json={})) == {"reason"}
    held = clerk.post(f"{address}/exclude", json=WHY).json["result"]
    assert (held["live"], held["excluded_reason"], held["excluded_by"]) == (False, WHY["reason"], "x00004.clerk")
    problem_of(clerk.post(f"{address}/exclude", json=WHY), 409)
    shown = clerk.get(f"{LISTS}{draft}").json
    assert (shown["result"]["line_count"], shown["counts"]["excluded"]) == (1, 1)
    again = clerk.post(f"{LISTS}{draft}/remake").json
    assert (again["result"]["line_count"], again["counts"]["excluded"]) == (1, 1), "what was held out stays out"
    key = rows("SELECT id FROM payout_lines WHERE NOT live")[0][0]
    assert clerk.post(f"{LINES}{key}/restore").json["result"]["live"] is True
    problem_of(clerk.post(f"{LINES}{key}/restore"), 409)
    assert clerk.get(f"{LISTS}{draft}").json["result"]["line_count"] == 2


def test_a_draft_is_made_again_from_the_registry_and_cancelled_once(
    program: Program, session: Session, draft: int
) -> None:
    make.entitled(session, "Người Mới")
    session.commit()
    clerk = program(Role.CLERK)
    assert clerk.post(f"{LISTS}{draft}/remake").json["result"]["line_count"] == 3
    assert fields_of(clerk.post(f"{LISTS}{draft}/cancel")) == {"reason"}
    assert clerk.post(f"{LISTS}{draft}/cancel", json={"reason": "Lập nhầm"}).json["result"]["state"] == "cancelled"
    problem_of(clerk.post(f"{LISTS}{draft}/cancel", json={"reason": "Lập nhầm"}), 409)
    problem_of(clerk.post(f"{LISTS}{draft}/remake"), 409)


def test_an_approved_list_is_neither_changed_nor_cancelled(program: Program, session: Session) -> None:
    key = make.locked_list(session)
    session.commit()
    clerk = program(Role.CLERK)
    line = rows("SELECT min(id) FROM payout_lines")[0][0]
    for address in (f"{LISTS}{key}/cancel", f"{LISTS}{key}/remake", f"{LINES}{line}/exclude"):
        problem_of(clerk.post(address, json=WHY), 409)
    assert rows("SELECT count(*) FROM payout_lines WHERE live") == [(2,)]


def test_findings_are_counted_and_listed(program: Program, session: Session) -> None:
    one = make.entitled(session, "Thiếu Tài Khoản")
    session.execute(
        text(
            "UPDATE payment_methods SET kind = 'bank' WHERE payee_id IN"
            " (SELECT id FROM payees WHERE beneficiary_id = :id)"
        ),
        {"id": one.beneficiary_id},
    )
    key = make.made_list(session)
    session.commit()
    clerk = program(Role.CLERK)
    assert clerk.get(f"{LISTS}{key}").json["counts"]["blocking"] == 1
    found = clerk.get(FINDINGS).json["result"]
    assert [(one["code"], one["severity"], one["batch"]["code"]) for one in found] == [
        ("account_missing", "blocking", "CT-202611-00004-M")
    ]
    assert found[0]["label"] == "Thiếu số tài khoản hoặc ví của người nhận"


def test_others_change_no_draft(program: Program, draft: int) -> None:
    line = rows("SELECT min(id) FROM payout_lines")[0][0]
    beside, supervisor = program(Role.CLERK, area=make.OTHER_COMMUNE), program(Role.SUPERVISOR)
    for address in (
        f"{LISTS}{draft}/cancel",
        f"{LISTS}{draft}/remake",
        f"{LINES}{line}/exclude",
        f"{LINES}{line}/restore",
    ):
        problem_of(beside.post(address, json=WHY), 404)
        problem_of(supervisor.post(address, json=WHY), 403)
        problem_of(supervisor.get(address), 405)
    assert rows("SELECT state FROM payout_batches") == [("draft",)]
