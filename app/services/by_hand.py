"""What an agency without a connection says, entered or brought in by a person: kept in the inbox like any message.

The scheduler applies it like a callback: same order-free rules, same record. Who entered it stays with the message.
"""

from __future__ import annotations

import hashlib
from typing import Literal
from uuid import uuid4

from flask_babel import gettext as _
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app import clock
from app.agency import messages
from app.agency.adapters import ADAPTERS
from app.agency.envelope import PDNG, RJCT
from app.agency.messages import CallbackHead
from app.agency.port import Form
from app.errors import BadInput, NotAllowed, RuleBroken
from app.models import Agency, InboxMessage, Packet
from app.rules import names
from app.rules.actors import Actor, Role
from app.services import inbox, own_paying, packets
from app.services.composing import adapter_of

ACTION = "by-hand"
OFFICE = "chitra"
FILE_MOST_BYTES = 10 * 1024 * 1024
LONGEST_FILE_NAME = 200

Word = Literal["accept", "reject", "keep"]
"""Taken; sent back; not sent back although we asked."""


class NotByHand(RuleBroken):
    """Gói tin %(code)s gửi qua kết nối trực tuyến; câu trả lời của đơn vị chi trả đến qua kết nối, không nhập tay."""


class NotYoursToAnswer(NotAllowed):
    """Chỉ cán bộ bảo trợ xã hội, lãnh đạo hoặc cán bộ của chính đơn vị chi trả nhập được câu trả lời."""


class NothingToAnswer(RuleBroken):
    """Gói tin %(code)s đang không chờ câu trả lời này của đơn vị chi trả."""


class AnswerUnderWay(RuleBroken):
    """Câu trả lời trước của gói tin %(code)s đang được xử lý. Hãy tải lại trang sau giây lát."""


class WhyMissing(BadInput):
    """Phải ghi lý do mà đơn vị chi trả nêu."""


class FileUnfit(BadInput):
    """Không nhận được tệp: %(why)s"""


class FileKnown(RuleBroken):
    """Tệp này đã được nhận cho gói tin %(code)s trước đó; không nhận lần thứ hai."""


def form_of(session: Session, packet: Packet) -> Form:
    """How the packet travels and how answers come."""
    return own_paying.FORM if own_paying.is_own(session, packet) else ADAPTERS[adapter_of(session, packet)].FORM


def possible(packet: Packet) -> tuple[Word, ...]:
    """What an agency may say of a packet now."""
    words: tuple[Word, ...] = ()
    if packet.state == "received":
        words = ("accept", "reject")
    elif packet.state == "accepted":
        words = ("reject",)
    if words and packet.recall_asked_at is not None and packet.recall_answer is None:
        words += ("keep",)
    return words


def enter(session: Session, packet_id: int, word: Word, *, by: Actor, because: str = "") -> Packet:
    """Keep the agency's word about a packet that travelled as a file; the scheduler applies it.

    Raises NotFound, NotByHand, NotYoursToAnswer, NothingToAnswer, AnswerUnderWay, WhyMissing.
    """
    packet, reason = _held(session, packet_id, by), because.strip()
    if word not in possible(packet):
        raise NothingToAnswer(code=packet.code)
    if word != "accept" and not reason:
        raise WhyMissing(field="reason")
    agency = session.get_one(Agency, packet.agency_id)
    asked = packet.recall_asked_at is not None and packet.recall_answer is None
    head = CallbackHead(
        transaction_id=packet.code,
        message_id=f"{packet.code}-{word}-{uuid4().hex[:12]}",
        message_ts=clock.wall(),
        sender_id=agency.code,
        receiver_id=OFFICE,
        status=RJCT if word == "reject" else PDNG,
        reason_message=reason,
        recall={"accept": "", "reject": "confirmed" if asked else "", "keep": "refused"}[word],
    )
    _keep(session, packet, ACTION, head.message_id, messages.on_disburse(head), by, {})
    return packet


def bring(session: Session, packet_id: int, action: str, name: str, body: bytes, *, by: Actor) -> Packet:
    """Keep a file of the bank about a packet; the scheduler reads and applies it. `action` is one of `Form.brings`.

    Raises NotFound, NotByHand, NotYoursToAnswer, NothingToAnswer, FileUnfit, FileKnown.
    """
    packet = _held(session, packet_id, by)
    if action not in form_of(session, packet).brings:
        raise FileUnfit(field="file", why=_("không phải loại tệp của hợp đồng này."))
    if packet.state in ("queued", "withdrawn"):
        raise NothingToAnswer(code=packet.code)
    if not body.strip():
        raise FileUnfit(field="file", why=_("tệp trống."))
    if len(body) > FILE_MOST_BYTES:
        raise FileUnfit(field="file", why=_("tệp lớn hơn %(most)s MB.", most=FILE_MOST_BYTES // 1024 // 1024))
    message_id = f"{action}-{hashlib.sha256(packet.code.encode() + body).hexdigest()[:40]}"
    if not _keep(
        session, packet, action, message_id, body, by, {"File": names.file_name(name, max_length=LONGEST_FILE_NAME)}
    ):
        raise FileKnown(code=packet.code)
    return packet


def _held(session: Session, packet_id: int, by: Actor) -> Packet:
    if not by.has(Role.CLERK, Role.SUPERVISOR, Role.AGENCY_USER):
        raise NotYoursToAnswer
    packet = packets.lock(session, packet_id)
    if not form_of(session, packet).by_hand:
        raise NotByHand(code=packet.code)
    waiting = exists().where(
        InboxMessage.transaction_id == packet.code, InboxMessage.action == ACTION, InboxMessage.outcome.is_(None)
    )
    if session.scalar(select(waiting)):
        raise AnswerUnderWay(code=packet.code)
    return packet


def _keep(
    session: Session, packet: Packet, action: str, message_id: str, body: bytes, by: Actor, facts: dict[str, str]
) -> bool:
    message = inbox.Incoming(
        agency_id=packet.agency_id,
        message_id=message_id,
        action=action,
        transaction_id=packet.code,
        body=body,
        headers={"Entered-By": by.username, **facts},
        key_id=f"user:{by.username}",
    )
    return inbox.keep(session, message, answer={}).is_new
