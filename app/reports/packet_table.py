"""A packet for an agency without a connection as a workbook, made of the very bytes that were stored and hashed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

from app.agency.workbook import TITLES, TOTAL, table
from app.reports import workbook
from app.reports.shape import Column, Row
from app.reports.sheet import Sheet

_WIDTHS = (6, 18, 32, 20, 22, 14, 10, 16)


def workbook_of(body: bytes) -> bytes:
    """The XLSX of a packet's CSV: the same cells, amounts as numbers, its control totals and hashes above."""
    found = table(body)
    heading = [f"{name}: {value}" for name, value in found.heading if value]
    heading.append(f"SHA-256 của tệp CSV: {hashlib.sha256(body).hexdigest()}")
    columns = [
        Column(title, title, "money" if title == TITLES[-1] else "number" if number == 0 else "text", width=width)
        for number, (title, width) in enumerate(zip(TITLES, _WIDTHS, strict=True))
    ]
    totals = (len(found.rows), TOTAL, "", "", "", "", "", found.total_vnd)
    sheet = Sheet("Gói tin", heading, columns, TITLES, totals)
    rows = (Row((int(row[0]), *row[1:-1], int(row[-1]))) for row in found.rows)
    with TemporaryDirectory(prefix="chitra-packet-") as folder:
        path = Path(folder) / "packet.xlsx"
        workbook.write(path, sheet, rows)
        return path.read_bytes()
