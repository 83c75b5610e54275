"""The process that opens a file: within limits of memory and time, so that no file can hang or kill the program.

It is started without the program around it (`reading.BOOT`), writes one JSON value a line, and ends. What a reader
library does with a file made to break it stays in here.
"""

from __future__ import annotations

import contextlib
import csv
import json
import math
import resource
import sys
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from io import BytesIO, StringIO
from typing import Any

import python_calamine

from app.imports import limits, xls, xlsx
from app.imports.limits import FileRefused
from app.imports.xlsx import Legacy
from app.rules.problems import UnreadableError

AT_ONCE = 1_000
_DELIMITERS = ";,\t|"


def main(path: str) -> None:
    """Read the file at `path`, writing to standard output; a refusal is an answer too."""
    resource.setrlimit(resource.RLIMIT_AS, (limits.MEMORY_BYTES, limits.MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.CPU_S, limits.CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(BrokenPipeError):
        for answer in said_of(path):
            sys.stdout.write(json.dumps(answer, ensure_ascii=False, separators=(",", ":")) + "\n")
        sys.stdout.flush()


def said_of(path: str) -> Iterator[dict[str, Any]]:
    """Everything the process says about a file."""
    try:
        with open(path, "rb") as file:
            data = file.read(limits.PACKED_BYTES + 1)
        yield from _opened(data)
    except UnreadableError as error:
        yield {"refused": error.code, "facts": error.facts}
    except MemoryError:
        yield {"refused": "too_long", "facts": {}}
    else:
        yield {"end": True}


def _opened(data: bytes) -> Iterator[dict[str, Any]]:
    kind = limits.kind_of(data)
    if kind == "zip":
        with limits.check_zip(data) as archive:
            book = xlsx.look_through(archive)
            macros = any(name.lower().endswith("vbaproject.bin") for name in archive.namelist())
        yield from _sheets(data, "xlsx", by_name=book, macros=macros)
    elif kind == "ole":
        yield from _sheets(data, "xls", by_number=xls.look_through(data))
    else:
        yield from _text(data)


def _sheets(
    data: bytes, kind: str, *, by_name: xlsx.Book | None = None, by_number: Sequence[Legacy] = (), macros: bool = False
) -> Iterator[dict[str, Any]]:
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(BytesIO(data))
        about = book.sheets_metadata
        is_sheet = [one.typ == python_calamine.SheetTypeEnum.WorkSheet for one in about]
        shown = [one.visible == python_calamine.SheetVisibleEnum.Visible for one in about]
        yield {
            "kind": kind,
            "macros": macros,
            "sheets": [[one.name, visible] for one, visible in zip(about, shown, strict=True)],
        }
        for number, one in enumerate(about):
            if not (is_sheet[number] and shown[number]):
                continue
            legacy = by_name.legacy(one.name) if by_name is not None else dict(enumerate(by_number)).get(number, {})
            yield from _rows(book.get_sheet_by_index(number), number, legacy)
    except python_calamine.PasswordError as error:
        raise FileRefused("encrypted") from error
    except (python_calamine.CalamineError, ValueError, OSError, IndexError) as error:
        raise FileRefused("broken") from error
    except BaseException as error:
        if type(error).__name__ == "PanicException":
            raise FileRefused("broken") from error
        raise


def _rows(sheet: Any, number: int, legacy: Legacy) -> Iterator[dict[str, Any]]:
    if sheet.start is None:
        return
    merged = _merged(sheet)
    kept: dict[int, tuple[int, Any]] = {}
    block: list[list[Any]] = []
    for row, cells in enumerate(sheet.iter_rows()):
        values = [_value(cell, legacy.get((row, column))) for column, cell in enumerate(cells)]
        for column, last in merged.get(row, ()):
            if column < len(values) and not isinstance(values[column], int | float):
                kept[column] = (last, values[column])
        for column, (last, value) in list(kept.items()):
            if row > last:
                del kept[column]
            elif values[column] is None:
                values[column] = value
        block.append(values)
        if len(block) == AT_ONCE:
            yield {"sheet": number, "first": row - len(block) + 1, "rows": block}
            block = []
    if block:
        yield {"sheet": number, "first": row - len(block) + 1, "rows": block}


def _merged(sheet: Any) -> dict[int, list[tuple[int, int]]]:
    """First row -> (column, last row) of cells merged downwards: their text holds for every row they cover."""
    found: dict[int, list[tuple[int, int]]] = {}
    for (first_row, first_column), (last_row, _last_column) in sheet.merged_cell_ranges or []:
        if last_row > first_row:
            found.setdefault(first_row, []).append((first_column, last_row))
    return found


def _value(cell: Any, encoding: str | None) -> Any:
    """None, text, a number, true or false; a date as {"d"}, text in an old font as {"f"}."""
    if isinstance(cell, str):
        if cell == "":
            return None
        return cell if encoding is None or cell.isascii() else {"f": [cell, encoding]}
    if isinstance(cell, bool):
        return cell
    if isinstance(cell, float):
        return cell if math.isfinite(cell) else str(cell)
    if isinstance(cell, datetime):
        return {"d": cell.date().isoformat()}
    return {"d": cell.isoformat()} if isinstance(cell, date) else str(cell) if not isinstance(cell, int) else cell


def _text(data: bytes) -> Iterator[dict[str, Any]]:
    text = _decoded(data)
    head = text.lstrip("\ufeff \t\r\n")[:200].lower()
    if head.startswith("<"):
        raise FileRefused("web_page")
    controls = sum(ord(char) < 32 and char not in "\t\r\n" for char in text[:100_000])
    if "\x00" in text or controls > max(5, len(text) // 100):
        raise FileRefused("unknown")
    yield {"kind": "csv", "macros": False, "sheets": [["CSV", True]]}
    csv.field_size_limit(limits.LONGEST_CELL)
    block: list[list[Any]] = []
    row = -1
    try:
        for row, cells in enumerate(csv.reader(StringIO(text, newline=""), delimiter=_delimiter(text))):
            if row >= limits.ROWS:
                raise FileRefused("rows", limit=limits.ROWS)
            if len(cells) > limits.COLUMNS:
                raise FileRefused("columns", limit=limits.COLUMNS)
            block.append([cell if cell != "" else None for cell in cells])
            if len(block) == AT_ONCE:
                yield {"sheet": 0, "first": row - len(block) + 1, "rows": block}
                block = []
    except csv.Error as error:
        raise FileRefused("long_cell", limit=limits.LONGEST_CELL) from error
    if block:
        yield {"sheet": 0, "first": row - len(block) + 1, "rows": block}


def _decoded(data: bytes) -> str:
    charset = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return data.decode(charset)
    except UnicodeDecodeError as error:
        raise FileRefused("unknown" if b"\x00" in data[:1000] or data[:4] == b"%PDF" else "charset") from error


def _delimiter(text: str) -> str:
    """The separator that the first lines agree on best."""
    lines = [line for line in text[:20_000].splitlines() if line.strip()][:20]
    return max(_DELIMITERS, key=lambda mark: (sum(mark in line for line in lines), text[:20_000].count(mark)))
