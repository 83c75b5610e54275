"""A look through an old .xls before calamine opens it: how far its sheets reach, and which cells are in an old font.

The compound file is followed only as far as its workbook stream, whose records are walked once. Fonts of parts of a
cell are not looked at: the font of the cell decides.
"""

from __future__ import annotations

import struct

from app.imports.limits import FileRefused
from app.imports.xlsx import Legacy, Sheet
from app.rules.legacy_fonts import Encoding, encoding_of_font

_FREE = 0xFFFFFFFA
"""Sector numbers from here on are marks, not sectors."""
_BOF, _EOF, _FONT, _XF, _BOUNDSHEET, _FILEPASS, _SST = 0x0809, 0x0A, 0x31, 0xE0, 0x85, 0x2F, 0xFC
_TEXTS = (0xFD, 0x0204, 0xD6, 0x06)
"""LABELSST, LABEL, RSTRING, FORMULA."""
_NUMBERS = (0x0203, 0x027E, 0x0205)
_MULRK = 0xBD
_FONT_THAT_IS_NONE = 4
"""BIFF counts fonts 0, 1, 2, 3, 5, …"""


def look_through(data: bytes) -> list[Legacy]:
    """Cells in an old font, for each sheet in the order of the book. Raises FileRefused."""
    try:
        streams = _streams(data)
        if "encryptedpackage" in streams:
            raise FileRefused("encrypted")
        book = streams.get("workbook") or streams.get("book")
        if book is None:
            raise FileRefused("unknown")
        return _Records(book).read()
    except (struct.error, IndexError) as error:
        raise FileRefused("broken") from error


def _streams(data: bytes) -> dict[str, bytes]:
    """The streams of a compound file that matter, by lower-case name."""
    shift, mini_shift = struct.unpack_from("<HH", data, 30)
    fat_count, directory_at = struct.unpack_from("<I", data, 44)[0], struct.unpack_from("<I", data, 48)[0]
    cutoff, mini_at = struct.unpack_from("<I", data, 56)[0], struct.unpack_from("<I", data, 60)[0]
    difat_at, difat_count = struct.unpack_from("<II", data, 68)
    if shift not in (9, 12) or mini_shift != 6 or cutoff != 4096 or fat_count * 2**shift > len(data):
        raise FileRefused("broken")
    size = 2**shift
    sectors = [data[start : start + size] for start in range(size, len(data), size)]
    fat = _fat(data, sectors, difat_at, difat_count)
    directory = _chain(sectors, fat, directory_at)
    entries = {name: (start, length) for name, start, length in _entries(directory)}
    found: dict[str, bytes] = {}
    mini: list[bytes] | None = None
    for name in ("workbook", "book", "encryptedpackage"):
        if name not in entries:
            continue
        start, length = entries[name]
        if length >= cutoff:
            found[name] = _chain(sectors, fat, start)[:length]
            continue
        if mini is None:
            root = _chain(sectors, fat, entries["root entry"][0]) if "root entry" in entries else b""
            mini = [root[at : at + 64] for at in range(0, len(root), 64)]
        table = _numbers(_chain(sectors, fat, mini_at))
        found[name] = _chain(mini, table, start)[:length]
    return found


def _fat(data: bytes, sectors: list[bytes], difat_at: int, difat_count: int) -> list[int]:
    places = list(struct.unpack_from("<109I", data, 76))
    for _more in range(min(difat_count, len(sectors))):
        if difat_at >= _FREE:
            break
        block = _numbers(sectors[difat_at])
        places += block[:-1]
        difat_at = block[-1]
    fat: list[int] = []
    for place in places[: len(sectors)]:
        if place < _FREE:
            fat += _numbers(sectors[place])
    return fat


def _numbers(block: bytes) -> list[int]:
    return list(struct.unpack(f"<{len(block) // 4}I", block[: len(block) // 4 * 4]))


def _chain(sectors: list[bytes], table: list[int], at: int) -> bytes:
    """The sectors that follow each other from `at`; a chain that comes back to itself is broken."""
    found: list[bytes] = []
    while at < _FREE:
        if len(found) > len(sectors):
            raise FileRefused("broken")
        found.append(sectors[at])
        at = table[at]
    return b"".join(found)


def _entries(directory: bytes) -> list[tuple[str, int, int]]:
    found = []
    for at in range(0, len(directory) - 127, 128):
        length = struct.unpack_from("<H", directory, at + 64)[0]
        name = directory[at : at + max(0, min(length, 64) - 2)].decode("utf-16-le", "replace").lower()
        start, size = struct.unpack_from("<II", directory, at + 116)
        if directory[at + 66]:
            found.append((name, start, size))
    return found


class _Records:
    """Walks the records of a workbook stream, BIFF5 or BIFF8."""

    def __init__(self, stream: bytes) -> None:
        self.stream = stream
        self.fonts: list[Encoding | None] = []
        self.styles: list[Encoding | None] = []
        self.places: list[int] = []
        self.sheets: dict[int, Sheet] = {}
        self.wide = True

    def read(self) -> list[Legacy]:
        """Every record once. Raises FileRefused."""
        stream, at, end = self.stream, 0, len(self.stream)
        sheet: Sheet | None = None
        depth = 0
        while at + 4 <= end:
            kind, length = struct.unpack_from("<HH", stream, at)
            body = at + 4
            if body + length > end:
                raise FileRefused("broken")
            if kind == _BOF:
                depth += 1
                if depth == 1:
                    self.wide = length >= 2 and struct.unpack_from("<H", stream, body)[0] >= 0x0600
                    sheet = self.sheets.setdefault(at, Sheet()) if at in self.places else None
            elif kind == _EOF:
                depth = max(0, depth - 1)
            elif sheet is not None and depth == 1:
                self._cell(sheet, kind, body, length)
            else:
                self._of_the_book(kind, body, length)
            at = body + length
        for found in self.sheets.values():
            found.check()
        return [self.sheets[place].legacy if place in self.sheets else {} for place in self.places]

    def _of_the_book(self, kind: int, at: int, length: int) -> None:
        stream = self.stream
        if kind == _FILEPASS:
            raise FileRefused("encrypted")
        if kind == _FONT:
            self.fonts.append(encoding_of_font(self._font_name(at, length)))
        elif kind == _XF:
            number = struct.unpack_from("<H", stream, at)[0]
            place = number - (number > _FONT_THAT_IS_NONE)
            self.styles.append(self.fonts[place] if place < len(self.fonts) else None)
        elif kind == _BOUNDSHEET:
            self.places.append(struct.unpack_from("<I", stream, at)[0])
        elif kind == _SST and struct.unpack_from("<I", stream, at + 4)[0] > len(stream):
            raise FileRefused("broken")

    def _font_name(self, at: int, length: int) -> str:
        count = self.stream[at + 14]
        if not self.wide:
            return self.stream[at + 15 : at + 15 + count].decode("latin-1")
        wide_chars = self.stream[at + 15] & 1
        text = self.stream[at + 16 : min(at + 16 + count * (1 + wide_chars), at + length)]
        return text.decode("utf-16-le" if wide_chars else "latin-1", "replace")

    def _cell(self, sheet: Sheet, kind: int, at: int, length: int) -> None:
        if kind not in _TEXTS and kind not in _NUMBERS and kind != _MULRK:
            return
        row, column, style = struct.unpack_from("<HHH", self.stream, at)
        last = struct.unpack_from("<H", self.stream, at + length - 2)[0] if kind == _MULRK else column
        sheet.last_row, sheet.last_column = max(sheet.last_row, row), max(sheet.last_column, last)
        sheet.cells += 1
        if kind in _TEXTS and style < len(self.styles):
            encoding = self.styles[style]
            if encoding is not None:
                sheet.legacy[row, column] = encoding
