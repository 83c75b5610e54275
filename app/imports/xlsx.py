"""A look through an XLSX before calamine opens it: how far its sheets reach, and which cells are in an old font.

Every part is unpacked once, in small pieces, and read by expat without building a tree; a document type is refused, so
that there are no entities. What the archive's directory claims is held against what really comes out.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from app.imports import limits
from app.imports.limits import FileRefused
from app.rules.legacy_fonts import Encoding, encoding_of_font

Legacy = dict[tuple[int, int], Encoding]
"""(row, column), both from 0 -> how the text of the cell is written."""

_PIECE = 2**16
_LETTERS = re.compile("[A-Z]{1,3}")


@dataclass
class Sheet:
    """One sheet: how far its filled cells reach, and those in an old font."""

    last_row: int = -1
    last_column: int = -1
    cells: int = 0
    chars: int = 0
    legacy: Legacy = field(default_factory=dict)

    def check(self) -> None:
        """Raises FileRefused when a reader would need too much memory for it."""
        limits.check_extent(self.last_row + 1, self.last_column + 1, self.cells, self.chars)


@dataclass
class Book:
    """What the parts say together."""

    fonts: list[Encoding | None] = field(default_factory=list)
    styles: list[Encoding | None] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    runs: dict[int, Encoding | None] = field(default_factory=dict)
    """Shared string -> the font of its runs, which wins over the cell's."""
    names: dict[str, str] = field(default_factory=dict)
    """Sheet name -> relation."""
    relations: dict[str, str] = field(default_factory=dict)
    """Relation -> part."""
    parts: dict[str, Sheet] = field(default_factory=dict)
    any_legacy: bool = False

    def legacy(self, name: str) -> Legacy:
        """The cells in an old font of the sheet of this name."""
        part = self.relations.get(self.names.get(name, ""), "")
        found = self.parts.get(part.lower())
        return {} if found is None else found.legacy


def look_through(archive: zipfile.ZipFile) -> Book:
    """Read every part once. Raises FileRefused."""
    entries = {entry.filename.lower(): entry for entry in archive.infolist()}
    if "[content_types].xml" not in entries or "xl/workbook.xml" not in entries:
        raise FileRefused("unknown")
    book = Book()
    first = ("xl/styles.xml", "xl/sharedstrings.xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels")
    for entry in sorted(archive.infolist(), key=lambda one: one.filename.lower() not in first):
        name = entry.filename.lower()
        _read(archive, entry, _HANDLERS.get(name, _sheet_of(book, name)), book)
        book.any_legacy = book.any_legacy or any(book.styles)
    for sheet in book.parts.values():
        sheet.check()
    return book


Handle = Callable[[Any, Book], Callable[[], None]]
"""Sets a parser's handlers for one part; gives what is to be called after its last element."""


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, handle: Handle, book: Book) -> None:
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_document_type
    finish = handle(parser, book)
    is_xml: bool | None = None
    try:
        with archive.open(entry) as unpacked:
            while piece := unpacked.read(_PIECE):
                if is_xml is None:
                    is_xml = piece.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").startswith(b"<")
                if is_xml:
                    parser.Parse(piece, False)
        if is_xml:
            parser.Parse(b"", True)
            finish()
    except expat.ExpatError as error:
        raise FileRefused("broken") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError) as error:
        raise FileRefused("broken") from error


def _refuse_document_type(*_declared: Any) -> None:
    raise FileRefused("dtd")


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _nothing_left() -> None:
    return None


def _styles(parser: Any, book: Book) -> Callable[[], None]:
    within: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        name, parent = _local(name), within[-1] if within else ""
        within.append(name)
        if parent == "fonts" and name == "font":
            book.fonts.append(None)
        elif parent == "font" and name == "name" and within[-3] == "fonts":
            book.fonts[-1] = encoding_of_font(attributes.get("val", ""))
        elif parent == "cellXfs" and name == "xf":
            font = attributes.get("fontId", "0")
            number = int(font) if font.isdigit() and len(font) < 7 else 0
            book.styles.append(book.fonts[number] if number < len(book.fonts) else None)

    def end(_name: str) -> None:
        within.pop()

    parser.StartElementHandler, parser.EndElementHandler = start, end
    return _nothing_left


def _strings(parser: Any, book: Book) -> Callable[[], None]:
    phonetic, total = False, 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal phonetic
        name = _local(name)
        if name == "si":
            book.lengths.append(0)
        elif name == "rPh":
            phonetic = True
        elif name == "rFont" and book.lengths:
            book.runs.setdefault(len(book.lengths) - 1, encoding_of_font(attributes.get("val", "")))

    def end(name: str) -> None:
        nonlocal phonetic
        if _local(name) == "rPh":
            phonetic = False

    def characters(text: str) -> None:
        nonlocal total
        if book.lengths and not phonetic:
            book.lengths[-1] += len(text)
            if book.lengths[-1] > limits.LONGEST_CELL:
                raise FileRefused("long_cell", limit=limits.LONGEST_CELL)
        total += len(text)

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, characters
    return _nothing_left


def _workbook(parser: Any, book: Book) -> Callable[[], None]:
    def start(name: str, attributes: dict[str, str]) -> None:
        if _local(name) == "sheet":
            relation = next((value for key, value in attributes.items() if _local(key) == "id" and ":" in key), "")
            book.names.setdefault(attributes.get("name", ""), relation)

    parser.StartElementHandler = start
    return _nothing_left


def _relations(parser: Any, book: Book) -> Callable[[], None]:
    def start(name: str, attributes: dict[str, str]) -> None:
        if _local(name) == "Relationship":
            target = posixpath.normpath(posixpath.join("/xl", attributes.get("Target", ""))).lstrip("/")
            book.relations[attributes.get("Id", "")] = target

    parser.StartElementHandler = start
    return _nothing_left


_HANDLERS: dict[str, Handle] = {
    "xl/styles.xml": _styles,
    "xl/sharedstrings.xml": _strings,
    "xl/workbook.xml": _workbook,
    "xl/_rels/workbook.xml.rels": _relations,
}


def _sheet_of(book: Book, part: str) -> Handle:
    """Any part may be a sheet: what matters is whether it holds cells."""

    def handle(parser: Any, _book: Book) -> Callable[[], None]:
        cells = _Cells(parser, book, book.parts.setdefault(part, Sheet()))
        return lambda: cells.finish() if cells.in_value else None

    return handle


class _Cells:
    """Notes the place, the length and the font of every filled cell of a part.

    A value ends where the next element starts: without a call at every end tag a sheet is read a third faster.
    """

    def __init__(self, parser: Any, book: Book, sheet: Sheet) -> None:
        self.book, self.sheet = book, sheet
        self.columns: dict[str, int] = {}
        self.row = self.column = -1
        self.style: str | None = None
        self.kind: str | None = None
        self.in_cell = self.in_value = False
        self.text = ""
        parser.StartElementHandler, parser.CharacterDataHandler = self.start, self.characters

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if self.in_value:
            self.finish()
        if ":" in name:
            name = _local(name)
        if name == "c":
            self._at(attributes.get("r"))
            self.style, self.kind = attributes.get("s"), attributes.get("t")
            self.in_cell = True
        elif name == "v" or name == "t":
            self.in_value, self.text = self.in_cell, ""
        elif name == "row":
            number = attributes.get("r", "")
            self.row = int(number) - 1 if number.isdigit() and len(number) < 10 else self.row + 1
            self.column, self.in_cell = -1, False

    def _at(self, place: str | None) -> None:
        if place is None:
            self.column += 1
            return
        letters = place.rstrip("0123456789")
        column, number = self.columns.get(letters), place[len(letters) :]
        if column is None:
            if _LETTERS.fullmatch(letters) is None:
                raise FileRefused("broken")
            column = 0
            for letter in letters:
                column = column * 26 + ord(letter) - 64
            self.columns[letters] = column
        if not 0 < len(number) < 10:
            raise FileRefused("broken")
        self.row, self.column = int(number) - 1, column - 1

    def characters(self, text: str) -> None:
        if self.in_value:
            self.text += text
            if len(self.text) > limits.LONGEST_CELL:
                raise FileRefused("long_cell", limit=limits.LONGEST_CELL)

    def finish(self) -> None:
        """The value that was being read is complete."""
        self.in_value = False
        sheet, row, column = self.sheet, self.row, self.column
        if row > sheet.last_row:
            sheet.last_row = row
        if column > sheet.last_column:
            sheet.last_column = column
        sheet.cells += 1
        book, encoding = self.book, None
        if self.style is not None and book.any_legacy:
            number = int(self.style) if self.style.isdigit() and len(self.style) < 7 else 0
            encoding = book.styles[number] if number < len(book.styles) else None
        if self.kind == "s":
            text = self.text.strip()
            shared = int(text) if text.isdigit() and len(text) < 10 else -1
            if not 0 <= shared < len(book.lengths):
                raise FileRefused("broken")
            sheet.chars += book.lengths[shared]
            encoding = book.runs.get(shared, encoding) if book.runs else encoding
        else:
            sheet.chars += len(self.text)
        if encoding is not None and self.kind in ("s", "str", "inlineStr"):
            sheet.legacy[row, column] = encoding
