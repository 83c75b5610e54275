"""Settlements: records as a function of the set of entries, parts and control totals, the arithmetic."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock, embedded
from app.agency.messages import ControlTotals, LineStatus
from app.errors import NotFound
from app.models import SettlementEntry, SettlementRecord
from app.services.batches import approval
from app.services.settlements import arithmetic, deciding, locking
from app.services.settlements.arithmetic import Figures, Tally
from tests import factories as make
from tests import office
from tests.services.settling import AMOUNT, decide, figures, lock, record
from tests.services.settling import mid_november as mid_november


def everything(session: Session) -> list[tuple[Any, ...]]:
    """All that must not depend on the order of messages."""
    rows = session.execute(
        text(
            "SELECT reference, outcome, amount_vnd, reason_code, finding, decided_outcome FROM settlement_records"
            ' ORDER BY reference COLLATE "C"'
        )
    ).all()
    heads = session.execute(text("SELECT state, parts_expected, parts_received, reported::text FROM settlements")).all()
    return [tuple(row) for row in (*rows, *heads)]


@pytest.fixture
def forget(server: Any) -> Callable[[], None]:
    """Undo every message, as if none had come: only a superuser can."""

    def undo() -> None:
        uri = embedded.address(server, role="postgres").set(drivername="postgresql").render_as_string(False)
        with psycopg.connect(uri, autocommit=True) as admin:
            admin.execute("SET session_replication_role = replica")
            for table in ("settlement_entries", "settlement_records", "inbox"):
                admin.execute(f"DELETE FROM {table}")
            admin.execute(
                "UPDATE settlements SET state = 'waiting', reported = NULL, parts_expected = NULL, parts_received = 0"
            )
            admin.execute("DELETE FROM state_changes WHERE machine = 'settlement' AND move <> 'create'")

    return undo


# --- One line's result is a function of the set of what was said -------------------------------------------------

# What was said about one line -> what the record is.
TRUTH = [
    (["paid"], "paid", "matched"),
    (["unpaid"], "unpaid", "matched"),
    (["recover"], "to_recover", "matched"),
    (["paid", "recover"], "to_recover", "matched"),
    (["paid", "unpaid"], None, "dispute"),
    (["unpaid", "recover"], None, "dispute"),
    (["paid", "unpaid", "recover"], None, "dispute"),
    (["paid", "paid"], "paid", "matched"),
    (["unpaid", "unpaid", "unpaid"], "unpaid", "matched"),
    (["paid", "recover", "recover"], "to_recover", "matched"),
]


@pytest.mark.parametrize(("said", "outcome", "finding"), TRUTH)
def test_a_result_is_a_function_of_the_set_of_words(
    session: Session, forget: Callable[[], None], said: list[str], outcome: str | None, finding: str
) -> None:
    packet = office.accepted(session, people=1)
    line = office.lines_of(session, packet)[0]
    words = [
        office.parts(packet.code, [office.result(line, word)], report=f"QT-{number}")[0]
        for number, word in enumerate(said)
    ]
    ends = set()
    for order in itertools.permutations(words):
        forget()
        office.hear(session, *order)
        row = record(session, line.reference)
        assert (row.outcome, row.finding, row.amount_vnd, row.line_id) == (outcome, finding, line.total_vnd, line.id)
        ends.add(tuple(everything(session)))
    assert len(ends) == 1


def test_the_reason_of_an_unpaid_line_is_kept_and_strange_codes_become_other(session: Session) -> None:
    packet = office.accepted(session, people=3)
    first, second, third = office.lines_of(session, packet)
    said = [
        office.result(first, "unpaid", reason="MOVED"),
        office.result(second, "unpaid", reason="FLOOD"),
        office.result(third, "paid"),
    ]
    office.hear(session, *office.parts(packet.code, said))
    assert [record(session, line.reference).reason_code for line in (first, second, third)] == ["MOVED", "OTHER", None]
    assert set(session.scalars(select(SettlementEntry.reason_code))) == {"MOVED", "FLOOD", None}, "as said"


def test_another_amount_than_the_lines_is_wrong_whichever_comes_first(session: Session) -> None:
    packet = office.accepted(session, people=2)
    first, second = office.lines_of(session, packet)
    wrong = office.result(first, amount=AMOUNT - 1)
    office.hear(session, *office.parts(packet.code, [wrong, office.result(second)], report="QT-1"))
    office.hear(
        session, *office.parts(packet.code, [office.result(first), office.result(second, amount=1)], report="QT-2")
    )
    assert (record(session, first.reference).finding, record(session, first.reference).amount_vnd) == (
        "wrong_amount",
        AMOUNT - 1,
    )
    assert (record(session, second.reference).finding, record(session, second.reference).amount_vnd) == (
        "wrong_amount",
        1,
    )
    assert figures(session, packet).disputed == Tally(2, 2 * AMOUNT)


def test_a_reference_that_is_not_ours_is_extra(session: Session) -> None:
    packet = office.accepted(session, people=1)
    line = office.lines_of(session, packet)[0]
    foreign = LineStatus("LA-1", "paid", 9_000, clock.wall())
    office.hear(session, *office.parts(packet.code, [office.result(line), foreign]))
    row = record(session, "LA-1")
    assert (row.line_id, row.finding, row.outcome, row.amount_vnd, row.area_path) == (
        None,
        "extra",
        "paid",
        9_000,
        packet.area_path,
    )


def test_a_line_said_twice_in_one_message_is_found_and_counts_once(session: Session) -> None:
    packet = office.accepted(session, people=2)
    first, second = office.lines_of(session, packet)
    said = [office.result(first), office.result(first), office.result(second)]
    office.hear(session, *office.parts(packet.code, said))
    assert record(session, first.reference).finding == "duplicate"
    assert figures(session, packet).paid == Tally(2, 2 * AMOUNT)


def test_a_held_out_line_is_not_part_of_the_settlement(session: Session) -> None:
    from app.services.batches import lines

    batch_id = make.made_list(session, people=2)
    held = session.execute(text("SELECT id, reference FROM payout_lines ORDER BY no LIMIT 1")).one()
    lines.exclude(session, held.id, by=make.CLERK, because="Chờ xác minh")
    approval.lock(session, batch_id, by=make.SUPERVISOR)
    from app.services import packets, sending

    packet = packets.queue(session, batch_id, by=make.CLERK)
    session.commit()
    sending.send_next(office.ScriptedAgency().connect)
    said = [
        *office.results(office.lines_of(session, packet), "paid"),
        LineStatus(held.reference, "paid", AMOUNT, clock.wall()),
    ]
    office.hear(session, *office.parts(packet.code, said))
    assert record(session, held.reference).finding == "extra"
    assert figures(session, packet).sent == Tally(1, AMOUNT)


# --- Parts and control totals ------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_parts_may_come_in_any_order(session: Session, order: tuple[int, ...]) -> None:
    packet = office.accepted(session, people=3)
    bodies = office.parts(
        packet.code, office.results(office.lines_of(session, packet), "paid", "unpaid", "recover"), size=1
    )
    settlement = office.settlement_of(session, packet)
    states = []
    for number in order:
        office.hear(session, bodies[number])
        session.refresh(settlement)
        states.append((settlement.state, settlement.parts_received, settlement.parts_expected))
    assert states == [("partial", 1, 3), ("partial", 2, 3), ("received", 3, 3)]
    found = figures(session, packet)
    assert found.ties_out
    assert (found.paid, found.unpaid, found.to_recover) == (Tally(1, AMOUNT),) * 3


def test_all_orders_with_repetition_and_contradiction_end_the_same(
    session: Session, forget: Callable[[], None]
) -> None:
    """Two parts, a second report that contradicts one line, and a repeated part: every order, one end."""
    packet = office.accepted(session, people=2)
    lines = office.lines_of(session, packet)
    parts = office.parts(packet.code, office.results(lines, "paid"), size=1)
    repeated = office.parts(packet.code, office.results(lines, "paid"), size=1)[0]
    contradicting = office.parts(packet.code, office.results(lines, "paid", "unpaid"), report="QT-1B")
    ends = set()
    for order in itertools.permutations([*parts, *contradicting, repeated]):
        forget()
        office.hear(session, *order)
        ends.add(tuple(everything(session)))
    assert len(ends) == 1
    found = figures(session, packet)
    assert (found.paid, found.disputed) == (Tally(1, AMOUNT), Tally(1, AMOUNT))
    assert [report.consistent for report in found.reports] == [True, True]


def test_lines_that_no_part_mentions_are_missing_once_all_parts_came(session: Session) -> None:
    packet = office.accepted(session, people=3)
    lines = office.lines_of(session, packet)
    bodies = office.parts(packet.code, office.results(lines[:2], "paid"), size=1)
    office.hear(session, bodies[0])
    assert session.query(SettlementRecord).count() == 1
    office.hear(session, bodies[1])
    row = record(session, lines[2].reference)
    assert (row.finding, row.outcome, row.line_id) == ("missing", None, lines[2].id)
    found = figures(session, packet)
    assert found.pending == Tally(1, AMOUNT)
    assert found.problems == ("1 lượt người, 540.000 đ chưa có kết quả.",)
    office.hear(session, *office.parts(packet.code, office.results(lines[2:], "paid"), report="QT-2"))
    assert (record(session, lines[2].reference).finding, record(session, lines[2].reference).outcome) == (
        "matched",
        "paid",
    )
    assert figures(session, packet).ties_out


def test_an_empty_settlement_leaves_every_line_missing(session: Session) -> None:
    packet = office.accepted(session, people=2)
    said = office.hear(session, *office.parts(packet.code, []))[0]
    assert said.outcome == "applied"
    assert office.settlement_of(session, packet).state == "received"
    assert figures(session, packet).pending == Tally(2, 2 * AMOUNT)
    assert {row.finding for row in session.query(SettlementRecord)} == {"missing"}


def test_totals_the_lines_do_not_add_up_to_are_shown_with_the_difference(session: Session) -> None:
    packet = office.accepted(session, people=2)
    announced = ControlTotals(paid_people=1, paid_vnd=AMOUNT + 1_000, recover_people=1, recover_vnd=AMOUNT)
    office.settle(session, packet, "paid", totals=announced)
    found = figures(session, packet)
    assert not found.ties_out
    assert found.problems == (
        "Bưu điện báo đã trả 1 lượt người, 541.000 đ, cộng từng dòng là 2 lượt người, 1.080.000 đ.",
        "Bưu điện báo cần truy thu 1 lượt người, 540.000 đ, cộng từng dòng là 0 lượt người, 0 đ.",
    )
    with pytest.raises(locking.DoesNotTieOut, match=r"541\.000 đ"):
        lock(session, packet)
    session.rollback()
    office.settle(session, packet, "paid", report="QT-2")
    assert figures(session, packet).ties_out, "a corrected report with the same lines"
    lock(session, packet)


def test_parts_that_announce_different_totals_do_not_tie_out(session: Session) -> None:
    packet = office.accepted(session, people=2)
    lines = office.results(office.lines_of(session, packet), "paid")
    first = office.parts(packet.code, lines, size=1)[0]
    second = office.parts(packet.code, lines, size=1, totals=ControlTotals(2, 999))[1]
    office.hear(session, first, second)
    found = figures(session, packet)
    assert found.problems == ("Các phần của quyết toán QT-1 báo tổng số khác nhau.",)
    assert found.reports[0].announced is None


def test_a_lost_part_can_be_decided_from_paper_when_the_result_is_what_was_announced(session: Session) -> None:
    packet = office.accepted(session, people=2)
    lines = office.lines_of(session, packet)
    bodies = office.parts(packet.code, office.results(lines, "paid", "unpaid"), size=1)
    office.hear(session, bodies[0])
    settlement_id = office.settlement_of(session, packet).id
    count = deciding.decide_missing(session, settlement_id, "paid", by=make.CLERK, because="Bảng ký nhận")
    assert count == 1
    found = figures(session, packet)
    assert not found.ties_out, "announced was one unpaid"
    decide(session, packet, lines[1].reference, "unpaid")
    assert figures(session, packet).ties_out
    lock(session, packet)
    assert [line.result for line in office.lines_of(session, packet)] == ["paid", "unpaid"]


def test_unreadable_lines_are_named_and_the_rest_is_applied(session: Session) -> None:
    packet = office.accepted(session, people=2)
    body = json.loads(office.parts(packet.code, office.results(office.lines_of(session, packet), "paid"))[0])
    body["message"]["disbursements_status"][1]["amount"] = "free"
    said = office.hear(session, json.dumps(body).encode())[0]
    assert said.outcome == "applied"
    assert said.note.startswith("1 dòng không đọc được: 2 202611-")
    found = figures(session, packet)
    assert found.paid == Tally(1, AMOUNT) and found.pending == Tally(1, AMOUNT)
    assert not found.reports[0].consistent


def test_two_messages_with_different_parts_under_the_same_number_contradict_each_other(session: Session) -> None:
    packet = office.accepted(session, people=2)
    lines = office.results(office.lines_of(session, packet), "paid")
    totals = ControlTotals.of(lines)
    office.hear(session, *office.parts(packet.code, lines), *office.parts(packet.code, lines[:1], totals=totals))
    report = figures(session, packet).reports[0]
    assert report.contradictory and not report.consistent
    assert figures(session, packet).ties_out, "what was announced is what the lines say"


# --- The arithmetic ----------------------------------------------------------------------------------------------


def test_what_was_sent_is_always_accounted_for(session: Session) -> None:
    packet = office.accepted(session, people=7)
    lines = office.lines_of(session, packet)
    said = [*office.results(lines[:5], "paid", "unpaid", "recover", "unpaid"), office.result(lines[5], amount=1)]
    office.hear(session, *office.parts(packet.code, said))
    office.hear(session, *office.parts(packet.code, [office.result(lines[4], "paid")], report="QT-2"))
    decide(session, packet, lines[3].reference, "unpaid_stopped")
    found = figures(session, packet)
    one = Tally(1, AMOUNT)
    assert found == Figures(
        settlement_id=found.settlement_id,
        sent=Tally(7, 7 * AMOUNT),
        paid=one,
        unpaid=Tally(2, 2 * AMOUNT),
        stopped=one,
        to_recover=one,
        pending=one,
        disputed=Tally(2, 2 * AMOUNT),
        foreign=Tally(),
        reports=found.reports,
        problems=found.problems,
    )
    assert found.sent == found.paid + found.unpaid + found.to_recover + found.pending + found.disputed
    assert len(found.problems) == 2


@pytest.mark.wrong_books("packet_and_settlement_agree")
def test_lines_that_are_not_what_was_sent_are_said(session: Session) -> None:
    packet = office.accepted(session, people=1)
    session.execute(text("UPDATE settlements SET sent_count = 2, sent_vnd = 1"))
    assert figures(session, packet).problems[0] == (
        "Các dòng cộng lại là 1 lượt người, 540.000 đ, khác số đã gửi 2 lượt người, 1 đ."
    )


def test_figures_of_an_unknown_settlement_are_not_found(session: Session) -> None:
    with pytest.raises(NotFound):
        arithmetic.figures(session, 999_999)
