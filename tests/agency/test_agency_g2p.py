"""The HTTP adapter against a post office that answers: what is sent, what is believed, what an answer means."""

from __future__ import annotations

import gzip
import tracemalloc
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.agency import messages, signing
from app.agency.g2p import NO_MEANS
from app.agency.messages import ControlTotals, LineStatus, PacketLine, SettlementPart
from app.agency.port import (
    Agency,
    OutcomeUnknown,
    OutgoingPacket,
    Refused,
    SettlementRef,
)
from tests.agency.contract_samples import NOW, callback_head, head_of
from tests.agency.odd_post_office import CODE, Act, PostOffice, Talk, endpoint, normal, out, outcome, says

# --- the good case


def test_a_packet_arrives_as_the_stored_bytes_signed_and_authorised(
    agency: Agency, office: PostOffice, packet: OutgoingPacket
) -> None:
    answer = agency.send(packet)
    assert (answer.kind, answer.correlation_id) == ("received", "BD-1")
    (seen,) = office.packets()
    assert (seen.path, seen.body, seen.headers["content-type"]) == ("/disburse", packet.body, "application/json")
    assert office.tokens.check(seen.headers["authorization"], now=NOW) == "chitra"
    kid = signing.verify(seen.body, seen.headers["signature"], office.rings.theirs.trusted_keys("chitra"), now=NOW)
    assert kid == office.rings.ours.signing_key().kid
    assert answer.kid == office.rings.theirs.signing_key().kid
    signing.verify(answer.raw, answer.signature, office.rings.ours.trusted_keys("vnpost"), now=NOW)


def test_a_retry_sends_the_same_bytes_with_the_same_key(
    agency: Agency, office: PostOffice, packet: OutgoingPacket
) -> None:
    office.acts = [Talk.reset]
    assert isinstance(outcome(agency, packet), OutcomeUnknown)
    assert agency.send(packet).kind == "received"
    first, second = office.packets()
    assert first.body == second.body == packet.body


def test_a_large_packet_travels_compressed_and_is_signed_as_content(agency: Agency, office: PostOffice) -> None:
    lines = [PacketLine(f"202611-{n:05d}", f"cash:CT{n}@vnpost", "Nguyễn Thị Hoà", 500_000) for n in range(2_000)]
    body = messages.disburse(head_of(lines), lines)
    assert agency.send(out(body, head_of(lines).message_id, endpoint(office.url))).kind == "received"
    (seen,) = office.packets()
    assert seen.headers["content-encoding"] == "gzip"
    assert seen.body == body and len(seen.packed) < len(body) / 5
    signing.verify(body, seen.headers["signature"], office.rings.theirs.trusted_keys("chitra"), now=NOW)


def test_an_endpoint_that_takes_no_gzip_is_sent_the_same_bytes_plainly_from_then_on(
    agency: Agency, office: PostOffice
) -> None:
    lines = [PacketLine(f"202611-{n:05d}", f"cash:CT{n}@vnpost", "Nguyễn Thị Hoà", 500_000) for n in range(200)]
    packet = out(messages.disburse(head_of(lines), lines), head_of(lines).message_id, endpoint(office.url))
    office.acts = [says(415)]
    assert agency.send(packet).kind == agency.send(packet).kind == "received"
    encodings = [seen.headers.get("content-encoding") for seen in office.packets()]
    assert encodings == ["gzip", None, None]
    assert {seen.body for seen in office.packets()} == {packet.body}


def test_an_endpoint_that_takes_nothing_is_asked_once(
    agency: Agency, office: PostOffice, packet: OutgoingPacket
) -> None:
    office.acts = [says(415)]
    assert type(outcome(agency, packet)) is OutcomeUnknown
    assert len(office.packets()) == 1, "a small message was plain already"


def test_a_compressed_answer_is_read(agency: Agency, office: PostOffice, packet: OutgoingPacket) -> None:
    def zipped(talk: Talk) -> None:
        body = messages.ack(messages.Ack("ACK", NOW, talk.asked().message_id, CODE))
        signature = signing.sign(body, office.rings.theirs.signing_key(), now=NOW)
        talk.answer(200, gzip.compress(body), {"Signature": signature, "Content-Encoding": "gzip"})

    office.acts = [zipped]
    assert agency.send(packet).kind == "received"


def test_a_compressed_bomb_is_never_unpacked_whole(agency: Agency, office: PostOffice, packet: OutgoingPacket) -> None:
    bomb = gzip.compress(b"0" * 300_000_000, 1)
    office.acts = [lambda talk: talk.answer(200, bomb, {"Content-Encoding": "gzip"})]
    tracemalloc.start()
    try:
        assert type(outcome(agency, packet)) is OutcomeUnknown
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_bytes_other_than_the_stored_ones_are_never_sent(
    agency: Agency, office: PostOffice, packet: OutgoingPacket
) -> None:
    with pytest.raises(ValueError, match="stored"):
        agency.send(replace(packet, body=packet.body + b" "))
    assert office.connections == 0


def test_no_proxy_of_the_environment_is_used(
    agency: Agency, packet: OutgoingPacket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:9")
    assert agency.send(packet).kind == "received"


# --- the agency's signed no

ABOUT_THE_CONTENT = {
    "",
    "err.request.bad",
    "err.version.not_supported",
    "err.receiver_id.invalid",
    "err.sender_uri.invalid",
    "err.encryption.invalid",
    "rjct.version.invalid",
    "rjct.action.invalid",
    "rjct.action.not_supported",
    "rjct.total_count.invalid",
    "rjct.total_count.limit_exceeded",
    "rjct.errors.too_many",
    "rjct.reference_id.invalid",
    "rjct.reference_id.duplicate",
    "rjct.payer_fa.invalid",
    "rjct.payee_fa.invalid",
    "rjct.amount.invalid",
    "rjct.currency_code.invalid",
}


@pytest.mark.parametrize("code", [*sorted(NO_MEANS), "err.invented.yesterday"])
def test_only_a_no_about_the_content_is_a_refusal(
    agency: Agency, office: PostOffice, packet: OutgoingPacket, code: str
) -> None:
    """Anything decided before the message id is looked up says nothing of an earlier delivery."""
    office.acts = [lambda talk: talk.ack(400, "NACK", code=code, text="vì sao")]
    error = outcome(agency, packet)
    assert type(error) is (Refused if code in ABOUT_THE_CONTENT else OutcomeUnknown)
    assert error.code == (code or "nack")
    assert messages.read_ack(error.raw).code == code
    assert error.text == ("vì sao" if code else "")


# --- tokens


def test_a_refused_token_is_renewed_once_and_the_same_bytes_sent(
    agency: Agency, office: PostOffice, packet: OutgoingPacket
) -> None:
    office.acts = [says(401)]
    assert agency.send(packet).kind == "received"
    first, second = office.packets()
    assert first.body == second.body
    assert first.headers["authorization"] != second.headers["authorization"]


def test_a_token_refused_twice_is_unknown(agency: Agency, office: PostOffice, packet: OutgoingPacket) -> None:
    office.acts = [says(401), says(401)]
    assert type(outcome(agency, packet)) is OutcomeUnknown
    assert len(office.packets()) == 2


def test_a_packet_that_left_once_is_unknown_although_its_second_try_never_left(
    agency: Agency, office: PostOffice, packet: OutgoingPacket
) -> None:
    def refuse_and_stop_giving_tokens(talk: Talk) -> None:
        office.token_act = says(500)
        talk.answer(401, b"")

    office.acts = [refuse_and_stop_giving_tokens]
    error = outcome(agency, packet)
    assert (type(error), error.code) == (OutcomeUnknown, "unauthorized")
    assert len(office.packets()) == 1


# --- asking


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("received", {"status": "rcvd"}),
        ("accepted", {"status": "pdng"}),
        ("accepted", {"status": "pdng", "recall": "refused"}),
        ("accepted", {"status": "pdng", "extension_days": 3}),
        ("rejected", {"status": "rjct", "reason_code": "AREA_UNKNOWN", "reason_message": "Sai địa bàn"}),
        ("settled", {"status": "succ"}),
        ("not_found", {"status": "rjct", "reason_code": messages.NOT_FOUND_CODE}),
    ],
)
def test_the_agency_tells_where_the_packet_is(
    agency: Agency, office: PostOffice, packet: OutgoingPacket, kind: str, changes: dict[str, Any]
) -> None:
    office.acts = [lambda talk: talk.state(**changes)]
    answer = agency.ask(replace(packet, body=b"", sha256=""))
    assert answer.kind == kind
    assert (answer.reason_code, answer.reason_message) == (
        changes.get("reason_code", ""),
        changes.get("reason_message", ""),
    )
    assert (answer.correlation_id, answer.message_id) == ("BD-889", "vnpost-77")
    (seen,) = office.packets()
    assert (seen.path, seen.transaction_id) == ("/disburse/sync/txn/status", CODE)


@pytest.mark.parametrize(
    "changes",
    [
        {"transaction_id": "CT-202611-00004-M-V1"},
        {"in_reply_to": "an-earlier-question"},
        {"in_reply_to": ""},
        {"sender_id": "viettel"},
        {"receiver_id": "another-province"},
    ],
)
def test_an_answer_to_another_question_is_no_answer(
    agency: Agency, office: PostOffice, packet: OutgoingPacket, changes: dict[str, Any]
) -> None:
    office.acts = [lambda talk: talk.state(**changes)]
    error = outcome(agency, packet, "ask")
    assert (type(error), error.code) == (OutcomeUnknown, "other_message")


def test_an_acknowledgement_is_no_answer_to_a_question(
    agency: Agency, office: PostOffice, packet: OutgoingPacket
) -> None:
    office.acts = [Talk.ack, lambda talk: talk.signed(404, messages.on_status(_not_found(talk)))]
    assert outcome(agency, packet, "ask").code == "unreadable"
    assert outcome(agency, packet, "ask").code == "other_message"


def _not_found(talk: Talk) -> messages.CallbackHead:
    asked = talk.asked().message_id
    return callback_head(status="rjct", reason_code=messages.NOT_FOUND_CODE, in_reply_to=asked)


# --- recall


def recall_of(office: PostOffice, reason: str = "Một người mới mất") -> OutgoingPacket:
    head = head_of([], message_id="recall-1")
    return out(messages.recall(head, reason), "recall-1", endpoint(office.url))


def test_a_recall_is_acknowledged(agency: Agency, office: PostOffice) -> None:
    packet = recall_of(office)
    assert agency.recall(packet, "Một người mới mất").kind == "received"
    (seen,) = office.packets()
    assert (seen.path, seen.body) == ("/disburse", packet.body)


@pytest.mark.parametrize("code", ["err.request.not_found", messages.NOT_FOUND_CODE])
def test_a_recall_of_what_never_arrived_says_so(agency: Agency, office: PostOffice, code: str) -> None:
    office.acts = [lambda talk: talk.ack(404, "ERR", code=code)]
    assert agency.recall(recall_of(office), "Một người mới mất").kind == "not_found"


def test_a_recall_the_agency_will_not_hear_of_is_refused(agency: Agency, office: PostOffice) -> None:
    office.acts = [lambda talk: talk.ack(400, "NACK", code="rjct.action.not_supported")]
    with pytest.raises(Refused):
        agency.recall(recall_of(office), "Một người mới mất")


def test_a_packet_is_never_sent_as_a_notice(agency: Agency, packet: OutgoingPacket) -> None:
    with pytest.raises(ValueError, match="notice"):
        agency.notify(packet)


def test_a_packet_is_never_sent_as_a_recall(agency: Agency, office: PostOffice, packet: OutgoingPacket) -> None:
    with pytest.raises(ValueError, match="recall"):
        agency.recall(packet, "Một người mới mất")
    with pytest.raises(ValueError, match="recall"):
        agency.recall(recall_of(office), "Một lý do khác")
    assert office.connections == 0


# --- settlements by question

AT = NOW - timedelta(days=1)
TOTALS = ControlTotals(2, 1_750_000, 0, 0, 1, 1)


def _part(part: int, parts: int = 2, settlement_id: str = "QT-1", lines: list[LineStatus] | None = None) -> Act:
    settlement = SettlementPart(settlement_id, part, parts, TOTALS)
    return lambda talk: talk.state(lines or [], status="succ", settlement=settlement)


def test_a_settlement_is_fetched_part_by_part(agency: Agency, office: PostOffice, packet: OutgoingPacket) -> None:
    paid = [LineStatus("202611-1", "paid", 1_250_000, AT), LineStatus("202611-2", "paid", 500_000, AT)]
    recover = [LineStatus("202611-3", "recover", 1, AT, "DEAD")]
    office.acts = [_part(0), _part(1, lines=paid), _part(2, lines=recover)]
    state = agency.ask(packet)
    assert (state.kind, state.settlement_id, state.parts) == ("settled", "QT-1", 2)
    read: list[LineStatus] = []
    for part in range(1, state.parts + 1):
        answer = agency.fetch_settlement(SettlementRef(CODE, packet.endpoint, state.settlement_id, part))
        read += messages.read_callback(answer.raw, now=NOW).lines
        signing.verify(answer.raw, answer.signature, office.rings.ours.trusted_keys("vnpost"), now=NOW)
    assert ControlTotals.of(read) == TOTALS
    asked = [messages.read_request(seen.body, now=NOW) for seen in office.packets()]
    assert [(question.settlement_id, question.part) for question in asked] == [("", 0), ("QT-1", 1), ("QT-1", 2)]


@pytest.mark.parametrize("act", [_part(1), _part(2, settlement_id="QT-0"), lambda talk: talk.state(status="succ")])
def test_another_part_is_no_answer(agency: Agency, office: PostOffice, packet: OutgoingPacket, act: Act) -> None:
    office.acts = [act]
    with pytest.raises(OutcomeUnknown) as caught:
        agency.fetch_settlement(SettlementRef(CODE, packet.endpoint, "QT-1", 2))
    assert caught.value.code == "other_part"


def test_a_packet_not_yet_settled_answers_its_state(agency: Agency, office: PostOffice, packet: OutgoingPacket) -> None:
    office.acts = [normal]
    assert agency.fetch_settlement(SettlementRef(CODE, packet.endpoint)).kind == "accepted"
