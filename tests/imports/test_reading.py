"""What is read from a good file: values, places, texts of old fonts, and rows that are no people."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app.imports import reading, table, values
from app.imports.columns import Column, Heading, chosen, find_heading, letter_of
from app.imports.layouts import PAYMENTS, REGISTRY, SHEET
from app.imports.limits import FileRefused
from app.imports.reading import Converted, Row
from app.imports.table import NoHeading, Parsed, Seen
from app.rules.legacy_fonts import from_unicode
from app.rules.problems import UnreadableError
from tests.imports import books
from tests.imports.corpus import FOOT, TITLES


@pytest.fixture(autouse=True)
def language(app: Flask) -> Any:
    with app.test_request_context():
        yield


def parsed(tmp_path: Path, data: bytes, layout: Any = SHEET, given: Heading | None = None) -> tuple[list[Parsed], Seen]:
    path, seen = tmp_path / "tep", Seen()
    path.write_bytes(data)
    return list(table.rows(reading.read(path), layout, seen, given=given)), seen


def said(rows: list[Parsed]) -> list[str]:
    return [finding.said() for row in rows for finding in row.findings]


def test_an_office_sheet_gives_its_people_and_tells_what_it_left_out(tmp_path: Path) -> None:
    rows, seen = parsed(tmp_path, books.xlsx([*TITLES, books.HEADING, *books.PEOPLE, *FOOT]))
    assert [row.number for row in rows] == [5, 6, 7]
    assert rows[1].facts == {
        "code": "DT00000002", "full_name": "Trần Văn Thắng", "amount_vnd": 1_080_000, "result": "unpaid",
        "reason": "Vắng mặt",
    }  # fmt: skip
    assert (seen.sheet, seen.subtotals, seen.skipped) == ("Sheet1", 2, 4)


def test_the_font_of_a_cell_decides_and_before_and_after_are_kept(tmp_path: Path) -> None:
    def only_name(book: Any, page: Any) -> None:
        page.write(1, 2, "NguyÔn ThÞ B×nh", book.add_format({"font_name": ".VnTime"}))
        page.write(2, 2, "NguyÔn", book.add_format({"font_name": "Arial"}))

    rows, seen = parsed(tmp_path, books.xlsx([books.HEADING, *books.PEOPLE], more=only_name))
    assert [row.facts["full_name"] for row in rows] == ["Nguyễn Thị Bình", "NguyÔn", "Đào Quỳnh Hương"]
    assert (seen.converted_count, seen.converted) == (1, [(2, "C", "NguyÔn ThÞ B×nh", "Nguyễn Thị Bình")])


@pytest.mark.parametrize(
    ("font", "encoding", "name"),
    [(".VnTime", "tcvn3", "Trương Thị Mơ"), (".VnTimeH", "tcvn3_capitals", "TRƯƠNG THỊ MƠ"), ("VNI-Times", "vni", "Trương Thị Mơ")],
)  # fmt: skip
def test_names_in_old_fonts_come_out_of_new_and_old_workbooks(
    tmp_path: Path, font: str, encoding: Any, name: str
) -> None:
    rows = [books.HEADING, [1, "DT1", from_unicode(name, encoding), 1, "x"]]
    old = books.xls([[_latin(cell) for cell in row] for row in rows], font=font, encoding="latin-1")
    heading = [[from_unicode(cell, encoding) for cell in books.HEADING], rows[1]]
    for data in (books.xlsx(heading, font=font), old):
        given = Heading(1, {"code": 1, "full_name": 2})
        found, _seen = parsed(tmp_path, data, given=given)
        assert found[0].facts["full_name"] == name


def _latin(cell: Any) -> Any:
    return cell.encode("latin-1", "ignore").decode("latin-1") if isinstance(cell, str) else cell


def test_findings_name_row_column_and_heading(tmp_path: Path) -> None:
    rows, _seen = parsed(
        tmp_path, books.xlsx([books.HEADING, [1, "DT1", "Lê Lợi", 1.5, "hôm qua", ""], [2, "", "Lê Lai", 5, "x"]])
    )
    assert said(rows)[0] == "Dòng 2, cột D (Số tiền phải trả): Số tiền phải là số đồng nguyên, không có phần lẻ."
    assert said(rows)[1].startswith(
        "Dòng 2, cột E (Kết quả): Không hiểu “hôm qua”. Hãy ghi một trong: Đã trả, Chưa trả"
    )
    assert said(rows)[2] == "Dòng 3, cột B (Mã đối tượng): Chưa có giá trị."
    assert table.Finding(7, None, "", "Sai").said() == "Dòng 7: Sai"


def test_lost_zeros_are_filled_where_sex_and_year_agree_and_only_warned_of_elsewhere(tmp_path: Path) -> None:
    heading = ["Họ và tên", "Ngày sinh", "Giới tính", "Số CCCD"]
    people = [
        ["Lê Thị Hoa", "05/03/1950", "Nữ", 1150001234],
        ["Lê Văn Hoa", "1950", "Nam", "1150001234"],
        ["Lê Văn Hòa", 1950, "", "không có"],
    ]
    rows, _seen = parsed(tmp_path, books.xlsx([heading, *people]), REGISTRY)
    assert [row.facts.get("id_number") for row in rows] == ["001150001234", "1150001234", None]
    assert said(rows) == [
        "Dòng 2, cột D (Số CCCD/định danh): Thêm số 0 ở đầu bị mất: 1150001234 thành 001150001234.",
        "Dòng 3, cột D (Số CCCD/định danh): Số định danh phải có 12 chữ số.",
    ]
    assert [row.facts["birth"] for row in rows] == [[1950, 3, 5], [1950, None, None], [1950, None, None]]


def test_an_account_kept_as_a_number_is_warned_of(tmp_path: Path) -> None:
    rows, _seen = parsed(
        tmp_path, books.xlsx([["Mã đối tượng", "Số tài khoản"], ["DT1", 123456789], ["DT2", "0123456789"]]), PAYMENTS
    )
    assert [row.facts["account_no"] for row in rows] == ["123456789", "0123456789"]
    assert len(said(rows)) == 1 and "số 0 ở đầu" in said(rows)[0]


def column(kind: str, **more: Any) -> Column:
    return Column("x", "X", kind, **more)


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        ("money", "1.250.000", 1_250_000), ("money", "1,250,000", 1_250_000), ("money", 1250000.0, 1_250_000),
        ("money", "'540000", 540_000), ("money", "  ", None),
        ("day", "05/03/2026", "2026-03-05"), ("day", 46086, "2026-03-05"), ("day", date(2026, 3, 5), "2026-03-05"),
        ("birth", 1950, [1950, None, None]), ("birth", "03/1950", [1950, 3, None]), ("birth", 18327.0, [1950, 3, 5]),
        ("birth", date(1950, 3, 5), [1950, 3, 5]),
        ("decimal", "1,5", "1.5"), ("decimal", 2, "2"), ("decimal", 1.25, "1.25"), ("whole", "3", 3), ("whole", 2.0, 2),
        ("code", " dt01 ", "DT01"), ("code", 12.0, "12"), ("phone", 912345678, "0912345678"),
        ("phone", "0912 345 678", "0912345678"),
        ("account", 123456789, "123456789"), ("id", "chưa có", None), ("name", " Lê  Lợi ", "Lê Lợi"), ("text", 12.5, "12.5"),
        ("text", "  a  b ", "a b"), ("text", date(2026, 3, 5), "05/03/2026"), ("text", Converted("a", "b"), "b"),
        ("text", "a\u0301", "á"), ("name", "Le\u0301", "Lé"),
    ],
)  # fmt: skip
def test_cells_are_read_as_what_their_column_holds(kind: str, cell: Any, value: Any) -> None:
    assert values.read(column(kind), cell) == value


@pytest.mark.parametrize(
    ("kind", "cell", "code"),
    [
        ("money", "1.25", "ambiguous"), ("money", 0.5, "fraction"), ("money", date(2026, 1, 1), "not_a_number"),
        ("money", True, "not_a_number"), ("day", "30/02/2026", "no_such_day"), ("day", 46086.5, "format"),
        ("day", True, "date_kind"),
        ("day", date(1850, 1, 1), "century"), ("day", 5, "format"), ("birth", True, "date_kind"), ("birth", "xưa", "birth_format"),
        ("decimal", "1.234", "decimal"), ("decimal", "0", "decimal"), ("decimal", "NaN", "decimal"), ("decimal", "abc", "decimal"),
        ("whole", 1.5, "whole"), ("code", "a b", "code"), ("code", date(2026, 1, 1), "code"), ("code", 1.5, "whole"),
        ("account", 1234567890123456, "rounded"), ("account", date(2026, 1, 1), "number_for_text"), ("phone", "12", "phone"),
        ("name", 5, "number_for_text"), ("name", "Lê\x02", "control"), ("name", "", "empty"),
        ("text", True, "number_for_text"), ("text", "x" * 300, "too_long"),
    ],
)  # fmt: skip
def test_cells_that_are_something_else_are_refused(kind: str, cell: Any, code: str) -> None:
    with pytest.raises(UnreadableError) as raised:
        values.read(column(kind), cell) if cell != "" else values._READERS[kind](column(kind), cell)
    assert raised.value.code == code


def test_a_file_over_the_limit_is_not_even_opened(tmp_path: Path) -> None:
    path = tmp_path / "tep"
    path.write_bytes(b"x" * (10 * 2**20 + 1))
    with pytest.raises(FileRefused) as raised:
        reading.read(path)
    assert raised.value.code == "packed"


def test_a_child_that_dies_is_a_reason_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "tep"
    path.write_bytes(b"x")
    for boot, code in (("import os; os.kill(os.getpid(), 9)", "too_long"), ("pass", "broken")):
        monkeypatch.setattr(reading, "BOOT", boot)
        with pytest.raises(FileRefused) as raised:
            reading.read(path)
        assert raised.value.code == code


def test_an_unknown_heading_shows_the_beginning_for_a_person_to_choose(tmp_path: Path) -> None:
    data = books.xlsx([["a", "b"], ["DT1", "Lê Lợi"]])
    with pytest.raises(NoHeading) as raised:
        parsed(tmp_path, data)
    assert (raised.value.sheet, [row.cells for row in raised.value.sample]) == (
        "Sheet1",
        [["a", "b"], ["DT1", "Lê Lợi"]],
    )
    rows, _seen = parsed(tmp_path, data, given=chosen(SHEET, {"code": 0, "full_name": 1}, 1))
    assert rows[0].facts == {"code": "DT1", "full_name": "Lê Lợi"}


def test_a_choice_of_columns_needs_every_column_once() -> None:
    assert chosen(SHEET, {"full_name": 1}, 1) is None
    assert chosen(SHEET, {"code": 1, "full_name": 1}, 1) is None
    assert chosen(SHEET, {"code": 0, "nothing": 4, "full_name": "x"}, -1) == Heading(0, {"code": 0})


def test_the_row_that_names_most_columns_is_the_heading() -> None:
    rows = [Row(0, 1, ["Mã"]), Row(0, 2, ["Mã đối tượng", "Họ tên", 5]), Row(0, 3, ["DT1", "x"])]
    heading = find_heading(rows, SHEET)
    assert heading is not None and (heading.row, heading.places) == (2, {"code": 0, "full_name": 1})
    assert [letter_of(number) for number in (0, 25, 26, 255)] == ["A", "Z", "AA", "IV"]
