"""Workbooks built by tests: whole ones, and raw parts to put together wrongly."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Sequence
from datetime import date
from io import BytesIO
from typing import Any

import python_calamine
import xlsxwriter
import xlwt

HEADING = ["STT", "Mã đối tượng", "Họ và tên", "Số tiền", "Kết quả", "Lý do"]
PEOPLE: list[list[Any]] = [
    [1, "DT00000001", "Nguyễn Thị Bình", 540000, "Đã trả", ""],
    [2, "DT00000002", "Trần Văn Thắng", 1080000, "Chưa trả", "Vắng mặt"],
    [3, "DT00000003", "Đào Quỳnh Hương", 540000, "Đã trả", ""],
]


def xlsx(
    rows: Sequence[Sequence[Any]], *, font: str = "", sheets: Sequence[tuple[str, bool]] = (("Sheet1", True),), at: int = 0,
    merge: Sequence[str] = (), more: Any = None, options: dict[str, Any] | None = None,
) -> bytes:  # fmt: skip
    """A workbook with `rows` on its last sheet, from row `at`; the sheets before it are empty."""
    out = BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, **(options or {})})
    form = book.add_format({"font_name": font}) if font else None
    days = book.add_format({"num_format": "dd/mm/yyyy"})
    pages = [book.add_worksheet(name) for name, _visible in sheets]
    for page, (_name, visible) in zip(pages, sheets, strict=True):
        if not visible:
            page.hide()
    next(page for page, (_name, visible) in zip(pages, sheets, strict=True) if visible).activate()
    page = pages[-1]
    for spot in merge:
        page.merge_range(spot, "")
    for number, cells in enumerate(rows, start=at):
        for column, cell in enumerate(cells):
            if isinstance(cell, date):
                page.write_datetime(number, column, cell, days)
            elif cell not in ("", None):
                page.write(number, column, cell, form)
    if more is not None:
        more(book, page)
    book.close()
    return out.getvalue()


def xls(rows: Sequence[Sequence[Any]], *, font: str = "", encoding: str = "ascii") -> bytes:
    """An old workbook."""
    book = xlwt.Workbook(encoding=encoding)
    page = book.add_sheet("Sheet1")
    style = xlwt.easyxf(f"font: name {font}") if font else xlwt.easyxf()
    days = xlwt.easyxf(num_format_str="dd/mm/yyyy")
    for number, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            if cell not in ("", None):
                page.write(number, column, cell, days if isinstance(cell, date) else style)
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def changed(data: bytes, *, drop: Sequence[str] = (), **parts: Any) -> bytes:
    """The workbook with parts replaced (a function of the old bytes, or bytes), added or dropped; `__` stands for `/`."""
    named = {name.replace("__", "/").replace("_DOT_", "."): part for name, part in parts.items()}
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name in drop:
                continue
            part = named.pop(name, None)
            content = old.read(name)
            new.writestr(name, content if part is None else part(content) if callable(part) else part)
        for name, part in named.items():
            new.writestr(name, part)
    return out.getvalue()


SHEET = "xl__worksheets__sheet1_DOT_xml"
STRINGS = "xl__sharedStrings_DOT_xml"
STYLES = "xl__styles_DOT_xml"


def sheet_of(rows_xml: str, dimension: str = "A1:F4") -> bytes:
    """A sheet as raw XML."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        f'<dimension ref="{dimension}"/><sheetData>{rows_xml}</sheetData></worksheet>'
    ).encode()


def inline(rows: Sequence[Sequence[Any]], *, first: int = 1) -> str:
    """Rows as inline strings, from row `first` on."""
    return "".join(
        f'<row r="{n}">'
        + "".join(f'<c r="{chr(65 + c)}{n}" t="inlineStr"><is><t>{cell}</t></is></c>' for c, cell in enumerate(row))
        + "</row>"
        for n, row in enumerate(rows, start=first)
    )


def with_rows(data: bytes, rows_xml: str) -> bytes:
    """The workbook with rows more at the end of its first sheet, everything else as it was."""
    return changed(data, **{SHEET: lambda old: old.replace(b"</sheetData>", f"{rows_xml}</sheetData>".encode())})


def encrypted_ole() -> bytes:
    """A compound file with nothing but the stream that an encrypted XLSX has."""
    size = 512
    header = bytearray(size)
    header[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    struct.pack_into("<HHHHH", header, 24, 0x3E, 3, 0xFFFE, 9, 6)
    struct.pack_into("<III", header, 44, 1, 1, 0)
    struct.pack_into("<IIIII", header, 56, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    struct.pack_into("<I", header, 76, 0)
    header[80:512] = b"\xff" * 432
    fat = bytearray(b"\xff" * size)
    struct.pack_into("<II", fat, 0, 0xFFFFFFFD, 0xFFFFFFFE)
    for sector in range(2, 12):
        struct.pack_into("<I", fat, sector * 4, sector + 1 if sector < 11 else 0xFFFFFFFE)
    directory = bytearray(size)
    for at, (name, kind, start, length) in enumerate(
        (("Root Entry", 5, 0xFFFFFFFE, 0), ("EncryptedPackage", 2, 2, 5000))
    ):
        text = name.encode("utf-16-le")
        directory[at * 128 : at * 128 + len(text)] = text
        struct.pack_into("<HB", directory, at * 128 + 64, len(text) + 2, kind)
        struct.pack_into("<II", directory, at * 128 + 116, start, length)
    return bytes(header + fat + directory) + b"\x00" * (size * 10)


def csv(rows: Sequence[Sequence[Any]], *, mark: str = ";", charset: str = "utf-8-sig") -> bytes:
    """Rows as text."""
    return "\r\n".join(mark.join(str(cell) for cell in row) for row in rows).encode(charset)


def read(data: bytes, *, sheet: int = 0) -> list[list[Any]]:
    """The cells of a sheet, the first."""
    book = python_calamine.CalamineWorkbook.from_filelike(BytesIO(data))
    return book.get_sheet_by_name(book.sheet_names[sheet]).to_python()
