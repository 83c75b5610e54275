"""Where messages lead depends on which came, never on their order, number or delay (promise P6): every short sequence."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.agency.messages import ControlTotals, LineStatus
from app.models import Packet
from app.services import inbox, packets, sending
from app.services.batches import approval
from app.services.books import checking
from app.services.settlements import arithmetic, holding, locking
from tests import factories as make
from tests import office
from tests.life.one_transaction import OneTransaction, one_transaction


@pytest.fixture(autouse=True)
def mid_november() -> Any:
    with clock.at(date(2026, 11, 10)):
        yield


@pytest.fixture(scope="module")
def books(app: Flask) -> Iterator[OneTransaction]:
    with one_transaction(app) as opened, clock.at(date(2026, 11, 10)):
        yield opened


# --- Every sequence of a part, the whole and a contradiction --------------------------------------------------------

Words = dict[str, list[LineStatus]]

STANDINGS = {
    frozenset(): (),
    frozenset({"part"}): ("paid", "pending", "pending"),
    frozenset({"full"}): ("paid", "unpaid", "to_recover"),
    frozenset({"part", "full"}): ("paid", "unpaid", "to_recover"),
    frozenset({"contradiction"}): ("unpaid", "unpaid", "to_recover"),
    frozenset({"part", "contradiction"}): ("dispute", "unpaid", "to_recover"),
    frozenset({"full", "contradiction"}): ("dispute", "unpaid", "to_recover"),
    frozenset({"part", "full", "contradiction"}): ("dispute", "unpaid", "to_recover"),
}
"""Words that came -> how the three lines stand."""

SAID = {"part": ("paid",), "full": ("paid", "unpaid", "recover"), "contradiction": ("unpaid", "unpaid", "recover")}


@pytest.fixture
def accepted(books: OneTransaction) -> Iterator[Packet]:
    """A packet of three lines that the agency pays."""
    with books.branch():
        yield office.accepted(books.session, people=3)


def message(session: Session, packet: Packet, word: str) -> bytes:
    """A message of its own each time: the first of two parts, a whole report, or a whole report that says otherwise."""
    lines = office.lines_of(session, packet)
    said = office.results(lines, *SAID["full" if word == "part" else word])
    if word == "part":
        return office.parts(packet.code, said, report="QT-1", size=1)[0]
    return office.parts(packet.code, said, report=f"QT-{word}")[0]


def standing(session: Session, packet: Packet) -> Any:
    """All that a settlement is: how each line stands, its state, whether it could be locked."""
    settlement = office.settlement_of(session, packet)
    rows = session.execute(
        text(
            f"SELECT {arithmetic.STANDING} FROM payout_lines l LEFT JOIN settlement_records r ON r.line_id = l.id"
            " WHERE l.batch_id = :batch ORDER BY l.no"
        ),
        {"batch": packet.batch_id},
    ).scalars()
    return tuple(rows), settlement.state, arithmetic.figures(session, settlement.id).ties_out, settlement.reported


def test_every_sequence_up_to_four_ends_where_its_set_of_words_leads(books: OneTransaction, accepted: Packet) -> None:
    ends: dict[frozenset[str], Any] = {}
    walked = walk(books, accepted, (), ends)
    assert walked == 1 + 3 + 9 + 27 + 81
    assert ends.keys() == STANDINGS.keys()
    for words, (lines, _state, ties_out, _reported) in ends.items():
        assert lines == (STANDINGS[words] or ("pending",) * 3), words
        assert ties_out == ("dispute" not in lines and "pending" not in lines), words


def walk(books: OneTransaction, packet: Packet, path: tuple[str, ...], ends: dict[frozenset[str], Any]) -> int:
    """Every continuation of `path`, each message applied once on the way; how many sequences there were."""
    session = books.refresh()
    found = standing(session, packet)
    assert ends.setdefault(frozenset(path), found) == found, path
    count = 1
    for word in SAID if len(path) < 4 else ():
        with books.branch():
            assert [row.outcome for row in office.hear(books.session, message(books.session, packet, word))] == [
                "applied"
            ]
            count += walk(books, packet, (*path, word), ends)
    return count


# --- Four messages of two versions ----------------------------------------------------------------------------------


def two_versions(session: Session) -> tuple[Packet, Packet]:
    """A list whose first version came back and whose second one is with the agency."""
    first = office.received(session, people=2)
    office.tell(session, first, status="rjct", reason_message="Sai")
    approval.unlock(session, first.batch_id, by=make.SUPERVISOR, because="Sửa")
    approval.lock(session, first.batch_id, by=make.SUPERVISOR)
    second = packets.queue(session, first.batch_id, by=make.CLERK)
    session.commit()
    assert sending.send_next(office.ScriptedAgency().connect)
    office.refresh(session)
    return first, session.get_one(Packet, second.id)


def test_all_orders_of_four_messages_of_two_versions_end_the_same(books: OneTransaction) -> None:
    with books.branch():
        session = books.session
        first, second = two_versions(session)
        results = office.results(office.lines_of(session, second), "paid", "unpaid")
        words = [
            office.say(first.code, status="pdng"),
            office.parts(first.code, office.results(office.lines_of(session, second), "unpaid"))[0],
            office.say(second.code, status="pdng"),
            office.parts(second.code, results)[0],
        ]
        ends = []
        for order in itertools.permutations(words):
            with books.branch():
                office.hear(books.session, *order)
                ends.append((standing(books.refresh(), second), first.state, second.state, first.answer_reason))
                ours = books.session.execute(text("SELECT count(*) FROM settlement_entries")).scalar_one()
                assert ours == len(results), "the old version left entries"
        assert len(ends) == 24 and all(end == ends[0] for end in ends)
        assert ends[0][0][:3] == (("paid", "unpaid"), "received", True)
        assert ends[0][1:3] == ("rejected", "accepted")


# --- Twelve odd cases -----------------------------------------------------------------------------------------------


def state_of(session: Session) -> Any:
    """Every line of the books that a message could have changed."""
    return [
        session.execute(text(sql)).all()
        for sql in (
            "SELECT id, state, version, return_reason FROM payout_batches ORDER BY id",
            "SELECT id, state, answer_reason FROM packets ORDER BY id",
            "SELECT id, state, reported, parts_received FROM settlements ORDER BY id",
            "SELECT reference, outcome, finding, decided_outcome FROM settlement_records ORDER BY reference",
            "SELECT line_id, from_bucket, to_bucket FROM money_movements ORDER BY id",
            "SELECT id, result FROM payout_lines ORDER BY id",
        )
    ]


def hear(session: Session, *bodies: bytes) -> list[tuple[str | None, bool]]:
    """(what became of each message, whether it has a note)."""
    return [(row.outcome, bool(row.note)) for row in office.hear(session, *bodies)]


def unchanged(session: Session, *bodies: bytes) -> None:
    """The messages are kept with the reason why they change nothing, and nothing is changed."""
    before = state_of(session)
    assert hear(session, *bodies) == [("ignored", True)] * len(bodies)
    assert state_of(session) == before
    assert checking.check(session) == []


def whole(session: Session, packet: Packet, *outcomes: str) -> list[LineStatus]:
    return office.results(office.lines_of(session, packet), *outcomes)


def test_an_unknown_packet(books: OneTransaction, accepted: Packet) -> None:
    unchanged(books.session, *office.parts("CT-209912-00004-M-V1", whole(books.session, accepted, "paid")))


def test_a_packet_of_a_foreign_area(books: OneTransaction, accepted: Packet) -> None:
    foreign = accepted.code.replace("-00004-", "-00008-")
    unchanged(books.session, *office.parts(foreign, whole(books.session, accepted, "paid")))


def test_another_amount(books: OneTransaction, accepted: Packet) -> None:
    lines = office.lines_of(books.session, accepted)
    said = [office.result(lines[0], amount=lines[0].total_vnd + 1), *office.results(lines[1:], "paid")]
    ends = both_orders(books, accepted, said)
    assert ends[0][0] == ("dispute", "paid", "paid") and not ends[0][2]


def test_a_foreign_line(books: OneTransaction, accepted: Packet) -> None:
    said = whole(books.session, accepted, "paid")
    foreign = LineStatus("202611-999999", "paid", 540_000, clock.wall())
    ends = both_orders(books, accepted, [*said, foreign])
    assert ends[0][0] == ("paid",) * 3 and not ends[0][2]


def test_a_missing_line(books: OneTransaction, accepted: Packet) -> None:
    ends = both_orders(books, accepted, whole(books.session, accepted, "paid")[1:])
    assert ends[0][0] == ("pending", "paid", "paid") and not ends[0][2]


def both_orders(books: OneTransaction, packet: Packet, said: Sequence[LineStatus]) -> list[Any]:
    """The settlement in parts of one line, forwards and backwards: applied all the same, and it ends the same."""
    ends = []
    for turn in (1, -1):
        with books.branch():
            bodies = office.parts(packet.code, list(said), size=1)[::turn]
            assert {outcome for outcome, _note in hear(books.session, *bodies)} == {"applied"}
            assert checking.check(books.session) == []
            ends.append(standing(books.refresh(), packet))
    assert ends[0] == ends[1]
    return ends


def test_after_the_lock(books: OneTransaction, accepted: Packet) -> None:
    session = books.session
    office.settle(session, accepted, "paid")
    locking.lock(session, office.settlement_of(session, accepted).id, by=make.ACCOUNTANT)
    session.commit()
    unchanged(session, *office.parts(accepted.code, whole(session, accepted, "unpaid"), report="QT-2"))
    unchanged(session, office.say(accepted.code, status="rjct", reason_message="Sai"))


def test_after_the_deadline(books: OneTransaction, accepted: Packet) -> None:
    session = books.session
    body = office.parts(accepted.code, whole(session, accepted, "paid"))[0]
    before = state_of(session)
    with clock.at(date(2026, 12, 20)):
        assert hear(session, body) == [("held", True)]
        assert state_of(session) == before
        settlement_id = office.settlement_of(session, accepted).id
        holding.let_through(session, settlement_id, by=make.ACCOUNTANT, because="Bưu điện đã gọi trước hạn")
        session.commit()
        inbox.apply_waiting()
    late = standing(books.refresh(), accepted)
    assert late[:3] == (("paid",) * 3, "received", True)
    assert checking.check(session) == []


def test_before_sending(books: OneTransaction) -> None:
    with books.branch():
        waiting = office.queued(books.session, people=2)
        unchanged(
            books.session,
            *office.parts(waiting.code, whole(books.session, waiting, "paid")),
            office.say(waiting.code, status="rjct", reason_message="Sai"),
            office.say(waiting.code, status="pdng"),
        )


def test_an_empty_settlement(books: OneTransaction, accepted: Packet) -> None:
    unchanged(books.session, office.say(accepted.code, status="succ"))


def test_amounts_of_zero(books: OneTransaction, accepted: Packet) -> None:
    lines = office.lines_of(books.session, accepted)
    said = [office.result(lines[0], amount=0), *office.results(lines[1:], "paid")]
    hear(books.session, *office.parts(accepted.code, said))
    found = standing(books.refresh(), accepted)
    assert found[0][0] in ("dispute", "pending") and found[0][1:] == ("paid", "paid") and not found[2]
    assert checking.check(books.session) == []


def test_wrong_totals(books: OneTransaction, accepted: Packet) -> None:
    session = books.session
    said = whole(session, accepted, "paid")
    hear(session, *office.parts(accepted.code, said, totals=ControlTotals(paid_people=4, paid_vnd=1)))
    settlement = office.settlement_of(books.refresh(), accepted)
    with pytest.raises(locking.DoesNotTieOut):
        locking.lock(session, settlement.id, by=make.ACCOUNTANT)
    session.rollback()
    hear(session, *office.parts(accepted.code, said, report="QT-2"))
    locking.lock(session, settlement.id, by=make.ACCOUNTANT)
    assert checking.check(session) == []


def test_an_unknown_version(books: OneTransaction, accepted: Packet) -> None:
    later = accepted.code.removesuffix("V1") + "V2"
    unchanged(books.session, *office.parts(later, whole(books.session, accepted, "paid")))
