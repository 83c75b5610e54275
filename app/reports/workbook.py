"""The one writer of workbooks: every cell is a text, a number or a date; nothing a person wrote can become a formula."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import xlsxwriter

from app import clock
from app.reports.shape import NUMERIC, Kind, Row
from app.reports.sheet import PROGRESS_EVERY, Progress, Sheet, silent
from app.rules.money import MAX_VND

MOST_ROWS = 1_000_000
"""Rows of one sheet; the next row begins another. Excel holds 1.048.576."""
# A number of more digits than Excel keeps is written as text, exact, rather than rounded.

_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "default_date_format": "dd/mm/yyyy",
}
_INCH_MM = 25.4
_A4 = 9
_FONT = {"font_name": "Times New Roman", "font_size": 11}
_BORDER = {"border": 1, "border_color": "#9AA5B1"}
_HEAD = {"bold": True, "text_wrap": True, "align": "center", "valign": "vcenter", "bg_color": "#DDE5ED"}


class CellRefused(Exception):
    """A cell the file format cannot hold; never cut short in silence."""


def write(
    path: Path, sheet: Sheet, rows: Iterable[Row], *, progress: Progress = silent,
    behind: Iterable[tuple[Sheet, Iterable[Row]]] = (),
) -> int:  # fmt: skip
    """Write the workbook; returns the rows written, without subtotals. On an error there is no file.

    `behind`: tables that follow on sheets of their own; their rows are not counted.
    """
    try:
        with xlsxwriter.Workbook(str(path), {**_OPTIONS, "tmpdir": str(path.parent)}) as book:
            book.set_properties(
                {"title": sheet.name, "created": clock.now().astimezone(clock.LOCAL).replace(tzinfo=None)}
            )
            written = _Writer(book, sheet).fill(rows, progress)
            for other, others in behind:
                _Writer(book, other).fill(others, silent)
            return written
    except BaseException:
        path.unlink(missing_ok=True)
        raise


class _Writer:
    """The sheets of one workbook, filled from top to bottom: constant memory allows no way back."""

    def __init__(self, book: Any, sheet: Sheet) -> None:
        self.book, self.sheet = book, sheet
        self.plain = [self._format(column.kind) for column in sheet.columns]
        self.strong = [self._format(column.kind, bold=True, bg_color="#EEF2F6") for column in sheet.columns]
        self.numbered = 0
        self.page: Any = None
        self.at = 0

    def fill(self, rows: Iterable[Row], progress: Progress) -> int:
        """All rows, then the totals."""
        self._begin()
        written = 0
        on_page = 0
        for cells, subtotal, _asks in rows:
            if on_page == MOST_ROWS:
                self._begin()
                on_page = 0
            self._row(cells, self.strong if subtotal else self.plain)
            on_page += 1
            written += not subtotal
            if written % PROGRESS_EVERY == 0 and not subtotal:
                progress(written)
        if self.sheet.totals:
            self._row(self.sheet.totals, self.strong)
        return written

    def _begin(self) -> None:
        self.numbered += 1
        self.page = self.book.add_worksheet(
            self.sheet.name if self.numbered == 1 else f"{self.sheet.name} ({self.numbered})"
        )
        self._for_paper()
        for number, line in enumerate(self.sheet.heading):
            form = self.book.add_format({**_FONT, "bold": number == 0, "font_size": 14 if number == 0 else 11})
            self._text(number, 0, line, form)
        self.at = len(self.sheet.heading) + bool(self.sheet.heading)
        head = self.book.add_format({**_FONT, **_BORDER, **_HEAD})
        for number, title in enumerate(self.sheet.titles):
            self._text(self.at, number, title, head)
        self.page.freeze_panes(self.at + 1, 0)
        self.page.repeat_rows(self.at)
        self.at += 1

    def _for_paper(self) -> None:
        """A4, lying, as wide as the page, margins of NĐ 30/2020."""
        self.page.set_paper(_A4)
        self.page.set_landscape()
        self.page.fit_to_pages(1, 0)
        self.page.set_margins(left=30 / _INCH_MM, right=15 / _INCH_MM, top=20 / _INCH_MM, bottom=20 / _INCH_MM)
        self.page.set_footer("&C&P/&N")
        for number, column in enumerate(self.sheet.columns):
            self.page.set_column(number, number, column.width)

    def _format(self, kind: Kind, **more: Any) -> Any:
        shown = {"num_format": "#,##0"} if kind in NUMERIC else {"num_format": "dd/mm/yyyy"} if kind == "date" else {}
        return self.book.add_format({**_FONT, **_BORDER, **shown, **more})

    def _row(self, cells: Sequence[Any], formats: Sequence[Any]) -> None:
        at, page = self.at, self.page
        for number, value in enumerate(cells):
            form = formats[number]
            if isinstance(value, str):
                self._text(at, number, value, form)
            elif value is None:
                page.write_blank(at, number, None, form)
            elif isinstance(value, date):
                page.write_datetime(at, number, value, form)
            elif abs(value) <= MAX_VND:
                page.write_number(at, number, value, form)
            else:
                self._text(at, number, str(value), form)
        self.at += 1

    def _text(self, row: int, column: int, text: str, form: Any) -> None:
        if self.page.write_string(row, column, text, form) != 0:
            raise CellRefused(f"row {row}, column {column}: {len(text)} characters")
