"""The corpus of bad workbooks: how each is built, and what must come of it (promise P12).

What is expected is "rows n", "rows n errors m", "refused <code>" or "no heading".
"""

from __future__ import annotations

import unicodedata
import zipfile
from collections.abc import Callable
from datetime import date
from io import BytesIO
from typing import Any

from app.rules.legacy_fonts import from_unicode
from tests.imports.books import (
    HEADING,
    PEOPLE,
    SHEET,
    STRINGS,
    STYLES,
    changed,
    csv,
    encrypted_ole,
    inline,
    sheet_of,
    xls,
    xlsx,
)

GOOD = xlsx([HEADING, *PEOPLE])
OLD = xls([HEADING, *PEOPLE])
TITLES = [["UBND XÃ BA ĐÌNH"], ["DANH SÁCH CHI TRẢ THÁNG 11/2026"], []]
FOOT = [
    ["", "", "Cộng xã Ba Đình", 2160000], ["Tổng cộng", "", "", 2160000], ["Bằng chữ: hai triệu một trăm sáu mươi nghìn đồng"],
    [], ["", "Ngày 20 tháng 11 năm 2026"], ["Người lập biểu", "", "Kế toán", "", "Thủ trưởng đơn vị"],
    ["", "", "(Ký, ghi rõ họ tên)"],
]  # fmt: skip


def _person(**changes: Any) -> list[list[Any]]:
    """One person with some cells changed, under the heading."""
    row = dict(zip(("no", "code", "name", "amount", "result", "reason"), PEOPLE[0], strict=True)) | changes
    return [HEADING, list(row.values())]


def _old_font(font: str, encoding: Any) -> bytes:
    def old(cell: Any) -> Any:
        return from_unicode(cell, encoding) if isinstance(cell, str) else cell

    return xlsx([[old(cell) for cell in row] for row in [HEADING, *PEOPLE]], font=font)


def _bomb(size: int, name: str = SHEET) -> bytes:
    return changed(GOOD, **{name: b"<x>" + b" " * size + b"</x>"})


def _lying_size() -> bytes:
    """The directory says that a part of 30 MB has 100 bytes."""
    data = bytearray(changed(GOOD, xl__more_DOT_xml=b"<x>" + b" " * 30_000_000 + b"</x>"))
    at = data.rindex(b"xl/more.xml") - 46
    data[at + 24 : at + 28] = (100).to_bytes(4, "little")
    return bytes(data)


def _many_entries() -> bytes:
    return changed(GOOD, **{f"xl__media__{n}_DOT_txt": b"x" for n in range(80)})


def _bad_crc() -> bytes:
    data = bytearray(GOOD)
    at = data.rindex(b"xl/worksheets/sheet1.xml") - 46
    data[at + 16] ^= 0xFF
    return bytes(data)


def _stored(data: bytes) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    return out.getvalue()


def _encrypted_zip() -> bytes:
    data = bytearray(GOOD)
    at = data.rindex(b"xl/styles.xml") - 46
    data[at + 8] |= 1
    return bytes(data)


LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY a{n} "{"&a;" if n == 0 else f"&a{n - 1};" * 10}">' for n in range(9))
    + "]>"
).encode()
OUTSIDE = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'


def _with_document_type(head: bytes) -> Callable[[bytes], bytes]:
    return lambda old: head + old[old.index(b"?>") + 2 :]


def _macros(book: Any, _page: Any) -> None:
    return None


def _formulas(book: Any, page: Any) -> None:
    page.write_formula(1, 3, "=270000*2", None, 540000)
    page.write_formula(2, 5, '=HYPERLINK("http://x")', None, "Vắng mặt")


def _far(place: str) -> bytes:
    column = "".join(char for char in place if char.isalpha())
    row = place.removeprefix(column)
    return changed(
        GOOD,
        **{SHEET: sheet_of(inline([["Mã đối tượng"], ["DT1"]]) + f'<row r="{row}"><c r="{place}"><v>1</v></c></row>')},
    )


def _long_shared(times: int) -> bytes:
    """A string of 32.000 characters that `times` cells point at: small on disk, huge in a reader's memory."""
    strings = (
        '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>'
        + "a" * 32_000
        + "</t></si></sst>"
    ).encode()
    rows = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(1, times + 1))
    return _stored(changed(GOOD, **{SHEET: sheet_of(rows), STRINGS: strings}))


def _rich(font: str, text: str) -> bytes:
    """A shared string whose runs have a font of their own."""
    parts = [*HEADING, "DT00000001"]
    strings = "".join(f"<si><t>{part}</t></si>" for part in parts)
    strings += f'<si><r><rPr><rFont val="{font}"/></rPr><t>{text}</t></r></si>'
    xml = f'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{strings}</sst>'.encode()
    cells = "".join(f'<c r="{chr(65 + n)}1" t="s"><v>{n}</v></c>' for n in range(6))
    rows = f'<row r="1">{cells}</row><row r="2"><c r="B2" t="s"><v>6</v></c><c r="C2" t="s"><v>7</v></c></row>'
    return changed(GOOD, **{SHEET: sheet_of(rows), STRINGS: xml})


def _flat(data: bytes, at: int, *values: int) -> bytes:
    return data[:at] + bytes(values) + data[at + len(values) :]


Built = Callable[[], bytes]

CORPUS: dict[str, tuple[Built, str]] = {
    # --- what offices really send
    "plain": (lambda: GOOD, "rows 3"),
    "old xls": (lambda: OLD, "rows 3"),
    "csv with semicolons": (lambda: csv([HEADING, *PEOPLE]), "rows 3"),
    "csv with commas": (lambda: csv([HEADING, *PEOPLE], mark=",", charset="utf-8"), "rows 3"),
    "csv with tabs in utf-16": (lambda: csv([HEADING, *PEOPLE], mark="\t", charset="utf-16"), "rows 3"),
    "titles and signatures": (lambda: xlsx([*TITLES, HEADING, *PEOPLE, *FOOT], merge=["A1:F1"]), "rows 3"),
    "titles and signatures in xls": (lambda: xls([*TITLES, HEADING, *PEOPLE, *FOOT]), "rows 3"),
    "numbered columns": (lambda: xlsx([HEADING, ["(1)", "(2)", "(3)", "(4)", "(5)", "(6)"], *PEOPLE]), "rows 3"),
    "lettered columns": (lambda: xlsx([HEADING, ["A", "B", "C", "1", "2", "3"], *PEOPLE]), "rows 3"),
    "columns moved": (lambda: xlsx([[*row[::-1]] for row in [HEADING, *PEOPLE]]), "rows 3"),
    "heading in capitals without marks": (
        lambda: xlsx([["TT", "MA DOI TUONG", "HO TEN", "SO TIEN", "KET QUA", "GHI CHU"], *PEOPLE]), "rows 3"),
    "heading of two rows": (
        lambda: xlsx([["STT", "Mã đối tượng", "Đối tượng", "Chi trả", "", "Ghi chú"],
                      ["", "", "Họ và tên", "Số tiền", "Kết quả", ""], *PEOPLE], merge=["D1:E1"]), "rows 3"),
    "heading repeated on every page": (lambda: xlsx([HEADING, PEOPLE[0], HEADING, *PEOPLE[1:]]), "rows 3"),
    "blank rows between": (lambda: xlsx([HEADING, [], PEOPLE[0], [], [], *PEOPLE[1:], []]), "rows 3"),
    "subtotals between": (
        lambda: xlsx([HEADING, PEOPLE[0], ["Cộng thôn 1", "", "", 540000], *PEOPLE[1:], ["Tổng số", "", "", 1]]), "rows 3"),
    "a hidden sheet before it": (lambda: xlsx([HEADING, *PEOPLE], sheets=[("Ẩn", False), ("Kết quả", True)]), "rows 3"),
    "only a hidden sheet with people": (
        lambda: xlsx([HEADING, *PEOPLE], sheets=[("Trống", True), ("Ẩn", False)]), "no heading"),
    "people on the second sheet": (lambda: xlsx([HEADING, *PEOPLE], sheets=[("Bìa", True), ("Số liệu", True)]), "rows 3"),
    "people from row 40": (lambda: xlsx([HEADING, *PEOPLE], at=39), "rows 3"),
    "numbers as text": (
        lambda: xlsx([HEADING, ["1", "DT00000001", "Lê Lợi", "1.250.000", "Đã trả"], ["2", "DT2", "Y Bhăm Niê", "1,250,000 đ"]],
                     options={"strings_to_numbers": False}), "rows 2"),
    "apostrophes": (lambda: csv([HEADING, ["1", "'DT00000001", "'H'Hen Niê", "'1250000", "Đã trả", ""]]), "rows 1"),
    "fractions": (lambda: xlsx(_person(amount=1250000.5)), "rows 1 errors 1"),
    "an amount nobody can read": (lambda: xlsx(_person(amount="1.25")), "rows 1 errors 1"),
    "a negative amount": (lambda: xlsx(_person(amount=-5)), "rows 1 errors 1"),
    "a date where money is": (lambda: xlsx(_person(amount=date(2026, 11, 1))), "rows 1 errors 1"),
    "an unknown result": (lambda: xlsx(_person(result="hôm sau")), "rows 1 errors 1"),
    "a code that is none": (lambda: xlsx(_person(code="DT 1; drop")), "rows 1 errors 1"),
    "a code as number": (lambda: xlsx(_person(code=12345)), "rows 1"),
    "a row without a code": (lambda: xlsx([*_person(), [2, "", "Trần Văn Thắng", 540000, "Đã trả"]]), "rows 2 errors 1"),
    "NFD": (lambda: xlsx([[unicodedata.normalize("NFD", str(c)) for c in row] for row in [HEADING, *PEOPLE]]), "rows 3"),
    "TCVN3": (lambda: _old_font(".VnTime", "tcvn3"), "rows 3"),
    "TCVN3 capitals": (lambda: _old_font(".VnTimeH", "tcvn3_capitals"), "rows 3"),
    "VNI": (lambda: _old_font("VNI-Times", "vni"), "rows 3"),
    "TCVN3 in xls": (
        lambda: xls([[from_unicode(c, "tcvn3") if isinstance(c, str) else c for c in row] for row in [HEADING, *PEOPLE]],
                    font=".VnTime", encoding="latin-1"), "rows 3"),
    "TCVN3 in a run of a cell": (lambda: _rich(".VnArial", from_unicode("Trương Thị Mơ", "tcvn3")), "rows 1"),
    "a unicode run in a cell": (lambda: _rich("Times New Roman", "Trương Thị Mơ"), "rows 1"),
    "merged downwards": (
        lambda: xlsx([HEADING, *PEOPLE[:1], [2, "", "", 270000, "Đã trả"]], more=lambda _b, page: page.merge_range("B2:B3", "DT1")),
        "rows 2"),
    "styled blanks to the last row": (
        lambda: changed(GOOD, **{SHEET: lambda old: old.replace(
            b"</sheetData>", b'<row r="1048576"><c r="XFD1048576" s="1"/></row></sheetData>')}), "rows 3"),
    "a claim of a million rows": (
        lambda: changed(GOOD, **{SHEET: lambda old: old.replace(b'ref="A1:F4"', b'ref="A1:XFD1048576"')}), "rows 3"),
    "macros": (lambda: changed(GOOD, xl__vbaProject_DOT_bin=b"\xd0\xcf\x11\xe0macro"), "rows 3"),
    "formulas": (lambda: xlsx([HEADING, *PEOPLE], more=_formulas), "rows 3"),
    "a DDE formula": (lambda: csv([HEADING, [1, "DT1", "=cmd|'/c calc'!A0", 540000, "Đã trả", "=1+1"]]), "rows 1"),
    "wrong extension: xlsx named csv": (lambda: GOOD, "rows 3"),
    "control characters in a name": (lambda: csv([HEADING, [1, "DT1", "Lê\x02Lợi", 540000, "Đã trả", ""]]), "rows 1 errors 1"),
    "a soft hyphen in a name": (lambda: xlsx(_person(name="Tr\xadêng")), "rows 1 errors 1"),
    "a name of 5.000 letters": (lambda: xlsx(_person(name="a" * 5000)), "rows 1 errors 1"),
    "rows of very different length": (lambda: csv([HEADING, [1, "DT1"], [2, "DT2", *["x"] * 50]]), "rows 2 errors 1"),
    # --- what is no such table
    "empty file": (lambda: b"", "refused empty"),
    "an empty sheet": (lambda: xlsx([]), "no heading"),
    "only a heading": (lambda: xlsx([HEADING]), "rows 0"),
    "no code column": (lambda: xlsx([["STT", "Tên"], [1, "Bình"]]), "no heading"),
    "words only": (lambda: "Kính gửi Ủy ban nhân dân xã".encode(), "no heading"),
    "a picture": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4, "refused unknown"),
    "a PDF": (lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "refused unknown"),
    "NULs": (lambda: b"a\x00b\x00c" * 100, "refused unknown"),
    "a web page named xls": (lambda: b"<html><table><tr><td>DT1</td></tr></table></html>", "refused web_page"),
    "XML of Excel 2003": (lambda: b'<?xml version="1.0"?><Workbook/>', "refused web_page"),
    "csv in windows-1258": (lambda: "Mã;Họ\nDT1;Lê Đức".encode("cp1258", "replace") + b"\xd0\xea", "refused charset"),
    "a csv cell of 40.000 characters": (lambda: csv([HEADING, [1, "DT1", "x" * 40_000]]), "refused long_cell"),
    "a csv line of 300 cells": (lambda: csv([["x"] * 300]), "refused columns"),
    "a quote that never ends": (lambda: ('Mã đối tượng;Họ tên\nDT1;"Lê ' + "Lợi\n" * 20_000).encode(), "refused long_cell"),
    "another kind of archive": (lambda: changed(GOOD, drop=["xl/workbook.xml"]), "refused unknown"),
    # --- what wants to do harm
    "packed over 10 MB": (lambda: GOOD + b"\x00" * (10 * 2**20), "refused packed"),
    "unpacks to 200 MB": (lambda: _bomb(200 * 2**20), "refused unpacked"),
    "packs 1:1000": (lambda: _bomb(20 * 2**20), "refused ratio"),
    "lies about its size": (_lying_size, "refused broken"),
    "80 parts": (_many_entries, "refused entries"),
    "a damaged part": (_bad_crc, "refused broken"),
    "truncated": (lambda: GOOD[: len(GOOD) // 2], "refused broken"),
    "truncated xls": (lambda: OLD[: len(OLD) // 2], "refused broken"),
    "xls without its sectors": (lambda: OLD[:512], "refused broken"),
    "xls with a chain in a circle": (lambda: _flat(OLD, 48, 0xFE, 0xFF, 0xFF, 0x7F), "refused broken"),
    "xls of noise": (lambda: OLD[:512] + bytes(range(256)) * 40, "refused broken"),
    "a password (xlsx)": (encrypted_ole, "refused encrypted"),
    "a password (zip)": (_encrypted_zip, "refused encrypted"),
    "a billion laughs": (lambda: changed(GOOD, **{SHEET: _with_document_type(LAUGHS)}), "refused dtd"),
    "an entity from outside": (lambda: changed(GOOD, **{STRINGS: _with_document_type(OUTSIDE)}), "refused dtd"),
    "a document type in the styles": (lambda: changed(GOOD, **{STYLES: _with_document_type(OUTSIDE)}), "refused dtd"),
    "XML that is cut": (lambda: changed(GOOD, **{SHEET: lambda old: old[:-30]}), "refused broken"),
    "XML that is nothing": (lambda: changed(GOOD, **{SHEET: b"<"}), "refused broken"),
    "a string that is not there": (
        lambda: changed(GOOD, **{SHEET: sheet_of('<row r="1"><c r="A1" t="s"><v>99999</v></c></row>')}), "refused broken"),
    "a place that is none": (
        lambda: changed(GOOD, **{SHEET: sheet_of('<row r="1"><c r="ABCDE1"><v>1</v></c></row>')}), "refused broken"),
    "one cell at the end of the world": (lambda: _far("XFD1048576"), "refused cells"),
    "one cell in the last row": (lambda: _far("A1048576"), "refused cells"),
    "one cell in the last column": (lambda: _far("XFD2"), "refused cells"),
    "one long string in 3.000 cells": (lambda: _long_shared(3_000), "refused text"),
    "a cell of a million characters": (
        lambda: _stored(changed(GOOD, **{SHEET: sheet_of(inline([["x" * 1_000_000]]))})), "refused long_cell"),
    "no visible sheet": (
        lambda: changed(GOOD, xl__workbook_DOT_xml=lambda old: old.replace(b"<sheet ", b'<sheet state="veryHidden" ')),
        "refused no_sheet"),
    "a sheet that is missing": (lambda: changed(GOOD, drop=["xl/worksheets/sheet1.xml"]), "refused broken"),
    "nested a thousand deep": (
        lambda: changed(GOOD, **{SHEET: b"<a>" * 100_000 + b"</a>" * 100_000}), "no heading"),
}  # fmt: skip
