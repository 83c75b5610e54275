"""Results out of workbooks: codes with one result for all, whole sheets of an agency; guarded, whole or not at all."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.imports import files, staging
from app.imports.kinds import KINDS
from app.models import ColumnChoice, FileImport, Settlement
from app.rules.legacy_fonts import from_unicode
from app.services.settlements import deciding, entering, lines
from app.services.settlements.entering import Change
from tests import factories as make
from tests import hand
from tests.imports import books
from tests.imports.conftest import Desk

pytestmark = pytest.mark.usefixtures("mid_november", "language")

SHEET = ["STT", "Mã đối tượng", "Họ và tên", "Số tiền", "Đã trả", "Chưa trả", "Ghi chú"]


@pytest.fixture
def settlement(session: Session) -> Settlement:
    return hand.own_settlement(session, people=3)


def standings(session: Session, settlement: Settlement) -> list[str]:
    return [line.standing for line in lines.page(session, settlement, "all")]


def codes(session: Session, settlement: Settlement) -> list[str]:
    return [line.beneficiary_code for line in hand.lines(session, settlement)]


def all_paid(session: Session, settlement: Settlement) -> None:
    entering.change(session, settlement.id, Change("pending", "paid"), by=make.CLERK)
    session.commit()


def exceptions(desk: Desk, settlement: Settlement, *rows: list[Any], **options: Any) -> FileImport:
    content = books.xlsx([["Mã đối tượng", "Họ và tên", "Lý do"], *rows])
    chosen = {"from_standing": "paid", "outcome": "unpaid", "reason": "Theo biên bản", **options}
    return desk.send("codes", content, settlement=settlement, **chosen)


def sheet(desk: Desk, settlement: Settlement, *rows: list[Any], **options: Any) -> FileImport:
    return desk.send(
        "sheet", books.xlsx([SHEET, *rows]), settlement=settlement, **{"from_standing": "pending", **options}
    )


def test_codes_in_a_file_become_exceptions_with_their_reasons(
    desk: Desk, session: Session, settlement: Settlement
) -> None:
    all_paid(session, settlement)
    first, second, _third = codes(session, settlement)
    item = exceptions(desk, settlement, [first, "Trần Văn 1", "vắng mặt"], [second.lower(), "", ""])
    assert (item.phase, item.error_count, item.row_count) == ("ready", 0, 2)
    assert item.plan["outcomes"] == [["unpaid", 2, 1_080_000]] and item.plan["left"] == 1
    assert desk.apply(item) == "Đã ghi kết quả cho 2 dòng."
    assert standings(session, settlement) == ["unpaid", "unpaid", "paid"]
    assert [line.decided_reason for line in lines.page(session, settlement, "unpaid")] == ["vắng mặt", "Theo biên bản"]
    made = entering.changes(session, settlement.id)[0]
    assert (made.how, made.file_name, made.file_sha256) == ("codes", "tep.xlsx", item.file_sha256)
    assert session.scalar(text("SELECT count(*) FROM file_import_rows")) == 0
    assert not (desk.home / item.file_path).exists()
    entering.undo(session, made.id, by=make.CLERK)
    assert standings(session, settlement) == ["paid"] * 3


def test_one_wrong_row_keeps_the_whole_file_from_being_applied(
    desk: Desk, session: Session, settlement: Settlement
) -> None:
    all_paid(session, settlement)
    first, second, third = codes(session, settlement)
    references = [line.reference for line in hand.lines(session, settlement)]
    for outcome, reference in (("unpaid", references[1]), ("to_recover", references[2])):
        entering.change(session, settlement.id, Change("paid", outcome, "x", reasons={reference: ""}), by=make.CLERK)
    session.commit()
    item = exceptions(desk, settlement, [first, "Lê Lợi"], ["DT99999999"], [second], [third], [first])
    assert desk.said(item) == [
        "Dòng 3, cột A (Mã đối tượng): Mã này không có trong danh sách của quyết toán.",
        "Dòng 5: Đang là “Cần truy thu”, khác trạng thái cũ đã chọn.",
        "Dòng 2, cột B (Họ và tên): Trong danh sách, mã này là Trần Văn 1.",
        "Dòng 4: Đã có kết quả này; không đổi gì.",
        "Dòng 6, cột A (Mã đối tượng): Mã này đã có ở dòng 2; dòng này bị bỏ qua.",
    ]
    with pytest.raises(staging.HasErrors, match="2 lỗi"):
        desk.apply(item)
    assert standings(session, settlement) == ["paid", "unpaid", "to_recover"]


def test_a_preview_that_is_stale_is_made_again_and_nothing_is_written(
    desk: Desk, session: Session, settlement: Settlement
) -> None:
    all_paid(session, settlement)
    first, second, _third = codes(session, settlement)
    item = exceptions(desk, settlement, [first], [second])
    reference = hand.lines(session, settlement)[0].reference
    deciding.decide(session, settlement.id, reference, "unpaid_stopped", by=make.ACCOUNTANT, because="Đã chuyển đi")
    session.commit()
    with pytest.raises(staging.PreviewStale):
        desk.apply(item)
    again = session.get_one(FileImport, item.id, populate_existing=True)
    assert (again.phase, again.error_count) == ("ready", 1)
    assert standings(session, settlement) == ["unpaid_stopped", "paid", "paid"]


def test_the_same_preview_is_applied_once(desk: Desk, session: Session, settlement: Settlement) -> None:
    item = exceptions(
        desk, settlement, [codes(session, settlement)[0]], from_standing="pending", outcome="paid", reason=""
    )
    desk.apply(item)
    with pytest.raises(staging.NoLongerOpen):
        desk.apply(item)
    with pytest.raises(staging.NoLongerOpen):
        staging.read(item.id, KINDS, home=desk.home)
    again = exceptions(desk, settlement, [codes(session, settlement)[0]], from_standing="pending", outcome="paid")
    with pytest.raises(staging.NothingToDo):
        desk.apply(again)


def test_an_agencys_sheet_says_each_result_by_amounts(desk: Desk, session: Session, settlement: Settlement) -> None:
    first, second, third = codes(session, settlement)
    item = sheet(
        desk, settlement, [1, first, "Trần Văn 1", "540.000", "540.000", "", ""],
        [2, second, "Trần Văn 2", 540000, "", 540000, "Đã chết"],
        ["", "", "Cộng", 1080000, 540000, 540000], ["", "", "", "", "", "Người lập biểu"],
    )  # fmt: skip
    assert desk.said(item) == [] and item.plan["left"] == 1
    assert item.plan["outcomes"] == [["paid", 1, 540_000], ["unpaid", 1, 540_000]]
    desk.apply(item)
    assert standings(session, settlement) == ["paid", "unpaid", "pending"]
    assert [line.reason_code for line in lines.page(session, settlement, "unpaid")] == ["DEAD"]
    assert third not in [one.file_name for one in entering.changes(session, settlement.id)]


def test_amounts_that_do_not_fit_or_contradict_are_errors(desk: Desk, session: Session, settlement: Settlement) -> None:
    first, second, third = codes(session, settlement)
    item = sheet(
        desk, settlement, [1, first, "", 500000, 500000, ""], [2, second, "", 540000, 500000, 40000],
        [3, third, "", 540000, "", ""],
        [4, "DT99999999", "", 540000, 400000, ""],
    )  # fmt: skip
    assert desk.said(item) == [
        "Dòng 2, cột D (Số tiền phải trả): Số tiền không khớp với số phải trả (540.000).",
        "Dòng 3: Vừa có số đã trả vừa có số chưa trả.",
        "Dòng 3: Các cột số tiền nói khác nhau.",
        "Dòng 4: Không rõ kết quả: chưa ghi đã trả hay chưa trả.",
        "Dòng 5: Các cột số tiền nói khác nhau.",
        "Dòng 5, cột B (Mã đối tượng): Mã này không có trong danh sách của quyết toán.",
    ]
    words = desk.send(
        "sheet", books.xlsx([["Mã đối tượng", "Kết quả", "Số tiền chưa trả"], [first, "Đã trả", 540000]]), settlement=settlement,
        from_standing="pending",
    )  # fmt: skip
    assert desk.said(words) == ["Dòng 2: Kết quả và số tiền nói khác nhau."]


def test_a_person_with_two_lines_is_matched_by_amount_or_by_their_sum(desk: Desk, session: Session) -> None:
    person = make.person(session, "Lò Thị Ánh")
    make.entitlement(session, person, "1", stacks=True)
    make.entitlement(session, person, "2")
    settlement = hand.own_settlement(session, people=0)
    one_row = sheet(desk, settlement, [1, person.code, "", 1_620_000, 1_620_000, ""])
    assert one_row.plan["outcomes"] == [["paid", 2, 1_620_000]]
    two_rows = sheet(
        desk, settlement, [1, person.code, "", 1_080_000, 1_080_000, ""], [2, person.code, "", 540_000, "", 540_000]
    )
    assert two_rows.plan["outcomes"] == [["paid", 1, 1_080_000], ["unpaid", 1, 540_000]]
    desk.apply(two_rows)
    assert sorted((line.total_vnd, line.standing) for line in lines.page(session, settlement, "all")) == [
        (540_000, "unpaid"), (1_080_000, "paid"),
    ]  # fmt: skip


def test_columns_a_person_chose_are_remembered_for_the_agency(
    desk: Desk, session: Session, settlement: Settlement
) -> None:
    first, second, third = codes(session, settlement)
    head = ["Mục 1", "Mục 2", "Mục 3"]
    item = desk.send(
        "sheet",
        books.xlsx([["Biểu 7"], head, [first, "x", "x"], [second, "y", ""]]),
        settlement=settlement,
        from_standing="pending",
    )
    assert (item.phase, item.seen["sample"][1], item.seen["numbers"]) == ("columns", head, [1, 2, 3, 4])
    with pytest.raises(staging.ColumnsUnfit):
        staging.choose_columns(session, item.id, {"full_name": 1}, 2, kinds=KINDS, by=make.CLERK)
    staging.choose_columns(session, item.id, {"code": 0, "result": 2}, 2, kinds=KINDS, by=make.CLERK)
    session.commit()
    staging.read(item.id, KINDS, home=desk.home)
    session.expire_all()
    assert (item.phase, item.row_count, item.error_count) == ("ready", 2, 1)
    later = desk.send(
        "sheet", books.xlsx([head, [third, "", "đã trả"]]), settlement=settlement, from_standing="pending"
    )
    assert (later.phase, later.error_count, later.options["remembered"]) == ("ready", 0, True)
    other = desk.send("sheet", books.xlsx([["Cột lạ"], [third]]), settlement=settlement, from_standing="pending")
    assert other.phase == "columns"
    staging.choose_columns(session, other.id, {"code": 0, "result": 1}, 0, kinds=KINDS, by=make.CLERK)
    session.commit()
    assert session.query(ColumnChoice).one().heading == []
    bare = desk.send("sheet", books.xlsx([[third, "chưa trả"]]), settlement=settlement, from_standing="pending")
    assert (bare.phase, bare.error_count, bare.row_count) == ("ready", 0, 1)


def test_old_fonts_are_shown_before_and_after(desk: Desk, session: Session, settlement: Settlement) -> None:
    first = codes(session, settlement)[0]
    name = from_unicode("Trần Văn 1", "tcvn3")
    content = books.xlsx([["Mã đối tượng", "Họ tên"], [first, name]], font=".VnTime")
    item = desk.send("codes", content, settlement=settlement, from_standing="pending", outcome="paid")
    assert (item.phase, desk.said(item)) == ("ready", [])
    assert (item.seen["converted_count"], item.seen["converted"]) == (1, [[2, "B", name, "Trần Văn 1"]])


def test_a_refused_file_leaves_its_reason(desk: Desk, session: Session, settlement: Settlement) -> None:
    item = desk.send("codes", b"%PDF-1.7\x00\xff", settlement=settlement, from_standing="pending", outcome="paid")
    assert (item.phase, item.message) == ("refused", "Đây không phải tệp XLSX, XLS hoặc CSV.")
    for content in (b"", b"x" * (10 * 2**20 + 1)):
        with pytest.raises(staging.FileUnfit):
            desk.send("codes", content, settlement=settlement)


def test_the_file_with_a_column_of_findings_keeps_every_row_in_its_place(
    desk: Desk, session: Session, settlement: Settlement
) -> None:
    content = books.xlsx([["Danh sách"], [], ["Mã đối tượng", "Lý do"], ["DT99999999", True]])
    item = desk.send("codes", content, settlement=settlement, from_standing="pending", outcome="paid")
    again = books.read(files.with_findings(session, item, home=desk.home))
    assert [row[:2] for row in again] == [
        ["Danh sách", ""],
        ["", ""],
        ["Mã đối tượng", "Lý do"],
        ["DT99999999", "True"],
    ]
    assert again[0][2] == "Lỗi" and "không có trong danh sách" in again[3][2]


def test_files_nobody_applied_are_put_away(desk: Desk, session: Session, settlement: Settlement) -> None:
    item = exceptions(desk, settlement, [codes(session, settlement)[0]])
    assert staging.expire(session, desk.home, now=clock.now() + timedelta(days=6)) == 0
    assert staging.expire(session, desk.home, now=clock.now() + timedelta(days=8)) == 1
    assert (item.phase, (desk.home / item.file_path).exists()) == ("discarded", False)
    with pytest.raises(staging.NoLongerOpen):
        staging.discard(session, item.id, home=desk.home)
    with pytest.raises(staging.NoLongerOpen):
        staging.choose_columns(session, item.id, {"code": 0}, 0, kinds=KINDS, by=make.CLERK)
