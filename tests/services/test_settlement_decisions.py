"""Settlements: what people decide where the agency's words leave a line open."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app import clock
from app.agency.messages import LineStatus
from app.errors import NotFound
from app.models import Packet
from app.rules.actors import Role
from app.services.settlements import deciding, locking
from app.services.settlements.arithmetic import Tally
from tests import factories as make
from tests import office
from tests.services.settling import AMOUNT, decide, figures, lock, record
from tests.services.settling import mid_november as mid_november


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
