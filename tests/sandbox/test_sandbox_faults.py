"""The faults of the line and of the postman, drawn or scripted; in this process, without HTTP."""

from __future__ import annotations

import pytest

from app.agency import messages, signing
from app.agency.messages import ACK
from app.agency.sandbox.engine import Answer, SandboxPostOffice
from app.agency.sandbox.knobs import (
    DELIVERY_FAULTS,
    SETTLEMENT_FAULTS,
    STORM,
    WIRE_FAULTS,
    all_knobs,
    clear_faults,
    faults_met,
    turn,
)
from tests.sandbox.partner_side import PACKET, ChosenClock, Partner, some_lines

CODE = f"{PACKET}-V1"


def _under(office: SandboxPostOffice, partner: Partner, fault: str) -> Answer:
    turn(office.store, {"fault_script": [fault]})
    body = partner.packet(some_lines(3))
    return office.receive("/disburse", body, partner.headers(office, body))


@pytest.mark.parametrize("fault", sorted(WIRE_FAULTS))
def test_after_every_fault_the_same_message_arrives_exactly_once(
    office: SandboxPostOffice, partner: Partner, time_: ChosenClock, fault: str
) -> None:
    answer = _under(office, partner, fault)
    before_commit = fault.endswith("_before") or fault in ("late_request", "http_429")
    assert (office.store.packet(CODE) is None) == before_commit
    assert not _good(partner, answer) or fault == "drip"
    assert partner.send(office, partner.packet(some_lines(3))).status == ACK
    time_.forward(seconds=30)
    office.tick()
    assert [packet.code for packet in office.store.packets()] == [CODE]
    assert len(office.store.lines(CODE)) == 3
    assert not office.store.rows("SELECT * FROM alarms")


def _good(partner: Partner, answer: Answer) -> bool:
    if answer.cut or answer.status != 200:
        return False
    try:
        partner.prove(answer.body, answer.headers)
        return messages.read_ack(answer.body).transaction_id == CODE
    except (signing.SignatureRefused, messages.BadMessage):
        return False


def test_an_answer_about_another_packet_is_signed_all_the_same(office: SandboxPostOffice, partner: Partner) -> None:
    answer = _under(office, partner, "wrong_packet")
    partner.prove(answer.body, answer.headers)
    assert messages.read_ack(answer.body).transaction_id != CODE


def test_a_late_request_lands_after_we_asked(office: SandboxPostOffice, partner: Partner, time_: ChosenClock) -> None:
    turn(office.store, {"late_s": 3_600.0})
    assert _under(office, partner, "late_request").cut == "reset"
    assert partner.ask(office).head.packet_state == "not_found"
    time_.forward(hours=2)
    partner._bearer = ""
    assert partner.ask(office).head.packet_state == "not_found"
    assert office.land_late_requests() == 1
    assert partner.ask(office).head.packet_state == "received"
    assert office.land_late_requests(everything=True) == 0


def test_scripted_faults_come_in_order_and_only_for_the_chosen_calls(
    office: SandboxPostOffice, partner: Partner
) -> None:
    partner.send(office, partner.packet(some_lines(3)))
    turn(office.store, {"fault_script": ["http_429", "none", "html_502_after"], "fault_actions": ["status"]})
    assert partner.send(office, partner.packet(some_lines(3))).status == ACK
    question = messages.txn_status(partner.head(message_id="q"))
    answers = [partner.post(office, "/disburse/sync/txn/status", question) for _ in range(4)]
    assert [answer.status for answer in answers] == [429, 200, 502, 200]
    assert answers[0].headers["Retry-After"] == "1"
    assert b"<html>" in answers[2].body


def test_the_same_seed_draws_the_same_faults(partner: Partner, time_: ChosenClock) -> None:
    runs = []
    for seed in (3, 3, 4):
        office = SandboxPostOffice(partner.home, seed=seed, clock=time_, in_memory=True)
        turn(office.store, {"http_500_before": 0.3, "http_503_before": 0.3})
        partner._bearer = ""
        question = messages.txn_status(partner.head(message_id="q"))
        headers = partner.headers(office, question)
        path = "/disburse/sync/txn/status"
        runs.append([office.receive(path, question, headers).status for _ in range(60)])
        office.close()
    assert runs[0] == runs[1] != runs[2]
    assert set(runs[0]) == {200, 500, 503}


def test_a_callback_is_tried_again_with_the_same_bytes_until_it_arrives(
    office: SandboxPostOffice, partner: Partner, time_: ChosenClock
) -> None:
    partner.send(office, partner.packet(some_lines(3)))
    office.desk.accept(CODE)
    seen = []
    for _ in range(3):
        (out,) = office.due_callbacks()
        seen.append((out.message_id, out.body))
        partner.read(out)
        office.note_delivery(out.id, delivered=False, answer="503")
        assert office.due_callbacks() == []
        time_.forward(seconds=90)
    assert len(set(seen)) == 1
    (out,) = office.due_callbacks()
    office.note_delivery(out.id, delivered=True, answer="200")
    assert office.due_callbacks(everything=True) == []
    row = office.callback_rows()[0]
    assert (row["stage"], row["attempts"], row["last_answer"]) == ("delivered", 4, "200")


def test_the_postman_can_be_duplicate_lost_late_and_badly_signed(
    office: SandboxPostOffice, partner: Partner, time_: ChosenClock
) -> None:
    partner.send(office, partner.packet(some_lines(3)))
    turn(office.store, {"callback_duplicate": 1.0, "callback_late_s": 60.0})
    office.desk.accept(CODE)
    assert office.due_callbacks() == []
    time_.forward(seconds=61)
    assert [said.head.meaning for said in partner.collect(office)] == ["accepted", "accepted"]
    turn(office.store, {"callback_duplicate": 0.0, "callback_late_s": 0.0, "callback_drop": 1.0})
    office.desk.pay(CODE)
    office.desk.settle(CODE)
    assert partner.collect(office) == []
    assert partner.ask(office).head.packet_state == "settled"
    turn(office.store, {"callback_drop": 0.0, "callback_bad_signature": 1.0})
    office.desk.settle(CODE)
    (out,) = office.due_callbacks()
    with pytest.raises(signing.SignatureInvalid):
        partner.read(out)
    office.note_delivery(out.id, delivered=False, answer="401")
    assert partner.collect(office)[0].head.meaning == "settled"


def test_parts_can_come_in_another_order(office: SandboxPostOffice, partner: Partner) -> None:
    turn(office.store, {"callback_reorder": 0.5, "part_lines": 5})
    partner.send(office, partner.packet(some_lines(60)))
    office.desk.accept(CODE)
    office.desk.pay(CODE)
    office.desk.settle(CODE)
    parts = [said.head.settlement.part for said in partner.collect(office) if said.head.settlement]
    assert sorted(parts) == list(range(1, 13))
    assert parts != sorted(parts)


def test_faults_can_be_switched_off_at_once(office: SandboxPostOffice) -> None:
    turn(office.store, {"seed": 5, "pay_days": 3, "drip": 0.5, "wrong_totals": 1.0, "callback_drop": 1.0})
    clear_faults(office.store)
    knobs = all_knobs(office.store)
    assert (knobs["seed"], knobs["pay_days"]) == (5, 3)
    assert (knobs["drip"], knobs["wrong_totals"], knobs["callback_drop"]) == (0.0, 0.0, 0.0)


def test_the_faults_that_were_met_are_counted_and_stay_counted_when_they_stop(
    office: SandboxPostOffice, partner: Partner
) -> None:
    _under(office, partner, "late_request")
    _under(office, partner, "none")
    turn(office.store, {"http_500_before": 1.0})
    partner.post(office, "/disburse/sync/txn/status", messages.txn_status(partner.head(message_id="q")))
    clear_faults(office.store)
    assert faults_met(office.store) == {"http_500_before": 1, "late_request": 1}
    assert office.on_the_way() == {"callbacks": 0, "late_requests": 1}
    office.reset()
    assert faults_met(office.store) == {}


def test_a_storm_has_every_fault_but_the_drip() -> None:
    faults = {*WIRE_FAULTS, *SETTLEMENT_FAULTS, *DELIVERY_FAULTS}
    assert {name for name in faults if STORM.get(name)} == faults - {"drip"}
