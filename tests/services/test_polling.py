"""Quiet agencies are asked, and settlements whose messages were lost are fetched part by part."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.agency.port import AgencyError, Answer, OutcomeUnknown, SettlementRef
from app.models import Packet
from app.services import calls, inbox, polling
from app.services.settlements import faults
from tests import office
from tests.office import ScriptedAgency

QUIET = timedelta(hours=1)


@pytest.fixture(autouse=True)
def mid_november() -> Any:
    with clock.at(date(2026, 11, 10)):
        yield


class TellingAgency(ScriptedAgency):
    """A post office that can be asked for the parts of its settlement; a part may be an error."""

    def __init__(self, *script: Any, parts: list[bytes | AgencyError] | None = None) -> None:
        super().__init__(*script)
        self.parts, self.fetched = parts or [], list[int]()

    def fetch_settlement(self, ref: SettlementRef) -> Answer:
        self.fetched.append(ref.part)
        part = self.parts[ref.part - 1]
        if isinstance(part, AgencyError):
            raise part
        return Answer("settled", message_id=f"re-{ref.part}-{len(self.fetched)}", raw=part, signature="s", kid="k")


def later(session: Session, hours: int = 2) -> Any:
    """Some hours on, on the same day."""
    office.refresh(session)
    return clock.at(date(2026, 11, 10), hour=9 + hours)


def poll(agency: ScriptedAgency) -> bool:
    return polling.poll_next(agency.connect, QUIET)


def test_a_packet_whose_acceptance_was_lost_is_asked_about(session: Session) -> None:
    packet = office.received(session)
    assert poll(TellingAgency()) is False, "it has just been heard of"
    with later(session):
        assert poll(TellingAgency(Answer("accepted"))) is True
        assert poll(TellingAgency()) is False, "asked once, it is left in peace"
    office.refresh(session)
    assert (packet.state, packet.lease_until) == ("accepted", None)
    assert calls.of_packet(session, packet.id)[0].verb == "ask"


@pytest.mark.parametrize("said", [OutcomeUnknown("timeout"), Answer("not_found")])
def test_a_question_without_an_answer_changes_nothing_and_is_asked_again(session: Session, said: Any) -> None:
    packet = office.received(session)
    with later(session):
        assert poll(TellingAgency(said)) is True
    with later(session, hours=4):
        assert poll(TellingAgency(Answer("rejected", reason_message="Sai tổng số"))) is True
    office.refresh(session)
    assert (packet.state, packet.answer_reason) == ("rejected", "Sai tổng số")


def lost(session: Session, *, size: int = 1) -> tuple[Packet, list[bytes]]:
    """An accepted packet and the settlement of which nothing has come."""
    packet = office.accepted(session, people=2)
    lines = office.results(office.lines_of(session, packet), "paid", "unpaid")
    return packet, office.parts(packet.code, lines, size=size)


def test_a_settlement_that_never_came_is_fetched(session: Session) -> None:
    packet, bodies = lost(session)
    agency = TellingAgency(Answer("settled", settlement_id="QT-1", parts=2), parts=list(bodies))
    with later(session):
        assert poll(agency) is False, "while the agency pays and nothing is due, there is more patience"
    with later(session, hours=7):
        assert poll(agency) is True
        inbox.apply_waiting()
    assert agency.fetched == [1, 2]
    assert office.settlement_of(session, packet).state == "received"
    verbs = [(call.verb, call.outcome) for call in calls.of_packet(session, packet.id)]
    assert verbs[:3] == [("fetch", "settled"), ("fetch", "settled"), ("ask", "settled")]


def test_only_the_missing_part_is_fetched_and_named_as_missing(session: Session) -> None:
    packet, bodies = lost(session)
    office.hear(session, bodies[0])
    agency = TellingAgency(
        *[Answer("settled", settlement_id="QT-1", parts=2)] * 2, parts=[bodies[0], OutcomeUnknown("timeout")]
    )
    with later(session):
        assert poll(agency) is True
    with later(session, hours=4):
        agency.parts[1] = bodies[1]
        assert poll(agency) is True
        assert poll(agency) is False, "what was fetched waits to be applied"
        inbox.apply_waiting()
    assert agency.fetched == [2, 2]
    settlement = office.settlement_of(session, packet)
    assert settlement.state == "received"
    named = faults.of_settlement(session, settlement.id)
    assert [(one.code, one.facts["missing"], one.facts["parts"]) for one in named] == [("missing_part", [2], 2)]


def test_a_part_the_agency_does_not_give_is_not_kept(session: Session) -> None:
    packet, bodies = lost(session, size=2)
    agency = TellingAgency(Answer("settled", settlement_id="QT-1", parts=1), parts=list(bodies))
    agency.fetch_settlement = lambda ref: Answer("accepted")  # type: ignore[method-assign]
    with later(session, hours=7):
        assert poll(agency) is True
    assert session.execute(text("SELECT count(*) FROM inbox WHERE action = 'on-status'")).scalar() == 0
    assert office.settlement_of(session, packet).state == "waiting"


def test_an_overdue_settlement_is_asked_for_without_more_patience_and_what_comes_late_is_held(session: Session) -> None:
    packet, bodies = lost(session)
    office.refresh(session)
    with clock.at(date(2026, 11, 26), hour=1):
        assert poll(TellingAgency(Answer("settled"))) is True, "nothing is reported yet"
    with clock.at(date(2026, 11, 26), hour=3):
        agency = TellingAgency(Answer("settled", settlement_id="QT-1", parts=2), parts=list(bodies))
        assert poll(agency) is True
        inbox.apply_waiting()
    with clock.at(date(2026, 11, 26), hour=6):
        assert poll(TellingAgency()) is False, "a person decides about what is held"
    assert office.settlement_of(session, packet).state == "waiting"


def test_who_settles_has_accepted(session: Session) -> None:
    packet = office.received(session, people=1)
    bodies = office.parts(packet.code, office.results(office.lines_of(session, packet), "paid"))
    with later(session):
        assert poll(TellingAgency(Answer("settled", settlement_id="QT-1", parts=1), parts=list(bodies))) is True
        inbox.apply_waiting()
    assert office.settlement_of(session, packet).state == "received"
