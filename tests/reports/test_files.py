"""Files of reports: their totals, read again from the file, are those of SQL, and nothing in them runs (promise P15)."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from pypdf import PdfReader
from python_calamine import CalamineWorkbook
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.errors import BadInput, NotFound
from app.extensions import acting_as
from app.models import AccessLog, PayoutBatch
from app.reports import csv_file, exporting, workbook
from app.reports.catalogue import REPORTS
from app.reports.shape import Column, Request, Row, Totals
from app.reports.sheet import Sheet
from app.rules import money
from app.rules.actors import Actor
from app.services import transitions
from app.services.batches import approval
from tests import factories as make
from tests.reports.conftest import FORMULA, asked

COLUMNS = (
    Column("name", "Họ tên"),
    Column("people", "Người", "number", total=True),
    Column("vnd", "Đồng", "money", total=True),
    Column("day", "Ngày", "date"),
)
SHEET = Sheet("Thử", ["Thử ghi tệp"], COLUMNS, [column.title for column in COLUMNS], ["Tổng cộng", 3, 30, None])
DANGEROUS = [
    "=1+1",
    "+84 912",
    "-5",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "http://evil.example",
    "00123",
    "mailto:a@b.c",
    "{=1}",
]


def export(
    request: Request, tmp_path: Path, form: str = "xlsx", by: Actor = make.CLERK, **more: Any
) -> exporting.Export:
    """Written as the commune's clerk."""
    with acting_as(by):
        return exporting.export(request, form, by=by, home=tmp_path, **more)


def cells_of(path: Path) -> list[list[Any]]:
    """Every row of the first sheet."""
    return CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python(skip_empty_area=False)


def text_of(path: Path) -> str:
    """Everything a PDF says, page after page."""
    return "\n".join(page.extract_text() for page in PdfReader(path).pages)


def contains(found: list[int], wanted: list[int]) -> bool:
    """The wanted numbers stand next to each other."""
    return any(found[start : start + len(wanted)] == wanted for start in range(len(found)))


def table_of(path: Path, code: str) -> tuple[list[list[Any]], list[Any]]:
    """(rows below the header, the row of totals)."""
    rows = cells_of(path)
    head = next(number for number, row in enumerate(rows) if row[0] == REPORTS[code].columns[0].title)
    return rows[head + 1 : -1], rows[-1]


# --- The writer ----------------------------------------------------------------------------------------------------


def test_texts_stay_texts_numbers_numbers_and_days_days(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    written = workbook.write(path, SHEET, [Row((name, 1, 10, date(2026, 11, 5))) for name in DANGEROUS])
    assert written == len(DANGEROUS)
    rows = cells_of(path)[3:-1]
    assert [row[0] for row in rows] == DANGEROUS
    assert rows[0][1:] == [1.0, 10.0, date(2026, 11, 5)]


def test_no_cell_of_a_workbook_is_a_formula_or_a_link(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    workbook.write(path, SHEET, [Row((name, 1, 10, None)) for name in DANGEROUS])
    with ZipFile(path) as parts:
        xml = parts.read("xl/worksheets/sheet1.xml").decode()
        assert "<f>" not in xml and "<f " not in xml and "hyperlink" not in xml
        assert not [name for name in parts.namelist() if "externalLink" in name or "sheet1.xml.rels" in name]


def test_a_workbook_prints_on_a4_with_its_header_on_every_page(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    workbook.write(path, SHEET, [])
    with ZipFile(path) as parts:
        sheet, book = parts.read("xl/worksheets/sheet1.xml").decode(), parts.read("xl/workbook.xml").decode()
    assert 'paperSize="9"' in sheet and 'orientation="landscape"' in sheet and 'fitToHeight="0"' in sheet
    assert 'state="frozen"' in sheet and "Print_Titles" in book


def test_money_is_grouped_and_days_are_written_dd_mm_yyyy(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    workbook.write(path, SHEET, [Row(("A", 1, 1_250_000, date(2026, 11, 5)))])
    with ZipFile(path) as parts:
        styles = parts.read("xl/styles.xml").decode()
    assert 'formatCode="dd/mm/yyyy"' in styles
    assert 'formatCode="#,##0"' in styles


def test_a_number_excel_cannot_keep_is_written_whole_as_text(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    workbook.write(path, SHEET, [Row(("A", 10**15 - 1, 10**15 + 1, None))])
    assert cells_of(path)[3][1:3] == [10.0**15 - 1, "1000000000000001"]


def test_a_text_too_long_for_a_cell_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(workbook.CellRefused):
        workbook.write(tmp_path / "a.xlsx", SHEET, [Row(("x" * 40_000, 1, 1, None))])
    assert list(tmp_path.iterdir()) == []


def test_a_sheet_that_is_full_goes_on_in_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MOST_ROWS", 2)
    workbook.write(tmp_path / "a.xlsx", SHEET, [Row((f"Người {n}", 1, 10, None)) for n in range(3)])
    book = CalamineWorkbook.from_path(str(tmp_path / "a.xlsx"))
    assert book.sheet_names == ["Thử", "Thử (2)"]
    assert [row[0] for row in book.get_sheet_by_index(1).to_python()][-2:] == ["Người 2", "Tổng cộng"]


def test_progress_is_told_every_thousand_rows(tmp_path: Path) -> None:
    for write, name in ((workbook.write, "a.xlsx"), (csv_file.write, "a.csv")):
        told: list[int] = []
        write(tmp_path / name, SHEET, [Row(("A", 1, 1, None))] * 2_500, progress=told.append)  # type: ignore[operator]
        assert told == [1_000, 2_000]


def test_an_interrupted_file_is_removed(tmp_path: Path) -> None:
    def rows() -> Iterator[Row]:
        yield Row(("A", 1, 1, None))
        raise RuntimeError("cut")

    for write, name in ((workbook.write, "a.xlsx"), (csv_file.write, "a.csv")):
        with pytest.raises(RuntimeError):
            write(tmp_path / name, SHEET, rows())  # type: ignore[operator]
    assert list(tmp_path.iterdir()) == []


def test_csv_begins_with_a_byte_order_mark_and_runs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    csv_file.write(path, SHEET, [Row((name, 1, 10, date(2026, 11, 5))) for name in DANGEROUS])
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["Họ tên", "Người", "Đồng", "Ngày"]
    firsts = [row[0] for row in rows[1:-1]]
    assert firsts[:6] == [f"'{name}" for name in DANGEROUS[:6]]
    assert firsts[6:] == DANGEROUS[6:]
    assert rows[1][1:] == ["1", "10", "05/11/2026"]
    assert rows[-1][0] == "Tổng cộng"


# --- Reports as files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["xlsx", "csv", "pdf"])
def test_totals_read_from_the_file_of_every_report_are_those_of_sql(
    session: Session, everything: PayoutBatch, tmp_path: Path, form: str
) -> None:
    for code, report in REPORTS.items():
        totals = report.totals(session, asked(code))
        made = export(asked(code), tmp_path, form)
        assert made.row_count == totals.rows > 0, code
        if form == "pdf":
            check_paper(made.path, code, totals)
            continue
        if form == "xlsx":
            rows, last = table_of(made.path, code)
        else:
            with made.path.open(encoding="utf-8-sig", newline="") as file:
                _head, *rows, last = csv.reader(file)
        rows = [row for row in rows if not str(row[0]).startswith("Cộng")]
        for number, column in enumerate(report.columns):
            if column.total:
                summed = sum(int(row[number]) for row in rows)
                assert summed == int(last[number]) == totals.sums[column.key], (code, column.key)
        assert last[0] == "Tổng cộng"


def check_paper(path: Path, code: str, totals: Totals) -> None:
    """The sums below the table of a PDF, and one of them in words, are those of SQL."""
    report, text = REPORTS[code], text_of(path)
    parts = text[: text.rindex("(bằng chữ)")].split("Tổng cộng")
    last = next(part for part in reversed(parts) if re.search("[0-9]", part))
    found = [int(number.replace(".", "")) for number in re.findall(r"-?[0-9][0-9.]*", last)]
    wanted = [totals.sums[column.key] for column in report.columns if column.total]
    assert contains(found, wanted), (code, last)
    assert report.spelled is not None
    words = money.in_words(totals.sums[report.spelled.key])
    assert words in " ".join(text.split()), code


def test_a_name_that_looks_like_a_formula_stays_a_name(session: Session, settled: PayoutBatch, tmp_path: Path) -> None:
    made = export(asked("DVCT_02"), tmp_path)
    rows, _totals = table_of(made.path, "DVCT_02")
    assert FORMULA in [row[4] for row in rows]
    with ZipFile(made.path) as parts:
        assert "<f>" not in parts.read("xl/worksheets/sheet1.xml").decode()
    assert f"'{FORMULA}".replace('"', '""') in export(asked("DVCT_02"), tmp_path, "csv").path.read_text("utf-8-sig")


def test_a_file_says_what_it_is_of_what_when_and_by_whom(
    session: Session, settled: PayoutBatch, tmp_path: Path
) -> None:
    made = export(asked("DVCT_02", outcome="unpaid", kind="monthly", batch_id=settled.id), tmp_path)
    assert made.file_name == "DVCT_02_01_00004_202611.xlsx"
    lines = [row[0] for row in cells_of(made.path)[:7]]
    assert lines[0] == "DVCT_02. Danh sách đối tượng đã trả, chưa trả"
    assert lines[1] == f"Địa bàn: {make.area(session).full_name}. Kỳ chi trả: 11/2026."
    assert lines[2:5] == [
        "Danh sách: CT-202611-00004-M.",
        "Loại danh sách: Trợ cấp hằng tháng.",
        "Kết quả: Chưa trả.",
    ]
    assert lines[5].startswith(f"Người lập: {make.CLERK.username}, lúc 10/11/2026")
    rows, _totals = table_of(made.path, "DVCT_02")
    assert [(row[8], row[10], row[11]) for row in rows] == [("Tiền mặt", "Chưa trả", "Vắng mặt, không đến nhận")]


def test_codes_are_written_in_words_and_subtotals_say_so(
    session: Session, settled: PayoutBatch, tmp_path: Path
) -> None:
    rows, _totals = table_of(export(asked("DVCT_01"), tmp_path).path, "DVCT_01")
    assert [row[0] for row in rows] == ["Tổng công ty Bưu điện Việt Nam", "Cộng Tổng công ty Bưu điện Việt Nam"]
    assert rows[0][1] == "11/2026"
    assert rows[0][2] == "00004"


def test_progress_of_a_report_ends_at_all_rows(session: Session, settled: PayoutBatch, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    export(asked("DVCT_02"), tmp_path, progress=lambda done, total: told.append((done, total)))
    assert told == [(0, 7), (7, 7)]


def test_a_file_is_of_one_moment_though_the_books_move_meanwhile(
    session: Session, settled: PayoutBatch, tmp_path: Path
) -> None:
    make.entitled(session, "Người Mới Thêm")
    batch_id = make.made_list(session, kind="supplementary")
    approval.lock(session, batch_id, by=make.SUPERVISOR)
    session.commit()

    def meanwhile(done: int, _total: int) -> None:
        if done == 0:
            transitions.move(session, "batch", batch_id, "send", by=make.CLERK)
            session.commit()

    made = export(asked("DVCT_02"), tmp_path, progress=meanwhile)
    assert made.row_count == 7
    assert REPORTS["DVCT_02"].totals(session, asked("DVCT_02")).rows == 8


def test_a_file_that_does_not_add_up_is_thrown_away(
    session: Session, settled: PayoutBatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_short(path: Path, sheet: Sheet, rows: Iterator[Row], *, progress: Any) -> int:
        return workbook.write(path, sheet, list(rows)[:-1], progress=progress)

    monkeypatch.setitem(exporting.FORMS, "xlsx", one_short)
    with pytest.raises(exporting.TotalsDisagree):
        export(asked("DVCT_02"), tmp_path)
    assert list((tmp_path / "exports").iterdir()) == []


def test_nobody_exports_another_area_or_another_form(session: Session, settled: PayoutBatch, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        export(asked("DVCT_02", area="VN/01/00008/"), tmp_path)
    with pytest.raises(BadInput):
        export(asked("DVCT_02"), tmp_path, "exe")
    assert not (tmp_path / "exports").exists()


def test_taking_names_away_is_recorded_and_figures_are_not(session: Session, settled: PayoutBatch) -> None:
    for code in ("DVCT_01", "DVCT_02", "DVCT_06", "DVCT_11", "C74B_HD"):
        exporting.record(session, asked(code), by=make.CLERK, people=7)
    row = session.scalars(select(AccessLog)).one()
    assert (row.what, row.row_count, row.actor, row.area_path) == (
        "report DVCT_02",
        7,
        make.CLERK.username,
        make.COMMUNE_PATH,
    )
    exporting.record(session, asked("DVCT_02"), by=make.CLERK, people=0)
    assert session.scalars(select(AccessLog)).one()


def test_files_expire_after_a_week(tmp_path: Path) -> None:
    assert exporting.expire(tmp_path, now=clock.now()) == 0
    folder = tmp_path / "exports"
    folder.mkdir()
    for name, days in (("old.xlsx", 8), ("new.csv", 6)):
        (folder / name).write_text("x")
        then = (clock.now() - timedelta(days=days)).timestamp()
        os.utime(folder / name, (then, then))
    assert exporting.expire(tmp_path, now=clock.now()) == 1
    assert [path.name for path in folder.iterdir()] == ["new.csv"]
