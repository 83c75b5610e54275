"""Packets in the hands of people: queueing, withdrawing, asking back; versions; the rule of one live packet."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.agency import messages
from app.agency.port import OutcomeUnknown
from app.errors import NotFound
from app.models import Packet
from app.services import packets, sending, transitions
from app.services.batches import approval
from tests import factories as make
from tests import office
from tests.office import ScriptedAgency


@pytest.fixture(autouse=True)
def mid_november() -> Any:
    with clock.at(date(2026, 11, 10)):
        yield


def test_a_queued_packet_carries_the_figures_of_its_list(session: Session) -> None:
    batch_id = make.locked_list(session, people=3)
    packet = packets.queue(session, batch_id, by=make.CLERK)
    batch = office.batch_of(session, packet)
    assert (packet.code, packet.version, packet.state) == (f"{batch.code}-V1", 1, "queued")
    assert (packet.line_count, packet.people_count, packet.total_vnd) == (3, 3, batch.total_vnd)
    assert packet.lines_sha256 == batch.lines_sha256
    assert packet.message_id.startswith(packet.code)
    assert (packet.replaces_id, packet.queued_by, batch.state) == (None, "xa.clerk", "sent")
    session.commit()


def test_a_list_that_is_not_locked_is_not_sent(session: Session) -> None:
    batch_id = make.made_list(session, people=1)
    with pytest.raises(transitions.WrongState):
        packets.queue(session, batch_id, by=make.CLERK)


def test_only_a_clerk_sends(session: Session) -> None:
    batch_id = make.locked_list(session)
    with pytest.raises(transitions.NotYours):
        packets.queue(session, batch_id, by=make.SUPERVISOR)


def test_a_list_out_of_scope_is_not_found(session: Session) -> None:
    with pytest.raises(NotFound):
        packets.queue(session, 999_999, by=make.CLERK)
    with pytest.raises(NotFound):
        packets.withdraw(session, 999_999, by=make.CLERK, because="x")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE payout_batches SET contract_id = NULL",
        "UPDATE agencies SET is_active = false",
        "UPDATE agencies SET base_url = NULL",
    ],
)
def test_a_list_without_a_connected_agency_is_not_sent(session: Session, statement: str) -> None:
    batch_id = make.locked_list(session)
    session.execute(text(statement))
    session.expire_all()
    with pytest.raises(packets.NotConnected, match="Bưu điện Việt Nam"):
        packets.queue(session, batch_id, by=make.CLERK)


def test_a_list_with_a_live_packet_is_not_sent_again(session: Session) -> None:
    packet = office.received(session)
    with pytest.raises(packets.PacketUnderWay, match=packet.code):
        packets.queue(session, packet.batch_id, by=make.CLERK)


def test_a_waiting_packet_can_be_withdrawn_and_the_next_one_has_the_next_version(session: Session) -> None:
    packet = office.queued(session)
    packets.withdraw(session, packet.id, by=make.CLERK, because="Thiếu một người")
    batch = office.batch_of(session, packet)
    assert (packet.state, batch.state, batch.version) == ("withdrawn", "locked", 2)
    again = packets.queue(session, packet.batch_id, by=make.CLERK)
    session.commit()
    assert (again.version, again.code, again.replaces_id) == (2, f"{batch.code}-V2", None)


def test_a_packet_in_doubt_is_neither_withdrawn_nor_recalled(session: Session) -> None:
    packet = office.queued(session)
    sending.send_next(ScriptedAgency(OutcomeUnknown("timeout")).connect)
    office.refresh(session)
    for act in (packets.withdraw, packets.ask_recall):
        with pytest.raises(packets.NotCertainYet, match=packet.code):
            act(session, packet.id, by=make.CLERK, because="x")


def test_a_packet_the_agency_has_is_not_withdrawn(session: Session) -> None:
    packet = office.received(session)
    with pytest.raises(transitions.WrongState):
        packets.withdraw(session, packet.id, by=make.CLERK, because="x")


def test_a_recall_of_a_waiting_packet_withdraws_it_at_once(session: Session) -> None:
    packet = office.queued(session)
    packets.ask_recall(session, packet.id, by=make.SUPERVISOR, because="  Sai danh sách ")
    assert packet.state == "withdrawn"
    assert office.batch_of(session, packet).state == "locked"
    session.commit()


@pytest.mark.parametrize("start", [office.received, office.accepted])
def test_a_recall_of_a_packet_the_agency_has_waits_for_delivery(session: Session, start: Any) -> None:
    packet = start(session)
    state = packet.state
    packets.ask_recall(session, packet.id, by=make.CLERK, because="Sai số tài khoản")
    session.commit()
    assert packet.state == state
    assert (packet.recall_asked_by, packet.recall_reason) == ("xa.clerk", "Sai số tài khoản")
    assert packet.recall_asked_at is not None and packet.recall_delivered_at is None
    with pytest.raises(packets.RecallAlreadyAsked):
        packets.ask_recall(session, packet.id, by=make.CLERK, because="lần nữa")


def test_after_the_agencys_no_a_recall_can_be_asked_again_with_a_new_message(session: Session) -> None:
    packet = office.accepted(session)
    agency = ScriptedAgency()
    for reason in ("Lý do một", "Lý do hai"):
        packets.ask_recall(session, packet.id, by=make.CLERK, because=reason)
        session.commit()
        sending.recall_next(agency.connect)
        said = office.tell(session, packet, status="pdng", recall="refused", reason_message="Đang chi trả")
        assert said.outcome == "applied"
        office.refresh(session)
        assert packet.recall_answer == "Đang chi trả"
    ids = {sent.message_id for _verb, sent in agency.calls}
    assert len(ids) == 2
    reasons = [messages.read_request(sent.body, now=clock.wall()).recall_reason for _verb, sent in agency.calls]
    assert reasons == ["Lý do một", "Lý do hai"]


def test_a_recall_needs_a_reason_a_role_and_a_living_packet(session: Session) -> None:
    packet = office.accepted(session)
    with pytest.raises(packets.ReasonMissing):
        packets.ask_recall(session, packet.id, by=make.CLERK, because="  ")
    with pytest.raises(packets.NotYoursToRecall):
        packets.ask_recall(session, packet.id, by=make.ACCOUNTANT, because="x")
    office.tell(session, packet, status="rjct", reason_message="Sai")
    with pytest.raises(packets.NothingToRecall):
        packets.ask_recall(session, packet.id, by=make.CLERK, because="x")


def test_a_rejected_list_is_corrected_and_sent_as_the_version_that_replaces_it(session: Session) -> None:
    packet = office.received(session)
    office.tell(session, packet, status="rjct", reason_message="Sai địa bàn")
    office.refresh(session)
    batch = office.batch_of(session, packet)
    assert (batch.state, batch.return_reason, batch.version) == ("returned", "Sai địa bàn", 2)
    approval.unlock(session, batch.id, by=make.SUPERVISOR, because="Sửa địa bàn")
    approval.lock(session, batch.id, by=make.SUPERVISOR)
    again = packets.queue(session, batch.id, by=make.CLERK)
    session.commit()
    assert (again.version, again.replaces_id) == (2, packet.id)
    agency = ScriptedAgency()
    sending.send_next(agency.connect)
    head = messages.read_request(agency.calls[0][1].body, now=clock.wall()).head
    assert (head.transaction_id, head.replaces) == (again.code, packet.code)


def test_the_rejected_version_is_replaced_also_when_a_withdrawn_one_lies_between(session: Session) -> None:
    packet = office.received(session)
    office.tell(session, packet, status="rjct", reason_message="Sai địa bàn")
    approval.unlock(session, packet.batch_id, by=make.SUPERVISOR, because="Sửa")
    approval.lock(session, packet.batch_id, by=make.SUPERVISOR)
    second = packets.queue(session, packet.batch_id, by=make.CLERK)
    packets.withdraw(session, second.id, by=make.CLERK, because="Quên")
    third = packets.queue(session, packet.batch_id, by=make.CLERK)
    assert (third.version, third.replaces_id) == (3, packet.id)


def test_a_double_click_queues_one_packet(session: Session) -> None:
    batch_id = make.locked_list(session)
    packets.queue(session, batch_id, by=make.CLERK)
    with pytest.raises(packets.PacketUnderWay):
        packets.queue(session, batch_id, by=make.CLERK)
    assert session.query(Packet).count() == 1
