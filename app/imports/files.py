"""Workbooks we hand out for imports: the template of a kind, of a list with its people; a sent file with its findings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from flask_babel import gettext as _
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.imports import layouts, reading
from app.imports.columns import Column as Field
from app.imports.columns import Layout, letter_of
from app.imports.reading import Converted
from app.imports.table import Finding
from app.models import FileImport
from app.reports import workbook
from app.reports.shape import Column, Row
from app.reports.sheet import Sheet

FOLDER = "imports"


def template(layout: Layout, heading: list[str], *, home: Path, people: Sequence[tuple[Any, ...]] = ()) -> bytes:
    """An empty table with the columns of the kind, in Vietnamese whatever the language: files travel between offices.

    With `people` (cells of `layouts.LISTED`) they follow on a sheet of their own, which is not read. The empty table then
    has the same columns first, so that whole rows can be copied.
    """
    own = layout.columns
    if people:
        own = (*layouts.LISTED, *(one for one in own if one.key not in {listed.key for listed in layouts.LISTED}))
    behind = [(_table("Danh sach", heading, layouts.LISTED), map(Row, people))] if people else []
    return _made(home, _table("Nhap", heading, own), (), behind)


def _table(name: str, heading: list[str], columns: Sequence[Field]) -> Sheet:
    shown = [Column(one.key, one.title, "money" if one.kind == "money" else "text", width=one.width) for one in columns]
    return Sheet(name, heading, shown, [one.title for one in columns])


def with_findings(session: Session, item: FileImport, *, home: Path) -> bytes:
    """The sheet that was read, every row where it was, and behind the last column what was found about it."""
    found: dict[int, list[str]] = {}
    for row in findings(session, item.id):
        found.setdefault(row.row, []).append(row.said())
    book = reading.read(home / item.file_path)
    number = [name for name, _visible in book.sheets].index(item.seen["sheet"])
    rows = [row for row in book.rows if row.sheet == number]
    width = max((len(row.cells) for row in rows), default=0)
    columns = [Column(letter_of(n), letter_of(n), width=18) for n in range(width)]
    columns.append(Column("found", "found", width=70))
    first = rows[0] if rows and rows[0].number == 1 else None
    titles = [_plain(cell) for cell in first.cells] if first else []
    titles += [""] * (width - len(titles)) + [str(_("Lỗi"))]

    def written() -> Iterator[Row]:
        at = 2
        for row in rows[1 if first else 0 :]:
            for _blank in range(row.number - at):
                yield Row((None,) * (width + 1))
            cells = [_cell(cell) for cell in row.cells] + [None] * (width - len(row.cells))
            yield Row((*cells, "\n".join(found.get(row.number, [])) or None))
            at = row.number + 1

    return _made(home, Sheet("Loi", (), columns, titles), written())


def findings(session: Session, import_id: int, *, first: int = 0, limit: int | None = None) -> list[Finding]:
    """What was found, errors first, then by row; `limit` of them from number `first` on."""
    rows = session.execute(
        text(
            "SELECT r.no, f ->> 0 AS letter, f ->> 1 AS title, f ->> 2 AS said, f ->> 3 AS severity"
            "  FROM file_import_rows r, jsonb_array_elements(r.findings) WITH ORDINALITY AS one(f, n)"
            " WHERE r.import_id = :id ORDER BY f ->> 3, r.no, n LIMIT :limit OFFSET :first"
        ),
        {"id": import_id, "limit": limit, "first": first},
    )
    return [Finding(row.no, _place(row.letter), row.title, row.said, row.severity) for row in rows]


def _place(letters: str) -> int | None:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1 if letters else None


def _cell(cell: Any) -> Any:
    if isinstance(cell, Converted):
        return cell.before
    return str(cell) if isinstance(cell, bool) else cell


def _plain(cell: Any) -> str:
    return "" if cell is None else str(_cell(cell))


def _made(home: Path, sheet: Sheet, rows: Iterable[Row], behind: Sequence[tuple[Sheet, Iterable[Row]]] = ()) -> bytes:
    folder = home / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{uuid4().hex}.xlsx"
    try:
        workbook.write(path, sheet, rows, behind=behind)
        return path.read_bytes()
    finally:
        path.unlink(missing_ok=True)
