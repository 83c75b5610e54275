"""What changed between two versions of a list that were sent, whatever the adapter: the lines of both, as they left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import select, text
from sqlalchemy.orm import Session

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

# Once, while the list still is what the last version that left was.
_KEEP = text("""
INSERT INTO sent_lines (packet_id, reference, payee_name, payee_fa, amount_vnd, area_path)
SELECT k.id, l.reference, l.payee_name, l.payee_fa, l.total_vnd, k.area_path
  FROM packets k JOIN payout_lines l ON l.batch_id = k.batch_id AND l.live AND l.total_vnd > 0
 WHERE k.id = (SELECT max(id) FROM packets WHERE batch_id = :batch AND body IS NOT NULL)
   AND k.state IN ('rejected', 'refused') AND NOT EXISTS (SELECT 1 FROM sent_lines WHERE packet_id = k.id)
""")


def keep(session: Session, batch_id: int) -> None:
    """Keep the lines of the last version that left a list and came back, before the list changes."""
    session.execute(_KEEP, {"batch": batch_id})


def between(session: Session, batch_id: int) -> list[Versions]:
    """Each version that left against the next one, and the last one against the list as it is now if that differs."""
    packets = session.scalars(
        select(Packet).where(Packet.batch_id == batch_id, Packet.body_sha256.is_not(None)).order_by(Packet.version)
    ).all()
    if not packets:
        return []
    now = _now(session, batch_id)
    sent = [(packet.code, packet.lines_sha256, _sent(session, packet.id) or now) for packet in packets]
    sides = [*sent, ("", "", now)]
    return [
        _versions(older, newer, before, after)
        for (older, hashed, before), (newer, hashed_too, after) in pairwise(sides)
        if hashed != hashed_too and before != after
    ]


def _sent(session: Session, packet_id: int) -> _Sent:
    """The lines of a version that came back and whose list was opened since; none of others."""
    rows = session.execute(
        text("SELECT reference, payee_name, payee_fa, amount_vnd FROM sent_lines WHERE packet_id = :id"),
        {"id": packet_id},
    )
    return {row.reference: (row.payee_name, row.payee_fa, row.amount_vnd) for row in rows}


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
