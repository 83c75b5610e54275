"""Findings, people held out, and the approval of lists."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import clock
from app.errors import NotFound
from app.models import BenefitType, PayoutBatch
from app.rules.actors import Role
from app.services import transitions
from app.services.batches import approval, checks, lines, making
from tests import factories as make


@pytest.fixture(autouse=True)
def mid_november() -> Any:
    with clock.at(date(2026, 11, 10)):
        yield


def findings(session: Session, batch_id: int) -> list[str]:
    rows = session.execute(text("SELECT code FROM batch_findings WHERE batch_id = :id ORDER BY code"), {"id": batch_id})
    return list(rows.scalars())


def line_of(session: Session, entitlement_id: int) -> int:
    return session.execute(
        text("SELECT id FROM payout_lines WHERE entitlement_id = :id ORDER BY id DESC LIMIT 1"), {"id": entitlement_id}
    ).scalar_one()


def batch(session: Session, batch_id: int) -> PayoutBatch:
    return session.get_one(PayoutBatch, batch_id, populate_existing=True)


def test_a_good_list_has_no_findings(session: Session) -> None:
    assert findings(session, make.made_list(session, people=3)) == []


def test_a_missing_account_blocks(session: Session) -> None:
    person = make.person(session)
    make.entitlement(session, person)
    make.payee(session, person, method={"kind": "bank", "bank_code": "VCB"})
    assert findings(session, make.made_list(session)) == ["account_missing"]


def test_an_expired_authorisation_blocks(session: Session) -> None:
    person = make.person(session)
    make.entitlement(session, person)
    make.payee(session, person, kind="authorised", name="Người Thay", valid_to=date(2026, 10, 31))
    assert findings(session, make.made_list(session)) == ["authorisation_expired"]


def test_the_same_id_number_twice_blocks_until_one_is_held_out(session: Session) -> None:
    one = make.entitled(session, id_number="001145000001")
    make.entitled(session, "Lò Thị Ánh", id_number="001145000001")
    batch_id = make.made_list(session)
    assert findings(session, batch_id) == ["double_by_id", "double_by_id"]
    with pytest.raises(approval.BlockingFindings):
        approval.lock(session, batch_id, by=make.SUPERVISOR)
    lines.exclude(session, line_of(session, one.id), by=make.CLERK, because="Trùng hồ sơ")
    assert findings(session, batch_id) == []
    approval.lock(session, batch_id, by=make.SUPERVISOR)
    assert batch(session, batch_id).people_count == 1


def test_the_same_name_birth_and_hamlet_is_a_warning(session: Session) -> None:
    make.entitled(session, "Nguyễn Văn Hòa")
    make.entitled(session, "Nguyễn Văn Hoà")
    batch_id = make.made_list(session)
    assert findings(session, batch_id) == ["double_by_name", "double_by_name"]
    approval.lock(session, batch_id, by=make.SUPERVISOR)


def test_a_child_past_the_age_of_its_group_is_a_warning(session: Session) -> None:
    kind = session.scalars(select(BenefitType).where(BenefitType.age_to == 3).limit(1)).one()
    for month in (10, 12):  # four years old in October 2026; in December not yet
        child = make.person(session, f"Bé Tháng {month}", birth_year=2022, birth_month=month)
        make.entitlement(session, child, benefit_type=kind)
    assert findings(session, make.made_list(session)) == ["age_reached"]


def test_an_unusual_change_is_a_warning(session: Session) -> None:
    risen = make.entitled(session)
    make.entitled(session, "Người Thường")
    with clock.at(date(2026, 10, 20)):
        make.settled_month(session, make.OCTOBER)
    risen.coefficient = 2
    assert findings(session, make.made_list(session)) == ["unusual_amount"]


@pytest.mark.wrong_books("list_adds_up")
def test_a_zero_amount_blocks(session: Session) -> None:
    tiny = make.entitled(session)
    batch_id = make.made_list(session)
    session.execute(
        text("UPDATE payout_lines SET benefit_vnd = 0, total_vnd = 0 WHERE id = :id"),
        {"id": line_of(session, tiny.id)},
    )
    checks.check(session, [batch_id])
    assert findings(session, batch_id) == ["zero_amount"]


def test_holding_out_frees_earlier_money_and_returning_takes_it_back(session: Session) -> None:
    owed = make.entitled(session)
    make.entitled(session, "Người Khác")
    with clock.at(date(2026, 10, 20)):
        make.settled_month(session, make.OCTOBER, unpaid=[owed.id])
    make.arrears(session, owed, 40_000)
    batch_id = make.made_list(session)
    key = line_of(session, owed.id)
    assert batch(session, batch_id).total_vnd == 540_000 * 3 + 40_000
    lines.exclude(session, key, by=make.CLERK, because="Đang đi viện")
    assert batch(session, batch_id).total_vnd == 540_000
    assert session.execute(text("SELECT count(*) FROM carry_overs")).scalar() == 0
    assert session.execute(text("SELECT count(*) FROM arrears WHERE line_id IS NOT NULL")).scalar() == 0
    with pytest.raises(lines.AlreadyExcluded):
        lines.exclude(session, key, by=make.CLERK, because="Lần nữa")
    lines.restore(session, key, by=make.CLERK)
    assert batch(session, batch_id).total_vnd == 540_000 * 3 + 40_000
    assert session.execute(text("SELECT amount_vnd FROM carry_overs")).scalar() == 540_000
    with pytest.raises(lines.NotExcluded):
        lines.restore(session, key, by=make.CLERK)


def test_holding_out_needs_a_reason_a_clerk_and_a_draft(session: Session) -> None:
    wanted = make.entitled(session)
    batch_id = make.locked_list(session)
    key = line_of(session, wanted.id)
    with pytest.raises(lines.NotADraft):
        lines.exclude(session, key, by=make.CLERK, because="Muộn rồi")
    with pytest.raises(lines.ReasonMissing):
        lines.exclude(session, key, by=make.CLERK, because="  ")
    with pytest.raises(lines.NotAClerk):
        lines.exclude(session, key, by=make.SUPERVISOR, because="Không phải việc của tôi")
    with pytest.raises(NotFound):
        lines.exclude(session, 999_999, by=make.CLERK, because="Ai đây?")
    assert batch(session, batch_id).line_count == 3


def test_the_one_who_made_a_list_does_not_lock_it(session: Session) -> None:
    batch_id = make.made_list(session, people=1)
    both = make.actor(Role.SUPERVISOR, make.CLERK.username)
    with pytest.raises(approval.OwnPreparation, match="CT-202611-00004-M"):
        approval.lock(session, batch_id, by=both)
    assert batch(session, batch_id).state == "draft"


@pytest.mark.parametrize("role", [Role.CLERK, Role.ACCOUNTANT, Role.AUDITOR, Role.PROVINCE_ADMIN, Role.AGENCY_USER])
def test_only_a_supervisor_locks(session: Session, role: Role) -> None:
    batch_id = make.made_list(session, people=1)
    with pytest.raises(transitions.NotYours):
        approval.lock(session, batch_id, by=make.actor(role, "xa.khac"))


def test_locking_stores_totals_and_the_hash_of_the_line_set(session: Session) -> None:
    batch_id = make.locked_list(session, people=3)
    rows = session.execute(
        text("SELECT reference, total_vnd, payee_fa FROM payout_lines WHERE batch_id = :id"), {"id": batch_id}
    )
    canonical = "".join(sorted(f"{reference}|{total}|{address}\n" for reference, total, address in rows))
    locked = batch(session, batch_id)
    assert locked.lines_sha256 == hashlib.sha256(canonical.encode()).hexdigest()
    assert (locked.people_count, locked.line_count, locked.total_vnd) == (3, 3, 1_620_000)
    assert (locked.state, locked.locked_by) == ("locked", make.SUPERVISOR.username)


def test_several_lists_are_locked_all_or_none(session: Session) -> None:
    make.agency(session)
    for commune in (make.COMMUNE, make.OTHER_COMMUNE):
        make.entitled(session, commune=commune)
    request = making.ListRequest(make.area(session, "01").id, make.NOVEMBER)
    ids = making.make_lists(session, request, by=make.PROVINCE_CLERK).batch_ids
    with pytest.raises(NotFound):
        approval.lock_many(session, [*ids, 999_999], by=make.PROVINCE_SUPERVISOR)
    approval.lock_many(session, ids, by=make.PROVINCE_SUPERVISOR)
    assert {batch(session, key).state for key in ids} == {"locked"}


def test_a_list_without_anybody_is_not_locked(session: Session) -> None:
    only = make.entitled(session)
    batch_id = make.made_list(session)
    lines.exclude(session, line_of(session, only.id), by=make.CLERK, because="Chuyển nơi ở")
    with pytest.raises(approval.EmptyList):
        approval.lock(session, batch_id, by=make.SUPERVISOR)


def test_the_lines_of_a_locked_list_are_frozen_in_the_database_too(session: Session) -> None:
    batch_id = make.locked_list(session)
    for statement in (
        "UPDATE payout_lines SET total_vnd = total_vnd + 1, benefit_vnd = benefit_vnd + 1",
        "UPDATE payout_lines SET live = false, excluded_reason = 'x'",
        "UPDATE payout_lines SET result = 'paid'",
        "DELETE FROM payout_lines",
        "UPDATE payout_batches SET total_vnd = total_vnd + 1, benefit_vnd = benefit_vnd + 1",
        "DELETE FROM payout_batches",
    ):
        with pytest.raises(DBAPIError, match=r"frozen|never deleted"), session.begin_nested():
            session.execute(text(statement))
    assert batch(session, batch_id).state == "locked"


def test_a_line_cannot_be_moved_into_a_locked_list(session: Session) -> None:
    make.locked_list(session)
    late = make.entitled(session, "Vũ Thị Giang")
    draft = make.made_list(session, kind="supplementary")
    locked = session.execute(text("SELECT id FROM payout_batches WHERE state = 'locked'")).scalar_one()
    with pytest.raises(DBAPIError, match="keeps its list"), session.begin_nested():
        session.execute(
            text("UPDATE payout_lines SET batch_id = :to WHERE batch_id = :from_"), {"to": locked, "from_": draft}
        )
    assert line_of(session, late.id)


def test_unlocking_needs_a_reason_and_opens_the_list_again(session: Session) -> None:
    batch_id = make.locked_list(session)
    with pytest.raises(transitions.ReasonMissing):
        approval.unlock(session, batch_id, by=make.SUPERVISOR, because=" ")
    approval.unlock(session, batch_id, by=make.SUPERVISOR, because="Thiếu một người")
    assert (batch(session, batch_id).state, batch(session, batch_id).locked_by) == ("draft", None)
    making.remake(session, batch_id, by=make.CLERK)


@pytest.mark.wrong_books("list_and_packet_agree")
def test_a_sent_list_is_not_unlocked(session: Session) -> None:
    batch_id = make.locked_list(session)
    transitions.move(session, "batch", batch_id, "send", by=make.CLERK)
    with pytest.raises(transitions.WrongState, match="Đã gửi"):
        approval.unlock(session, batch_id, by=make.SUPERVISOR, because="Thiếu một người")


def test_locking_books_what_is_carried_and_unlocking_books_it_back(session: Session) -> None:
    owed = make.entitled(session)
    with clock.at(date(2026, 10, 20)):
        make.settled_month(session, make.OCTOBER, unpaid=[owed.id])
    batch_id = make.made_list(session)
    approval.lock(session, batch_id, by=make.SUPERVISOR)
    approval.unlock(session, batch_id, by=make.SUPERVISOR, because="Sửa lại")
    moved = session.execute(text("SELECT from_bucket, to_bucket, amount_vnd FROM money_movements ORDER BY id")).all()
    assert moved == [("unpaid", "carried", 540_000), ("carried", "unpaid", 540_000)]


def test_a_cancelled_draft_frees_what_it_carried(session: Session) -> None:
    owed = make.entitled(session)
    with clock.at(date(2026, 10, 20)):
        make.settled_month(session, make.OCTOBER, unpaid=[owed.id])
    make.arrears(session, owed, 40_000)
    first = make.made_list(session)
    approval.cancel(session, first, by=make.CLERK, because="Lập nhầm")
    assert (batch(session, first).state, batch(session, first).total_vnd) == ("cancelled", 0)
    again = make.made_list(session)
    assert batch(session, again).total_vnd == 540_000 * 2 + 40_000
    approval.lock(session, again, by=make.SUPERVISOR)
    with pytest.raises(transitions.WrongState):
        approval.cancel(session, again, by=make.CLERK, because="Muộn rồi")
    with pytest.raises(NotFound):
        approval.cancel(session, 999_999, by=make.CLERK, because="Không có")
