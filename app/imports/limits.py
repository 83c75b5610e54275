"""What a file may be, decided before anything opens it, and why one is refused (promise P12). Standard library only."""

from __future__ import annotations

import zipfile
from io import BytesIO

from app.rules.problems import UnreadableError
from app.rules.states import N_

PACKED_BYTES = 10 * 2**20
UNPACKED_BYTES = 100 * 2**20
RATIO = 40
SMALL_BYTES = 2**20
"""Below this, unpacked, the ratio does no harm: a sheet of equal rows packs very well."""
ENTRIES = 64
ROWS = 200_000
COLUMNS = 256
CELLS = 4_000_000
"""Of the rectangle around everything filled in; a reader keeps all of it in memory."""
TEXT_CHARS = 60_000_000
LONGEST_CELL = 32_767
"""What Excel keeps in one cell."""
MEMORY_BYTES = 1_200 * 2**20
CPU_S = 60

ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


class FileRefused(UnreadableError):
    """A file that is not read at all; the text says what to do."""

    texts = {
        "empty": N_("Tệp rỗng."),
        "packed": N_("Tệp lớn hơn %(limit)s MB. Hãy chia nhỏ tệp."),
        "unpacked": N_("Tệp giải nén ra quá lớn (hơn %(limit)s MB) nên không mở."),
        "ratio": N_("Tệp nén bất thường (hơn %(limit)s lần) nên không mở."),
        "entries": N_("Tệp có quá nhiều thành phần bên trong (hơn %(limit)s) nên không mở."),
        "broken": N_(
            "Tệp hỏng hoặc bị cắt ngang, không đọc được. Hãy mở bằng Excel, lưu lại dạng XLSX rồi tải lên lại."
        ),
        "encrypted": N_("Tệp được đặt mật khẩu. Hãy bỏ mật khẩu rồi tải lên lại."),
        "web_page": N_(
            "Đây là trang web hoặc tệp XML mang đuôi bảng tính. Hãy mở bằng Excel, lưu lại dạng XLSX rồi tải lên lại."
        ),
        "unknown": N_("Đây không phải tệp XLSX, XLS hoặc CSV."),
        "charset": N_("Tệp CSV không phải bảng mã UTF-8. Hãy lưu lại dạng “CSV UTF-8” hoặc XLSX."),
        "dtd": N_("Tệp có khai báo thực thể bên ngoài nên không mở."),
        "rows": N_("Bảng có quá nhiều dòng (hơn %(limit)s). Hãy chia nhỏ tệp."),
        "columns": N_("Bảng có quá nhiều cột (hơn %(limit)s). Hãy xóa các cột thừa."),
        "cells": N_("Bảng trải quá rộng: có ô ở rất xa phần dữ liệu. Hãy xóa các ô thừa rồi lưu lại."),
        "text": N_("Nội dung các ô quá dài nên không đọc."),
        "long_cell": N_("Có ô dài hơn %(limit)s ký tự."),
        "no_sheet": N_("Tệp không có trang tính nào đang hiện."),
        "too_long": N_("Đọc tệp này mất quá nhiều thời gian hoặc bộ nhớ nên đã dừng."),
    }


def kind_of(data: bytes) -> str:
    """zip, ole or text, by what the file is and not by its name. Raises FileRefused."""
    if not data:
        raise FileRefused("empty")
    if len(data) > PACKED_BYTES:
        raise FileRefused("packed", limit=PACKED_BYTES // 2**20)
    if data.startswith(ZIP):
        return "zip"
    return "ole" if data.startswith(OLE) else "text"


def check_zip(data: bytes) -> zipfile.ZipFile:
    """The archive, judged by its directory alone; nothing is unpacked yet. Raises FileRefused."""
    try:
        archive = zipfile.ZipFile(BytesIO(data))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, OverflowError) as error:
        raise FileRefused("broken") from error
    entries = archive.infolist()
    if len(entries) > ENTRIES:
        raise FileRefused("entries", limit=ENTRIES)
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > UNPACKED_BYTES:
        raise FileRefused("unpacked", limit=UNPACKED_BYTES // 2**20)
    if unpacked > SMALL_BYTES and unpacked > RATIO * len(data):
        raise FileRefused("ratio", limit=RATIO)
    if any(entry.flag_bits & 1 for entry in entries):
        raise FileRefused("encrypted")
    return archive


def check_extent(rows: int, columns: int, cells: int, chars: int) -> None:
    """The rectangle of a sheet: `rows` and `columns` from its first filled cell to its last. Raises FileRefused."""
    if columns > COLUMNS:
        raise FileRefused("cells" if columns > 4 * COLUMNS else "columns", limit=COLUMNS)
    if rows > ROWS:
        raise FileRefused("rows" if cells > ROWS else "cells", limit=ROWS)
    if rows * columns > CELLS:
        raise FileRefused("cells")
    if chars > TEXT_CHARS:
        raise FileRefused("text")
