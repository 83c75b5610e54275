"""The rows of a sheet that are people, read column by column, and what was found odd about each; no database here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from flask_babel import gettext as _

from app.imports import values
from app.imports.columns import HEADING_ROWS, Heading, Layout, find_heading, letter_of, plain
from app.imports.reading import Book, Converted, Row, Value
from app.rules import identity
from app.rules.problems import UnreadableError

MOST_SHOWN = 200
"""Texts in an old font that are shown before and after."""
SAMPLE_ROWS = 12
MOST_OF_A_FOOT = 5
"""Cells that a row of signatures fills at most."""

_SUBTOTAL = re.compile(
    r"(tong )?cong( (xa|phuong|thi tran|dac khu|thon|to|ban|khu|huyen|trang|so|chung))?\b|tong( so)?\b|luy ke\b"
)
_FOOT = re.compile(
    r"nguoi lap|ke toan|thu truong|lanh dao|giam doc|dai dien|ky ghi ro|ky ten|ngay .*thang .*nam|bang chu|xac nhan|thu quy"
)
_NUMBERING = re.compile(r"\(?([a-z]|[0-9]{1,2})( [0-9]{1,2}){0,4}\)?")
"""The row "(1) (2) (3=1+2)" below a heading."""

ERROR, WARNING = "error", "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about a row; `place` is the column's number from 0, None for the row as a whole."""

    row: int
    place: int | None
    title: str
    text: str
    severity: str = ERROR

    def said(self) -> str:
        """ "Dòng 12, cột C (Số tiền): …"."""
        if self.place is None:
            return str(_("Dòng %(row)s: %(text)s", row=self.row, text=self.text))
        column = letter_of(self.place)
        return str(
            _(
                "Dòng %(row)s, cột %(column)s (%(title)s): %(text)s",
                row=self.row,
                column=column,
                title=self.title,
                text=self.text,
            )
        )


@dataclass(slots=True)
class Parsed:
    """A row of data: key -> value as JSON holds it."""

    number: int
    facts: dict[str, Any]
    findings: list[Finding] = field(default_factory=list)


@dataclass(slots=True)
class Seen:
    """What a reading came by: told after the last row was taken."""

    sheet: str = ""
    heading: Heading | None = None
    others: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    skipped: int = 0
    subtotals: int = 0
    converted: list[tuple[int, str, str, str]] = field(default_factory=list)
    converted_count: int = 0
    macros: bool = False


class NoHeading(Exception):
    """No row names the columns that are needed; `sample` is the beginning of the first sheet, for a person to choose."""

    def __init__(self, sheet: str, sample: list[Row]) -> None:
        self.sheet, self.sample = sheet, sample
        super().__init__(sheet)


def rows(book: Book, layout: Layout, seen: Seen, *, given: Heading | None = None) -> Iterator[Parsed]:
    """Every row of data of the first visible sheet that has the columns; raises NoHeading, FileRefused.

    `given` is a heading a person chose: then the first visible sheet with rows is read.
    """
    seen.hidden = [name for name, visible in book.sheets if not visible]
    seen.macros = book.macros
    first: list[Row] = []
    stream = iter(book.rows)
    ahead: Row | None = next(stream, None)
    while ahead is not None:
        number, begun = ahead.sheet, [ahead]
        ahead = None
        for row in stream:
            if row.sheet != number:
                ahead = row
                break
            begun.append(row)
            if len(begun) == HEADING_ROWS:
                break
        first = first or begun
        heading = given or find_heading(begun, layout)
        if heading is not None:
            seen.sheet, seen.heading = book.sheets[number][0], heading
            seen.others = [name for n, (name, visible) in enumerate(book.sheets) if visible and n > number]
            rest = chain(begun, () if ahead is not None else _same_sheet(stream, number))
            yield from _of_sheet(rest, layout, heading, seen)
            return
        if ahead is None:
            ahead = next((row for row in stream if row.sheet != number), None)
    raise NoHeading(book.sheets[first[0].sheet][0] if first else "", first[:SAMPLE_ROWS])


def _same_sheet(stream: Iterator[Row], number: int) -> Iterator[Row]:
    for row in stream:
        if row.sheet != number:
            return
        yield row


def _of_sheet(stream: Iterator[Row], layout: Layout, heading: Heading, seen: Seen) -> Iterator[Parsed]:
    reader = _RowReader(layout, heading, seen)
    for row in stream:
        if row.number > heading.row:
            parsed = reader.read(row)
            if parsed is not None:
                yield parsed


class _RowReader:
    """Reads one row after the other by the places of the heading."""

    def __init__(self, layout: Layout, heading: Heading, seen: Seen) -> None:
        self.layout, self.heading, self.seen = layout, heading, seen
        self.columns = [
            (column, heading.places[column.key], _(column.title))
            for column in layout.columns
            if column.key in heading.places
        ]
        self.keys = [heading.places[key] for key in layout.keys if key in heading.places]

    def read(self, row: Row) -> Parsed | None:
        """The row's values and findings; None for a row that is no data."""
        cells = row.cells
        width = len(cells)
        if self._is_no_data(row):
            return None
        parsed = Parsed(row.number, {})
        for column, place, title in self.columns:
            value = cells[place] if place < width else None
            if isinstance(value, Converted):
                self._note(row.number, place, value)
            try:
                read = None if value is None else values.read(column, value)
            except UnreadableError as error:
                parsed.findings.append(Finding(row.number, place, title, str(_(error.text, **error.facts))))
                continue
            if read is not None:
                parsed.facts[column.key] = read
                if column.kind == "account" and isinstance(value, int | float):
                    text = _("Ô là số chứ không phải chữ: nếu tài khoản có số 0 ở đầu thì số 0 đã mất.")
                    parsed.findings.append(Finding(row.number, place, title, str(text), WARNING))
            elif column.required:
                parsed.findings.append(Finding(row.number, place, title, str(_("Chưa có giá trị."))))
        self._check_identity(parsed)
        return parsed

    def _is_no_data(self, row: Row) -> bool:
        """Blank rows, the heading repeated on every page, its numbering, subtotals and what stands below the table."""
        filled = [cell for cell in row.cells if cell is not None and cell != ""]
        if not filled:
            return True
        keyed = [cell for place in self.keys if place < len(row.cells) and (cell := row.cells[place]) not in (None, "")]
        if self._is_subtotal(filled, keyed):
            self.seen.subtotals += 1
            return True
        if keyed and (self._is_heading(row) or self._is_numbering(row, filled)):
            self.seen.skipped += 1
            return True
        # signatures fill few cells, people fill many
        if keyed and (len(filled) > MOST_OF_A_FOOT or not any(_FOOT.search(plain(cell)) for cell in keyed)):
            return False
        if len(filled) == 1 or _FOOT.search(" ".join(plain(cell) for cell in filled)):
            self.seen.skipped += 1
            return True
        return False

    def _is_subtotal(self, filled: Sequence[Value], keyed: Sequence[Value]) -> bool:
        """ "Cộng thôn 1", "Tổng cộng": said by the first text of the row, and by no key but perhaps that text."""
        first = next((text for cell in filled if (text := values.text_of(cell).strip()) and not text.isdigit()), "")
        if first[:1].lower() not in ("c", "t", "l"):
            return False
        said = plain(first)
        return bool(_SUBTOTAL.match(said)) and len(keyed) <= (plain(keyed[0]) == said if keyed else 0)

    def _is_heading(self, row: Row) -> bool:
        """The heading again, as on every page of a printed sheet."""
        texts = self.heading.texts
        if not texts or not any(
            place < len(row.cells) and plain(row.cells[place]) == texts[place] for place in self.keys
        ):
            return False
        return [text for cell in row.cells if (text := plain(cell))] == [text for text in texts if text]

    def _is_numbering(self, row: Row, filled: Sequence[Value]) -> bool:
        return row.number == self.heading.row + 1 and all(
            _NUMBERING.fullmatch(plain(cell) or values.text_of(cell).strip("()")) for cell in filled
        )

    def _note(self, row: int, place: int, value: Converted) -> None:
        self.seen.converted_count += 1
        if len(self.seen.converted) < MOST_SHOWN:
            self.seen.converted.append((row, letter_of(place), value.before, value.after))

    def _check_identity(self, parsed: Parsed) -> None:
        """A number Excel has shortened is filled up when sex and year agree; what is odd is a warning, never more."""
        number = parsed.facts.get("id_number")
        if number is None:
            return
        place = self.heading.places["id_number"]
        title = next(title for column, _place, title in self.columns if column.key == "id_number")
        birth = parsed.facts.get("birth")
        year, sex = (birth[0] if birth else None), parsed.facts.get("sex")
        filled = identity.zero_fill_offer(number, sex, year)
        if filled is not None:
            parsed.facts["id_number"] = filled
            text = _("Thêm số 0 ở đầu bị mất: %(before)s thành %(after)s.", before=number, after=filled)
            parsed.findings.append(Finding(parsed.number, place, title, str(text), WARNING))
            return
        for code in identity.check_id(number, sex, year):
            parsed.findings.append(Finding(parsed.number, place, title, str(_(identity.ID_FINDINGS[code])), WARNING))
