"""The adapter for banks that take files: pain.001.001.09 out (`iso_orders`), pain.002.001.10 and camt.054.001.08 in
(`iso_answers`).

The standard's classes take 10 MB of a process and are loaded with the first file, not with the program: most provinces
have no bank.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from app.agency.files import OUTBOX, FileAgency
from app.agency.messages import Callback, PacketHead, PacketLine, read_callback
from app.agency.port import Form, Letter

PAIN_002, CAMT_054 = "pain.002", "camt.054"
ACTIONS = (PAIN_002, CAMT_054)
FORM = Form("xml", "application/xml", by_hand=True, brings=ACTIONS)


def compose(head: PacketHead, lines: Iterable[PacketLine]) -> bytes:
    """The payment order. LinesDiffer when the lines are not those of the head, ValueError for what no bank takes."""
    from app.agency import iso_orders

    return iso_orders.compose(head, lines)


def connect(home: Path, *, now: Callable[[], datetime]) -> FileAgency:
    """The outbox in the data folder."""
    return FileAgency(home / OUTBOX, files)


def read(letter: Letter, *, now: datetime) -> Callback:
    """A file of the bank, or what a person entered for it."""
    if letter.action not in ACTIONS:
        return read_callback(letter.body, now=now)
    from app.agency import iso_answers, iso_orders

    return iso_answers.read(letter, amounts=lambda: iso_orders.sent_amounts(letter.sent()), now=now)


def files(code: str, body: bytes) -> dict[str, bytes]:
    """The payment order."""
    return {f"{code}.xml": body}
