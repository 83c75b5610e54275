"""The record of calls to agencies: every call begun before the wire, every answer got, and nobody's data in it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import clock
from app.agency.port import Answer, NotSent, OutcomeUnknown, Refused
from app.models import Packet
from app.rules.actors import Role
from app.services import calls, packets, sending
from tests import factories as make
from tests import office, stages
from tests.office import ScriptedAgency
from tests.screens.desk import Desk, text_of


@pytest.fixture(autouse=True)
def mid_november() -> Any:
    with clock.at(date(2026, 11, 10)):
        yield


def told(session: Session, packet: Packet) -> list[tuple[str, str | None, str | None]]:
    """(verb, outcome, code) of the calls about a packet, oldest first."""
    office.refresh(session)
    return [(call.verb, call.outcome, call.code) for call in reversed(calls.of_packet(session, packet.id))]


def test_every_call_and_every_answer_is_kept(session: Session) -> None:
    packet = office.queued(session)
    sending.send_next(ScriptedAgency(NotSent("dns")).connect)
    office.hurry(session)
    sending.send_next(ScriptedAgency(OutcomeUnknown("http_502", raw=b"<h1>Bad Gateway</h1>")).connect)
    office.hurry(session)
    sending.ask_next(ScriptedAgency(OutcomeUnknown("timeout")).connect)
    office.hurry(session)
    sending.ask_next(ScriptedAgency(Answer("not_found", reason_code="nf"), OutcomeUnknown("reset")).connect)
    office.hurry(session)
    sending.ask_next(ScriptedAgency(Answer("received")).connect)
    assert told(session, packet) == [
        ("send", "not_sent", "dns"),
        ("send", "unknown", "http_502"),
        ("ask", "unknown", "timeout"),
        ("ask", "not_found", "nf"),
        ("send", "unknown", "reset"),
        ("ask", "received", None),
    ]
    assert calls.of_packet(session, packet.id)[4].excerpt == "Bad Gateway"


@pytest.mark.parametrize(
    ("answer", "outcome"), [(Refused("rjct.amount.invalid", "Sai"), "refused"), (Answer("received"), "received")]
)
def test_a_send_is_kept_with_its_answer(session: Session, answer: Any, outcome: str) -> None:
    packet = office.queued(session)
    sending.send_next(ScriptedAgency(answer).connect)
    assert [one[:2] for one in told(session, packet)] == [("send", outcome)]
    assert calls.of_packet(session, packet.id)[0].took_ms is not None


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Answer("received"), "received"),
        (Answer("not_found"), "not_found"),
        (Refused("rjct.x"), "refused"),
        (OutcomeUnknown("timeout"), "unknown"),
    ],
)
def test_a_recall_is_kept_with_its_answer(session: Session, answer: Any, outcome: str) -> None:
    packet = office.received(session)
    packets.ask_recall(session, packet.id, by=make.CLERK, because="Sai số tiền")
    session.commit()
    sending.recall_next(ScriptedAgency(answer).connect)
    assert told(session, packet)[-1][:2] == ("recall", outcome)


def test_a_call_is_committed_before_the_wire_and_one_cut_off_has_no_answer(session: Session) -> None:
    packet = office.queued(session)
    with pytest.raises(KeyboardInterrupt):
        sending.send_next(ScriptedAgency(KeyboardInterrupt()).connect)
    assert told(session, packet) == [("send", None, None)]
    cut = calls.of_packet(session, packet.id)[0]
    assert (cut.outcome_words, cut.tone, cut.took_ms) == (calls.UNDER_WAY, "warn", None)
    with clock.at(date(2026, 11, 11)):
        assert cut.outcome_words == calls.CUT_OFF


def test_nothing_of_the_record_can_be_rewritten(session: Session) -> None:
    stages.in_doubt(session)
    for table in ("agency_calls", "agency_answers"):
        for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET area_path = 'VN/'"):
            with pytest.raises(DBAPIError), session.begin_nested():
                session.execute(text(statement))


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        (b"", ""),
        (b"<html><style>p{}</style><h1>502</h1>\n<p>gateway  010123456789</p>", "502 gateway …"),
        (
            b'{"message":{"ack_status":"NACK","payee_name":"A","ack_status":"NACK","error":{"code":"err.request.bad"',
            None,
        ),
        ("Tạm ngừng\x00".encode(), "Tạm ngừng?"),
    ],
)
def test_an_excerpt_tells_nothing_of_a_person(raw: bytes, wanted: str | None) -> None:
    assert calls.excerpt(raw) == ("ack_status=NACK; code=err.request.bad" if wanted is None else wanted)
    assert len(calls.excerpt(b"<p>" + b"word " * 1000)) <= calls.LONGEST_EXCERPT


def test_the_office_sees_the_calls_on_the_page_of_the_packet_and_the_agency_does_not(database: Flask) -> None:
    desk = Desk(database)
    with desk.books() as session:
        packet_id = stages.in_doubt(session).id
    page = text_of(desk.signed_in(Role.CLERK).get(f"/packets/show/{packet_id}"))
    assert "Các lần gọi và câu trả lời" in page and "Gửi gói tin" in page and "<code>timeout</code>" in page
    staff = text_of(desk.signed_in(Role.AGENCY_USER, area="01").get(f"/packets/show/{packet_id}"))
    assert "Các lần gọi và câu trả lời" not in staff


def test_how_long_a_call_took_is_what_passed() -> None:
    began = clock.now()
    call = calls.Call("send", began, began + timedelta(milliseconds=1234), "received", None, None)
    assert (call.took_ms, call.tone, call.verb_words) == (1234, "good", "Gửi gói tin")
