"""What is left of a stormy day: where everything stands, whose list it is on, and our books against the drawers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.rules.actors import ROOT_PATH
from app.services import attention, month_facts
from app.services.attention_places import PLACES
from app.services.books import checking

FINAL_PACKETS = ("settled", "rejected", "refused", "withdrawn")
FINAL_SETTLEMENTS = ("locked", "void")
TO_LOCK = "lock_settlement"
"""Kind of a settlement that has come whole and waits for an accountant on the workbench: a step of the month."""
SHOWN = 20

Money = dict[tuple[str, str], int]
"""(packet, line) -> đồng."""

_PACKETS = text("SELECT id, code, state, batch_id FROM packets WHERE batch_id = ANY(:ids) ORDER BY id")
_SETTLEMENTS = text(
    "SELECT s.id, s.state, k.id AS packet_id, k.code FROM settlements s JOIN packets k ON k.id = s.packet_id"
    " WHERE s.batch_id = ANY(:ids) ORDER BY s.id"
)
_PAID = text(
    "SELECT k.code, l.reference, l.total_vnd FROM payout_lines l JOIN packets k ON k.batch_id = l.batch_id"
    " WHERE l.batch_id = ANY(:ids) AND l.live AND l.result IN ('paid', 'to_recover') AND k.state = 'settled'"
)
_ONLINE = text(
    "SELECT k.code, k.state FROM packets k JOIN payout_batches b ON b.id = k.batch_id"
    "  JOIN agency_contracts c ON c.id = b.contract_id WHERE k.batch_id = ANY(:ids) AND c.adapter = 'g2p'"
)
_CALLS = text(
    "SELECT c.verb || ' ' || coalesce(a.outcome, 'cut_off') AS what, count(*) AS n FROM agency_calls c"
    "  LEFT JOIN agency_answers a ON a.call_id = c.id JOIN packets k ON k.id = c.packet_id"
    " WHERE k.batch_id = ANY(:ids) GROUP BY 1 ORDER BY 1"
)


def standing(session: Session, batch_ids: Sequence[int], month: date) -> dict[str, Any]:
    """Packets and settlements by state, what people have to do by kind, and what is neither at an end nor on a list."""
    lists = _lists(session, month)
    packets = session.execute(_PACKETS, {"ids": batch_ids}).all()
    settlements = session.execute(_SETTLEMENTS, {"ids": batch_ids}).all()
    asked = {kind: {place.id for place in places} for kind, places in lists.items()}
    seen = _union(asked, ("held", "overdue", "partial", "undecided", "untied", TO_LOCK))
    doubted = _union(asked, ("in_doubt", "stuck"))
    listed = doubted | {one.packet_id for one in settlements if one.id in seen}
    stray = [one.code for one in packets if one.state not in FINAL_PACKETS and one.id not in listed]
    stray += [f"QT {one.code}" for one in settlements if one.state not in FINAL_SETTLEMENTS and one.id not in seen]
    return {
        "packets": dict(Counter(one.state for one in packets)),
        "settlements": dict(Counter(one.state for one in settlements)),
        "on_lists": {kind: sum(place.count for place in places) for kind, places in lists.items() if places},
        "stray": stray,
    }


def paid(session: Session, batch_ids: Sequence[int]) -> Money:
    """What our books say was handed out, line by line; money that must come back was handed out too."""
    return {(row.code, row.reference): row.total_vnd for row in session.execute(_PAID, {"ids": batch_ids})}


def differences(drawer: Money, books: Money) -> list[str]:
    """Lines that are not the same on both sides."""
    names = sorted(key for key in drawer.keys() | books.keys() if drawer.get(key) != books.get(key))
    return [f"{code} {reference}: {drawer.get((code, reference), 0)} ≠ {books.get((code, reference), 0)}"
            for code, reference in names]  # fmt: skip


def disagreements(session: Session, batch_ids: Sequence[int], stages: Mapping[str, str]) -> list[str]:
    """Packets that are one thing to us and another to the post office, whose `stages` these are."""
    ours = {row.code: row.state for row in session.execute(_ONLINE, {"ids": batch_ids})}
    codes = sorted(code for code in ours.keys() | stages.keys() if ours.get(code) != stages.get(code))
    return [f"{code}: {ours.get(code)} ≠ {stages.get(code)}" for code in codes]


def calls(session: Session, batch_ids: Sequence[int]) -> dict[str, int]:
    """Our calls to agencies by what was asked and what came of it."""
    return {row.what: row.n for row in session.execute(_CALLS, {"ids": batch_ids})}


def failed_jobs(session: Session) -> list[str]:
    """Sweeps of the scheduler that have ever ended in an error."""
    failed = text("SELECT name || ': ' || coalesce(error, 'good again') FROM job_runs WHERE failed_at IS NOT NULL")
    return list(session.scalars(failed))


def wrong_books(session: Session) -> list[str]:
    """Checks of the books that find something."""
    return [f"{one.check.name} {one.ids}" for one in checking.check(session)]


def _lists(session: Session, month: date) -> dict[str, list[attention.Place]]:
    """What the workbench shows of lists, packets, settlements and messages; what is ready to be locked is one of them."""
    found = {kind: attention.places(session, ROOT_PATH, kind, limit=10_000) for kind in PLACES}
    found[TO_LOCK] = [
        attention.Place(one.settlement_id, one.code, "", month, 1)
        for lists in month_facts.lists(session, ROOT_PATH, month).values()
        for one in lists
        if one.settlement_id is not None and one.state == "accepted" and one.settlement_state == "received"
    ]
    return found


def _union(asked: Mapping[str, set[int]], kinds: Sequence[str]) -> set[int]:
    return set().union(*(asked[kind] for kind in kinds))
