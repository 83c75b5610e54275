"""The adapter for agencies and localities without a connection: the packet as a table to take away.

The stored bytes are the CSV; screens make the XLSX from the same bytes. What the agency says is entered by a person,
line results come through the importer or by hand.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.agency.envelope import Callback, LinesDiffer, PacketHead, PacketLine
from app.agency.files import OUTBOX, FileAgency
from app.agency.messages import read_callback
from app.agency.port import Form, Letter
from app.rules.cells import escaped

FORM = Form("csv", "text/csv", by_hand=True)

HEADING = ("Gói tin", "Thay cho", "Địa bàn", "Kỳ", "Loại", "Số dòng", "Tổng số tiền (đồng)", "SHA-256 của tập dòng")
TITLES = (
    "STT",
    "Mã dòng",
    "Họ và tên người nhận",
    "Hình thức nhận",
    "Số tài khoản hoặc mã",
    "Nơi nhận",
    "Địa bàn",
    "Số tiền",
)
TOTAL = "Cộng"
_FORMS = {"cash": "Tiền mặt", "id": "Tiền mặt, theo số định danh", "account": "Tài khoản", "wallet": "Ví điện tử"}


@dataclass(frozen=True)
class Table:
    """A packet as a table: what stands above it, its rows as texts, and what they add up to."""

    heading: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, ...], ...]
    total_vnd: int


def compose(head: PacketHead, lines: Iterable[PacketLine]) -> bytes:
    """The table, UTF-8 with a byte order mark. LinesDiffer when the lines are not those of the head."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    facts = (
        head.transaction_id, head.replaces, head.area, f"{head.period[4:]}/{head.period[:4]}", head.kind,
        head.line_count, head.total_vnd, head.line_set_sha256,
    )  # fmt: skip
    writer.writerows(zip(HEADING, facts, strict=True))
    writer.writerow([])
    writer.writerow(TITLES)
    digest = hashlib.sha256()
    count, total_vnd, last = 0, 0, ""
    for count, line in enumerate(lines, start=1):
        if line.reference <= last:
            raise LinesDiffer(f"line {line.reference} is repeated or out of order")
        last = line.reference
        writer.writerow([count, *map(escaped, _cells(line)), line.amount_vnd])
        digest.update(f"{line.reference}|{line.amount_vnd}|{line.payee_fa}\n".encode())
        total_vnd += line.amount_vnd
    if (count, total_vnd, digest.hexdigest()) != (head.line_count, head.total_vnd, head.line_set_sha256):
        raise LinesDiffer("the lines are not those the list was locked with")
    writer.writerow([TOTAL, count, "", "", "", "", "", total_vnd])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def connect(home: Path, *, now: Callable[[], datetime]) -> FileAgency:
    """The outbox in the data folder."""
    return FileAgency(home / OUTBOX, files)


def read(letter: Letter, *, now: datetime) -> Callback:
    """What a person entered for the agency."""
    return read_callback(letter.body, now=now)


def files(code: str, body: bytes) -> dict[str, bytes]:
    """The table."""
    return {f"{code}.csv": body}


def table(body: bytes) -> Table:
    """A packet of ours read back, to be written in another form."""
    rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")))
    above = len(HEADING)
    heading = tuple((row[0], row[1]) for row in rows[:above])
    return Table(heading, tuple(map(tuple, rows[above + 2 : -1])), int(rows[-1][-1]))


def _cells(line: PacketLine) -> tuple[str, ...]:
    kind, _, rest = line.payee_fa.partition(":")
    number, _, place = rest.partition("@")
    return (line.reference, line.payee_name, _FORMS.get(kind, kind), number, place, line.area)
