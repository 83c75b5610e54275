"""Messages by REST: what agencies sent, what was wrong with it, and that a person has looked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy.orm import Session

from app import clock
from app.rules.actors import Role
from app.services.attention import KINDS
from tests import factories as make
from tests import office, stages
from tests.api.answers import fields_of, problem_of, rows
from tests.api.conftest import Program

MESSAGES = "/api/v1/messages/"
WHY = {"reason": "Đã hỏi bưu điện"}


@pytest.fixture(autouse=True)
def mid_november() -> Iterator[None]:
    with clock.at(date(2026, 11, 10)):
        yield


@pytest.fixture
def odd(session: Session) -> int:
    """A settlement of a packet that no longer counts: it changes nothing, and somebody must look."""
    packet = stages.returned(session, people=1)
    office.settle(session, packet, "paid")
    return int(rows("SELECT max(id) FROM inbox")[0][0])


def test_a_message_that_changed_nothing_is_looked_at_once(program: Program, odd: int) -> None:
    clerk, address = program(Role.CLERK), f"{MESSAGES}{odd}"
    shown = clerk.get(address).json
    assert shown["waits_for_a_person"] and shown["looked_at"] == []
    assert [one["code"] for one in shown["faults"]] == ["superseded"]
    assert clerk.get(MESSAGES).json["ids"][0] == odd
    assert fields_of(clerk.post(f"{address}/acknowledge", json={})) == {"reason"}
    done = clerk.post(f"{address}/acknowledge", json=WHY).json
    assert not done["waits_for_a_person"]
    assert [(one["actor"], one["reason"]) for one in done["looked_at"]] == [("x00004.clerk", WHY["reason"])]
    problem_of(clerk.post(f"{address}/acknowledge", json=WHY), 409)


def test_others_neither_see_nor_put_aside(program: Program, odd: int) -> None:
    address = f"{MESSAGES}{odd}/acknowledge"
    problem_of(program(Role.AUDITOR).post(address, json=WHY), 403)
    problem_of(program(Role.AGENCY_USER).get(f"{MESSAGES}{odd}"), 403)
    problem_of(program(Role.CLERK, area=make.OTHER_COMMUNE).post(address, json=WHY), 404)
    problem_of(program(Role.CLERK).get(address), 405)
    assert rows("SELECT count(*) FROM acknowledgements") == [(0,)]


def test_what_needs_a_person_leads_to_the_message_until_somebody_looked(program: Program, odd: int) -> None:
    clerk, kinds = program(Role.CLERK), "/api/v1/attention/"
    found = {one["kind"]: (one["count"], one["resource"]) for one in clerk.get(kinds).json["result"]}
    assert found["message"] == (1, "messages") and found["returned"] == (1, "payout_batches")
    there = clerk.get(f"{kinds}message").json
    assert there["resource"] == "messages" and [one["id"] for one in there["result"]] == [odd]
    clerk.post(f"{MESSAGES}{odd}/acknowledge", json=WHY)
    assert "message" not in {one["kind"] for one in clerk.get(kinds).json["result"]}
    assert clerk.get(f"{kinds}message").json["result"] == []
    for kind in {one.name for one in KINDS} - {"books", "due", "rise", "streak", "streak_long", "suspension"}:
        assert clerk.get(f"{kinds}{kind}").status_code == 200, kind
    for path in ("nothing", "streak", "message?area=66"):
        problem_of(clerk.get(f"{kinds}{path}"), 404)
    problem_of(clerk.get(f"{kinds}?month=11/2026"), 400)
