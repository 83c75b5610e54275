"""Bugs that somebody could write tomorrow, each as a patch of the product, and a story that leads to where it bites.

The state machine must notice every one. One that cannot be noticed has the argument why it does no harm.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import text

from app.agency.port import OutgoingPacket
from app.extensions import db
from app.models import PayoutBatch
from app.rules import deadlines
from app.rules.actors import SYSTEM
from app.rules.states import BATCH, PACKET
from app.services import answering, composing, inbox, journal, packets, rows, sending, transitions
from app.services.batches import approval, candidates
from app.services.settlements import applying, arithmetic, locking
from tests.life.machine import Story

Patch = Callable[[pytest.MonkeyPatch], None]

SEND: Story = (("queue", {}), ("call", {"what": "send"}))
HEAR: Story = (("deliver", {}), ("hear", {}))
TO_BE_PAID: Story = (("post", {"what": "accept"}), *HEAR)
TO_THE_LOCK: Story = (("settle", {"spoiled": "none", "part_lines": 5_000}), *HEAR, ("lock", {}))


@dataclass(frozen=True, slots=True)
class Bug:
    """`harmless` is the argument why nobody could ever notice; empty for a bug that must be caught."""

    name: str
    start: str
    patch: Patch
    story: Story
    harmless: str = ""


def _sent(fault: str) -> Story:
    return (("queue", {}), ("call", {"what": "send", "fault": fault}))


def _resend(change: Callable[[Any, bytes], tuple[str, bytes]]) -> Patch:
    """A second attempt sends something else than the stored bytes."""

    def patch(here: pytest.MonkeyPatch) -> None:
        stored = composing.stored_packet

        def again(packet: Any, endpoint: Any) -> OutgoingPacket:
            if packet.unknown_count < 2:
                return stored(packet, endpoint)
            message_id, body = change(packet, packet.body)
            return OutgoingPacket(packet.code, message_id, body, hashlib.sha256(body).hexdigest(), endpoint)

        here.setattr(composing, "stored_packet", again)

    return patch


def _new_key(packet: Any, body: bytes) -> tuple[str, bytes]:
    fresh = f"{packet.code}-again"
    return fresh, body.replace(packet.message_id.encode(), fresh.encode())


def _new_bytes(packet: Any, body: bytes) -> tuple[str, bytes]:
    return packet.message_id, body + b" "


def _reopen_on_not_found(here: pytest.MonkeyPatch) -> None:
    intend = sending._intend

    def reopened(session: Any, packet: Any, connect: Any) -> Any:
        if packet.state != "in_doubt":
            return intend(session, packet, connect)
        packet.unknown_count = 0
        transitions.move(session, "packet", packet.id, "release", by=SYSTEM)
        return None

    here.setattr(sending, "_intend", reopened)


def _mark_then_send(here: pytest.MonkeyPatch) -> None:
    send = sending._send

    def marked(claimed: Any) -> None:
        with sending.transaction() as session:
            answering.receive(session, packets.lock(session, claimed.packet_id), by=claimed.agency)
        send(claimed)

    here.setattr(sending, "_send", marked)


def _unconditional_claim(here: pytest.MonkeyPatch) -> None:
    here.setitem(PACKET.moves, "claim", replace(PACKET.moves["claim"], sources=frozenset(PACKET.states)))
    take, intend = sending._take, sending._intend

    def any_state(session: Any, packet: Any, connect: Any) -> Any:
        if packet.state not in ("queued", "in_doubt"):
            packet.lease_until = None
            transitions.move(session, "packet", packet.id, "claim", by=SYSTEM)
            session.flush()
        return intend(session, packet, connect)

    here.setattr(sending, "_intend", any_state)
    here.setattr(sending, "_take", lambda session, due: take(session, "true" if due == "state = 'queued'" else due))


def _lease_ignored(here: pytest.MonkeyPatch) -> None:
    take = sending._take

    def no_lease(session: Any, due: str) -> Any:
        session.execute(text("UPDATE packets SET lease_until = NULL"))
        return take(session, due)

    here.setattr(sending, "_take", no_lease)


def _last_word_wins(here: pytest.MonkeyPatch) -> None:
    all_words = "FROM settlement_entries\n     WHERE settlement_id = :settlement"
    last = f"{all_words} AND inbox_id = (SELECT max(inbox_id) FROM settlement_entries)"
    assert all_words in applying._MERGE.text
    here.setattr(applying, "_MERGE", text(applying._MERGE.text.replace(all_words, last)))


def _stale_version_applied(here: pytest.MonkeyPatch) -> None:
    read = inbox.messages.read_callback

    def of_the_list(body: bytes, **more: Any) -> Any:
        said = read(body, **more)
        latest = db.session.execute(
            text("SELECT code FROM packets WHERE code LIKE :list || '-V%' ORDER BY version DESC LIMIT 1"),
            {"list": said.head.transaction_id.rpartition("-V")[0]},
        ).scalar()
        return replace(said, head=replace(said.head, transaction_id=latest or said.head.transaction_id))

    here.setattr(inbox.messages, "read_callback", of_the_list)


def _carried_again(here: pytest.MonkeyPatch) -> None:
    ignored = "AND NOT EXISTS (SELECT 1 FROM carry_overs c WHERE c.from_line_id = l.id)"
    assert ignored in candidates._OWED
    here.setattr(candidates, "_OWED", candidates._OWED.replace(ignored, ""))


def _two_packets(here: pytest.MonkeyPatch) -> None:
    here.setattr(packets, "LIVE_PACKET_STATES", ())
    here.setitem(BATCH.moves, "send", replace(BATCH.moves["send"], sources=frozenset({"locked", "sent"})))
    held = rows.held

    def next_version(session: Any, model: Any, key: int) -> Any:
        row = held(session, model, key)
        if model is PayoutBatch:
            row.version += row.state == "sent"
        return row

    here.setattr(rows, "held", next_version)


def _opened_while_sent(here: pytest.MonkeyPatch) -> None:
    unlock = BATCH.moves["unlock"]
    here.setitem(BATCH.moves, "unlock", replace(unlock, sources=unlock.sources | {"sent", "accepted"}))


def _unknown_is_not_sent(here: pytest.MonkeyPatch) -> None:
    here.setattr(sending, "_still_unknown", sending._not_sent)


def _withdrawn_in_doubt(here: pytest.MonkeyPatch) -> None:
    step = PACKET.moves["withdraw"]
    here.setitem(PACKET.moves, "withdraw", replace(step, sources=step.sources | {"in_doubt"}))

    def at_once(session: Any, packet_id: int, *, by: Any, because: str) -> None:
        packet = packets.lock(session, packet_id)
        transitions.move(session, "packet", packet_id, "withdraw", by=by, because=because)
        transitions.move(session, "batch", packet.batch_id, "withdraw", by=by, because=because)

    here.setattr(packets, "ask_recall", at_once)


def _nothing_done(owner: Any, name: str) -> Patch:
    return lambda here: here.setattr(owner, name, lambda *_facts, **_named: None)


def _handed_over_twice(here: pytest.MonkeyPatch) -> None:
    accept = answering.accept

    def again(session: Any, packet: Any, *, by: Any) -> Any:
        if packet.state == "accepted":
            journal.handed_over(session, packet.id, by=by)
        return accept(session, packet, by=by)

    here.setattr(answering, "accept", again)


def _message_lost(here: pytest.MonkeyPatch) -> None:
    here.setattr(inbox, "_apply", lambda _session, _row: ("applied", None))


def _audit_forgotten(here: pytest.MonkeyPatch) -> None:
    audit = transitions._audit

    def but_one(session: Any, rules: Any, before: Any, step: Any, **facts: Any) -> None:
        if step.name != "receive":
            audit(session, rules, before, step, **facts)

    here.setattr(transitions, "_audit", but_one)


def _no_result_is_paid(here: pytest.MonkeyPatch) -> None:
    lines = arithmetic._LINES.text.replace("THEN 'pending'", "THEN 'paid'")
    results = locking._RESULTS.text.replace("r.outcome)", "r.outcome, 'paid')")
    here.setattr(arithmetic, "_LINES", text(lines))
    here.setattr(locking, "_RESULTS", text(results))


def _carried_not_taken_back(here: pytest.MonkeyPatch) -> None:
    moved = journal.carried_movements

    def forwards_only(session: Any, ids: Any, *, by: Any, reverse: bool = False) -> None:
        if not reverse:
            moved(session, ids, by=by)

    here.setattr(approval.journal, "carried_movements", forwards_only)


BUGS: tuple[Bug, ...] = (
    Bug("a new key on retry", "approved", _resend(_new_key), (*_sent("reset_before"), ("call", {"what": "ask"}))),
    Bug(
        "new bytes on retry",
        "approved",
        _resend(_new_bytes),
        (*_sent("late_request"), ("call", {"what": "ask"}), ("land", {})),
    ),
    Bug(
        "reopened on 'not found'",
        "approved",
        _reopen_on_not_found,
        (*_sent("late_request"), ("call", {"what": "ask"}), ("take_back", {}), ("land", {})),
    ),
    Bug("marked, then sent", "approved", _mark_then_send, _sent("reset_before")),
    Bug(
        "an unconditional claim",
        "received",
        _unconditional_claim,
        (("post", {"what": "reject", "reason": "Sai"}), *HEAR, ("call", {"what": "send"})),
    ),
    Bug(
        "a lease nobody minds",
        "approved",
        _lease_ignored,
        _sent("killed_after"),
        harmless="A lease only spares calls. Whoever claims the packet beside its owner sends the stored bytes under the"
        " stored key: the agency gives the answer it gave, and writing down a word twice changes nothing.",
    ),
    Bug(
        "the last word wins: paid reverts",
        "paid",
        _last_word_wins,
        (("settle", {"spoiled": "contradiction", "part_lines": 5_000}), *HEAR, ("lock", {})),
    ),
    Bug(
        "a word about an old version applied to the new one",
        "received",
        _stale_version_applied,
        (
            ("post", {"what": "accept"}),
            ("post", {"what": "reject", "reason": "Sai"}),
            ("deliver", {"how": "last"}),
            ("hear", {}),
            ("correct", {"drop": True}),
            *SEND,
            *HEAR,
        ),
    ),
    Bug(
        "totals unchecked",
        "paid",
        lambda here: here.setattr(arithmetic, "_differences", lambda _found: []),
        (("settle", {"spoiled": "wrong_totals", "part_lines": 5_000}), *HEAR, ("lock", {})),
    ),
    Bug(
        "carried over twice",
        "paid",
        _carried_again,
        (
            *TO_THE_LOCK,
            ("next_month", {}),
            *SEND,
            *TO_BE_PAID,
            ("pay", {"fates": "ppp"}),
            *TO_THE_LOCK,
            ("next_month", {}),
        ),
    ),
    Bug("carried money not given back", "paid", _carried_not_taken_back, (*TO_THE_LOCK, ("next_month", {}))),
    Bug(
        "extensions of 20 days and more",
        "paid",
        lambda here: here.setattr(deadlines, "extension_allowed", lambda _granted, _days: True),
        (("extend", {"days": 15}), ("extend", {"days": 5})),
    ),
    Bug("two packets of a list", "received", _two_packets, (("queue", {}),)),
    Bug("a list opened while it is sent", "received", _opened_while_sent, (("correct", {"drop": False}),)),
    Bug("an unknown outcome taken for not sent", "approved", _unknown_is_not_sent, _sent("reset_after")),
    Bug("withdrawn while in doubt", "approved", _withdrawn_in_doubt, (*_sent("reset_after"), ("take_back", {}))),
    Bug(
        "money not taken back from a rejected packet",
        "received",
        _nothing_done(journal, "taken_back"),
        (*TO_BE_PAID, ("post", {"what": "reject", "reason": "Sai"}), *HEAR),
    ),
    Bug("money handed over twice", "paid", _handed_over_twice, TO_THE_LOCK[:3]),
    Bug("a recovery never opened", "paid", _nothing_done(locking.opening, "by_settlement"), TO_THE_LOCK),
    Bug("a message called applied that was not", "received", _message_lost, TO_BE_PAID),
    Bug("a move without its audit", "approved", _audit_forgotten, SEND),
    Bug(
        "a line without a result taken for paid",
        "received",
        _no_result_is_paid,
        (
            *TO_BE_PAID,
            ("pay", {"fates": "uuu"}),
            ("settle", {"spoiled": "missing_line", "part_lines": 5_000}),
            *HEAR,
            ("lock", {}),
        ),
    ),
)
