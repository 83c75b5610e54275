"""Signed messages that break the contract: kept in the inbox with what is wrong, shown to a person, never applied."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.models import InboxMessage
from app.rules.actors import ROOT_PATH
from app.services.inbox import WHOSE, Kept, OtherBytes, area_code

OF_THIS_DELIVERY = frozenset({"rjct.message_ts.invalid", "err.sender_id.invalid", "err.receiver_id.invalid"})
"""What may be right when the same bytes come again: such a message does not use up its message id."""

log = logging.getLogger(__name__)

_KEEP = text(
    "INSERT INTO inbox (agency_id, message_id, action, transaction_id, received_at, headers, key_id, body, body_sha256,"
    " answer, answer_status, problem, outcome, note, applied_at, area_path)"
    " VALUES (:agency_id, :message_id, :action, :transaction_id, :now, CAST(:headers AS jsonb), :key_id, :body, :sha256,"
    f" CAST(:answer AS jsonb), :status, :problem, 'failed', :note, :now, {WHOSE}) ON CONFLICT DO NOTHING RETURNING id"
)


@dataclass(frozen=True, slots=True)
class Broken:
    """Bytes whose signer is proven: who, by which key, how it came, and what is wrong.

    `message_id` and `transaction_id` as far as they could be read, else None. `problem` is a code of the contract,
    `why` says where.
    """

    agency_id: int
    message_id: str | None
    action: str
    transaction_id: str | None
    body: bytes
    headers: Mapping[str, str]
    key_id: str
    problem: str
    why: str


def keep(session: Session, message: Broken, *, answer: Mapping[str, Any], status: int) -> Kept:
    """Keep a message nobody can act on; the caller commits before it answers `status` with `answer`.

    The same bytes again: the stored answer. Raises OtherBytes when its message id belongs to other bytes; kept again
    with that as its problem, it has no id of its own.
    """
    digest = hashlib.sha256(message.body).hexdigest()
    has_own_id = message.message_id is not None and message.problem not in {*OF_THIS_DELIVERY, OtherBytes.code}
    message_id = message.message_id if has_own_id else None
    added = session.execute(
        _KEEP,
        {
            "agency_id": message.agency_id,
            "message_id": message_id,
            "action": message.action,
            "transaction_id": message.transaction_id,
            "now": clock.now(),
            "headers": json.dumps(dict(message.headers)),
            "key_id": message.key_id,
            "body": message.body,
            "sha256": digest,
            "answer": json.dumps(dict(answer)),
            "status": status,
            "area_code": area_code(message.transaction_id or ""),
            "root": ROOT_PATH,
            "problem": message.problem,
            "note": _("Tin không đúng hợp đồng kết nối: %(why)s (%(code)s).", why=message.why, code=message.problem),
        },
    ).first()
    if added is not None:
        return Kept(dict(answer), is_new=True, status=status)
    named = InboxMessage.message_id == message_id
    unnamed = InboxMessage.message_id.is_(None) & (InboxMessage.body_sha256 == digest)
    before = session.execute(
        select(InboxMessage.body_sha256, InboxMessage.answer, InboxMessage.answer_status).where(
            InboxMessage.agency_id == message.agency_id, named if has_own_id else unnamed
        )
    ).one()
    if before.body_sha256 != digest:
        log.warning("inbox_other_bytes", extra={"agency_id": message.agency_id, "message_id": message_id})
        raise OtherBytes(message_id=message_id)
    return Kept(before.answer, is_new=False, status=before.answer_status)
