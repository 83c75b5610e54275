"""Queueing, sending, asking and recalling packets against a scripted agency; every outcome of the wire."""

from __future__ import annotations

import hashlib
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


def body_of(session: Session, packet: Packet) -> bytes:
    return bytes(session.execute(text("SELECT body FROM packets WHERE id = :id"), {"id": packet.id}).scalar_one())


def test_a_queued_packet_is_sent_and_acknowledged(session: Session) -> None:
    packet = office.queued(session, people=3)
    agency = ScriptedAgency()
    assert sending.send_next(agency.connect) is True
    assert sending.send_next(agency.connect) is False
    office.refresh(session)
    assert packet.state == "received"
    assert (packet.attempts, packet.lease_until, packet.last_error) == (1, None, None)
    assert packet.sent_at is not None
    assert agency.verbs == ["send"]
    assert office.audit(session, "packet", packet.id) == ["create", "claim", "receive"]


def test_the_bytes_are_those_of_the_locked_list(session: Session) -> None:
    packet = office.queued(session, people=3)
    agency = ScriptedAgency()
    sending.send_next(agency.connect)
    office.refresh(session)
    sent = agency.calls[0][1]
    assert sent.body == body_of(session, packet)
    assert sent.sha256 == packet.body_sha256 == hashlib.sha256(sent.body).hexdigest()
    envelope = messages.read_request(sent.body, now=clock.wall())
    lines = office.lines_of(session, packet)
    assert {line.reference: line.amount_vnd for line in envelope.lines} == {
        line.reference: line.total_vnd for line in lines
    }
    head = envelope.head
    assert (head.transaction_id, head.message_id) == (packet.code, packet.message_id)
    assert (head.area, head.period, head.kind, head.replaces) == ("00004", "202611", "M", "")
    assert head.line_set_sha256 == office.batch_of(session, packet).lines_sha256
    assert {line.area for line in envelope.lines} == {"00004"}


@pytest.mark.parametrize(
    "error",
    [OutcomeUnknown("timeout", "60 s"), OutcomeUnknown("http_502", retry_after_s=5), OutcomeUnknown("unsigned")],
)
def test_an_unknown_outcome_leaves_the_packet_in_doubt(session: Session, error: Exception) -> None:
    packet = office.queued(session)
    sending.send_next(ScriptedAgency(error).connect)
    office.refresh(session)
    assert packet.state == "in_doubt"
    assert packet.unknown_count == 1
    assert packet.last_error == str(error)
    assert packet.lease_until is None
    assert office.batch_of(session, packet).state == "sent"


def test_a_packet_in_doubt_is_asked_about_and_not_sent_again_when_the_agency_has_it(session: Session) -> None:
    packet = office.queued(session)
    agency = ScriptedAgency(OutcomeUnknown("timeout"), Answer("received"))
    sending.send_next(agency.connect)
    assert sending.ask_next(agency.connect) is False, "not before its time"
    office.hurry(session)
    assert sending.ask_next(agency.connect) is True
    office.refresh(session)
    assert packet.state == "received"
    assert agency.verbs == ["send", "ask"]


def test_not_found_is_no_proof_and_the_same_bytes_go_again_under_the_same_key(session: Session) -> None:
    packet = office.queued(session)
    agency = ScriptedAgency(OutcomeUnknown("reset"), Answer("not_found"), Answer("received"))
    sending.send_next(agency.connect)
    office.hurry(session)
    sending.ask_next(agency.connect)
    office.refresh(session)
    assert agency.verbs == ["send", "ask", "send"]
    first, again = agency.calls[0][1], agency.calls[2][1]
    assert (again.body, again.message_id, again.sha256) == (first.body, first.message_id, first.sha256)
    assert packet.state == "received"
    assert packet.attempts == 2 and packet.unknown_count == 2


@pytest.mark.parametrize("error", [NotSent("dns"), OutcomeUnknown("timeout"), Refused("err.request.bad", "câu hỏi")])
def test_a_question_without_an_answer_changes_nothing_and_waits_longer(session: Session, error: Exception) -> None:
    packet = office.queued(session)
    agency = ScriptedAgency(OutcomeUnknown("reset"), error)
    sending.send_next(agency.connect)
    office.hurry(session)
    sending.ask_next(agency.connect)
    office.refresh(session)
    assert packet.state == "in_doubt"
    assert (packet.attempts, packet.unknown_count, packet.last_error) == (2, 1, str(error))
    assert sending.ask_next(agency.connect) is False


def test_waiting_grows_with_every_call_up_to_an_hour(session: Session) -> None:
    packet = office.queued(session)
    waits = []
    for attempts in (0, 3, 30):
        session.execute(text("UPDATE packets SET attempts = :n, state = state"), {"n": attempts})
        office.hurry(session)
        agency = ScriptedAgency(NotSent("refused"))
        sending.send_next(agency.connect)
        wait = session.execute(text("SELECT extract(epoch FROM next_attempt_at - now()) FROM packets")).scalar_one()
        waits.append(float(wait))
        office.refresh(session)
    assert 14 <= waits[0] <= 46 and 100 <= waits[1] <= 361 and 1790 <= waits[2] <= 5401
    assert packet.state == "queued"


def test_the_agency_may_say_how_long_to_wait(session: Session) -> None:
    office.queued(session)
    sending.send_next(ScriptedAgency(NotSent("token", retry_after_s=7200)).connect)
    wait = session.execute(text("SELECT extract(epoch FROM next_attempt_at - now()) FROM packets")).scalar_one()
    assert float(wait) > 7100


def test_a_packet_that_certainly_never_left_waits_in_the_queue_again(session: Session) -> None:
    packet = office.queued(session)
    sending.send_next(ScriptedAgency(NotSent("dns", "no such host")).connect)
    office.refresh(session)
    assert (packet.state, packet.unknown_count, packet.attempts) == ("queued", 0, 1)
    assert packet.last_error == "dns: no such host"
    office.hurry(session)
    sending.send_next(ScriptedAgency().connect)
    office.refresh(session)
    assert packet.state == "received"
    assert office.audit(session, "packet", packet.id) == ["create", "claim", "release", "claim", "receive"]


def test_not_sent_now_does_not_undo_an_earlier_call_whose_outcome_is_unknown(session: Session) -> None:
    packet = office.queued(session)
    agency = ScriptedAgency(OutcomeUnknown("timeout"), Answer("not_found"), NotSent("dns"))
    sending.send_next(agency.connect)
    office.hurry(session)
    sending.ask_next(agency.connect)
    office.refresh(session)
    assert packet.state == "in_doubt"
    assert packet.unknown_count == 1


def test_a_signed_refusal_returns_the_list_with_the_reason(session: Session) -> None:
    packet = office.queued(session)
    sending.send_next(ScriptedAgency(Refused("rjct.amount.invalid", "Dòng 2 sai số tiền")).connect)
    office.refresh(session)
    batch = office.batch_of(session, packet)
    assert (packet.state, packet.answer_reason) == ("refused", "Dòng 2 sai số tiền")
    assert packet.answered_at is not None
    assert (batch.state, batch.return_reason, batch.version) == ("returned", "Dòng 2 sai số tiền", 2)


def test_a_refusal_without_a_text_gives_its_code(session: Session) -> None:
    packet = office.queued(session)
    sending.send_next(ScriptedAgency(Refused("rjct.errors.too_many")).connect)
    office.refresh(session)
    assert packet.answer_reason == "rjct.errors.too_many"


@pytest.mark.parametrize(
    ("answer", "packet_state", "batch_state"),
    [
        (Answer("accepted"), "accepted", "accepted"),
        (Answer("settled"), "accepted", "accepted"),
        (Answer("rejected", reason_message="Sai địa bàn"), "rejected", "returned"),
        (Answer("rejected", reason_code="rjct.x"), "rejected", "returned"),
        (Answer("rejected"), "rejected", "returned"),
        (Answer("received"), "received", "sent"),
    ],
)
def test_the_answer_to_a_question_decides(
    session: Session, answer: Answer, packet_state: str, batch_state: str
) -> None:
    packet = office.queued(session)
    agency = ScriptedAgency(OutcomeUnknown("timeout"), answer)
    sending.send_next(agency.connect)
    office.hurry(session)
    sending.ask_next(agency.connect)
    office.refresh(session)
    assert packet.state == packet_state
    assert office.batch_of(session, packet).state == batch_state
    if packet_state == "rejected":
        assert packet.answer_reason == (
            answer.reason_message or answer.reason_code or "Đơn vị chi trả không nêu lý do."
        )


class Killed(BaseException):
    """The process ends here: nothing after this line runs."""


def test_killed_between_intent_and_outcome_the_packet_is_asked_about_and_never_gets_a_new_key(session: Session) -> None:
    packet = office.queued(session)
    key = packet.message_id
    with pytest.raises(Killed):
        sending.send_next(ScriptedAgency(Killed()).connect)
    office.refresh(session)
    assert (packet.state, packet.unknown_count) == ("in_doubt", 1)
    assert packet.body_sha256 is not None
    agency = ScriptedAgency(Answer("not_found"))
    assert sending.send_next(agency.connect) is False, "it does not wait in the queue"
    assert sending.ask_next(agency.connect) is False, "the lease of the dead scheduler still runs"
    office.hurry(session)
    sending.ask_next(agency.connect)
    office.refresh(session)
    assert packet.state == "received"
    assert agency.verbs == ["ask", "send"]
    assert {sent.message_id for _verb, sent in agency.calls} == {key}


def test_killed_before_the_wire_then_not_sent_stays_in_doubt(session: Session) -> None:
    packet = office.queued(session)
    with pytest.raises(Killed):
        sending.send_next(ScriptedAgency(Killed()).connect)
    office.hurry(session)
    sending.ask_next(ScriptedAgency(Answer("not_found"), NotSent("dns")).connect)
    office.refresh(session)
    assert (packet.state, packet.unknown_count) == ("in_doubt", 1)


def test_killed_while_the_bytes_are_built_the_packet_still_waits(session: Session) -> None:
    packet = office.queued(session)

    def connect(code: str, base_url: str) -> Any:
        raise Killed

    with pytest.raises(Killed):
        sending.send_next(connect)
    office.refresh(session)
    assert (packet.state, packet.attempts, packet.lease_until) == ("queued", 0, None)


def test_a_slow_scheduler_does_not_undo_what_another_learnt_meanwhile(session: Session) -> None:
    """The first scheduler's call hangs beyond its lease; the second asks and hears that the packet is rejected."""
    for late in (Answer("received"), OutcomeUnknown("timeout"), NotSent("x"), Refused("rjct.x")):
        packet = office.queued(session, people=1, month=date(2026, 11, 1))

        def meanwhile(said: Any = late) -> Any:
            office.hurry(session)
            sending.ask_next(ScriptedAgency(Answer("accepted")).connect)
            office.hurry(session)
            return said

        sending.send_next(ScriptedAgency(meanwhile).connect)
        office.refresh(session)
        assert packet.state == "accepted"
        assert packet.last_error is None
        office.tell(session, packet, status="rjct", reason_message="lập lại")
        _start_again(session, packet)


def _start_again(session: Session, packet: Packet) -> None:
    from app.services.batches import approval

    approval.unlock(session, packet.batch_id, by=make.SUPERVISOR, because="lập lại")
    approval.cancel(session, packet.batch_id, by=make.CLERK, because="lập lại")
    session.commit()


def test_the_answer_not_found_does_not_send_a_packet_that_somebody_made_certain_meanwhile(session: Session) -> None:
    packet = office.queued(session)
    sending.send_next(ScriptedAgency(OutcomeUnknown("timeout")).connect)
    office.hurry(session)

    def meanwhile() -> Answer:
        office.tell(session, packet, status="pdng")
        return Answer("not_found")

    agency = ScriptedAgency(meanwhile)
    sending.ask_next(agency.connect)
    office.refresh(session)
    assert agency.verbs == ["ask"]
    assert packet.state == "accepted"


def test_two_schedulers_do_not_take_the_same_packet(session: Session) -> None:
    packet = office.queued(session)
    second = ScriptedAgency()

    def meanwhile() -> Answer:
        assert sending.send_next(second.connect) is False
        assert sending.ask_next(second.connect) is False
        return Answer("received")

    sending.send_next(ScriptedAgency(meanwhile).connect)
    office.refresh(session)
    assert packet.state == "received"
    assert second.calls == []


@pytest.mark.wrong_books("locked_list_unchanged")
def test_lines_that_are_not_those_that_were_locked_are_never_sent(session: Session) -> None:
    batch_id = make.locked_list(session, people=2)
    session.execute(text("UPDATE payout_batches SET lines_sha256 = repeat('0', 64)"))
    packet = packets.queue(session, batch_id, by=make.CLERK)
    session.commit()
    agency = ScriptedAgency()
    assert sending.send_next(agency.connect) is True
    office.refresh(session)
    assert agency.calls == []
    assert (packet.state, packet.body_sha256) == ("queued", None)
    assert packet.last_error == "Không dựng được gói tin: the lines are not those the list was locked with"
    assert sending.send_next(agency.connect) is False, "it waits, and does not stop the others"
