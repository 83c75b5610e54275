"""The one writer of PDF: official papers in the layout of NĐ 30/2020 with letterhead, table, words, signatures.

Text is of size 13 and 14. The cells of a table are as large as its columns allow, down to 7: a list of fourteen columns
does not fit on A4 otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from app import clock
from app.reports import fonts
from app.reports.canvas import LEFT, MM, TOP, Canvas, Style
from app.reports.fonts import Fonts
from app.reports.shape import NUMERIC, UNBROKEN, Column, Row
from app.reports.sheet import PROGRESS_EVERY, Progress, Sheet, silent
from app.rules import dates, money
from app.services.papers import Paper

BODY, HEAD = 13.0, 14.0
SIZES = (12.0, 11.0, 10.0, 9.0, 8.0, 7.0)
"""Sizes of a table's text, the largest that fits is taken."""

LETTER = 0.52
"""Width of an average letter of this face, for choosing the size."""

PORTRAIT_CHARS = 96
"""Tables of more characters lie."""

PAD = 2.5
SIGNING = 46 * MM
"""Room for a block of signatures."""


def write(path: Path, sheet: Sheet, rows: Iterable[Row], *, progress: Progress = silent) -> int:
    """Write the paper; returns the rows written, without subtotals. On an error there is no file."""
    assert sheet.paper is not None, sheet.name
    try:
        lies = sum(column.width for column in sheet.columns) > PORTRAIT_CHARS
        with Document(fonts.here(), sheet.paper, title=sheet.name, landscape=lies) as out:
            out.opening(sheet.heading[0], sheet.heading[1:], number=sheet.number)
            written = out.table(sheet.columns, sheet.titles, rows, totals=sheet.totals, progress=progress)
            for line in sheet.closing:
                out.paragraph(line)
            out.signatures()
            out.save(path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return written


class Document:
    """An official paper, written from top to bottom."""

    def __init__(self, cuts: Fonts, paper: Paper, *, title: str, landscape: bool = False) -> None:
        created = clock.now().astimezone(clock.LOCAL)
        self.on = Canvas(cuts, landscape=landscape, title=title, created=created)
        self.paper = paper
        self.y = TOP
        self._turn()

    def __enter__(self) -> Document:
        return self

    def __exit__(self, *_error: object) -> None:
        self.on.close()

    def opening(self, title: str, lines: Sequence[str], *, number: str) -> None:
        """Whose paper it is, the country and its motto, number, place and date; then what it is about."""
        on, paper = self.on, self.paper
        left, right = LEFT + on.inner * 0.21, LEFT + on.inner * 0.69
        y = self.y + HEAD
        after_left = self._block(left, y, on.inner * 0.42, [(paper.superior, ""), (paper.issuer, "B")])
        self._underline(left, after_left, on.word(paper.issuer, "B")[1] * BODY * 0.4)
        on.put(left, after_left + 20, f"Số: ……/{number}{paper.code}", BODY, align="C")
        after_right = self._block(
            right,
            y,
            on.inner * 0.6,
            [("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "B"), ("Độc lập - Tự do - Hạnh phúc", "B")],
        )
        self._underline(right, after_right, on.word("Độc lập - Tự do - Hạnh phúc", "B")[1] * BODY)
        on.put(right, after_right + 20, f"{paper.place}, ngày …… tháng …… năm ……", BODY, "I", align="C")
        self.y = max(after_left, after_right) + 34
        for text, style in ((title, "B"), *((line, "") for line in lines)):
            size = HEAD if style else BODY
            self._centred(text, size, "B" if style else "")
        self.y += 10

    def paragraph(self, text: str, style: Style = "") -> None:
        """A text over the width of the page."""
        for line in self.on.wrapped(text, BODY, self.on.inner, style):
            self._room(BODY * 1.35)
            self.y += BODY * 1.35
            self.on.put(LEFT, self.y, line, BODY, style)
        self.y += 4

    def heading(self, text: str) -> None:
        """The title of an annex, on a new page."""
        self._turn()
        self._centred(text, BODY, "B")
        self.y += 4

    def table(
        self,
        columns: Sequence[Column],
        titles: Sequence[str],
        rows: Iterable[Row],
        *,
        totals: Sequence[Any] = (),
        progress: Progress = silent,
    ) -> int:
        """Rows under a header that is repeated on each page, then their totals; returns the rows without subtotals."""
        grid = _Grid(self, columns, titles, totals)
        grid.begin()
        written = 0
        for cells, subtotal, _asks in rows:
            grid.row(cells, "B" if subtotal else "")
            written += not subtotal
            if written % PROGRESS_EVERY == 0 and not subtotal:
                progress(written)
        if totals:
            grid.row(totals, "B")
        grid.end()
        self.y += 8
        return written

    def signatures(self) -> None:
        """Who signs, side by side, never torn from each other."""
        self._room(SIGNING)
        each = self.on.inner / len(self.paper.signatories)
        top, deepest = self.y + 12, 0.0
        for number, who in enumerate(self.paper.signatories):
            x = LEFT + each * (number + 0.5)
            y = self._block(x, top + BODY, each - 6, [(who.title, "B")])
            self.on.put(x, y + BODY, "(Ký, ghi rõ họ tên)", 11, "I", align="C")
            if who.name:
                self.on.put(x, top + SIGNING - 16, who.name, BODY, "B", align="C")
            deepest = max(deepest, y)
        self.y = max(top + SIGNING, deepest)

    def save(self, path: Path) -> None:
        """Write the file."""
        self.on.save(path)

    def _turn(self) -> None:
        self.on.turn()
        self.y = TOP

    def _room(self, height: float) -> None:
        if self.y + height > self.on.bottom:
            self._turn()

    def _centred(self, text: str, size: float, style: Style) -> None:
        for line in self.on.wrapped(text, size, self.on.inner, style):
            self.y += size * 1.35
            self.on.put(LEFT + self.on.inner / 2, self.y, line, size, style, align="C")

    def _block(self, x: float, y: float, room: float, texts: Sequence[tuple[str, Style]]) -> float:
        """Centred lines under each other; returns the base line of the last."""
        last = y
        for text, style in texts:
            for line in self.on.wrapped(text, BODY, room, style) if text else ():
                self.on.put(x, y, line, BODY, style, align="C")
                last = y
                y += BODY * 1.25
        return last

    def _underline(self, x: float, y: float, width: float) -> None:
        self.on.rule(x - width / 2, y + 4, x + width / 2, y + 4)


class _Grid:
    """A table on the pages of a document."""

    def __init__(
        self, document: Document, columns: Sequence[Column], titles: Sequence[str], totals: Sequence[Any]
    ) -> None:
        self.document, self.on = document, document.on
        self.titles = titles
        self.shows = [_shower(column) for column in columns]
        self.right = [column.kind in NUMERIC for column in columns]
        self.size, self.widths = self._fitted(columns, totals)
        self.edges = [LEFT]
        for width in self.widths:
            self.edges.append(self.edges[-1] + width)
        self.top = 0.0

    def _fitted(self, columns: Sequence[Column], totals: Sequence[Any]) -> tuple[float, list[float]]:
        """The largest size at which every column has its characters, and no sum is broken; widths fill the page."""
        shown = [show(value) for show, value in zip(self.shows, totals or [None] * len(columns), strict=True)]
        for size in SIZES:
            needed = [
                max(
                    column.width * size * LETTER * (1.05 if column.kind in UNBROKEN else 0.75),
                    self.on.word(text, "B")[1] * size + 2 * PAD if column.kind in NUMERIC else 0,
                    max(self.on.word(word, "B")[1] for word in title.split() or [""]) * size + 2 * PAD,
                )
                for column, text, title in zip(columns, shown, self.titles, strict=True)
            ]
            if sum(needed) <= self.on.inner:
                break
        share = self.on.inner / sum(needed)
        return size, [width * share for width in needed]

    def begin(self) -> None:
        """The header; a page that has no room for it and some rows is turned first."""
        self.document._room(self.size * 8)
        self.top = self.document.y
        self.on.rule(self.edges[0], self.top, self.edges[-1], self.top)
        self._cells(list(self.titles), "B", centred=True)

    def end(self) -> None:
        """The upright lines of this page's part of the table."""
        for x in self.edges:
            self.on.rule(x, self.top, x, self.document.y)

    def row(self, values: Sequence[Any], style: Style) -> None:
        """One row, whole on one page."""
        self._cells([show(value) for show, value in zip(self.shows, values, strict=True)], style)

    def _cells(self, texts: Sequence[str], style: Style, *, centred: bool = False) -> None:
        size, on = self.size, self.on
        lines = [
            on.wrapped(text, size, width - 2 * PAD, style) if text else ()
            for text, width in zip(texts, self.widths, strict=True)
        ]
        leading = size * 1.22
        height = max(len(cell) for cell in lines) * leading + 2 * PAD
        if self.document.y + height > on.bottom:
            self.end()
            self.document._turn()
            self.begin()
        y = self.document.y
        for number, cell in enumerate(lines):
            left, end = self.edges[number], self.edges[number + 1]
            x, align = (left + PAD, "L")
            if centred:
                x, align = (left + end) / 2, "C"
            elif self.right[number]:
                x, align = end - PAD, "R"
            for place, line in enumerate(cell):
                on.put(x, y + PAD + size + place * leading - 1.5, line, size, style, align)  # type: ignore[arg-type]
        self.document.y = y + height
        on.rule(self.edges[0], self.document.y, self.edges[-1], self.document.y)


def _shower(column: Column) -> Callable[[Any], str]:
    def show(value: Any) -> str:
        if value is None:
            return ""
        if isinstance(value, str):
            return value
        return dates.format_date(value) if isinstance(value, date) else money.group_thousands(value)

    return show
