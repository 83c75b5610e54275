"""What changed between two versions of a list that were sent: read from the exact bytes, not from memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import select, text
from sqlalchemy.orm import Session, undefer

from app import clock
from app.agency.reading import read_request
from app.models import Packet

SHOWN = 200
"""Changed lines listed; beyond that people read the comparison with last month instead."""


@dataclass(frozen=True, slots=True)
class Change:
    """A line that only one version has (the other side is None), or whose money, payee or address differs."""

    reference: str
    name: str
    before_vnd: int | None
    now_vnd: int | None
    payee_changed: bool


@dataclass(frozen=True, slots=True)
class Versions:
    """How two versions of a list differ; `newer` is the code of a packet, or empty for the list as it is now."""

    older: str
    newer: str
    count: int
    changes: list[Change]


_Sent = dict[str, tuple[str, str, int]]


def between(session: Session, batch_id: int) -> list[Versions]:
    """Each version that left against the next one, and the last one against the list as it is now if that differs.

    Read are messages of the contract and what the office's own cashier was given; other files only as a whole.
    """
    packets = session.scalars(
        select(Packet)
        .where(Packet.batch_id == batch_id, Packet.body.is_not(None))
        .options(undefer(Packet.body))
        .order_by(Packet.version)
    ).all()
    if not packets:
        return []
    now = _now(session, batch_id)
    sent = [(packet.code, packet.lines_sha256, _read(packet, now)) for packet in packets]
    sides = [*sent, ("", "", now)]
    return [
        _versions(older, newer, before, after)
        for (older, hashed, before), (newer, hashed_too, after) in pairwise(sides)
        if hashed != hashed_too and before is not None and after is not None and before != after
    ]


def _read(packet: Packet, now: _Sent) -> _Sent | None:
    """The lines of a packet; of an own list without names, which are taken from the list. None for files of banks."""
    assert packet.body is not None, packet.code
    if packet.agency.kind == "office":
        rows = [row.split("|") for row in packet.body.decode().splitlines()]
        return {
            reference: (now[reference][0] if reference in now else "", payee_fa, int(total_vnd))
            for reference, total_vnd, payee_fa in rows
        }
    if not packet.body.startswith(b"{"):
        return None
    lines = read_request(packet.body, now=clock.wall()).lines
    return {line.reference: (line.payee_name, line.payee_fa, line.amount_vnd) for line in lines}


def _now(session: Session, batch_id: int) -> _Sent:
    rows = session.execute(
        text(
            "SELECT reference, payee_name, payee_fa, total_vnd FROM payout_lines"
            " WHERE batch_id = :id AND live AND total_vnd > 0"
        ),
        {"id": batch_id},
    )
    return {row.reference: (row.payee_name, row.payee_fa, row.total_vnd) for row in rows}


def _versions(older: str, newer: str, before: _Sent, now: _Sent) -> Versions:
    changes = list(_changes(before, now))
    return Versions(older, newer, len(changes), changes[:SHOWN])


def _changes(before: _Sent, now: _Sent) -> Iterable[Change]:
    for reference in sorted(before.keys() | now.keys()):
        old, new = before.get(reference), now.get(reference)
        if old == new:
            continue
        known = new or old
        assert known is not None
        yield Change(
            reference=reference,
            name=known[0],
            before_vnd=None if old is None else old[2],
            now_vnd=None if new is None else new[2],
            payee_changed=old is not None and new is not None and old[:2] != new[:2],
        )
