"""What each report says that no other does."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.models import Packet, PayoutBatch
from app.reports.catalogue import REPORTS
from app.services import balances, packets, sending
from app.services.batches import approval, lines, making, versions
from app.services.recoveries import returning
from app.services.settlements import locking
from tests import factories as make
from tests import hand, office, stages
from tests.reports.conftest import asked
from tests.reports.rows import row_of, table


def test_unpaid_people_come_with_their_periods_in_a_row(session: Session, everything: PayoutBatch) -> None:
    rows = table(session, "DVCT_03")
    assert [(row["streak"], row["since"], row["reason"]) for row in rows] == [(1, make.NOVEMBER, "ABSENT")]
    assert REPORTS["DVCT_03"].totals(session, asked("DVCT_03")).sums["total_vnd"] == rows[0]["total_vnd"]


def test_months_unpaid_are_counted_back_until_one_is_missing(session: Session) -> None:
    person = make.entitled(session, "Hồ Thị Sáu")
    for month in (date(2026, 7, 1), date(2026, 9, 1), make.OCTOBER):
        make.settled_month(session, month, unpaid=[person.id])
    packet = office.accepted(session, people=1)
    office.settle(
        session,
        packet,
        *["unpaid" if line.full_name == "Hồ Thị Sáu" else "paid" for line in office.lines_of(session, packet)],
    )
    (row,) = table(session, "DVCT_03")
    assert (row["full_name"], row["streak"], row["since"]) == ("Hồ Thị Sáu", 3, date(2026, 9, 1))
    assert REPORTS["DVCT_03"].totals(session, asked("DVCT_03")).provisional == 1


def test_recoveries_say_what_came_back_before_and_in_the_period_and_what_is_left(
    session: Session, everything: PayoutBatch
) -> None:
    (row,) = table(session, "DVCT_04")
    owed = row["amount_vnd"]
    assert (row["reason"], row["state"], row["left_vnd"], row["now_vnd"]) == ("DEAD", "open", owed, 0)
    key = session.execute(text("SELECT id FROM recoveries")).scalar_one()
    returning.pay_cash(session, key, 40_000, reference="PT-1", by=make.ACCOUNTANT)
    with clock.at(date(2026, 12, 5)):
        returning.pay_cash(session, key, 60_000, reference="PT-2", by=make.ACCOUNTANT)
        returning.write_off(session, key, because="Hộ nghèo", by=make.SUPERVISOR)
    session.commit()
    december = date(2026, 12, 1)
    moneys = ("before_vnd", "now_vnd", "written_vnd", "left_vnd")
    (row,) = table(session, "DVCT_04")
    assert [row[name] for name in moneys] == [0, 40_000, 0, owed - 40_000]
    (row,) = table(session, "DVCT_04", month_from=december, month_to=december)
    assert [row[name] for name in moneys] == [40_000, 60_000, owed - 100_000, 0]
    january = date(2027, 1, 1)
    assert table(session, "DVCT_04", month_from=january, month_to=january) == []
    balance = balances.of_account(session, make.COMMUNE_PATH, make.agency(session).id, december)
    assert balance is not None and balance.recovered_vnd == 60_000


def test_arrears_say_in_which_list_they_are_and_which_wait(session: Session, everything: PayoutBatch) -> None:
    make.arrears(session, make.entitled(session, "Chờ Thị Sau"), 70_000)
    session.commit()
    found = {
        row["full_name"]: (row["amount_vnd"], row["paid_month"], row["outcome"]) for row in table(session, "DVCT_05")
    }
    assert found == {
        "Đặng Thị Út": (120_000, make.NOVEMBER, "paid"),
        "Chờ Thị Sau": (70_000, None, "waiting"),
    }
    listed = sum(amount for amount, month, _outcome in found.values() if month)
    assert listed == everything.arrears_vnd


def test_payment_methods_add_up_to_what_was_sent(session: Session) -> None:
    someone = make.entitled(session, "Bùi Thị Bank")
    make.payee(session, someone.beneficiary, method=make.BANK)
    batch = stages.settled(session, "paid", people=2)
    rows = {row["method"]: row for row in table(session, "DVCT_06")}
    assert {method: row["paid_people"] for method, row in rows.items()} == {"bank": 1, "cash": 2}
    assert REPORTS["DVCT_06"].totals(session, asked("DVCT_06")).sums["sent_vnd"] == batch.total_vnd
    for method, row in rows.items():
        totals = REPORTS["DVCT_02"].totals(session, asked("DVCT_02", method=method))
        assert totals.sums["total_vnd"] == row["sent_vnd"]


def test_carried_money_says_where_it_comes_from_and_whether_it_is_paid_now(
    session: Session, everything: PayoutBatch
) -> None:
    (row,) = table(session, "DVCT_07")
    assert (row["full_name"], row["from_month"], row["carried_vnd"]) == ("Đặng Thị Út", make.OCTOBER, 1_080_000)
    assert row["outcome"] == "paid"
    assert REPORTS["DVCT_07"].totals(session, asked("DVCT_07")).sums["carried_vnd"] == everything.carried_vnd


def test_the_list_to_sign_is_the_approved_list_to_the_dong(session: Session) -> None:
    batch_id = make.locked_list(session, people=3)
    session.commit()
    batch = session.get_one(PayoutBatch, batch_id)
    totals = REPORTS["DVCT_08"].totals(session, asked("DVCT_08", batch_id=batch_id))
    assert (totals.rows, totals.sums["total_vnd"]) == (batch.line_count, batch.total_vnd)
    assert totals.sums["benefit_vnd"] == batch.benefit_vnd
    assert REPORTS["DVCT_08"].totals(session, asked("DVCT_08", batch_id=batch_id + 1)).rows == 0


def test_two_versions_differ_by_the_line_that_was_held_out(session: Session, everything: PayoutBatch) -> None:
    (row,) = table(session, "DVCT_09")
    assert (row["section"], row["before_version"], row["now_version"]) == ("left", 1, 2)
    assert (row["before_vnd"], row["now_vnd"], row["difference_vnd"]) == (540_000, 0, -540_000)
    sent = session.execute(text("SELECT total_vnd FROM packets ORDER BY version")).scalars().all()
    assert row["difference_vnd"] == sent[1] - sent[0]


@pytest.mark.parametrize("adapter", ["g2p", "iso20022", "workbook", "office"])
def test_versions_are_compared_however_they_travelled(session: Session, adapter: str) -> None:
    """Twice sent, twice come back: each version against the one before, the last one also before it is opened."""
    stays, raised = make.entitled(session, "Đỗ Thị Ở"), make.entitled(session, "Đỗ Thị Tăng")
    batch_id = _sent_and_returned(session, adapter)
    assert table(session, "DVCT_09") == [], "one version differs from nothing"
    _opened(session, batch_id)
    key = session.execute(
        text("SELECT id FROM payout_lines WHERE entitlement_id = :id AND live"), {"id": stays.id}
    ).scalar_one()
    lines.exclude(session, key, by=make.CLERK, because="Chờ xác minh")
    _again(session, batch_id, adapter)
    first = [("left", 1, 2, -540_000, "Đỗ Thị Ở")]
    assert _differences(session) == first, "on its way"
    _opened(session, batch_id)
    raised.coefficient = 2
    session.flush()
    making.remake(session, batch_id, by=make.CLERK)
    assert _differences(session) == first, "came back and opened"
    _again(session, batch_id, adapter)
    assert _differences(session) == [*first, ("changed", 2, 3, 540_000, "Đỗ Thị Tăng")]
    shown = versions.between(session, batch_id)
    assert [(one.older[-2:], one.newer[-2:], one.count) for one in shown] == [("V1", "V2", 1), ("V2", "V3", 1)]


def _differences(session: Session) -> list[tuple[str, int, int, int, str]]:
    return [
        (
            row["section"],
            row["before_version"],
            row["now_version"],
            row["difference_vnd"],
            row["before_payee"] or row["now_payee"],
        )
        for row in table(session, "DVCT_09")
    ]


def _sent_and_returned(session: Session, adapter: str) -> int:
    if adapter == "office":
        hand.pays_itself(session)
    else:
        make.agency(session)
        session.execute(text("UPDATE agency_contracts SET adapter = :adapter"), {"adapter": adapter})
    batch_id = make.locked_list(session, people=1)
    _send(session, batch_id, adapter)
    return batch_id


def _send(session: Session, batch_id: int, adapter: str) -> None:
    packet = packets.queue(session, batch_id, by=make.CLERK)
    session.commit()
    if adapter != "office":
        assert sending.send_next(office.ScriptedAgency().connect)
    office.refresh(session)
    assert session.get_one(PayoutBatch, batch_id).version == packet.version


def _opened(session: Session, batch_id: int) -> None:
    """Comes back, and a supervisor opens it."""
    packet = session.query(Packet).filter_by(batch_id=batch_id).order_by(Packet.version.desc()).first()
    assert packet is not None
    if packet.agency.kind == "office":
        packets.ask_recall(session, packet.id, by=make.CLERK, because="Sai")
        session.commit()
    else:
        office.tell(session, packet, status="rjct", reason_message="Sai")
    approval.unlock(session, batch_id, by=make.SUPERVISOR, because="Sửa")


def _again(session: Session, batch_id: int, adapter: str) -> None:
    approval.lock(session, batch_id, by=make.SUPERVISOR)
    _send(session, batch_id, adapter)


def test_the_months_differ_by_who_came_who_left_and_whose_money_changed(
    session: Session, everything: PayoutBatch
) -> None:
    found = {(row["section"], row["full_name"]): row["difference_vnd"] for row in table(session, "DVCT_10")}
    assert found[("left", "Lò Văn Đi")] == -540_000
    came = [name for section, name in found if section == "came"]
    assert len(came) == 2
    totals = REPORTS["DVCT_10"].totals(session, asked("DVCT_10"))
    months = session.execute(
        text("SELECT benefit_vnd FROM payout_batches b JOIN periods p ON p.id = b.period_id ORDER BY p.month")
    ).scalars()
    october, november = months
    assert totals.sums["difference_vnd"] == november - october


def test_the_balance_is_the_one_of_its_service(session: Session, everything: PayoutBatch) -> None:
    row = row_of(session, "DVCT_11")
    found = balances.of_account(session, make.COMMUNE_PATH, make.agency(session).id, make.NOVEMBER)
    assert found is not None
    assert {name: row[name] for name in ("closing_vnd", "fee_vnd", "due_vnd")} == {
        "closing_vnd": found.closing_vnd,
        "fee_vnd": found.fee_vnd,
        "due_vnd": found.due_vnd,
    }
    assert row["closing_vnd"] == everything.total_vnd - found.paid_vnd - found.wrong_vnd


def test_the_settlement_sheet_holds_its_pairs(session: Session) -> None:
    packet = office.accepted(session, people=5)
    lines = office.lines_of(session, packet)
    said = office.results(lines, "paid", "unpaid", "unpaid", "recover", "paid")
    said[2] = office.result(lines[2], "unpaid", reason="MOVED")
    office.hear(session, *office.parts(packet.code, said))
    before = row_of(session, "C74B_HD")
    locking.lock(session, office.settlement_of(session, packet).id, by=make.ACCOUNTANT)
    session.commit()
    after = row_of(session, "C74B_HD")
    one = 540_000
    pairs = {
        name: (after[f"{name}_people"], after[f"{name}_vnd"])
        for name in ("payable", "paid", "moved", "unpaid", "approved")
    }
    assert pairs == {
        "payable": (5, 5 * one), "paid": (3, 3 * one), "moved": (1, one), "unpaid": (1, one), "approved": (2, 2 * one),
    }  # fmt: skip
    assert (before["paid_people"], before["approved_people"]) == (3, 0), "nothing is approved before the lock"
