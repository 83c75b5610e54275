"""Results by hand: guarded by what the lines were, kept line by line, undone until the settlement is locked."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import clock
from app.errors import NotFound
from app.models import ResultChange, Settlement
from app.services.settlements import arithmetic, deciding, entering, lines, locking
from app.services.settlements.entering import Change
from tests import factories as make
from tests import hand, office


@pytest.fixture(autouse=True)
def mid_november() -> Any:
    with clock.at(date(2026, 11, 10)):
        yield


@pytest.fixture
def settlement(session: Session) -> Settlement:
    return hand.own_settlement(session, people=3)


def standings(session: Session, settlement: Settlement) -> list[str]:
    return [line.standing for line in lines.page(session, settlement, "all")]


def change(session: Session, settlement: Settlement, before: str, after: str, *who: int, **more: Any) -> ResultChange:
    """Change the lines with these numbers of the list; everybody without any."""
    references = {hand.lines(session, settlement)[n].reference: "" for n in who}
    asked = Change(before, after, reasons=references or None, **more)
    return entering.change(session, settlement.id, asked, by=make.CLERK)


def test_everybody_is_paid_then_the_exceptions_one_by_one(session: Session, settlement: Settlement) -> None:
    made = change(session, settlement, "pending", "paid")
    assert (made.line_count, made.total_vnd, made.reason) == (3, 1_620_000, "Theo kết quả của đơn vị chi trả")
    change(session, settlement, "paid", "unpaid", 1, why="Vắng mặt", how="line")
    change(session, settlement, "paid", "unpaid_stopped", 2, why="Đã chuyển đi", how="line")
    assert standings(session, settlement) == ["paid", "unpaid", "unpaid_stopped"]
    found = arithmetic.figures(session, settlement.id)
    assert found.ties_out and (found.paid.people, found.unpaid.people, found.stopped.people) == (1, 2, 1)
    assert lines.counts(session, settlement)["differing"] == 0
    assert [one.how for one in entering.changes(session, settlement.id)] == ["line", "line", "all"]


def test_lines_that_stand_otherwise_are_left_alone(session: Session, settlement: Settlement) -> None:
    change(session, settlement, "pending", "paid", 0)
    made = change(session, settlement, "pending", "unpaid", 0, 1)
    assert (made.line_count, standings(session, settlement)) == (1, ["paid", "unpaid", "pending"])
    with pytest.raises(entering.NothingChanges, match="Cần truy thu"):
        change(session, settlement, "to_recover", "paid", why="x")


def test_a_paid_line_becomes_unpaid_only_for_a_reason(session: Session, settlement: Settlement) -> None:
    change(session, settlement, "pending", "paid")
    with pytest.raises(deciding.ReasonMissing):
        change(session, settlement, "paid", "unpaid", 0, why="  ")


def test_the_words_of_a_sheet_become_reason_codes(session: Session, settlement: Settlement) -> None:
    first, second, third = (line.reference for line in hand.lines(session, settlement))
    said = {first: "vắng mặt", second: "Bận đi làm ăn xa", third: ""}
    entering.change(session, settlement.id, Change("pending", "unpaid", how="codes", reasons=said), by=make.CLERK)
    page = lines.page(session, settlement, "unpaid")
    assert [line.reason_code for line in page] == ["ABSENT", "OTHER", None]
    assert [line.decided_reason for line in page] == ["vắng mặt", "Bận đi làm ăn xa", "Theo kết quả của đơn vị chi trả"]


@pytest.mark.parametrize(
    ("words", "code"),
    [("Vắng mặt, không đến nhận", "ABSENT"), ("Đã chết", "DEAD"), ("da chet ngay 3/11", "DEAD"),
     ("ACCOUNT INVALID", "ACCOUNT_INVALID"),
     ("", ""), ("mất liên lạc", "OTHER")],
)  # fmt: skip
def test_reasons_in_words_are_recognised(words: str, code: str) -> None:
    assert entering.reason_code(words) == code


def test_a_change_is_undone_where_nobody_has_changed_the_line_since(session: Session, settlement: Settlement) -> None:
    first = change(session, settlement, "pending", "paid")
    second = change(session, settlement, "paid", "unpaid", 1, why="Vắng mặt")
    undone = entering.undo(session, first.id, by=make.ACCOUNTANT)
    assert (undone.undone_count, undone.undone_by) == (2, "xa.accountant")
    assert standings(session, settlement) == ["pending", "unpaid", "pending"]
    with pytest.raises(entering.AlreadyUndone):
        entering.undo(session, first.id, by=make.CLERK)
    assert entering.undo(session, second.id, by=make.CLERK).undone_count == 1
    assert standings(session, settlement) == ["pending", "paid", "pending"]


def test_the_later_change_is_undone_first(session: Session, settlement: Settlement) -> None:
    first = change(session, settlement, "pending", "paid")
    second = change(session, settlement, "paid", "unpaid", why="Chưa có tiền")
    with pytest.raises(entering.ChangedSince):
        entering.undo(session, first.id, by=make.CLERK)
    entering.undo(session, second.id, by=make.CLERK)
    assert standings(session, settlement) == ["paid"] * 3
    entering.undo(session, first.id, by=make.CLERK)
    assert standings(session, settlement) == ["pending"] * 3


def test_a_decision_made_since_stays(session: Session, settlement: Settlement) -> None:
    made = change(session, settlement, "pending", "paid", 0, 1)
    reference = hand.lines(session, settlement)[0].reference
    deciding.decide(session, settlement.id, reference, "paid", by=make.CLERK, because="Có chữ ký")
    assert entering.undo(session, made.id, by=make.CLERK).undone_count == 1
    assert standings(session, settlement) == ["paid", "pending", "pending"]


def test_nothing_is_changed_or_undone_once_the_settlement_is_locked(session: Session, settlement: Settlement) -> None:
    made = change(session, settlement, "pending", "paid")
    locking.lock(session, settlement.id, by=make.ACCOUNTANT)
    session.commit()
    with pytest.raises(deciding.SettlementOver):
        change(session, settlement, "paid", "unpaid", why="x")
    with pytest.raises(deciding.SettlementOver):
        entering.undo(session, made.id, by=make.CLERK)


def test_results_of_a_connected_list_are_not_entered_in_bulk(session: Session) -> None:
    settlement = office.settlement_of(session, office.accepted(session, people=1))
    with pytest.raises(entering.Connected):
        change(session, settlement, "pending", "paid")


def test_who_may_not_decide_may_not_enter(session: Session, settlement: Settlement) -> None:
    made = change(session, settlement, "pending", "paid")
    with pytest.raises(deciding.NotYoursToDecide):
        entering.change(session, settlement.id, Change("paid", "unpaid", "x"), by=make.SUPERVISOR)
    with pytest.raises(deciding.NotYoursToDecide):
        entering.undo(session, made.id, by=make.SUPERVISOR)
    with pytest.raises(NotFound):
        entering.undo(session, made.id + 99, by=make.CLERK)


def test_the_two_standings_are_real_and_differ(session: Session, settlement: Settlement) -> None:
    with pytest.raises(deciding.UnknownOutcome):
        change(session, settlement, "dispute", "paid")
    with pytest.raises(deciding.UnknownOutcome):
        change(session, settlement, "pending", "hôm sau")
    with pytest.raises(entering.SameStanding):
        change(session, settlement, "paid", "paid", why="x")


def test_change_sets_are_not_rewritten(session: Session, settlement: Settlement) -> None:
    change(session, settlement, "pending", "paid")
    for statement in (
        "UPDATE result_changes SET line_count = 0",
        "DELETE FROM result_changes",
        "UPDATE result_change_lines SET before = NULL",
    ):
        with pytest.raises(DBAPIError), session.begin_nested():
            session.execute(text(statement))


def test_unpaid_results_by_hand_are_carried_over_once_locked(session: Session, settlement: Settlement) -> None:
    change(session, settlement, "pending", "paid")
    change(session, settlement, "paid", "unpaid", 0, why="Vắng mặt")
    locking.lock(session, settlement.id, by=make.ACCOUNTANT)
    session.commit()
    line = hand.lines(session, settlement)[0]
    assert (line.result, office.movements(session, line.id)[-1]) == ("unpaid", ("with_agency", "unpaid", 540_000))
    assert line.result_at is not None and clock.now() - line.result_at < timedelta(days=1)
