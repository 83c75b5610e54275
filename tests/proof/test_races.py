"""Races between processes: whoever comes first, the end is one of those that are allowed, and the books are right."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.agency.g2p import G2PAgency
from app.agency.keys import KeyRing
from app.agency.sandbox.knobs import turn
from app.extensions import transaction
from app.services import extensions, inbox, packets, sending
from app.services.sending import Connection
from app.services.settlements import locking
from tests import factories as make
from tests import office
from tests.proof import dying, many, right
from tests.proof.counterpart import Counterpart, running
from tests.scale import scale

pytestmark = pytest.mark.xdist_group("proof_races")

ROUNDS = scale(4, 100)
OTHER_SUPERVISOR = make.actor(make.Role.SUPERVISOR, "tw.lanhdao2", "VN/")


@pytest.fixture(scope="module")
def far(app: Flask, books: Session, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counterpart]:
    """The post office, with our keys where the program looks for them."""
    ours = KeyRing(Path(app.config["CHITRA"].home) / "keys")
    with running(tmp_path_factory.mktemp("races"), ours=ours) as there:
        yield there
    shutil.rmtree(ours.folder)


@pytest.fixture
def fresh(far: Counterpart) -> Callable[..., Connection]:
    """The connection of a scheduler that has just started."""
    return lambda *_where: Connection(G2PAgency(far.agency._keys, now=clock.wall), far.endpoint())


def within(step: Callable[..., Any], key: int, **named: Any) -> Callable[[], object]:
    """The service on one thing, in a transaction of its own as an entry point would; returns the state it leaves."""

    def go() -> object:
        with transaction() as session:
            return getattr(step(session, key, **named), "state", "")

    return go


def rows(session: Session, sql: str, **facts: Any) -> list[tuple[Any, ...]]:
    found = [tuple(row) for row in session.execute(text(sql), facts)]
    session.rollback()
    return found


def test_two_schedulers_send_one_packet_once(
    books: Session, far: Counterpart, fresh: Callable[..., Connection]
) -> None:
    for packet in many.queued(books, ROUNDS):
        many.only(books, packet.id)
        ran = dying.race(lambda: sending.send_next(fresh), lambda: sending.send_next(fresh))
        assert sorted(one.returned for one in ran) == ["False", "True"]
        office.refresh(books)
        assert (packet.state, packet.attempts, packet.unknown_count) == ("received", 1, 1)
        far.has_exactly(packet)
        right.assert_right(books)


def test_a_scheduler_that_takes_over_too_early_makes_no_second_packet(
    books: Session, far: Counterpart, fresh: Callable[..., Connection]
) -> None:
    """The lease is over while the first still waits for its answer: both have the same key and the same bytes."""
    turn(far.inside.store, {"delay_s": 0.1})
    for packet in many.queued(books, ROUNDS):
        many.only(books, packet.id)
        first = dying.start(lambda: sending.send_next(fresh))
        until = time.monotonic() + 20
        while rows(books, "SELECT state FROM packets WHERE id = :id", id=packet.id) == [("queued",)]:
            assert time.monotonic() < until, "the first has claimed nothing"
        many.only(books, packet.id)
        second = dying.start(lambda: sending.ask_next(fresh))
        assert [one.ended().raised for one in (first, second)] == ["", ""]
        office.refresh(books)
        assert packet.state == "received"
        far.has_exactly(packet)
        right.assert_right(books)
    turn(far.inside.store, {"delay_s": 0.0})


def test_sending_and_taking_back_meet(books: Session, far: Counterpart, fresh: Callable[..., Connection]) -> None:
    """Withdrawn, and nothing ever left; or sent, and the person is told to wait or the agency is asked."""
    for packet in many.queued(books, ROUNDS):
        many.only(books, packet.id)
        sent, taken = dying.race(
            lambda: sending.send_next(fresh),
            within(packets.ask_recall, packet.id, by=many.CLERK, because="Sai"),
        )
        assert sent.raised == ""
        office.refresh(books)
        if packet.state == "withdrawn":
            assert (sent.returned, taken.returned) == ("False", "withdrawn")
            assert far.inside.store.packet(packet.code) is None
            assert packet.batch.state == "locked"
        else:
            assert packet.state == "received"
            far.has_exactly(packet)
            told_to_wait = taken.raised.startswith("NotCertainYet:")
            assert told_to_wait != (packet.recall_asked_at is not None), taken.raised
        right.assert_right(books)


def test_a_message_meets_itself(app: Flask, books: Session, far: Counterpart) -> None:
    """Two deliveries of the same bytes at once: kept once, answered alike, applied once."""
    form = {"grant_type": "client_credentials", "client_id": "vnpost"}
    secret = far.agency._keys.issue_client("vnpost")
    answer = app.test_client().post("/agency/oauth2/client/token", data=form | {"client_secret": secret})
    bearer = {"Authorization": f"Bearer {answer.json['access_token']}"}
    for packet in many.queued(books, ROUNDS):
        far.make_certain(books, packet)
        far.inside.desk.accept(packet.code)
        (out,) = far.inside.due_callbacks(everything=True)
        far.inside.note_delivery(out.id, delivered=True, answer="202")

        def arrive(out: Any = out) -> str:
            said = app.test_client().post("/agency/on-disburse", data=out.body, headers=out.headers | bearer)
            inbox.apply_waiting()
            return f"{said.status_code} {said.text}"

        first, second = dying.race(arrive, arrive)
        assert first.returned.startswith("202 ") and first.returned == second.returned
        inbox.apply_waiting()
        kept = rows(books, "SELECT outcome FROM inbox WHERE message_id = :id", id=out.message_id)
        assert kept == [("applied",)]
        office.refresh(books)
        assert packet.state == "accepted"
        right.assert_right(books)


@pytest.mark.parametrize("agreeing", [True, False], ids=["agreeing", "contradicting"])
def test_a_part_meets_the_whole(books: Session, agreeing: bool) -> None:
    """Two schedulers apply two reports about one packet: the end is the same as in either order."""
    for packet in many.accepted(books, ROUNDS):
        lines = office.lines_of(books, packet)
        first, _rest = office.parts(packet.code, office.results(lines, "paid"), report="QT-1", size=1)
        (whole,) = office.parts(packet.code, office.results(lines, "paid" if agreeing else "unpaid"), report="QT-2")
        for body in (first, whole):
            office.arrive(books, body)
        ran = dying.race(inbox.apply_next, inbox.apply_next)
        assert [(one.returned, one.raised) for one in ran] == [("True", "")] * 2
        notes = rows(books, "SELECT outcome FROM inbox WHERE transaction_id = :code ORDER BY id", code=packet.code)
        assert notes == [("applied",)] * 3
        found = rows(
            books,
            "SELECT r.outcome, r.finding FROM settlement_records r JOIN settlements s ON s.id = r.settlement_id"
            " WHERE s.packet_id = :id ORDER BY r.reference",
            id=packet.id,
        )
        disputed = (None, "dispute")
        assert found == ([("paid", "matched")] * 2 if agreeing else [disputed, ("unpaid", "matched")])
        office.refresh(books)
        assert office.settlement_of(books, packet).state == "received"
        right.assert_right(books)


def test_locking_a_settlement_meets_a_message_that_contradicts_it(books: Session) -> None:
    """Locked as it was, and the message changes nothing; or a dispute, and nothing is locked."""
    for packet in many.accepted(books, ROUNDS):
        lines = office.lines_of(books, packet)
        office.hear(books, *office.parts(packet.code, office.results(lines, "paid"), report="QT-1"))
        office.arrive(books, office.parts(packet.code, office.results(lines, "unpaid", "paid"), report="QT-2")[0])
        settlement = office.settlement_of(books, packet)
        locked, applied = dying.race(within(locking.lock, settlement.id, by=many.ACCOUNTANT), inbox.apply_next)
        assert (applied.returned, applied.raised) == ("True", "")
        office.refresh(books)
        results = [line.result for line in office.lines_of(books, packet)]
        if locked.raised == "":
            assert (settlement.state, results) == ("locked", ["paid", "paid"])
        else:
            assert locked.raised.startswith("DoesNotTieOut:")
            assert (settlement.state, results) == ("received", ["pending", "pending"])
        right.assert_right(books)


def test_an_extension_meets_another(books: Session) -> None:
    """Twelve days and twelve days: one is granted, because together they are not under twenty."""
    for packet in many.accepted(books, ROUNDS):
        settlement_id = office.settlement_of(books, packet).id
        asked = [
            extensions.ask(books, settlement_id, days=12, reason="Mưa lũ", asked_by="Bưu điện", by=many.CLERK).id
            for _ in range(2)
        ]
        books.commit()
        ran = dying.race(
            within(extensions.grant, asked[0], by=many.SUPERVISOR),
            within(extensions.grant, asked[1], by=OTHER_SUPERVISOR),
        )
        assert sorted(one.returned for one in ran) == ["", "granted"]
        (refused,) = [one.raised for one in ran if one.raised]
        assert refused.startswith("TooLong:")
        states = rows(books, "SELECT state FROM deadline_extensions WHERE settlement_id = :id", id=settlement_id)
        assert sorted(states) == [("asked",), ("granted",)]
        right.assert_right(books)


@pytest.mark.parametrize("step", ["lock", "apply"])
def test_granting_days_meets_what_makes_them_needless(books: Session, step: str) -> None:
    """The settlement is locked, or what remained of it comes, while days are granted: both are done, one after the other."""
    for packet in many.accepted(books, ROUNDS):
        results = office.results(office.lines_of(books, packet), "paid")
        settlement_id = office.settlement_of(books, packet).id
        asked = extensions.ask(books, settlement_id, days=3, reason="Mưa lũ", asked_by="Bưu điện", by=many.CLERK).id
        books.commit()
        first, last = office.parts(packet.code, results, size=1)
        office.hear(books, first, *([last] if step == "lock" else []))
        other: Callable[[], object] = within(locking.lock, settlement_id, by=many.ACCOUNTANT)
        if step == "apply":
            office.arrive(books, last)
            other = inbox.apply_next
        granted, done = dying.race(within(extensions.grant, asked, by=many.SUPERVISOR), other)
        assert done.raised == ""
        lapsed = step == "lock" and granted.raised.startswith("SettlementOver:")
        assert granted.raised == "" or lapsed, granted.raised
        states = rows(books, "SELECT state FROM deadline_extensions WHERE id = :id", id=asked)
        assert states == [("lapsed" if lapsed else "granted",)]
        outcomes = rows(books, "SELECT DISTINCT outcome FROM inbox WHERE transaction_id = :code", code=packet.code)
        assert outcomes == [("applied",)]
        right.assert_right(books)
