"""Packets that travel as files: written by the scheduler, answered by a person, results out of a bank's files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.agency import adapters, workbook
from app.agency.port import Answer, Endpoint, OutgoingPacket
from app.models import InboxMessage, Packet
from app.rules.actors import Role
from app.services import by_hand, inbox, packets, sending
from app.services.sending import Connect, Connection
from app.services.settlements import arithmetic, entering, locking
from tests import factories as make
from tests import office
from tests.agency import bank

AGENCY_USER = make.actor(Role.AGENCY_USER)


@pytest.fixture(autouse=True)
def mid_november() -> Iterator[None]:
    with clock.at(date(2026, 11, 10)):
        yield


@pytest.fixture
def connect(tmp_path: Path) -> Connect:
    def of(code: str, address: str) -> Connection:
        agency = adapters.ADAPTERS[adapters.at(address)].connect(tmp_path, now=clock.wall)
        return Connection(agency, Endpoint(address, "chitra", code, "chitra"))

    return of


def sent(session: Session, connect: Connect, adapter: str = "iso20022", *, people: int = 3) -> Packet:
    """A packet the scheduler has written into the outbox; committed."""
    batch_id = make.locked_list(session, people=people)
    session.execute(text("UPDATE agency_contracts SET adapter = :adapter"), {"adapter": adapter})
    session.execute(text("UPDATE agencies SET base_url = NULL"))
    packet = packets.queue(session, batch_id, by=make.CLERK)
    session.commit()
    assert sending.send_next(connect)
    office.refresh(session)
    return session.get_one(Packet, packet.id)


def heard(session: Session) -> InboxMessage:
    """Everything applied; the newest message."""
    session.commit()
    inbox.apply_waiting()
    office.refresh(session)
    return session.query(InboxMessage).order_by(InboxMessage.id.desc()).first()  # type: ignore[return-value]


def enter(session: Session, packet: Packet, word: Any, **more: Any) -> InboxMessage:
    by_hand.enter(session, packet.id, word, by=more.pop("by", make.CLERK), **more)
    return heard(session)


def bring(session: Session, packet: Packet, action: str, body: bytes, **more: Any) -> InboxMessage:
    by_hand.bring(session, packet.id, action, "a.xml", body, by=more.pop("by", make.CLERK))
    return heard(session)


# --- Out -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("adapter", "suffix"), [("iso20022", "xml"), ("workbook", "csv")])
def test_a_packet_is_a_file_in_the_outbox_with_the_stored_bytes(
    session: Session, connect: Connect, tmp_path: Path, adapter: str, suffix: str
) -> None:
    packet = sent(session, connect, adapter)
    assert (packet.state, packet.attempts, packet.unknown_count) == ("received", 1, 1)
    written = (tmp_path / "outbox" / "vnpost" / f"{packet.code}.{suffix}").read_bytes()
    assert written == session.scalar(text("SELECT body FROM packets"))


class KilledAfterwards:
    """The files are written, and the process ends before it can say so."""

    def __init__(self, agency: Any) -> None:
        self._agency = agency

    def send(self, packet: OutgoingPacket) -> Answer:
        self._agency.send(packet)
        raise KeyboardInterrupt


def test_a_scheduler_killed_after_writing_finds_the_file_there(session: Session, connect: Connect) -> None:
    batch_id = make.locked_list(session)
    session.execute(text("UPDATE agency_contracts SET adapter = 'iso20022'"))
    packet = packets.queue(session, batch_id, by=make.CLERK)
    session.commit()
    there = connect("vnpost", "iso20022:")
    with pytest.raises(KeyboardInterrupt):
        sending.send_next(lambda _code, _address: Connection(KilledAfterwards(there.agency), there.endpoint))  # type: ignore[arg-type]
    office.refresh(session)
    assert packet.state == "in_doubt"
    office.hurry(session)
    assert sending.ask_next(connect)
    office.refresh(session)
    assert packet.state == "received"


def test_a_table_can_be_made_of_the_stored_bytes(session: Session, connect: Connect) -> None:
    packet = sent(session, connect, "workbook", people=2)
    body = bytes(session.execute(text("SELECT body FROM packets")).scalar_one())
    found = workbook.table(body)
    assert (len(found.rows), found.total_vnd) == (packet.line_count, packet.total_vnd)


# --- The agency's word ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("adapter", ["iso20022", "workbook"])
@pytest.mark.parametrize("by", [make.CLERK, make.SUPERVISOR, AGENCY_USER], ids=["clerk", "supervisor", "agency"])
def test_an_acceptance_entered_by_a_person_is_applied_like_a_callback(
    session: Session, connect: Connect, adapter: str, by: Any
) -> None:
    packet = sent(session, connect, adapter)
    row = enter(session, packet, "accept", by=by)
    assert (packet.state, office.batch_of(session, packet).state) == ("accepted", "accepted")
    assert (row.action, row.key_id, row.headers, row.outcome) == (
        "by-hand", f"user:{by.username}", {"Entered-By": by.username}, "applied",
    )  # fmt: skip
    assert office.settlement_of(session, packet).sent_vnd == packet.total_vnd


@pytest.mark.parametrize("accepted_before", [True, False])
def test_a_rejection_needs_a_reason_and_gives_the_list_back(
    session: Session, connect: Connect, accepted_before: bool
) -> None:
    packet = sent(session, connect)
    if accepted_before:
        enter(session, packet, "accept")
    with pytest.raises(by_hand.WhyMissing):
        by_hand.enter(session, packet.id, "reject", by=make.CLERK, because="  ")
    enter(session, packet, "reject", because="Thiếu chữ ký")
    assert (packet.state, packet.answer_reason) == ("rejected", "Thiếu chữ ký")
    assert office.batch_of(session, packet).state == "returned"


@pytest.mark.parametrize("word", ["keep", "reject"])
def test_our_request_to_give_back_is_answered_by_a_person(
    session: Session, connect: Connect, tmp_path: Path, word: Any
) -> None:
    packet = sent(session, connect)
    packets.ask_recall(session, packet.id, by=make.CLERK, because="Sai số tài khoản")
    session.commit()
    assert sending.recall_next(connect)
    assert (tmp_path / "outbox" / "vnpost" / f"{packet.code}.recall.json").exists()
    office.refresh(session)
    assert by_hand.possible(packet) == ("accept", "reject", "keep")
    enter(session, packet, word, because="Đã chi trả")
    expected = ("rejected", None) if word == "reject" else ("received", "Đã chi trả")
    assert (packet.state, packet.recall_answer) == expected


def test_what_an_agency_cannot_say_now_is_refused(session: Session, connect: Connect) -> None:
    packet = sent(session, connect)
    with pytest.raises(by_hand.NothingToAnswer, match=packet.code):
        by_hand.enter(session, packet.id, "keep", by=make.CLERK, because="x")
    with pytest.raises(by_hand.NotYoursToAnswer):
        by_hand.enter(session, packet.id, "accept", by=make.ACCOUNTANT)
    by_hand.enter(session, packet.id, "accept", by=make.CLERK)
    with pytest.raises(by_hand.AnswerUnderWay):
        by_hand.enter(session, packet.id, "accept", by=make.CLERK)
    heard(session)
    enter(session, packet, "reject", because="x")
    assert by_hand.possible(packet) == ()


def test_a_packet_over_a_connection_is_not_answered_by_hand(session: Session) -> None:
    packet = office.received(session)
    with pytest.raises(by_hand.NotByHand, match=packet.code):
        by_hand.enter(session, packet.id, "accept", by=make.CLERK)
    assert not by_hand.form_of(session, packet).by_hand


# --- Files of a bank -----------------------------------------------------------------------------------------------


def test_a_banks_files_accept_settle_and_tie_out(session: Session, connect: Connect) -> None:
    packet = sent(session, connect)
    bring(session, packet, "pain.002", bank.pain_002(packet.code))
    assert packet.state == "accepted"
    lines = office.lines_of(session, packet)
    refused = bank.payment(lines[0].reference, "RJCT", reason="AC04")
    bring(session, packet, "pain.002", bank.pain_002(packet.code, "PART", payments=refused))
    booked = [bank.entry(bank.booking(one.reference), one.total_vnd) for one in lines[1:]]
    row = bring(session, packet, "camt.054", bank.camt_054(booked))
    assert (row.outcome, row.key_id) == ("applied", f"user:{make.CLERK.username}")
    settlement = office.settlement_of(session, packet)
    found = arithmetic.figures(session, settlement.id)
    assert (found.ties_out, found.paid.people, found.unpaid.people) == (True, 2, 1)
    locking.lock(session, settlement.id, by=make.ACCOUNTANT)
    session.commit()
    results = {line.reference: line.result for line in office.lines_of(session, packet)}
    assert results == {lines[0].reference: "unpaid", lines[1].reference: "paid", lines[2].reference: "paid"}


def test_undoing_results_by_hand_keeps_what_the_banks_file_said_since(session: Session, connect: Connect) -> None:
    """Order changes nothing: the file before the change and the undoing, or between them (promise P6)."""
    packet = sent(session, connect)
    bring(session, packet, "pain.002", bank.pain_002(packet.code))
    settlement = office.settlement_of(session, packet)
    made = entering.change(session, settlement.id, entering.Change("pending", "paid"), by=make.CLERK)
    session.commit()
    [line, *_others] = office.lines_of(session, packet)
    bring(session, packet, "camt.054", bank.camt_054([bank.entry(bank.booking(line.reference), line.total_vnd)]))
    entering.undo(session, made.id, by=make.CLERK)
    session.commit()
    found = arithmetic.figures(session, settlement.id)
    assert (found.paid.people, found.pending.people) == (1, 2)


def test_a_banks_rejection_returns_the_list(session: Session, connect: Connect) -> None:
    packet = sent(session, connect)
    bring(session, packet, "pain.002", bank.pain_002(packet.code, "RJCT", reason="AM04", text="Thieu so du"))
    assert (packet.state, packet.answer_reason) == ("rejected", "AM04 Thieu so du")


def test_a_later_return_contradicts_a_payment_and_a_person_decides(session: Session, connect: Connect) -> None:
    packet = sent(session, connect, people=1)
    (line,) = office.lines_of(session, packet)
    bring(session, packet, "camt.054", bank.camt_054([bank.entry(bank.booking(line.reference), line.total_vnd)]))
    assert packet.state == "accepted", "a bank that pays has accepted"
    back = bank.entry(bank.booking(line.reference, reason="AC06"), line.total_vnd, direction="CRDT")
    bring(session, packet, "camt.054", bank.camt_054([back], message_id="BANK-3"))
    assert arithmetic.figures(session, office.settlement_of(session, packet).id).disputed.people == 1


def test_a_file_is_kept_even_when_nobody_can_read_it(session: Session, connect: Connect) -> None:
    packet = sent(session, connect)
    row = bring(session, packet, "pain.002", b"<a/>")
    assert (row.outcome, packet.state, bytes(row.body)) == ("failed", "received", b"<a/>")
    assert row.note and "Không xử lý được tin" in row.note


def test_a_file_is_taken_once(session: Session, connect: Connect) -> None:
    packet = sent(session, connect)
    bring(session, packet, "pain.002", bank.pain_002(packet.code, "RCVD"))
    with pytest.raises(by_hand.FileKnown, match=packet.code):
        by_hand.bring(session, packet.id, "pain.002", "b.xml", bank.pain_002(packet.code, "RCVD"), by=make.CLERK)


def test_files_that_do_not_belong_here_are_refused(session: Session, connect: Connect) -> None:
    packet = sent(session, connect, "workbook")
    with pytest.raises(by_hand.FileUnfit, match="không phải loại tệp"):
        by_hand.bring(session, packet.id, "pain.002", "a.xml", b"<a/>", by=make.CLERK)
    session.execute(text("UPDATE agency_contracts SET adapter = 'iso20022'"))
    for body, why in ((b" \n", "trống"), (b"x" * (by_hand.FILE_MOST_BYTES + 1), "10 MB")):
        with pytest.raises(by_hand.FileUnfit, match=why):
            by_hand.bring(session, packet.id, "pain.002", "a.xml", body, by=make.CLERK)


def test_a_packet_that_never_left_has_no_answer(session: Session) -> None:
    packet = office.queued(session)
    session.execute(text("UPDATE agency_contracts SET adapter = 'iso20022'"))
    with pytest.raises(by_hand.NothingToAnswer):
        by_hand.bring(session, packet.id, "pain.002", "a.xml", b"<a/>", by=make.CLERK)
    assert by_hand.possible(packet) == ()
