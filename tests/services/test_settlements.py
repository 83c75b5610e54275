"""Settlements: records as a function of the set of entries, the arithmetic, decisions, and the lock."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import clock, embedded
from app.agency.messages import ControlTotals, LineStatus
from app.errors import NotFound
from app.models import Packet, Recovery, SettlementEntry, SettlementRecord
from app.rules.actors import Role
from app.services.batches import approval, making
from app.services.settlements import arithmetic, deciding, locking
from app.services.settlements.arithmetic import Figures, Tally
from tests import factories as make
from tests import office

AMOUNT = 540_000


@pytest.fixture(autouse=True)
def mid_november() -> Any:
    with clock.at(date(2026, 11, 10)):
        yield


def record(session: Session, reference: str) -> SettlementRecord:
    return session.scalars(
        select(SettlementRecord)
        .where(SettlementRecord.reference == reference)
        .execution_options(populate_existing=True)
    ).one()


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


def figures(session: Session, packet: Packet) -> Figures:
    return arithmetic.figures(session, office.settlement_of(session, packet).id)


def decide(session: Session, packet: Packet, reference: str, outcome: str, because: str = "Biên bản đối chiếu") -> None:
    settlement_id = office.settlement_of(session, packet).id
    deciding.decide(session, settlement_id, reference, outcome, by=make.CLERK, because=because)
    session.commit()


def lock(session: Session, packet: Packet) -> None:
    locking.lock(session, office.settlement_of(session, packet).id, by=make.ACCOUNTANT)
    session.commit()


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


# --- Decisions ---------------------------------------------------------------------------------------------------


def disputed(session: Session) -> tuple[Packet, str]:
    """Two people, one of them reported both paid and unpaid."""
    packet = office.accepted(session, people=2)
    office.settle(session, packet, "paid")
    office.settle(session, packet, "unpaid", "paid", report="QT-2")
    return packet, office.lines_of(session, packet)[0].reference


def test_a_dispute_blocks_the_lock_until_a_person_decides(session: Session) -> None:
    packet, reference = disputed(session)
    with pytest.raises(locking.DoesNotTieOut, match="tranh chấp"):
        lock(session, packet)
    session.rollback()
    decide(session, packet, reference, "unpaid", "Người nhận chưa ký")
    row = record(session, reference)
    assert (row.decided_outcome, row.decided_reason, row.decided_by) == ("unpaid", "Người nhận chưa ký", "xa.clerk")
    assert row.decided_at is not None
    lock(session, packet)
    assert [line.result for line in office.lines_of(session, packet)] == ["unpaid", "paid"]


def test_a_decision_can_be_made_again_until_the_lock(session: Session) -> None:
    packet, reference = disputed(session)
    decide(session, packet, reference, "paid")
    decide(session, packet, reference, "unpaid_stopped", "Đã chết")
    found = figures(session, packet)
    assert (found.unpaid, found.stopped) == (Tally(1, AMOUNT), Tally(1, AMOUNT))
    lock(session, packet)
    line = office.lines_of(session, packet)[0]
    assert line.result == "unpaid_stopped"
    assert office.movements(session, line.id)[-1] == ("with_agency", "stopped", AMOUNT)
    with pytest.raises(deciding.SettlementOver):
        decide(session, packet, reference, "paid")


def test_a_decision_needs_role_reason_outcome_and_line(session: Session) -> None:
    packet, reference = disputed(session)
    settlement_id = office.settlement_of(session, packet).id

    def attempt(outcome: str = "paid", because: str = "x", role: Role = Role.CLERK, ref: str = reference) -> None:
        deciding.decide(session, settlement_id, ref, outcome, by=make.actor(role), because=because)

    with pytest.raises(deciding.NotYoursToDecide):
        attempt(role=Role.SUPERVISOR)
    with pytest.raises(deciding.ReasonMissing):
        attempt(because=" ")
    with pytest.raises(deciding.ReasonTooLong):
        attempt(because="x" * 2_001)
    with pytest.raises(deciding.UnknownOutcome):
        attempt(outcome="dispute")
    with pytest.raises(NotFound):
        attempt(ref="LA-1")
    with pytest.raises(NotFound):
        deciding.decide(session, 999_999, reference, "paid", by=make.CLERK, because="x")
    attempt(role=Role.ACCOUNTANT)


def test_a_void_settlement_takes_no_decisions_and_is_not_locked(session: Session) -> None:
    packet = office.accepted(session, people=1)
    reference = office.lines_of(session, packet)[0].reference
    office.tell(session, packet, status="rjct", reason_message="Sai")
    with pytest.raises(deciding.SettlementOver):
        decide(session, packet, reference, "paid")
    with pytest.raises(locking.SettlementOver):
        lock(session, packet)
    assert figures(session, packet).problems[0] == "Gói tin đã bị từ chối nên quyết toán này không còn hiệu lực."


def test_a_foreign_reference_blocks_until_somebody_has_looked_at_it(session: Session) -> None:
    packet = office.accepted(session, people=1)
    said = [*office.results(office.lines_of(session, packet), "paid"), LineStatus("LA-1", "paid", 9_000, clock.wall())]
    office.hear(session, *office.parts(packet.code, said))
    assert figures(session, packet).foreign == Tally(1, 9_000)
    with pytest.raises(locking.DoesNotTieOut, match="không có trong gói tin"):
        lock(session, packet)
    session.rollback()
    decide(session, packet, "LA-1", "paid", "Bưu điện nhầm với xã khác")
    lock(session, packet)
    assert office.settlement_of(session, packet).paid_vnd == AMOUNT


def test_a_locality_without_connection_is_settled_by_hand(session: Session) -> None:
    packet = office.accepted(session, people=3)
    settlement_id = office.settlement_of(session, packet).id
    references = [line.reference for line in office.lines_of(session, packet)]
    decide(session, packet, references[1], "unpaid", "Vắng mặt")
    assert figures(session, packet).pending == Tally(2, 2 * AMOUNT)
    count = deciding.decide_missing(session, settlement_id, "paid", by=make.ACCOUNTANT, because="Bảng ký nhận")
    assert count == 2
    assert deciding.decide_missing(session, settlement_id, "unpaid", by=make.ACCOUNTANT, because="x") == 0
    lock(session, packet)
    assert [line.result for line in office.lines_of(session, packet)] == ["paid", "unpaid", "paid"]


def test_missing_lines_are_decided_together_but_decided_ones_are_left(session: Session) -> None:
    packet = office.accepted(session, people=3)
    lines = office.lines_of(session, packet)
    office.hear(session, *office.parts(packet.code, office.results(lines[:1], "paid")))
    decide(session, packet, lines[1].reference, "unpaid")
    settlement_id = office.settlement_of(session, packet).id
    assert deciding.decide_missing(session, settlement_id, "paid", by=make.CLERK, because="x") == 1
    assert record(session, lines[1].reference).decided_outcome == "unpaid"


@pytest.mark.parametrize(
    ("decided", "later", "stays"),
    [
        ("paid", "paid", True),
        ("unpaid", "unpaid", True),
        ("unpaid_stopped", "unpaid", True),
        ("to_recover", "recover", True),
        ("unpaid", "paid", False),
        ("paid", "unpaid", False),
        ("paid", "recover", False),
    ],
)
def test_a_later_word_that_says_something_else_asks_the_person_again(
    session: Session, decided: str, later: str, stays: bool
) -> None:
    packet = office.accepted(session, people=1)
    line = office.lines_of(session, packet)[0]
    decide(session, packet, line.reference, decided)
    said = office.hear(session, *office.parts(packet.code, [office.result(line, later)]))[0]
    row = record(session, line.reference)
    assert (row.decided_outcome == decided) is stays
    assert (row.decided_reason is not None) is stays
    expected = None if stays else f"1 dòng đã được quyết định phải xem lại vì bưu điện báo khác: {line.reference}."
    assert said.note == expected


def test_a_word_that_was_known_when_the_decision_was_made_does_not_ask_again(session: Session) -> None:
    packet, reference = disputed(session)
    decide(session, packet, reference, "paid")
    office.settle(session, packet, "unpaid", "paid", report="QT-3")
    assert record(session, reference).decided_outcome == "paid"


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


# --- The lock ----------------------------------------------------------------------------------------------------


def test_the_lock_writes_results_journal_recoveries_counts_fee_and_audit(session: Session) -> None:
    packet = office.accepted(session, people=4)
    lines = office.lines_of(session, packet)
    said = [
        office.result(lines[0]),
        office.result(lines[1]),
        office.result(lines[2], "unpaid", reason="MOVED"),
        office.result(lines[3], "recover"),
    ]
    office.hear(session, *office.parts(packet.code, said))
    lock(session, packet)
    settlement = office.settlement_of(session, packet)
    assert (settlement.state, packet.state, office.batch_of(session, packet).state) == ("locked", "settled", "settled")
    results = [(line.result, line.result_reason) for line in office.lines_of(session, packet)]
    assert results == [("paid", None), ("paid", None), ("unpaid", "MOVED"), ("to_recover", "DEAD")]
    assert all(line.result_at is not None for line in office.lines_of(session, packet))
    assert [office.movements(session, line.id)[-1][1] for line in lines] == ["paid", "paid", "unpaid", "to_recover"]
    recovery = session.scalars(select(Recovery)).one()
    assert (recovery.line_id, recovery.amount_vnd, recovery.reason) == (lines[3].id, AMOUNT, "DEAD")
    assert (settlement.paid_count, settlement.paid_vnd) == (2, 2 * AMOUNT)
    assert (settlement.unpaid_count, settlement.unpaid_vnd) == (1, AMOUNT)
    assert (settlement.recover_count, settlement.recover_vnd) == (1, AMOUNT)
    assert settlement.fee_vnd == 8_640
    assert (settlement.locked_by, settlement.locked_at is not None) == ("xa.accountant", True)
    assert office.audit(session, "settlement", settlement.id) == ["create", "receive_all", "lock"]
    assert office.audit(session, "packet", packet.id)[-1] == "settle"
    facts = session.execute(
        text("SELECT facts FROM state_changes WHERE machine = 'settlement' AND move = 'lock'")
    ).scalar()
    assert facts == {
        "paid": {"people": 2, "vnd": 1_080_000},
        "unpaid": {"people": 1, "vnd": 540_000},
        "to_recover": {"people": 1, "vnd": 540_000},
    }


@pytest.mark.parametrize(
    ("terms", "fee"),
    [
        ({"fee_kind": "percent", "fee_percent": Decimal("1.05")}, 17_010),
        ({"fee_kind": "per_person", "fee_vnd": 6_600}, 13_200),
        ({"fee_kind": "per_person", "fee_vnd": 6_600, "fee_cap_vnd": 10_000}, 10_000),
    ],
)
def test_the_fee_follows_the_contract_on_what_was_paid(session: Session, terms: dict[str, Any], fee: int) -> None:
    """Three paid lines of two people, and an unpaid one."""
    make.agency(session)
    assignments = ", ".join(f"{name} = :{name}" for name in terms)
    session.execute(text(f"UPDATE agency_contracts SET {assignments}"), terms)
    parent = make.person(session, "Lò Thị Hà")
    make.entitlement(session, parent)
    make.entitlement(session, parent, stacks=True)
    packet = office.accepted(session, people=2)
    lines = sorted(office.lines_of(session, packet), key=lambda line: line.full_name != "Lò Thị Hà")
    said = [office.result(line) for line in lines[:3]] + [office.result(lines[3], "unpaid")]
    office.hear(session, *office.parts(packet.code, said))
    lock(session, packet)
    assert office.settlement_of(session, packet).fee_vnd == fee


def test_a_list_without_a_contract_costs_no_fee(session: Session) -> None:
    packet = office.accepted(session, people=1)
    office.settle(session, packet, "paid")
    session.execute(text("UPDATE payout_batches SET contract_id = NULL"))
    lock(session, packet)
    assert office.settlement_of(session, packet).fee_vnd == 0


def test_only_an_accountant_locks_what_exists_once(session: Session) -> None:
    packet = office.accepted(session, people=1)
    office.settle(session, packet, "paid")
    settlement_id = office.settlement_of(session, packet).id
    with pytest.raises(locking.NotAnAccountant):
        locking.lock(session, settlement_id, by=make.SUPERVISOR)
    with pytest.raises(NotFound):
        locking.lock_many(session, [settlement_id, 999_999], by=make.ACCOUNTANT)
    lock(session, packet)
    with pytest.raises(locking.SettlementOver, match=packet.code):
        lock(session, packet)


def test_a_settlement_can_be_locked_before_the_agency_said_anything_when_people_decided(session: Session) -> None:
    packet = office.accepted(session, people=1)
    settlement_id = office.settlement_of(session, packet).id
    with pytest.raises(locking.DoesNotTieOut, match="chưa có kết quả"):
        lock(session, packet)
    session.rollback()
    deciding.decide_missing(session, settlement_id, "paid", by=make.CLERK, because="Bảng ký nhận")
    lock(session, packet)
    assert office.audit(session, "settlement", settlement_id) == ["create", "lock"]


def two_communes(session: Session) -> list[Packet]:
    """Accepted and settled packets of two communes of one province."""
    from app.services import packets, sending

    make.agency(session)
    for commune in (make.COMMUNE, make.OTHER_COMMUNE):
        make.entitled(session, commune=commune)
    province = make.area(session, "01")
    made = making.make_lists(session, making.ListRequest(province.id, make.NOVEMBER), by=make.PROVINCE_CLERK)
    approval.lock_many(session, made.batch_ids, by=make.PROVINCE_SUPERVISOR)
    queued = [packets.queue(session, batch_id, by=make.PROVINCE_CLERK) for batch_id in made.batch_ids]
    session.commit()
    while sending.send_next(office.ScriptedAgency().connect):
        pass
    for packet in queued:
        office.settle(session, packet, "paid")
    return queued


def test_a_province_is_locked_at_once_or_not_at_all(session: Session) -> None:
    first, second = two_communes(session)
    ids = [office.settlement_of(session, packet).id for packet in (first, second)]
    office.settle(session, second, "unpaid", report="QT-2")
    with pytest.raises(locking.DoesNotTieOut, match=second.code):
        locking.lock_many(session, ids, by=make.PROVINCE_ACCOUNTANT)
    session.rollback()
    assert office.settlement_of(session, first).state == "received"
    decide(session, second, office.lines_of(session, second)[0].reference, "unpaid")
    locking.lock_many(session, ids, by=make.PROVINCE_ACCOUNTANT)
    session.commit()
    assert [office.settlement_of(session, packet).state for packet in (first, second)] == ["locked", "locked"]
    assert [office.lines_of(session, packet)[0].result for packet in (first, second)] == ["paid", "unpaid"]


def test_the_database_itself_refuses_changes_after_the_lock(session: Session) -> None:
    packet = office.accepted(session, people=1)
    office.settle(session, packet, "paid")
    lock(session, packet)
    for statement in (
        "UPDATE settlement_records SET decided_outcome = 'unpaid', decided_reason = 'x'",
        "UPDATE settlements SET paid_vnd = 0",
        "UPDATE payout_lines SET result = 'unpaid'",
    ):
        with pytest.raises(DBAPIError, match=r"locked|frozen"), session.begin_nested():
            session.execute(text(statement))


# --- Conservation ------------------------------------------------------------------------------------------------


def test_every_dong_is_in_exactly_one_bucket_through_rejection_settlement_and_carrying_over(session: Session) -> None:
    from app.services import packets, periods, sending

    first = office.accepted(session, people=3)
    office.tell(session, first, status="rjct", reason_message="Sai")
    approval.unlock(session, first.batch_id, by=make.SUPERVISOR, because="Sửa")
    approval.lock(session, first.batch_id, by=make.SUPERVISOR)
    packet = packets.queue(session, first.batch_id, by=make.CLERK)
    session.commit()
    sending.send_next(office.ScriptedAgency().connect)
    office.refresh(session)
    office.settle(session, packet, "unpaid", "recover", "paid")
    lock(session, packet)
    for line in office.lines_of(session, packet):
        balances: dict[str, int] = {}
        for before, after, vnd in office.movements(session, line.id):
            balances[before] = balances.get(before, 0) - vnd
            balances[after] = balances.get(after, 0) + vnd
        bucket = {"unpaid": "unpaid", "to_recover": "to_recover", "paid": "paid"}[line.result]
        assert {name: vnd for name, vnd in balances.items() if vnd} == {"owed": -line.total_vnd, bucket: line.total_vnd}
    unpaid = office.lines_of(session, packet)[0]
    key = session.execute(text("SELECT id FROM area_periods")).scalar_one()
    periods.close(session, key, by=make.ACCOUNTANT)
    with clock.at(date(2026, 12, 1)):
        batch_id = make.made_list(session, month=date(2026, 12, 1))
        approval.lock(session, batch_id, by=make.SUPERVISOR)
        assert office.movements(session, unpaid.id)[-1] == ("unpaid", "carried", AMOUNT)
        approval.unlock(session, batch_id, by=make.SUPERVISOR, because="Sửa")
        assert office.movements(session, unpaid.id)[-1] == ("carried", "unpaid", AMOUNT)
        approval.lock(session, batch_id, by=make.SUPERVISOR)
    assert office.movements(session, unpaid.id)[-1] == ("unpaid", "carried", AMOUNT)
    carrying = session.execute(
        text("SELECT carried_vnd, total_vnd FROM payout_lines WHERE batch_id = :id AND carried_vnd > 0"),
        {"id": batch_id},
    ).one()
    assert tuple(carrying) == (AMOUNT, 2 * AMOUNT)
