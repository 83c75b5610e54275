"""What people read of a list: its lines, findings, history, the month before, its versions, what making would do."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app import clock
from app.errors import NotFound
from app.models import AccessLog, PayoutBatch
from app.services import access, packets, sending
from app.services.batches import approval, browsing, comparing, lines, making, previewing, versions
from app.services.batches.browsing import Wanted
from app.services.batches.making import ListRequest, NobodyEligible
from tests import factories as make
from tests import office, stages

NOVEMBER, OCTOBER = make.NOVEMBER, make.OCTOBER


@pytest.fixture(autouse=True)
def mid_november() -> Any:
    with clock.at(date(2026, 11, 10)):
        yield


def found(session: Session, batch_id: int, **wanted: str) -> list[str]:
    page = browsing.lines(session, batch_id, Wanted(**wanted), page=0, size=50)
    assert page.count == len(page.rows) and page.total_vnd == sum(row.total_vnd for row in page.rows)
    return [row.full_name for row in page.rows]


def line_of(session: Session, entitlement_id: int) -> int:
    return session.execute(
        text("SELECT id FROM payout_lines WHERE entitlement_id = :id ORDER BY id DESC LIMIT 1"), {"id": entitlement_id}
    ).scalar_one()


def test_lines_are_found_by_any_word_without_marks_or_by_code(session: Session) -> None:
    binh = make.entitled(session, "Nguyễn Thị Bình")
    make.entitled(session, "Đặng Văn Đào")
    batch_id = make.made_list(session)
    assert found(session, batch_id, typed="bin") == ["Nguyễn Thị Bình"]
    assert found(session, batch_id, typed="dao") == ["Đặng Văn Đào"]
    assert found(session, batch_id, typed="nguyen thi b") == ["Nguyễn Thị Bình"]
    assert found(session, batch_id, typed="inh") == []
    assert found(session, batch_id, typed=binh.beneficiary.code.lower()) == ["Nguyễn Thị Bình"]
    assert not Wanted().narrow and Wanted(typed="x").narrow


def test_lines_are_filtered_by_method_finding_and_status(session: Session) -> None:
    bank = make.person(session, "Người Tài Khoản")
    make.payee(session, bank, method=make.BANK)
    make.entitlement(session, bank)
    broken = make.person(session, "Người Thiếu")
    make.payee(session, broken, method={"kind": "bank", "bank_code": "VCB"})
    make.entitlement(session, broken)
    cash = make.entitled(session, "Người Tiền Mặt")
    batch_id = make.made_list(session)
    assert found(session, batch_id, method="cash") == ["Người Tiền Mặt"]
    assert found(session, batch_id, finding="account_missing") == ["Người Thiếu"]
    lines.exclude(session, line_of(session, cash.id), by=make.CLERK, because="Đi viện")
    assert found(session, batch_id, status="excluded") == ["Người Tiền Mặt"]
    assert len(found(session, batch_id, status="live")) == 2
    assert found(session, batch_id, status="paid") == []
    page = browsing.lines(session, batch_id, Wanted(), page=0, size=50)
    assert list(page.findings.values()) == [["account_missing"]]
    counts = browsing.counts(session, batch_id)
    assert (counts.excluded, counts.blocking, counts.warnings, counts.packets) == (1, 1, 0, 0)


def test_lines_come_in_pages(session: Session) -> None:
    batch_id = make.made_list(session, people=5)
    pages = [browsing.lines(session, batch_id, Wanted(), page=number, size=2) for number in range(3)]
    assert [[row.no for row in page.rows] for page in pages] == [[1, 2], [3, 4], [5]]
    assert {page.count for page in pages} == {5}


def test_findings_come_blocking_first_with_their_lines(session: Session) -> None:
    for _twice in range(2):
        make.entitled(session, "Lò Thị Ánh", id_number="001145000001")
    batch_id = make.made_list(session)
    groups = browsing.findings(session, batch_id)
    assert [(group.check.code, group.check.severity, group.count) for group in groups] == [
        ("double_by_id", "blocking", 2),
        ("double_by_name", "warning", 2),
    ]
    assert [finding.line.full_name for finding in groups[0].shown] == ["Lò Thị Ánh"] * 2
    assert groups[0].shown[0].facts["other"].startswith("DT")


def test_a_list_that_is_not_there_is_not_found(session: Session) -> None:
    for read in (browsing.batch, comparing.compare):
        with pytest.raises(NotFound):
            read(session, 999_999)


def test_history_tells_of_the_list_its_packets_and_their_settlements(session: Session) -> None:
    batch = stages.settled(session)
    told = [(change.machine, change.move) for change in browsing.history(session, batch.id)]
    assert told[-2:] == [("batch", "lock"), ("batch", "create")]
    assert {machine for machine, _move in told} == {"batch", "packet", "settlement"}
    last = browsing.last_change(session, "batch", batch.id)
    assert last is not None and (last.move, last.to_state) == ("settle", "settled")
    assert browsing.last_change(session, "batch", 999_999) is None
    assert [packet.version for packet in browsing.packets_of(session, batch.id)] == [1]
    assert browsing.batch(session, batch.id) is batch


def test_the_month_before_is_compared_by_who_came_left_and_changed(session: Session) -> None:
    stays = make.entitled(session, "Người Ở Lại")
    raised = make.entitled(session, "Người Tăng", "1")
    ended = make.entitled(session, "Người Hết Hạn")
    gone = make.entitled(session, "Người Mất")
    with clock.at(date(2026, 10, 10)):
        before_id = make.settled_month(session, OCTOBER)
    raised.coefficient = 2
    ended.ends_on = date(2026, 10, 31)
    gone.beneficiary.status, gone.beneficiary.died_on = "dead", date(2026, 10, 20)
    make.entitled(session, "Người Mới")
    session.flush()
    batch_id = make.made_list(session)
    found = comparing.compare(session, batch_id)
    assert found.before_code == session.get_one(PayoutBatch, before_id).code
    assert (found.came, found.left, found.changed) == (1, 2, 1)
    assert (found.before.lines, found.now.lines) == (4, 3)
    assert found.before.benefit_vnd + found.came_vnd + found.left_vnd + found.changed_vnd == found.now.benefit_vnd
    left = comparing.differences(session, batch_id, "left", page=0, size=10)
    assert {(one.full_name, one.why) for one in left} == {("Người Hết Hạn", "ended"), ("Người Mất", "dead")}
    (came,) = comparing.differences(session, batch_id, "came", page=0, size=10)
    assert (came.full_name, came.before_vnd, came.now_vnd, came.why) == ("Người Mới", 0, 540_000, "")
    (changed,) = comparing.differences(session, batch_id, "changed", page=0, size=10)
    assert (changed.full_name, changed.before_vnd, changed.now_vnd) == ("Người Tăng", 540_000, 1_080_000)
    assert comparing.differences(session, batch_id, "left", page=1, size=2) == []
    lines.exclude(session, line_of(session, stays.id), by=make.CLERK, because="Đi viện")
    left = comparing.differences(session, batch_id, "left", page=0, size=10)
    assert ("Người Ở Lại", "excluded") in {(one.full_name, one.why) for one in left}


def test_the_first_list_of_an_area_has_nothing_to_compare_with(session: Session) -> None:
    found = comparing.compare(session, make.made_list(session, people=2))
    assert found.before_code is None
    assert (found.before.lines, found.came, found.left, found.changed) == (0, 2, 0, 0)


def test_two_versions_differ_by_the_lines_that_left(session: Session) -> None:
    away = make.entitled(session, "Người Bị Rút")
    raised = make.entitled(session, "Người Tăng")
    packet = stages.returned(session, people=1)
    batch_id = packet.batch_id
    assert versions.between(session, batch_id) == []
    approval.unlock(session, batch_id, by=make.SUPERVISOR, because="Sửa")
    lines.exclude(session, line_of(session, away.id), by=make.CLERK, because="Đã chuyển đi")
    raised.coefficient = 2
    session.flush()
    making.remake(session, batch_id, by=make.CLERK)
    (now,) = versions.between(session, batch_id)
    assert (now.older, now.newer, now.count) == (packet.code, "", 2)
    assert {(one.name, one.before_vnd, one.now_vnd) for one in now.changes} == {
        ("Người Bị Rút", 540_000, None),
        ("Người Tăng", 540_000, 1_080_000),
    }
    approval.lock(session, batch_id, by=make.SUPERVISOR)
    second = packets.queue(session, batch_id, by=make.CLERK)
    session.commit()
    office.hurry(session)
    assert sending.send_next(office.ScriptedAgency().connect)
    office.refresh(session)
    (sent,) = versions.between(session, batch_id)
    assert (sent.older, sent.newer, sent.count) == (packet.code, second.code, 2)
    assert not any(one.payee_changed for one in sent.changes)


def test_a_list_never_sent_has_no_versions(session: Session) -> None:
    assert versions.between(session, make.locked_list(session)) == []


def test_another_payee_is_a_change_of_version(session: Session) -> None:
    entitlement = make.entitled(session, "Người Đổi")
    packet = stages.returned(session, people=0)
    approval.unlock(session, packet.batch_id, by=make.SUPERVISOR, because="Sửa")
    make.payee(session, entitlement.beneficiary, kind="guardian", name="Người Giám Hộ")
    making.remake(session, packet.batch_id, by=make.CLERK)
    (now,) = versions.between(session, packet.batch_id)
    (change,) = now.changes
    assert change.payee_changed and (change.name, change.before_vnd, change.now_vnd) == (
        "Người Giám Hộ",
        540_000,
        540_000,
    )


def test_a_preview_says_what_would_be_made_and_makes_nothing(session: Session) -> None:
    make.agency(session)
    make.entitled(session)
    make.entitled(session, "Người Khác", commune=make.OTHER_COMMUNE)
    make.made_list(session)
    session.commit()
    request = ListRequest(make.area(session, "01").id, NOVEMBER)
    seen = previewing.preview(session, request, by=make.PROVINCE_CLERK)
    assert (seen.big, seen.people, seen.areas, seen.total_vnd) == (False, 1, 1, 540_000)
    assert [(one.area_name, one.people) for one in seen.lists] == [("Phường Ngọc Hà", 1)]
    assert [name for name, _why in seen.left_out] == ["Phường Ba Đình"]
    assert "đã có" in seen.left_out[0][1]
    assert session.scalar(select(func.count()).select_from(PayoutBatch)) == 1
    session.commit()


def test_a_preview_of_nothing_says_why(session: Session) -> None:
    make.agency(session)
    with pytest.raises(NobodyEligible):
        previewing.preview(session, ListRequest(make.area(session).id, NOVEMBER), by=make.CLERK)
    assert session.scalar(select(func.count()).select_from(PayoutBatch)) == 0
    with pytest.raises(NotFound):
        previewing.preview(session, ListRequest(999_999, NOVEMBER), by=make.CLERK)


def test_a_big_request_is_only_counted(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    make.entitled(session)
    make.entitled(session, "Người Khác")
    monkeypatch.setattr(previewing, "MANY_PEOPLE", 1)
    seen = previewing.preview(session, ListRequest(make.area(session, "01").id, NOVEMBER), by=make.PROVINCE_CLERK)
    assert (seen.big, seen.people, seen.areas, seen.lists) == (True, 2, 126, ())


def test_who_saw_personal_data_is_recorded(session: Session) -> None:
    access.seen(session, "batch", by=make.CLERK, area_path=make.COMMUNE_PATH, entity_id=7, people=50)
    row = session.scalars(select(AccessLog)).one()
    assert (row.actor, row.what, row.entity_id, row.row_count) == ("xa.clerk", "batch", 7, 50)
