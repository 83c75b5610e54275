"""Settlements: what the lock writes, who may lock, and every đồng in exactly one bucket."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import clock
from app.errors import NotFound
from app.models import Packet, Recovery
from app.services.batches import approval, making
from app.services.settlements import deciding, locking
from tests import factories as make
from tests import office
from tests.services.settling import AMOUNT, decide, lock
from tests.services.settling import mid_november as mid_november

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
