"""Network faults on real sockets: whatever the line does, the post office has one packet, under one key."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.agency.messages import named_ids
from app.agency.port import Endpoint
from app.agency.sandbox.knobs import turn
from app.models import Packet
from app.services import composing, notices, packets, sending
from app.services.sending import Connect, Connection
from tests import office
from tests.agency.certificates import self_signed
from tests.proof import bad_line, many
from tests.proof.bad_line import BadLine
from tests.proof.counterpart import ROUNDS, Counterpart
from tests.scale import NIGHT

pytestmark = pytest.mark.xdist_group("proof_network")

SEND, ASK = "/disburse", "/disburse/sync/txn/status"
SHORT_S = 3.0 if NIGHT else 0.35
"""The total deadline of a call that the line keeps waiting."""
DRIP_S = 1.0 if NIGHT else 0.05

# What the line does to one call, and whether the call can be known never to have left.
NEVER_LEFT = ("refused", "DNS failure", "bad certificate", "connect timeout")
WIRE: dict[str, bad_line.Act] = {
    "reset before read": bad_line.reset_unread,
    "reset after the commit": bad_line.reset_after,
    "timeout before the commit": bad_line.hang_before,
    "timeout after the commit": bad_line.hang_after,
    "landing late, after we asked": bad_line.late,
    "500 before the commit": bad_line.HTTP_500,
    "500 after the commit": bad_line.HTTP_500_AFTER,
    "HTML 502 before the commit": bad_line.HTML_502,
    "HTML 502 after the commit": bad_line.HTML_502_AFTER,
    "429 with Retry-After": bad_line.HTTP_429,
    "truncated JSON": bad_line.truncated,
    "200 naming another packet": bad_line.another_packet,
    "one byte at a time past the deadline": bad_line.dripping(DRIP_S),
}
FAULTS = (*NEVER_LEFT, *WIRE)
WAITING = ("timeout before the commit", "timeout after the commit", "one byte at a time past the deadline")
VERBS = ("send", "ask", "send again", "recall")
NOTIFIED_UNDER = FAULTS if NIGHT else FAULTS[::4]


@dataclass
class Way:
    """How calls reach the post office: over the line, or, for the call in question, to a place that is none."""

    far: Counterpart
    line: BadLine
    false_line: BadLine
    full_port: int

    def connect(self, _code: str = "", _base_url: str = "") -> Connection:
        return Connection(self.far.agency, self.far.endpoint(self.line.url))

    @contextmanager
    def fault(self, name: str, packet: Packet, path: str, *, call: int = 1) -> Iterator[Callable[..., Connection]]:
        """Within the block the `call`-th call meets the fault, when it goes to `path`; afterwards the line is mended."""
        asked = 0

        def connect(_code: str, _base_url: str) -> Connection:
            nonlocal asked
            asked += 1
            if asked == call and name == "refused":
                self.line.shut()
            if asked == call and name in WIRE:
                self.line.arm(path, WIRE[name], code=packet.code)
            to = self._endpoint(name) if asked == call else self.far.endpoint(self.line.url)
            return Connection(self.far.agency, to)

        yield connect
        met = asked >= call and self.line.act is None
        self.line.mend()
        assert met, "the fault met nobody"

    def _endpoint(self, name: str) -> Endpoint:
        if name == "DNS failure":
            return self.far.endpoint("https://post-office.invalid", SHORT_S)
        if name == "bad certificate":
            return self.far.endpoint(self.false_line.url)
        if name == "connect timeout":
            return self.far.endpoint(f"http://127.0.0.1:{self.full_port}", SHORT_S)
        return self.far.endpoint(self.line.url, SHORT_S if name in WAITING else None)


@pytest.fixture(scope="module")
def way(counterpart: Counterpart, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    with ExitStack() as stack:
        line = BadLine(counterpart)
        false_line = BadLine(counterpart, context=self_signed(tmp_path_factory.mktemp("tls"))[0])
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        yield Way(counterpart, line, false_line, full.getsockname()[1])
        line.close()
        false_line.close()


@pytest.fixture(scope="module")
def waiting_packets(books: Session) -> list[int]:
    return [
        packet.id for packet in many.queued(books, len(FAULTS) * len(VERBS) + len(NOTIFIED_UNDER) + len(REFUSED_UNDER))
    ]


@pytest.fixture
def packet(books: Session, waiting_packets: list[int], way: Way) -> Packet:
    """A packet in the queue that nobody has touched, alone due."""
    office.refresh(books)
    found = books.get_one(Packet, waiting_packets.pop())
    many.only(books, found.id)
    way.connect().agency.ask(composing.question(found, way.far.endpoint(way.line.url)))  # the token is fetched
    way.line.seen.clear()
    return found


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("verb", VERBS)
def test_whatever_the_line_does_the_post_office_has_one_packet_under_one_key(
    books: Session, way: Way, packet: Packet, verb: str, fault: str
) -> None:
    _bring_to(verb, books, way, packet)
    step, path, call = STEPS[verb]
    with way.fault(fault, packet, path, call=call) as connect:
        assert step(connect)
    office.refresh(books)
    _is_shown_as_it_is(verb, fault, packet)
    if fault.startswith("429"):
        assert _rest_s(books, packet) > 1700
    _sweep(verb, books, way, packet)
    way.line.land()
    way.far.has_exactly(packet)
    office.refresh(books)
    assert packet.state == "received"
    _only_one_key(way, packet)
    _end(verb, books, way, packet)


@pytest.mark.parametrize("fault", NOTIFIED_UNDER)
def test_a_decision_about_days_is_heard_once_whatever_the_line_does(
    books: Session, way: Way, packet: Packet, fault: str
) -> None:
    assert sending.send_next(way.connect)
    way.far.inside.desk.accept(packet.code)
    way.far.deliver(books)
    many.grant_days(books, office.settlement_of(books, packet).id)
    with way.fault(fault, packet, SEND) as connect:
        assert notices.deliver_next(connect)
    for _round in range(ROUNDS):
        many.notices_due(books)
        if not notices.deliver_next(way.connect):
            break
    way.line.land()
    (heard,) = way.far.inside.store.notices(packet.code)
    told = books.execute(text("SELECT message_id, body_sha256, attempts FROM agency_notices ORDER BY id DESC")).first()
    books.rollback()
    assert told is not None and told.message_id == heard.message_id and told.attempts == 2
    (kept,) = way.far.inside.store.rows("SELECT body_sha256 FROM messages WHERE message_id = ?", heard.message_id)
    assert kept["body_sha256"] == told.body_sha256
    assert not way.far.inside.store.rows("SELECT * FROM alarms")


REFUSED_UNDER = (
    "refused",
    "timeout after the commit",
    "500 after the commit",
    "truncated JSON",
    "landing late, after we asked",
)


@pytest.mark.parametrize("fault", REFUSED_UNDER)
def test_a_refusal_whose_answer_was_lost_is_learnt_and_the_list_comes_back(
    books: Session, way: Way, packet: Packet, fault: str
) -> None:
    turn(way.far.inside.store, {"max_lines": 1})
    try:
        with way.fault(fault, packet, SEND) as connect:
            assert sending.send_next(connect)
        way.far.make_certain(books, packet)
        way.line.land()
    finally:
        turn(way.far.inside.store, {"max_lines": 100_000})
    office.refresh(books)
    assert (packet.state, packet.answer_reason) in (
        ("refused", "Gói tin quá 1 dòng."),  # our own bytes again, and the stored no
        ("rejected", "Gói tin quá 1 dòng."),  # the answer to our question
    )
    assert office.batch_of(books, packet).state == "returned"
    way.far.has_exactly(packet, stage="refused")
    _only_one_key(way, packet)


STEPS: dict[str, tuple[Callable[[Connect], bool], str, int]] = {
    "send": (sending.send_next, SEND, 1),
    "ask": (sending.ask_next, ASK, 1),
    "send again": (sending.ask_next, SEND, 2),
    "recall": (sending.recall_next, SEND, 1),
}
"""Verb -> the sweep, the path of the call in question, and the how manieth of the sweep's calls it is."""


def _bring_to(verb: str, books: Session, way: Way, packet: Packet) -> None:
    """The state in which the verb is due: for `ask` the agency has the packet, for `send again` it has not."""
    if verb == "send":
        return
    if verb != "recall":
        way.line.arm(SEND, bad_line.reset_after if verb == "ask" else bad_line.HTTP_500, code=packet.code)
    assert sending.send_next(way.connect)
    way.line.mend()
    office.refresh(books)
    assert packet.state == ("received" if verb == "recall" else "in_doubt")
    if verb == "recall":
        packets.ask_recall(books, packet.id, by=many.CLERK, because="Sai số tài khoản")
    many.only(books, packet.id)


def _is_shown_as_it_is(verb: str, fault: str, packet: Packet) -> None:
    """Directly after the fault: what is unknown is in doubt, and only what surely never left waits in the queue."""
    if verb == "recall":
        assert (packet.state, packet.recall_delivered_at) == ("received", None)
    elif verb == "send" and fault in NEVER_LEFT:
        assert (packet.state, packet.unknown_count) == ("queued", 0)
    else:
        assert (packet.state, packet.unknown_count) == ("in_doubt", _unknown_calls(verb, fault))
    assert packet.last_error


def _unknown_calls(verb: str, fault: str) -> int:
    return 2 if verb == "send again" and fault in WIRE else 1


def _sweep(verb: str, books: Session, way: Way, packet: Packet) -> None:
    """Faults have stopped; the sweeps run as often as they like."""
    if verb != "recall":
        way.far.make_certain(books, packet)
        return
    for _round in range(ROUNDS):
        many.only(books, packet.id)
        sending.recall_next(way.connect)
        office.refresh(books)
        if packet.recall_delivered_at is not None:
            return
    raise AssertionError(packet.last_error)


def _end(verb: str, books: Session, way: Way, packet: Packet) -> None:
    """The clerk of the post office decides, once: about the packet, or about the one request for it."""
    desk = way.far.inside.desk
    if verb == "recall":
        (asked,) = [one for one in way.far.inside.store.recalls() if one.packet_code == packet.code]
        desk.answer_recall(asked.id, agree=True)
    else:
        desk.accept(packet.code)
    way.far.deliver(books)
    assert packet.state == ("rejected" if verb == "recall" else "accepted")
    assert office.batch_of(books, packet).state == ("returned" if verb == "recall" else "accepted")


def _only_one_key(way: Way, packet: Packet) -> None:
    """Everything that left us about the packet: one message and perhaps one recall, each always the same bytes."""
    bytes_of: dict[str, set[str]] = {}
    for request in way.line.seen:
        if request.path == SEND:
            message_id, code = named_ids(request.body)
            assert code == packet.code
            bytes_of.setdefault(message_id, set()).add(hashlib.sha256(request.body).hexdigest())
    recalls = [message_id for message_id in bytes_of if message_id != packet.message_id]
    assert all(len(found) == 1 for found in bytes_of.values()) and len(recalls) <= 1
    assert bytes_of.get(packet.message_id, {packet.body_sha256}) == {packet.body_sha256}


def _rest_s(books: Session, packet: Packet) -> float:
    """Seconds until the packet may be tried again."""
    wait = text("SELECT extract(epoch FROM next_attempt_at - now()) FROM packets WHERE id = :id")
    return float(books.execute(wait, {"id": packet.id}).scalar_one())
