"""Asking the agency to give a packet back, against a scripted agency: delivered once, decided by the agency."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.agency import messages
from app.agency.port import Answer, NotSent, OutcomeUnknown, Refused
from app.models import Packet
from app.services import packets, sending
from tests import factories as make
from tests import office
from tests.office import ScriptedAgency


@pytest.fixture(autouse=True)
def mid_november() -> Any:
    with clock.at(date(2026, 11, 10)):
        yield


def recall_asked(session: Session, **more: Any) -> Packet:
    packet = office.accepted(session, **more)
    packets.ask_recall(session, packet.id, by=make.CLERK, because="Sai số tài khoản")
    session.commit()
    return packet


def test_a_recall_is_delivered_and_waits_for_the_agency_to_decide(session: Session) -> None:
    packet = recall_asked(session)
    agency = ScriptedAgency()
    assert sending.recall_next(agency.connect) is True
    assert sending.recall_next(agency.connect) is False
    office.refresh(session)
    assert packet.state == "accepted"
    assert packet.recall_delivered_at is not None and packet.recall_answer is None
    envelope = messages.read_request(agency.calls[0][1].body, now=clock.wall())
    assert (envelope.kind, envelope.recall_reason) == ("recall", "Sai số tài khoản")
    assert envelope.head.transaction_id == packet.code


@pytest.mark.parametrize("error", [NotSent("dns"), OutcomeUnknown("timeout"), Answer("not_found", reason_code="err.x")])
def test_a_recall_that_did_not_arrive_goes_again_with_the_same_bytes(session: Session, error: Any) -> None:
    packet = recall_asked(session)
    agency = ScriptedAgency(error, Answer("received"))
    sending.recall_next(agency.connect)
    office.refresh(session)
    assert packet.recall_delivered_at is None
    assert packet.last_error in (str(error), "err.x")
    office.hurry(session)
    sending.recall_next(agency.connect)
    office.refresh(session)
    first, again = (packet for _verb, packet in agency.calls)
    assert (first.message_id, first.body) == (again.message_id, again.body)
    assert packet.recall_delivered_at is not None
    assert packet.last_error is None


def test_a_recall_does_not_wait_for_how_hard_its_packet_was_to_send(session: Session) -> None:
    packet = recall_asked(session)
    session.execute(text("UPDATE packets SET attempts = 30"))
    session.commit()
    waits = []
    for _call in range(3):
        office.hurry(session)
        sending.recall_next(ScriptedAgency(OutcomeUnknown("timeout")).connect)
        wait = session.execute(text("SELECT extract(epoch FROM next_attempt_at - now()) FROM packets")).scalar_one()
        waits.append(float(wait))
        office.refresh(session)
    assert 14 <= waits[0] <= 46 and 28 <= waits[1] <= 91 and 58 <= waits[2] <= 181
    assert packet.attempts == 33


def test_a_recall_the_agency_refuses_on_the_wire_has_its_no(session: Session) -> None:
    packet = recall_asked(session)
    sending.recall_next(ScriptedAgency(Refused("rjct.action.not_supported", "Không nhận đề nghị")).connect)
    office.refresh(session)
    assert packet.recall_answer == "Không nhận đề nghị"
    assert packet.recall_delivered_at is not None


def test_a_recall_that_was_decided_during_the_call_is_left_alone(session: Session) -> None:
    packet = recall_asked(session)

    def meanwhile() -> Answer:
        office.tell(session, packet, status="rjct", reason_message="Đồng ý", recall="confirmed")
        return Answer("received")

    sending.recall_next(ScriptedAgency(meanwhile).connect)
    office.refresh(session)
    assert packet.state == "rejected"
    assert packet.recall_delivered_at is None


def test_the_agencys_no_that_overtakes_its_acknowledgement_of_a_recall_is_kept(session: Session) -> None:
    packet = recall_asked(session)

    def meanwhile() -> Answer:
        office.tell(session, packet, status="pdng", reason_message="Đã chi trả", recall="refused")
        return Answer("received")

    sending.recall_next(ScriptedAgency(meanwhile).connect)
    office.refresh(session)
    assert packet.recall_answer == "Đã chi trả"


def test_a_recall_asked_again_while_the_first_is_on_the_wire_is_delivered_too(session: Session) -> None:
    packet = recall_asked(session)

    def meanwhile() -> Answer:
        office.tell(session, packet, status="pdng", reason_message="Chưa rõ lý do", recall="refused")
        packets.ask_recall(session, packet.id, by=make.CLERK, because="Trùng người")
        session.commit()
        return Answer("received")

    agency = ScriptedAgency(meanwhile)
    sending.recall_next(agency.connect)
    sending.recall_next(agency.connect)
    office.refresh(session)
    reasons = [messages.read_request(sent.body, now=clock.wall()).recall_reason for _verb, sent in agency.calls]
    assert reasons == ["Sai số tài khoản", "Trùng người"]
    assert packet.recall_delivered_at is not None
