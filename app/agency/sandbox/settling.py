"""Builds a settlement from what happened at the counter, in parts with control totals, spoiled on request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from app.agency.envelope import (
    PAID,
    RECOVER,
    UNPAID,
    Collected,
    ControlTotals,
    LineStatus,
    SettlementPart,
)
from app.agency.sandbox import outbox
from app.agency.sandbox.home import Config
from app.agency.sandbox.knobs import happens, knob, share
from app.agency.sandbox.outbox import Word
from app.agency.sandbox.paying import REASONS
from app.agency.sandbox.store import Collection, Line, Packet, Store

FOREIGN_REFERENCE = "LA-000000"
WRONG_BY_VND = 1_000
CONTRADICTED = 3

Lines = list[LineStatus]


def report(store: Store, config: Config, now: datetime, packet: Packet) -> None:
    """Queue every part of the settlement; its number is `packet.settlements`.

    Who contradicts itself has said both: neither report is lost by chance, or the false one would stand alone.
    """
    pick = _picker(store, packet)
    lines = [_status(line) for line in store.lines(packet.code)]
    back = [_receipt(one) for one in store.collections(packet.code)]
    for name, spoil in (
        ("wrong_amount", _wrong_amount),
        ("missing_line", _missing_line),
        ("foreign_line", _foreign_line),
        ("double_line", _double_line),
    ):
        if lines and happens(store, name):
            lines = spoil(lines, pick(name, len(lines)))
    totals = ControlTotals.of(lines)
    if happens(store, "wrong_totals"):
        totals = replace(totals, paid_people=totals.paid_people + 1, paid_vnd=totals.paid_vnd + WRONG_BY_VND)
    name, both = f"QT-{packet.code}-{packet.settlements}", happens(store, "contradiction")
    words = _parts(store, name, lines, totals, back)
    if both:
        lines = _contradict(lines)
        words += _parts(store, f"{name}B", lines, ControlTotals.of(lines))
    for word in words:
        outbox.say(store, config, now, packet, replace(word, sure=both))


def _parts(
    store: Store, settlement_id: str, lines: Lines, totals: ControlTotals, back: Sequence[Collected] = ()
) -> list[Word]:
    """The first part also says what came back of money handed out wrongly before."""
    size = int(knob(store, "part_lines"))
    parts = max(1, -(-len(lines) // size))
    lost = parts if parts > 1 and happens(store, "missing_part") else 0
    words = []
    for part in range(1, parts + 1):
        piece = lines[(part - 1) * size : part * size]
        place = SettlementPart(settlement_id, part, parts, totals, tuple(back) if part == 1 else ())
        words.append(outbox.settled(place, piece, lost=part == lost))
    return words


def _status(line: Line) -> LineStatus:
    return LineStatus(
        reference=line.reference_id,
        outcome=PAID if line.outcome == PAID else RECOVER if line.outcome == RECOVER else UNPAID,
        amount_vnd=line.amount_vnd,
        at=datetime.fromisoformat(line.outcome_at),
        reason_code=line.reason_code,
        reason_message=REASONS.get(line.reason_code, ""),
    )


def _receipt(one: Collection) -> Collected:
    return Collected(one.receipt, one.reference_id, one.amount_vnd, datetime.fromisoformat(one.collected_at))


def _picker(store: Store, packet: Packet) -> Callable[[str, int], int]:
    seed = int(knob(store, "seed"))
    return lambda name, count: int(share(seed, packet.code, packet.settlements, name) * count)


def _wrong_amount(lines: Lines, at: int) -> Lines:
    wrong = replace(lines[at], amount_vnd=lines[at].amount_vnd + WRONG_BY_VND)
    return [*lines[:at], wrong, *lines[at + 1 :]]


def _missing_line(lines: Lines, at: int) -> Lines:
    return lines[:at] + lines[at + 1 :]


def _foreign_line(lines: Lines, at: int) -> Lines:
    return [*lines, replace(lines[at], reference=FOREIGN_REFERENCE)]


def _double_line(lines: Lines, at: int) -> Lines:
    return [*lines, lines[at]]


def _contradict(lines: Lines) -> Lines:
    """The first paid lines are suddenly unpaid; the drawer knows better."""
    paid = [line.reference for line in lines if line.outcome == PAID][:CONTRADICTED]
    return [
        replace(line, outcome=UNPAID, reason_code="OTHER", reason_message=REASONS["OTHER"])
        if line.reference in paid
        else line
        for line in lines
    ]
