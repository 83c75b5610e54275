"""Messages of the agency: kept for good, applied once, in whatever order they come."""

from __future__ import annotations

import itertools
import logging
from datetime import date

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.agency.messages import ControlTotals, SettlementPart
from app.agency.port import OutcomeUnknown
from app.models import Agency, DeadlineExtension, InboxMessage, Packet, Settlement, SettlementRecord
from app.services import inbox, packets, sending
from app.services.batches import approval
from tests import factories as make
from tests import office
from tests.office import ScriptedAgency
from tests.services.incoming import incoming
from tests.services.incoming import mid_november as mid_november

# --- Keeping -----------------------------------------------------------------------------------------------------


def test_a_message_is_kept_exactly_as_it_came(session: Session) -> None:
    kept = inbox.keep(session, incoming(session, b"{}"), answer={"ack": 1})
    assert kept == inbox.Kept({"ack": 1}, is_new=True)
    row = session.scalars(select(InboxMessage)).one()
    assert (bytes(row.body), row.headers, row.key_id, row.answer) == (b"{}", {"Signature": "x"}, "key-1", {"ack": 1})
    assert (row.outcome, row.attempts) == (None, 0)


def test_the_same_bytes_again_get_the_stored_answer(session: Session) -> None:
    inbox.keep(session, incoming(session, b"{}"), answer={"ack": 1})
    again = inbox.keep(session, incoming(session, b"{}"), answer={"ack": 2})
    assert again == inbox.Kept({"ack": 1}, is_new=False)
    assert session.query(InboxMessage).count() == 1


def test_other_bytes_under_a_known_id_are_a_duplicate_and_an_alarm(
    session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    inbox.keep(session, incoming(session, b"{}"), answer={})
    with caplog.at_level(logging.WARNING), pytest.raises(inbox.OtherBytes) as refusal:
        inbox.keep(session, incoming(session, b"{ }"), answer={})
    assert refusal.value.code == "rjct.message_id.duplicate"
    assert [record.message for record in caplog.records] == ["inbox_other_bytes"]


def test_two_agencies_may_use_the_same_message_id(session: Session) -> None:
    first = incoming(session, b"{}")
    other = Agency(code="viettel", name="Viettel", kind="telecom")
    session.add(other)
    session.flush()
    inbox.keep(session, first, answer={})
    second = inbox.Incoming(other.id, "m-1", "on-disburse", None, b"other", {}, "key-2")
    assert inbox.keep(session, second, answer={}).is_new


# --- The agency's decision ---------------------------------------------------------------------------------------


def test_an_acceptance_hands_the_money_over_and_opens_the_settlement(session: Session) -> None:
    packet = office.received(session, people=2)
    said = office.tell(session, packet, status="pdng")
    assert (said.outcome, said.note, said.attempts) == ("applied", None, 1)
    assert said.applied_at is not None
    assert (packet.state, office.batch_of(session, packet).state) == ("accepted", "accepted")
    for line in office.lines_of(session, packet):
        assert office.movements(session, line.id) == [("owed", "with_agency", line.total_vnd)]
    settlement = office.settlement_of(session, packet)
    assert (settlement.state, settlement.sent_count, settlement.sent_vnd) == ("waiting", 2, packet.total_vnd)
    assert settlement.due_on == date(2026, 11, 25)
    assert settlement.agency_id == packet.agency_id
    assert office.audit(session, "settlement", settlement.id) == ["create"]


def test_an_acceptance_makes_a_packet_in_doubt_certain(session: Session) -> None:
    packet = office.queued(session)
    sending.send_next(ScriptedAgency(OutcomeUnknown("timeout")).connect)
    office.refresh(session)
    office.tell(session, packet, status="pdng")
    assert packet.state == "accepted"
    assert sending.ask_next(ScriptedAgency().connect) is False


def test_a_repeated_acceptance_changes_nothing_and_says_so(session: Session) -> None:
    packet = office.accepted(session)
    again = office.tell(session, packet, status="pdng")
    assert again.outcome == "ignored"
    assert packet.code in again.note and "Đã tiếp nhận" in again.note
    line = office.lines_of(session, packet)[0]
    assert len(office.movements(session, line.id)) == 1


def test_received_and_late_received(session: Session) -> None:
    packet = office.queued(session)
    sending.send_next(ScriptedAgency(OutcomeUnknown("timeout")).connect)
    office.refresh(session)
    assert office.tell(session, packet, status="rcvd").outcome == "applied"
    assert packet.state == "received"
    assert office.tell(session, packet, status="rcvd").outcome == "ignored"


def test_a_rejection_returns_the_list(session: Session) -> None:
    packet = office.received(session)
    office.tell(session, packet, status="rjct", reason_message="Sai tổng", reason_code="rjct.by_agency")
    assert (packet.state, packet.answer_reason) == ("rejected", "Sai tổng")
    assert office.batch_of(session, packet).state == "returned"
    assert session.query(Settlement).count() == 0


def test_a_rejection_after_the_acceptance_takes_the_money_back_and_voids_the_settlement(session: Session) -> None:
    packet = office.accepted(session)
    office.tell(session, packet, status="rjct", reason_code="rjct.by_agency")
    assert (packet.state, packet.answer_reason) == ("rejected", "rjct.by_agency")
    line = office.lines_of(session, packet)[0]
    assert office.movements(session, line.id) == [
        ("owed", "with_agency", line.total_vnd),
        ("with_agency", "owed", line.total_vnd),
    ]
    assert office.settlement_of(session, packet).state == "void"


def test_a_rejection_after_payments_were_reported_warns_whoever_corrects_the_list(session: Session) -> None:
    packet = office.accepted(session, people=3)
    office.settle(session, packet, "paid", "recover", "unpaid")
    office.tell(session, packet, status="rjct", reason_message="Nhầm")
    batch = office.batch_of(session, packet)
    assert batch.return_reason == "Nhầm (Chú ý: đơn vị chi trả đã báo trả tiền cho 2 dòng của gói tin này.)"


@pytest.mark.parametrize("order", list(itertools.permutations(("accept", "reject", "settle"))))
def test_a_rejection_wins_in_whatever_order_it_comes(session: Session, order: tuple[str, ...]) -> None:
    packet = office.received(session, people=2)
    words = {
        "accept": office.say(packet.code, status="pdng"),
        "reject": office.say(packet.code, status="rjct", reason_message="Sai"),
        "settle": office.parts(packet.code, office.results(office.lines_of(session, packet), "paid"))[0],
    }
    office.hear(session, *(words[name] for name in order))
    assert (packet.state, office.batch_of(session, packet).state) == ("rejected", "returned")
    states = session.scalars(select(Settlement.state)).all()
    assert states in ([], ["void"])
    for line in office.lines_of(session, packet):
        balance = sum(
            vnd if after == "with_agency" else -vnd for _before, after, vnd in office.movements(session, line.id)
        )
        assert balance == 0
        assert line.result == "pending"


def test_a_settlement_of_a_rejected_packet_says_how_many_lines_it_reports_paid(session: Session) -> None:
    packet = office.received(session, people=3)
    office.tell(session, packet, status="rjct", reason_message="Sai")
    said = office.settle(session, packet, "paid", "recover", "unpaid")[0]
    assert said.outcome == "ignored"
    assert "không còn hiệu lực" in said.note and "2 dòng" in said.note


def test_words_about_an_older_version_change_nothing(session: Session) -> None:
    first = office.received(session, people=2)
    office.tell(session, first, status="rjct", reason_message="Sai")
    approval.unlock(session, first.batch_id, by=make.SUPERVISOR, because="Sửa")
    approval.lock(session, first.batch_id, by=make.SUPERVISOR)
    second = packets.queue(session, first.batch_id, by=make.CLERK)
    session.commit()
    sending.send_next(ScriptedAgency().connect)
    office.refresh(session)
    late = [
        office.say(first.code, status="pdng"),
        office.say(first.code, status="rjct", reason_message="Lần nữa"),
        *office.parts(first.code, office.results(office.lines_of(session, first), "paid")),
    ]
    assert [row.outcome for row in office.hear(session, *late)] == ["ignored"] * 3
    session.refresh(second)
    assert (second.state, office.batch_of(session, second).state) == ("received", "sent")
    office.tell(session, second, status="pdng")
    assert second.state == "accepted"


def test_a_message_about_an_unknown_packet_is_ignored_with_a_note(session: Session) -> None:
    office.accepted(session)
    said = office.hear(session, office.say("CT-209912-00004-M-V1", status="pdng"))[0]
    assert said.outcome == "ignored"
    assert said.note == "Không có gói tin CT-209912-00004-M-V1 của Tổng công ty Bưu điện Việt Nam."


def test_another_agency_has_no_say_in_our_packet(session: Session) -> None:
    packet = office.received(session)
    make.agency(session, "viettel", methods=())
    session.commit()
    office.arrive(session, office.say(packet.code, status="pdng", sender_id="viettel"), sender="viettel")
    office.arrive(session, office.say(packet.code, status="pdng", sender_id="vnpost"), sender="viettel")
    office.arrive(session, office.say(packet.code, status="pdng", sender_id="viettel"), sender="vnpost")
    assert inbox.apply_waiting() == 3
    office.refresh(session)
    assert set(session.scalars(select(InboxMessage.outcome))) == {"ignored"}
    assert packet.state == "received"


def test_a_message_about_a_packet_that_never_left_is_ignored(session: Session) -> None:
    packet = office.queued(session)
    for body in (
        office.say(packet.code, status="pdng"),
        office.say(packet.code, status="rjct", reason_message="x"),
        office.parts(packet.code, office.results(office.lines_of(session, packet), "paid"))[0],
    ):
        assert office.hear(session, body)[0].outcome == "ignored"
    assert packet.state == "queued"


def test_not_found_as_a_message_is_no_proof(session: Session) -> None:
    packet = office.received(session)
    said = office.tell(session, packet, status="rjct", reason_code="rjct.srch_transaction_id.not_found")
    assert said.outcome == "ignored"
    assert packet.state == "received"


def test_a_recall_refused_without_a_request_changes_nothing(session: Session) -> None:
    packet = office.accepted(session)
    assert office.tell(session, packet, status="pdng", recall="refused").outcome == "ignored"
    assert packet.recall_answer is None


def test_a_recall_refused_keeps_the_agencys_reason(session: Session) -> None:
    packet = office.received(session)
    packets.ask_recall(session, packet.id, by=make.CLERK, because="Sai")
    session.commit()
    office.tell(session, packet, status="rcvd", recall="refused")
    assert packet.state == "received"
    assert packet.recall_answer == "Đơn vị chi trả không nêu lý do."
    assert packet.recall_delivered_at is not None


def test_a_request_for_an_extension_waits_for_the_supervisor(session: Session) -> None:
    packet = office.received(session)
    said = office.tell(session, packet, status="pdng", extension_days=5, reason_message="Lũ lụt")
    assert said.outcome == "applied"
    assert packet.state == "accepted", "who asks for more time has accepted"
    asked = session.scalars(select(DeadlineExtension)).one()
    assert (asked.days, asked.reason, asked.state) == (5, "Lũ lụt", "asked")
    assert (asked.asked_by, asked.entered_by) == ("Tổng công ty Bưu điện Việt Nam", "agency:vnpost")


def test_a_request_for_too_long_an_extension_is_ignored_with_the_reason(session: Session) -> None:
    packet = office.accepted(session)
    said = office.tell(session, packet, status="pdng", extension_days=20)
    assert (said.outcome, said.note) == ("ignored", "Số ngày gia hạn phải từ 1 đến 19.")


def test_a_request_for_an_extension_of_a_rejected_packet_is_ignored(session: Session) -> None:
    packet = office.received(session)
    office.tell(session, packet, status="rjct", reason_message="Sai")
    assert office.tell(session, packet, status="pdng", extension_days=5).outcome == "ignored"


def test_a_request_for_an_extension_that_rejects_in_the_same_breath_accepts_nothing(session: Session) -> None:
    packet = office.received(session)
    said = office.tell(session, packet, status="rjct", extension_days=5, reason_message="?")
    assert said.outcome == "ignored"
    assert packet.state == "received"


def test_a_settlement_message_without_lines_is_only_an_acceptance(session: Session) -> None:
    packet = office.received(session)
    state_only = SettlementPart("QT-1", 0, 1, ControlTotals())
    for settlement in (None, state_only):
        said = office.tell(session, packet, status="succ", settlement=settlement)
        assert (said.outcome, said.note) == ("ignored", "Tin quyết toán không có dòng nào.")
    assert packet.state == "accepted"
    assert office.settlement_of(session, packet).state == "waiting"


# --- Settlement entries ------------------------------------------------------------------------------------------


def records(session: Session, packet: Packet) -> dict[str, tuple[str | None, str, int]]:
    statement = select(SettlementRecord).execution_options(populate_existing=True)
    return {row.reference: (row.outcome, row.finding, row.amount_vnd) for row in session.scalars(statement)}


def test_a_settlement_before_the_acceptance_implies_it(session: Session) -> None:
    packet = office.received(session, people=2)
    said = office.settle(session, packet, "paid")[0]
    assert said.outcome == "applied"
    assert packet.state == "accepted"
    assert office.settlement_of(session, packet).state == "received"
    assert office.tell(session, packet, status="pdng").outcome == "ignored"
    assert office.settlement_of(session, packet).state == "received"


def test_a_locked_settlement_ignores_later_messages(session: Session) -> None:
    from app.services.settlements import locking

    packet = office.accepted(session, people=2)
    office.settle(session, packet, "paid")
    locking.lock(session, office.settlement_of(session, packet).id, by=make.ACCOUNTANT)
    session.commit()
    before = records(session, packet)
    late = [*office.settle(session, packet, "unpaid", report="QT-2"), office.tell(session, packet, status="rjct")]
    assert [row.outcome for row in late] == ["ignored", "ignored"]
    assert "đã chốt" in late[0].note
    assert records(session, packet) == before
    assert packet.state == "settled"
    assert {line.result for line in office.lines_of(session, packet)} == {"paid"}
