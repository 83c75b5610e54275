"""The inbox: every message of an agency is kept before it is answered (promise P5), then applied by the scheduler.

Each message is applied in its own transaction; one that fails is tried again later, then marked failed with a note, and
never stops the others. A message that changes nothing says why, in words for a person.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select, text
from sqlalchemy.orm import Session, undefer

from app import clock
from app.agency import messages
from app.agency.messages import BadMessage, Callback
from app.errors import ChitraError, RuleBroken
from app.extensions import transaction
from app.models import Agency, InboxMessage, Packet, Settlement
from app.rules.actors import ROOT_PATH, Actor, agency_actor
from app.services import answering, extensions, incoming, statistics
from app.services.settlements import applying, collecting, faults, holding

LEASE_S = 300
ATTEMPTS = 5
MESSAGES_BETWEEN_LOOKS = 20
"""Messages after which tables may have grown so much that the planner must be told."""

Outcome = tuple[str, str | None]
"""What became of a message, `applied`, `ignored` or `held`, and a note for a person."""

GIVEN_BACK = ("rejected", "refused", "withdrawn")
"""States of a packet that nothing said later brings back."""

_CODE = re.compile(r"CT-[0-9]{6}-([0-9]{2,5})-")
WHOSE = (
    "coalesce((SELECT area_path FROM packets WHERE code = :transaction_id),"
    " (SELECT path FROM areas WHERE code = :area_code), :root)"
)
"""SQL: the area a message concerns, for those who may read it: its packet's, else the one its packet's code names."""

log = logging.getLogger(__name__)


class OtherBytes(RuleBroken):
    """Tin %(message_id)s đã nhận trước đó với nội dung khác."""

    code = "rjct.message_id.duplicate"


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message whose signature was verified: by which key, which bytes, with which headers."""

    agency_id: int
    message_id: str
    action: str
    transaction_id: str | None
    body: bytes
    headers: Mapping[str, str]
    key_id: str


@dataclass(frozen=True, slots=True)
class Kept:
    """The answer to give and its HTTP status: ours of now, or the stored one when the same bytes came before."""

    answer: dict[str, Any]
    is_new: bool
    status: int = 202


def keep(session: Session, message: Incoming, *, answer: Mapping[str, Any]) -> Kept:
    """Keep a message with the answer it gets; the caller commits before it answers.

    Same message id and same bytes: the stored answer, nothing new. Same id, other bytes: OtherBytes, and an alarm in
    the log.
    """
    digest = hashlib.sha256(message.body).hexdigest()
    added = session.execute(
        text(
            "INSERT INTO inbox (agency_id, message_id, action, transaction_id, received_at, headers, key_id, body, body_sha256,"
            " answer, area_path) VALUES (:agency_id, :message_id, :action, :transaction_id, :now, CAST(:headers AS jsonb),"
            f" :key_id, :body, :sha256, CAST(:answer AS jsonb), {WHOSE})"
            " ON CONFLICT (agency_id, message_id) DO NOTHING RETURNING id"
        ),
        {
            "area_code": area_code(message.transaction_id or ""),
            "root": ROOT_PATH,
            "agency_id": message.agency_id,
            "message_id": message.message_id,
            "action": message.action,
            "transaction_id": message.transaction_id,
            "now": clock.now(),
            "headers": json.dumps(dict(message.headers)),
            "key_id": message.key_id,
            "body": message.body,
            "sha256": digest,
            "answer": json.dumps(dict(answer)),
        },
    ).first()
    if added is not None:
        return Kept(dict(answer), is_new=True)
    before = session.execute(
        select(InboxMessage.body_sha256, InboxMessage.answer, InboxMessage.answer_status).where(
            InboxMessage.agency_id == message.agency_id, InboxMessage.message_id == message.message_id
        )
    ).one()
    if before.body_sha256 != digest:
        log.warning("inbox_other_bytes", extra={"agency_id": message.agency_id, "message_id": message.message_id})
        raise OtherBytes(message_id=message.message_id)
    return Kept(before.answer, is_new=False, status=before.answer_status)


def area_code(transaction_id: str) -> str:
    found = _CODE.match(transaction_id)
    return found[1] if found else ""


def apply_waiting(limit: int = 100, *, go_on: Callable[[], bool] = lambda: True) -> int:
    """Apply waiting messages, oldest first, until none is due, `limit` is reached or `go_on` says stop; how many."""
    for done in range(limit):
        if done % MESSAGES_BETWEEN_LOOKS == 0:
            with transaction() as session:
                statistics.refresh(session)
        if not go_on() or not apply_next():
            return done
    return limit


def apply_next() -> bool:
    """Apply one waiting message; False when none is due."""
    with transaction() as session:
        claimed = session.execute(
            text(
                "UPDATE inbox SET attempts = attempts + 1,"
                " lease_until = clock_timestamp() + make_interval(secs => :lease) WHERE id = ("
                " SELECT id FROM inbox WHERE outcome IS NULL"
                " AND (lease_until IS NULL OR lease_until < clock_timestamp())"
                " ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id, attempts"
            ),
            {"lease": LEASE_S},
        ).one_or_none()
    if claimed is None:
        return False
    try:
        with transaction() as session:
            row = _lock(session, claimed.id)
            if row is not None:
                row.outcome, row.note = _apply(session, row)
                row.applied_at, row.lease_until = clock.now(), None
    except BadMessage as error:
        _failed(claimed.id, error.text, again=False)
    except Exception as error:
        log.exception("inbox_failed", extra={"inbox_id": claimed.id, "attempt": claimed.attempts})
        _failed(claimed.id, f"{type(error).__name__}: {error}", again=claimed.attempts < ATTEMPTS)
    return True


def _lock(session: Session, inbox_id: int) -> InboxMessage | None:
    """The message, unless another scheduler has dealt with it meanwhile."""
    return session.scalars(
        select(InboxMessage)
        .where(InboxMessage.id == inbox_id, InboxMessage.outcome.is_(None))
        .options(undefer(InboxMessage.body))
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()


def _failed(inbox_id: int, why: str, *, again: bool) -> None:
    with transaction() as session:
        row = _lock(session, inbox_id)
        if row is None:
            return
        row.note = _("Không xử lý được tin: %(why)s", why=why[:500])
        if not again:
            row.outcome, row.applied_at, row.lease_until = "failed", clock.now(), None
            return
        session.flush()
        session.execute(
            text(
                "UPDATE inbox SET lease_until = clock_timestamp()"
                " + make_interval(secs => 10 * 2 ^ attempts * (0.5 + random())) WHERE id = :id"
            ),
            {"id": inbox_id},
        )


def _apply(session: Session, row: InboxMessage) -> Outcome:
    """(outcome, note) of one message. The packet's row is held: messages about one packet wait for each other."""
    callback = incoming.read(session, row)
    head = callback.head
    agency = session.get_one(Agency, row.agency_id)
    packet = session.scalars(
        select(Packet)
        .where(Packet.code == head.transaction_id, Packet.agency_id == agency.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if packet is None or head.sender_id != agency.code:
        known = session.scalar(select(Packet.id).where(Packet.code == head.transaction_id)) is not None
        faults.note(session, row, "other_agency" if known else "unknown_packet", **_about(callback))
        return _ignored(_("Không có gói tin %(code)s của %(agency)s.", agency=agency.name, code=head.transaction_id))
    by = agency_actor(agency.code)
    if packet.state in GIVEN_BACK and head.meaning in ("accepted", "settled", "extension_asked"):
        faults.note(session, row, "superseded", state=packet.state, **_about(callback))
    if head.meaning == "not_found":
        return _ignored(_("%(agency)s chưa biết gói tin %(code)s.", agency=agency.name, code=packet.code))
    if head.meaning == "rejected":
        reason = head.reason_message or head.reason_code
        return _acted(answering.reject(session, packet, by=by, because=reason))
    if head.meaning == "received":
        return _acted(answering.receive(session, packet, by=by))
    if head.meaning == "recall_refused":
        return _keep_recall_no(packet, callback)
    # Who settles, or asks for more time to, has accepted: that word may be late or lost.
    accepted = answering.accept(session, packet, by=by) if head.packet_state in ("accepted", "settled") else None
    if head.meaning == "accepted":
        return _acted(accepted)
    if head.meaning == "extension_asked":
        return _ask_extension(session, packet, callback, by)
    return _settle(session, packet, row, callback, by)


def _about(callback: Callback) -> dict[str, Any]:
    """What a message that changes nothing was about, for the person who looks at it."""
    handed_out = [line.amount_vnd for line in callback.lines if line.outcome != messages.UNPAID]
    return {"meaning": callback.head.meaning, "paid_lines": len(handed_out), "paid_vnd": sum(handed_out)}


def _acted(why_not: str | None) -> Outcome:
    return ("applied", None) if why_not is None else ("ignored", why_not)


def _ignored(why: Any) -> Outcome:
    return "ignored", str(why)


def _settle(session: Session, packet: Packet, row: InboxMessage, callback: Callback, by: Actor) -> Outcome:
    part = callback.head.settlement
    if part is None or part.part == 0:
        return _ignored(_("Tin quyết toán không có dòng nào."))
    if packet.state == "settled":
        differing = faults.differing(session, packet.batch_id, callback.lines)
        differing += collecting.unheard(session, packet.id, part.collected)
        if differing:
            faults.note(session, row, "after_lock", differing=differing, **_about(callback))
        return _ignored(
            _("Quyết toán của gói tin %(code)s đã chốt; tin đến sau không làm thay đổi gì.", code=packet.code)
        )
    if packet.state != "accepted":
        return _ignored(
            _(
                "Gói tin %(code)s không còn hiệu lực nên quyết toán không được ghi nhận; tin báo đã trả %(count)s dòng.",
                code=packet.code,
                count=sum(line.outcome != messages.UNPAID for line in callback.lines),
            )
        )
    # Held while the deadline is read: an extension granted meanwhile either counts or finds this message held.
    of_packet = select(Settlement.id).where(Settlement.packet_id == packet.id).with_for_update()
    settlement_id = session.scalars(of_packet).one()
    late = holding.why_held(row.received_at, extensions.due_on(session, settlement_id))
    if late is not None and row.released_at is None:
        return "held", late
    return "applied", applying.apply(session, packet.id, row.id, callback, by=by)


def _keep_recall_no(packet: Packet, callback: Callback) -> Outcome:
    if packet.recall_asked_at is None or packet.state not in ("received", "accepted"):
        return _ignored(_("Không có đề nghị từ chối nào đang chờ cho gói tin %(code)s.", code=packet.code))
    head = callback.head
    packet.recall_answer = head.reason_message or head.reason_code or _("Đơn vị chi trả không nêu lý do.")
    packet.recall_delivered_at = packet.recall_delivered_at or clock.now()
    return "applied", None


def _ask_extension(session: Session, packet: Packet, callback: Callback, by: Actor) -> Outcome:
    if packet.state != "accepted":
        return _ignored(_("Gói tin %(code)s không chờ quyết toán nên không gia hạn được.", code=packet.code))
    settlement_id = session.scalars(select(Settlement.id).where(Settlement.packet_id == packet.id)).one()
    head = callback.head
    reason = head.reason_message or _("Đơn vị chi trả không nêu lý do.")
    agency = session.get_one(Agency, packet.agency_id)
    try:
        extensions.ask(session, settlement_id, days=head.extension_days, reason=reason, asked_by=agency.name, by=by)
    except ChitraError as error:
        return _ignored(error.message)
    return "applied", None
