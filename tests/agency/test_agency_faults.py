"""The HTTP adapter against a post office that misbehaves: every fault ends in one of the three outcomes."""

from __future__ import annotations

import gzip
import hashlib
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from app.agency import messages, signing
from app.agency.messages import PacketLine
from app.agency.port import (
    Agency,
    NotSent,
    OutcomeUnknown,
    OutgoingPacket,
)
from tests.agency.certificates import self_signed
from tests.agency.contract_samples import NOW, Rings, head_of
from tests.agency.odd_post_office import CODE, Act, PostOffice, Talk, endpoint, out, outcome, says, warm

# --- nothing left this machine


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_a_refused_connection_sent_nothing(agency: Agency, packet: OutgoingPacket) -> None:
    dead = replace(packet, endpoint=endpoint(f"http://127.0.0.1:{free_port()}"))
    error = outcome(agency, dead)
    assert (type(error), error.code) == (NotSent, "refused")


def test_a_refused_connection_after_the_token_sent_nothing(
    agency: Agency, office: PostOffice, packet: OutgoingPacket
) -> None:
    warm(agency, office, packet)
    office.close()
    error = outcome(agency, packet)
    assert (type(error), error.code) == (NotSent, "refused")


def test_a_name_that_does_not_resolve_sent_nothing(agency: Agency, packet: OutgoingPacket) -> None:
    error = outcome(agency, replace(packet, endpoint=endpoint("https://post-office.invalid")))
    assert type(error) is NotSent and error.code in ("dns", "timeout")


@pytest.mark.parametrize("url", ["http://post-office.example", "ftp://127.0.0.1", "127.0.0.1", ""])
def test_plain_http_is_for_the_same_machine_only(agency: Agency, packet: OutgoingPacket, url: str) -> None:
    error = outcome(agency, replace(packet, endpoint=endpoint(url)))
    assert (type(error), error.code) == (NotSent, "address")


def test_a_host_that_never_answers_a_connection_sent_nothing(agency: Agency, packet: OutgoingPacket) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for line in waiting:
            line.setblocking(False)
            line.connect_ex(("127.0.0.1", port))
        began = time.monotonic()
        error = outcome(agency, replace(packet, endpoint=endpoint(f"http://127.0.0.1:{port}", deadline_s=0.5)))
        assert time.monotonic() - began < 2
        for line in waiting:
            line.close()
    assert (type(error), error.code) == (NotSent, "timeout")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    """A certificate for 127.0.0.1 that only somebody who was given it trusts."""
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def safe_office(rings: Rings, certificate: tuple[ssl.SSLContext, Path]) -> Iterator[PostOffice]:
    office = PostOffice(rings, context=certificate[0])
    yield office
    office.close()


def test_a_bad_certificate_sent_nothing(agency: Agency, safe_office: PostOffice, packet: OutgoingPacket) -> None:
    error = outcome(agency, replace(packet, endpoint=endpoint(safe_office.url)))
    assert (type(error), error.code) == (NotSent, "tls")
    assert safe_office.seen == []


def test_a_certificate_for_another_name_sent_nothing(
    agency: Agency, safe_office: PostOffice, packet: OutgoingPacket, certificate: tuple[ssl.SSLContext, Path]
) -> None:
    url = f"https://localhost:{safe_office.port}"
    error = outcome(agency, replace(packet, endpoint=endpoint(url, ca_file=str(certificate[1]))))
    assert (type(error), error.code) == (NotSent, "tls")
    assert safe_office.seen == []


def test_tls_with_the_right_authority_delivers(
    agency: Agency, safe_office: PostOffice, packet: OutgoingPacket, certificate: tuple[ssl.SSLContext, Path]
) -> None:
    to = endpoint(safe_office.url, ca_file=str(certificate[1]))
    assert agency.send(replace(packet, endpoint=to)).kind == "received"


def test_a_reset_under_tls_after_the_packet_is_unknown(
    agency: Agency, safe_office: PostOffice, packet: OutgoingPacket, certificate: tuple[ssl.SSLContext, Path]
) -> None:
    safe_office.acts = [Talk.reset]
    to = endpoint(safe_office.url, ca_file=str(certificate[1]))
    assert type(outcome(agency, replace(packet, endpoint=to))) is OutcomeUnknown


def test_a_handshake_that_never_ends_sent_nothing(agency: Agency, office: PostOffice, packet: OutgoingPacket) -> None:
    """The office accepts the connection and then waits for a plain request that never comes."""
    began = time.monotonic()
    to = endpoint(office.url.replace("http:", "https:"), deadline_s=0.5)
    error = outcome(agency, replace(packet, endpoint=to))
    assert type(error) is NotSent
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "act",
    [says(500), says(401), says(302), says(200, b"<html>"), says(200, b"{}"), Talk.reset, Talk.hang],
)
def test_without_a_token_nothing_is_sent(agency: Agency, office: PostOffice, packet: OutgoingPacket, act: Act) -> None:
    office.token_act = act
    error = outcome(agency, replace(packet, endpoint=endpoint(office.url, deadline_s=0.5)))
    assert (type(error), error.code) in ((NotSent, "token"), (NotSent, "timeout"))
    assert office.packets() == []


def test_how_long_the_token_s_endpoint_wants_us_to_wait_is_kept(
    agency: Agency, office: PostOffice, packet: OutgoingPacket
) -> None:
    office.token_act = lambda talk: talk.answer(503, b"", {"Retry-After": "40"})
    error = outcome(agency, packet)
    assert (type(error), error.code, error.retry_after_s) == (NotSent, "token", 40)


def test_without_a_key_or_a_secret_nothing_is_sent(
    agency: Agency, office: PostOffice, packet: OutgoingPacket, rings: Rings
) -> None:
    (rings.ours.folder / "secrets" / "chitra").unlink()
    error = outcome(agency, packet)
    assert (type(error), error.code) == (NotSent, "keys")
    assert office.connections == 0


# --- the outcome is unknown


def _ack_of(word: str = "ACK", **changes: Any) -> Act:
    return lambda talk: talk.ack(202, word, **changes)


def _truncated_json(talk: Talk) -> None:
    talk.signed(202, messages.ack(messages.Ack("ACK", NOW, talk.asked().message_id, CODE))[:-9])


def _shorter_than_announced(talk: Talk) -> None:
    body = messages.ack(messages.Ack("ACK", NOW, talk.asked().message_id, CODE))
    signature = signing.sign(body, talk.office.rings.theirs.signing_key(), now=NOW)
    talk.raw(f"HTTP/1.1 202 A\r\nSignature: {signature}\r\nContent-Length: {len(body) + 5}\r\n\r\n".encode())
    talk.raw(body)


def _by_a_stranger(talk: Talk) -> None:
    body = messages.ack(messages.Ack("ACK", NOW, talk.asked().message_id, CODE))
    ours = talk.office.rings.ours.signing_key()
    talk.answer(202, body, {"Signature": signing.sign(body, ours, now=NOW)})


def _stale(talk: Talk) -> None:
    body = messages.ack(messages.Ack("ACK", NOW, talk.asked().message_id, CODE))
    old = signing.sign(body, talk.office.rings.theirs.signing_key(), now=NOW - timedelta(minutes=6))
    talk.answer(202, body, {"Signature": old})


def _unsigned(talk: Talk) -> None:
    talk.answer(202, messages.ack(messages.Ack("ACK", NOW, talk.asked().message_id, CODE)))


def _unsigned_no(talk: Talk) -> None:
    answer = messages.Ack("NACK", NOW, talk.asked().message_id, CODE, code="rjct.amount.invalid")
    talk.answer(400, messages.ack(answer))


def _two_answers(talk: Talk) -> None:
    body = messages.ack(messages.Ack("ACK", NOW, talk.asked().message_id, CODE))
    good = signing.sign(body, talk.office.rings.theirs.signing_key(), now=NOW)
    head = f"HTTP/1.1 202 A\r\nSignature: {good}\r\nSignature: {good}\r\nContent-Length: {len(body)}\r\n\r\n"
    talk.raw(head.encode() + body)


def _bomb(talk: Talk) -> None:
    talk.answer(200, gzip.compress(b"0" * 200_000_000, 1), {"Content-Encoding": "gzip"})


def _endless_headers(talk: Talk) -> None:
    talk.raw(b"HTTP/1.1 200 A\r\n" + b"X: y\r\n" * 5_000)


FAULTS: dict[str, tuple[Act, str]] = {
    "reset after reading": (Talk.reset, "broken"),
    "closed without a word": (lambda talk: None, "broken"),
    "silence": (Talk.hang, "timeout"),
    "500": (says(500), "http_500"),
    "502 in HTML": (says(502, b"<html><h1>Bad Gateway</h1></html>"), "http_502"),
    "200 in HTML": (says(200, b"<html>OK</html>"), "unsigned"),
    "204": (lambda talk: talk.raw(b"HTTP/1.1 204 A\r\n\r\n"), "unsigned"),
    "404 of a gateway": (says(404), "unsigned"),
    "403 of a firewall": (says(403), "unsigned"),
    "a redirect": (lambda talk: talk.answer(307, b"", {"Location": talk.office.url + "/elsewhere"}), "http_307"),
    "JSON cut short": (_truncated_json, "unreadable"),
    "a body shorter than announced": (_shorter_than_announced, "broken"),
    "another packet": (_ack_of(transaction_id="CT-202611-00005-M-V1"), "other_message"),
    "another version": (_ack_of(transaction_id="CT-202611-00004-M-V1"), "other_message"),
    "another message": (_ack_of(in_reply_to="somebody-else"), "other_message"),
    "no message named": (_ack_of(in_reply_to="", transaction_id=""), "other_message"),
    "a no that names nothing": (_ack_of("ERR", in_reply_to="", transaction_id="", code="err.request.bad"),
                                "other_message"),
    "an ERR without a code": (_ack_of("ERR"), "unreadable"),
    "an ACK with status 400": (lambda talk: talk.ack(400), "contradiction"),
    "a no with status 500": (lambda talk: talk.ack(500, "NACK", code="rjct.amount.invalid"), "http_500"),
    "an unsigned yes": (_unsigned, "unsigned"),
    "an unsigned no": (_unsigned_no, "unsigned"),
    "a yes by a stranger": (_by_a_stranger, "unsigned"),
    "a yes of six minutes ago": (_stale, "unsigned"),
    "a yes signed twice": (_two_answers, "unsigned"),
    "something that is not HTTP": (lambda talk: talk.raw(b"hello\r\n\r\n"), "broken"),
    "endless headers": (_endless_headers, "broken"),
    "a bomb": (_bomb, "broken"),
    "too much": (says(200, b"x" * 100_000), "broken"),
    "broken gzip": (lambda talk: talk.answer(200, b"zzzz", {"Content-Encoding": "gzip"}), "broken"),
    "a byte at a time": (lambda talk: talk.drip(b"HTTP/1.1 202 A\r\nX: " + b"y" * 500), "timeout"),
    "a body a byte at a time": (
        lambda talk: talk.drip(b"HTTP/1.1 202 A\r\nContent-Length: 900\r\n\r\n" + b"y" * 900, every_s=0.02),
        "timeout",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_after_the_packet_left_every_fault_is_unknown(
    agency: Agency, office: PostOffice, packet: OutgoingPacket, fault: str
) -> None:
    act, code = FAULTS[fault]
    office.acts = [act]
    deadline_s = 1.0 if code == "timeout" else 20.0  # a busy machine may be slow to make what is broken
    began = time.monotonic()
    error = outcome(agency, replace(packet, endpoint=endpoint(office.url, deadline_s=deadline_s)))
    codes = {code, "broken"} if code == "timeout" else {code}  # at the deadline a busy machine may see the line break
    assert type(error) is OutcomeUnknown and error.code in codes
    assert time.monotonic() - began < deadline_s + 1
    assert [seen.body for seen in office.packets()] == [packet.body]  # once: nothing was tried again unasked


def test_a_reset_before_the_packet_was_read_is_unknown(
    agency: Agency, office: PostOffice, packet: OutgoingPacket
) -> None:
    """TCP was up: the far side's kernel may hold our bytes although its program never read them."""
    warm(agency, office, packet)
    office.before_reading = Talk.reset_unread
    assert type(outcome(agency, packet)) is OutcomeUnknown


def test_a_reset_at_the_door_is_never_taken_for_a_refusal(
    agency: Agency, office: PostOffice, packet: OutgoingPacket
) -> None:
    """The reset may overtake the end of our connecting: then nothing left, else the outcome is unknown."""
    warm(agency, office, packet)
    office.before_reading = Talk.reset
    for _ in range(20):
        assert type(outcome(agency, packet)) in (NotSent, OutcomeUnknown)
    assert office.packets() == []


def test_a_far_side_that_never_reads_is_unknown_at_the_deadline(agency: Agency, office: PostOffice) -> None:
    lines = [
        PacketLine(f"{n:06d}", f"cash:{hashlib.sha256(b'%d' % n).hexdigest()}@vnpost", "A", 1) for n in range(60_000)
    ]
    body = messages.disburse(head_of(lines), lines)
    big = out(body, head_of(lines).message_id, endpoint(office.url, deadline_s=3.0))
    warm(agency, office, big)
    office.before_reading = Talk.hang
    began = time.monotonic()
    error = outcome(agency, big)
    assert (type(error), error.code) == (OutcomeUnknown, "timeout")
    assert time.monotonic() - began < 6


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        ("120", 120),
        ("0", 0),
        ("999999999999", 86_400),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0),
        ("soon", None),
        ("-5", None),
        ("Wed, 99 Xxx 2026 00:00:00 GMT", None),
        (None, None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_how_long_to_wait_is_kept(
    agency: Agency, office: PostOffice, packet: OutgoingPacket, status: int, header: str | None, wait_s: int | None
) -> None:
    office.acts = [lambda talk: talk.answer(status, b"", {"Retry-After": header} if header else {})]
    error = outcome(agency, packet)
    assert (type(error), error.code, error.retry_after_s) == (OutcomeUnknown, f"http_{status}", wait_s)
