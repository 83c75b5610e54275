"""The post office takes, refuses, remembers and answers packets; in this process, without HTTP."""

from __future__ import annotations

import gzip
import json
from datetime import date
from typing import Any

import pytest

from app.agency import messages, signing
from app.agency.keys import KeyRing
from app.agency.messages import ACK, ERR, NACK, NOT_FOUND_CODE
from app.agency.sandbox.engine import ClerkRefused, SandboxPostOffice
from app.agency.sandbox.knobs import turn
from tests.sandbox.partner_side import PACKET, ChosenClock, Partner, some_lines

CODE = f"{PACKET}-V1"


def test_a_packet_is_kept_line_by_line_and_acknowledged(office: SandboxPostOffice, partner: Partner) -> None:
    lines = some_lines(3)
    answer = partner.send(office, partner.packet(lines))
    assert (answer.status, answer.in_reply_to, answer.transaction_id) == (ACK, f"m-{CODE}", CODE)
    packet = office.desk.packet(CODE)
    assert (packet.stage, packet.line_count, packet.total_vnd) == ("received", 3, 1_506_000)
    kept = [(line.reference_id, line.payee_fa, line.amount_vnd) for line in office.store.lines(CODE)]
    assert kept == [(line.reference, line.payee_fa, line.amount_vnd) for line in lines]


def test_the_same_message_again_gets_the_stored_answer_and_makes_no_second_packet(
    office: SandboxPostOffice, partner: Partner, time_: ChosenClock
) -> None:
    body = partner.packet(some_lines(3))
    first = partner.post(office, "/disburse", body)
    office.desk.accept(CODE)
    time_.forward(seconds=200)
    again = partner.post(office, "/disburse", body)
    assert again.body == first.body
    assert again.headers["Signature"] != first.headers["Signature"]
    assert [packet.code for packet in office.store.packets()] == [CODE]
    assert office.desk.packet(CODE).stage == "accepted"
    assert not office.store.rows("SELECT * FROM alarms")


def test_the_same_message_id_with_other_bytes_is_refused_and_raises_an_alarm(
    office: SandboxPostOffice, partner: Partner
) -> None:
    partner.send(office, partner.packet(some_lines(3)))
    answer = partner.send(office, partner.packet(some_lines(4), 2, message_id=f"m-{CODE}"))
    assert (answer.status, answer.code) == (NACK, "rjct.message_id.duplicate")
    assert [packet.code for packet in office.store.packets()] == [CODE]
    assert len(office.store.rows("SELECT * FROM alarms")) == 1


def test_a_packet_under_another_message_id_is_a_duplicate_and_not_a_refusal(
    office: SandboxPostOffice, partner: Partner
) -> None:
    partner.send(office, partner.packet(some_lines(3)))
    answer = partner.send(office, partner.packet(some_lines(3), message_id="m-fresh"))
    assert (answer.status, answer.code) == (NACK, "rjct.message_id.duplicate")
    assert office.desk.packet(CODE).stage == "received"


@pytest.mark.parametrize("stage", ["received", "accepted", "paid", "settled"])
def test_a_version_that_replaces_a_live_packet_is_refused(
    office: SandboxPostOffice, partner: Partner, stage: str
) -> None:
    partner.send(office, partner.packet(some_lines(3)))
    for step in (office.desk.accept, office.desk.pay, office.desk.settle):
        if office.desk.packet(CODE).stage != stage:
            step(CODE)
    answer = partner.send(office, partner.packet(some_lines(3, prefix="N"), 2, replaces=CODE))
    assert (answer.status, answer.code) == (NACK, "err.request.bad")
    assert office.desk.packet(CODE).stage == stage
    assert office.desk.packet(f"{PACKET}-V2").stage == "refused"


def test_a_version_after_a_rejected_one_is_taken_with_the_same_lines(
    office: SandboxPostOffice, partner: Partner
) -> None:
    partner.send(office, partner.packet(some_lines(3)))
    office.desk.reject(CODE, "sai tổng")
    assert partner.send(office, partner.packet(some_lines(3), 2, replaces=CODE)).status == ACK


def test_an_old_version_landing_after_the_new_one_is_refused(office: SandboxPostOffice, partner: Partner) -> None:
    partner.send(office, partner.packet(some_lines(3), 2, replaces=CODE))
    office.desk.reject(f"{PACKET}-V2", "sai tổng")
    assert partner.send(office, partner.packet(some_lines(3))).status == NACK
    assert office.desk.packet(CODE).stage == "refused"


def test_a_line_that_is_in_another_live_packet_or_already_paid_is_refused(
    office: SandboxPostOffice, partner: Partner
) -> None:
    turn(office.store, {"paid_share": 1.0})
    partner.send(office, partner.packet(some_lines(3)))
    for other in ("CT-202611-00005-M", "CT-202611-00006-M"):
        answer = partner.send(office, partner.packet(some_lines(2), packet=other))
        assert (answer.status, answer.code) == (NACK, "rjct.reference_id.duplicate")
        if office.desk.packet(CODE).stage == "received":
            office.desk.accept(CODE)
            office.desk.pay(CODE)
    assert len(office.drawer()) == 3


def _altered(body: bytes, change: Any) -> bytes:
    parsed = json.loads(body)
    change(parsed["header"], parsed["message"]["disbursements"])
    return json.dumps(parsed, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda header, lines: header["meta"].update(total_amount="1.00"), "rjct.amount.invalid"),
        (lambda header, lines: header["meta"].update(line_set_sha256="0" * 64), "err.request.bad"),
        (lambda header, lines: header.update(total_count=99), "rjct.total_count.invalid"),
        (lambda header, lines: lines[0].update(amount="-5.00"), "rjct.amount.invalid"),
        (lambda header, lines: lines[0].update(amount="0.00"), "rjct.amount.invalid"),
        (lambda header, lines: lines[0].update(currency_code="USD"), "rjct.currency_code.invalid"),
        (lambda header, lines: lines[0].update(lines[1]), "rjct.reference_id.duplicate"),
        (lambda header, lines: header["meta"].update(area="Hà Nội"), "err.request.bad"),
        (lambda header, lines: header.update(action="pay"), "rjct.action.invalid"),
        (lambda header, lines: header.update(version="9"), "rjct.version.invalid"),
        (lambda header, lines: header.update(receiver_id="viettel"), "err.receiver_id.invalid"),
    ],
)
def test_a_packet_that_does_not_match_is_refused_the_same_way_every_time(
    office: SandboxPostOffice, partner: Partner, change: Any, code: str
) -> None:
    body = _altered(partner.packet(some_lines(3)), change)
    answer = partner.send(office, body)
    assert (answer.status, answer.code, answer.in_reply_to) == (NACK, code, f"m-{CODE}")
    assert partner.send(office, body) == answer
    assert office.desk.packet(CODE).stage == "refused"
    asked = partner.ask(office)
    assert (asked.head.packet_state, asked.head.reason_code) == ("rejected", code)


def test_an_empty_packet_an_unknown_area_and_too_many_lines_are_refused(
    office: SandboxPostOffice, partner: Partner
) -> None:
    turn(office.store, {"known_areas": ["01", "00005"], "max_lines": 5})
    assert partner.send(office, partner.packet([])).code == "rjct.total_count.invalid"
    other = partner.packet(some_lines(6), packet="CT-202611-00005-M")
    assert partner.send(office, other).code == "rjct.total_count.limit_exceeded"
    strange = partner.send(office, partner.packet(some_lines(2), packet="CT-202611-00006-M"))
    assert strange.status == NACK
    assert "00004" in strange.text


def test_a_message_from_the_future_is_welcome_once_its_time_has_come(
    office: SandboxPostOffice, partner: Partner, time_: ChosenClock
) -> None:
    time_.forward(hours=1)
    body = partner.packet(some_lines(3))
    time_.forward(hours=-1)
    assert partner.send(office, body).code == "rjct.message_ts.invalid"
    assert office.store.packets() == []
    time_.forward(minutes=58)
    partner._bearer = ""
    assert partner.send(office, body).status == ACK


def test_the_synchronous_twin_answers_with_the_state(office: SandboxPostOffice, partner: Partner) -> None:
    answer = partner.post(office, "/disburse/sync/disburse", partner.packet(some_lines(3)))
    said = messages.read_callback(answer.body, now=partner.now())
    assert (said.head.meaning, said.head.in_reply_to) == ("received", f"m-{CODE}")
    again = partner.packet(some_lines(3), 2, replaces=CODE)
    refused = messages.read_callback(partner.post(office, "/disburse/sync/disburse", again).body, now=partner.now())
    assert refused.head.meaning == "rejected"
    assert CODE in refused.head.reason_message


def test_a_status_question_follows_the_packet(office: SandboxPostOffice, partner: Partner) -> None:
    unknown = partner.ask(office)
    assert (unknown.head.packet_state, unknown.head.reason_code) == ("not_found", NOT_FOUND_CODE)
    partner.send(office, partner.packet(some_lines(3)))
    states = [partner.ask(office).head.packet_state]
    for step in (office.desk.accept, office.desk.pay, office.desk.settle):
        step(CODE)
        states.append(partner.ask(office).head.packet_state)
    assert states == ["received", "accepted", "accepted", "settled"]


def test_an_asynchronous_status_question_is_answered_by_callback(office: SandboxPostOffice, partner: Partner) -> None:
    partner.send(office, partner.packet(some_lines(3)))
    body = messages.txn_status(partner.head(message_id="q-1"), sync=False)
    assert messages.read_ack(partner.post(office, "/disburse/txn/status", body).body).status == ACK
    partner.post(office, "/disburse/txn/status", body)
    (out,) = office.due_callbacks()
    assert out.path == "/disburse/txn/on-status"
    said = partner.read(out)
    assert (said.head.packet_state, said.head.in_reply_to) == ("received", "q-1")


def test_a_recall_waits_for_the_clerk_and_agreeing_rejects_the_packet(
    office: SandboxPostOffice, partner: Partner
) -> None:
    partner.send(office, partner.packet(some_lines(3)))
    office.desk.accept(CODE)
    assert partner.recall(office).status == ACK
    assert partner.recall(office).status == ACK
    (asked,) = office.store.recalls()
    assert (asked.stage, asked.reason, office.desk.packet(CODE).stage) == ("open", "sai danh sách", "accepted")
    office.desk.answer_recall(asked.id, agree=True)
    said = partner.collect(office)[-1]
    assert (said.head.meaning, said.head.recall) == ("rejected", "confirmed")
    assert partner.ask(office).head.packet_state == "rejected"
    with pytest.raises(ClerkRefused):
        office.desk.answer_recall(asked.id, agree=False)


def test_a_declined_recall_leaves_the_packet_and_says_so(office: SandboxPostOffice, partner: Partner) -> None:
    partner.send(office, partner.packet(some_lines(3)))
    partner.recall(office)
    office.desk.answer_recall(office.store.recalls()[0].id, agree=False, reason="đã chia tiền")
    (said,) = partner.collect(office)
    assert (said.head.meaning, said.head.reason_message) == ("recall_refused", "đã chia tiền")
    assert office.desk.packet(CODE).stage == "received"


def test_a_recall_after_payment_is_declined_at_once(office: SandboxPostOffice, partner: Partner) -> None:
    partner.send(office, partner.packet(some_lines(3)))
    office.desk.accept(CODE)
    office.desk.pay(CODE)
    assert partner.recall(office).status == ACK
    assert [said.head.meaning for said in partner.collect(office)] == ["accepted", "recall_refused"]
    assert office.desk.packet(CODE).stage == "paid"


def test_a_recall_of_an_unknown_packet_does_not_keep_it_from_arriving_later(
    office: SandboxPostOffice, partner: Partner
) -> None:
    answer = partner.recall(office)
    assert (answer.status, answer.code) == (NACK, NOT_FOUND_CODE)
    assert partner.send(office, partner.packet(some_lines(3))).status == ACK


def test_gzip_is_unpacked_and_the_signature_is_over_the_content(office: SandboxPostOffice, partner: Partner) -> None:
    body = partner.packet(some_lines(300))
    headers = {**partner.headers(office, body), "Content-Encoding": "gzip"}
    assert messages.read_ack(office.receive("/disburse", gzip.compress(body), headers).body).status == ACK
    assert messages.read_ack(office.receive("/disburse", body, headers).body).status == ERR


def test_nothing_comes_in_without_bearer_and_signature(
    office: SandboxPostOffice, partner: Partner, time_: ChosenClock, tmp_path: Any
) -> None:
    body = partner.packet(some_lines(3))
    good = partner.headers(office, body)
    stranger = KeyRing(tmp_path / "stranger")
    stranger.new_key(now=time_())
    forged = signing.sign(body, stranger.signing_key(), now=time_())
    stale = signing.sign(body, partner.keys.signing_key(), now=time_().replace(hour=1))
    cases = [
        ({**good, "Authorization": ""}, "err.request.unauthorized"),
        ({**good, "Authorization": "Bearer x"}, "err.request.unauthorized"),
        ({**good, "Signature": ""}, "err.signature.missing"),
        ({**good, "Signature": forged}, "err.signature.invalid"),
        ({**good, "Signature": stale}, "err.signature.invalid"),
    ]
    for headers, code in cases:
        answer = office.receive("/disburse", body, headers)
        said = messages.read_ack(answer.body)
        assert (answer.status, said.status, said.code) == (401, ERR, code)
    altered = office.receive("/disburse", body.replace(b"501000.00", b"901000.00"), good)
    assert altered.status == 401
    assert office.store.packets() == []
    assert not office.store.rows("SELECT * FROM messages")


def test_the_token_endpoint_knows_only_the_current_secret(office: SandboxPostOffice, partner: Partner) -> None:
    form = {"grant_type": "client_credentials", "client_id": "chitra", "client_secret": "guess"}
    assert office.token(form, None).status == 401
    assert office.token({**form, "grant_type": "password"}, None).status == 400
    old = partner.exchange.client_secret
    partner.prepare("http://127.0.0.1:9/agency")
    assert office.token({**form, "client_secret": old}, None).status == 401
    assert office.token({**form, "client_secret": partner.exchange.client_secret}, None).status == 200


def test_preparing_again_keeps_our_key_and_trusts_exactly_the_keys_given(partner: Partner) -> None:
    before, secret = partner.exchange.public_keys, partner.exchange.client_secret
    first = partner.keys.signing_key().kid
    partner.keys.new_key(now=partner.now())
    partner.keys.retire(first)
    again = partner.prepare("http://127.0.0.1:9/agency")
    assert again.public_keys == before
    assert list(KeyRing(partner.home / "keys").trusted_keys("chitra")) == [partner.keys.signing_key().kid]
    assert again.client_secret != secret


def test_reset_forgets_everything_but_the_seed(office: SandboxPostOffice, partner: Partner) -> None:
    partner.send(office, partner.packet(some_lines(3)))
    era = office.store.era()
    office.reset()
    assert office.store.packets() == []
    assert office.store.era() != era
    assert partner.send(office, partner.packet(some_lines(3))).status == ACK


# --- Decisions about extensions ---------------------------------------------------------------------------------------


def notice(partner: Partner, version: int = 1, **meta: Any) -> bytes:
    said = messages.Notice("granted", 3, date(2026, 11, 28), "Mưa lũ")
    body = messages.notice(partner.head(version, message_id=f"g-{version}"), said)
    if not meta:
        return body
    found = json.loads(body)
    found["header"]["meta"] |= meta
    return json.dumps(found).encode()


def test_a_decision_about_an_extension_is_kept_with_its_packet_once(
    office: SandboxPostOffice, partner: Partner
) -> None:
    partner.send(office, partner.packet(some_lines(2)))
    assert partner.send(office, notice(partner)).status == partner.send(office, notice(partner)).status == ACK
    (kept,) = office.store.notices(PACKET + "-V1")
    assert (kept.decision, kept.days, kept.due_on, kept.reason) == ("granted", 3, "2026-11-28", "Mưa lũ")


def test_a_decision_about_an_unknown_packet_is_not_taken(office: SandboxPostOffice, partner: Partner) -> None:
    assert partner.send(office, notice(partner)).code == NOT_FOUND_CODE
    assert office.store.packets() == [], "and nothing keeps the packet from arriving later"


@pytest.mark.parametrize(
    "meta",
    [
        {"extension_decision": "maybe"},
        {"extension_days": 20},
        {"extension_days": "3"},
        {"due_on": "28/11/26"},
        {"due_on": ""},
    ],
)
def test_a_decision_that_cannot_be_read_is_refused(
    office: SandboxPostOffice, partner: Partner, meta: dict[str, Any]
) -> None:
    assert partner.send(office, notice(partner, **meta)).code == "err.request.bad"
    assert office.store.packets() == []
