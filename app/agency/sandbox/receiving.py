"""Receiving a message: read, said before, match, keep; one stored answer per message id, for good."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime

from app.agency.envelope import (
    DISBURSE,
    NOT_FOUND_CODE,
    NOTICE,
    RECALL,
    TXN_STATUS,
    BadMessage,
    Envelope,
    split_code,
    stamp,
)
from app.agency.messages import named_ids, read_request
from app.agency.sandbox import answering, outbox
from app.agency.sandbox.door import Call
from app.agency.sandbox.faults import JSON, Answer
from app.agency.sandbox.home import Config
from app.agency.sandbox.matching import DEAD_STAGES, refuse_unfit
from app.agency.sandbox.store import Packet, Store

# A no about this delivery alone: the same bytes may be welcome later, so no answer is stored for them.
_OF_THIS_DELIVERY = {"rjct.message_ts.invalid", "err.sender_id.invalid"}


class Reception:
    """Takes the messages that came through the door."""

    def __init__(self, store: Store, config: Config) -> None:
        self._store = store
        self._config = config

    def take(self, call: Call, body: bytes) -> Answer:
        """The answer to a proven message, kept with it in one transaction."""
        try:
            envelope = self._read(call, body)
        except BadMessage as bad:
            with self._store.transaction():
                return self._refuse_unreadable(call, body, bad)
        with self._store.transaction():
            if envelope.kind == TXN_STATUS:
                return self._tell(call, body, envelope)
            return self._said_before(call, envelope.head.message_id, body) or self._act(call, body, envelope)

    def _read(self, call: Call, body: bytes) -> Envelope:
        envelope = read_request(body, now=call.at)
        if envelope.kind not in call.route.kinds:
            raise BadMessage("rjct.action.not_supported", f"{envelope.kind} is not for this path")
        if envelope.head.sender_id != self._config.receiver_id:
            raise BadMessage("err.sender_id.invalid", "sender_id is not the signer")
        if envelope.head.receiver_id != self._config.sender_id:
            raise BadMessage("err.receiver_id.invalid", f"receiver_id: {self._config.sender_id}")
        return envelope

    def _tell(self, call: Call, body: bytes, question: Envelope) -> Answer:
        """A question is answered with what is true now, also when it is asked twice."""
        head, lines = answering.status_of(self._store, self._config, question, call.at)
        if call.route.sync:
            return answering.status_answer(head, lines)
        said = self._said_before(call, question.head.message_id, body)
        if said is not None:
            return said
        outbox.say_status(self._store, call.at, head, lines)
        answer = answering.acknowledged(question.head.message_id, question.head.transaction_id, call.at)
        self._remember(call, question.head.message_id, body, answer)
        return answer

    def _act(self, call: Call, body: bytes, envelope: Envelope) -> Answer:
        head = envelope.head
        try:
            take = {RECALL: self._recall, NOTICE: self._hear}.get(envelope.kind, self._keep)
            packet = take(envelope, call.at)
        except BadMessage as bad:
            if envelope.kind == DISBURSE:
                self._keep_refused(head.transaction_id, head.message_id, bad, call.at)
            answer = self._no(call, bad, head.message_id, head.transaction_id)
        else:
            answer = answering.taken(self._config, call.route, packet, message_id=head.message_id, now=call.at)
        self._remember(call, head.message_id, body, answer)
        return answer

    def _refuse_unreadable(self, call: Call, body: bytes, bad: BadMessage) -> Answer:
        """A message that breaks the contract has an answer for good too, as far as it can be addressed."""
        message_id, transaction_id = named_ids(body)
        if not message_id or bad.code in _OF_THIS_DELIVERY:
            return self._no(call, bad, message_id, transaction_id)
        said = self._said_before(call, message_id, body)
        if said is not None:
            return said
        if call.route.action == "disburse" and transaction_id and not _is_about_a_packet(body):
            self._keep_refused(transaction_id, message_id, bad, call.at)
        answer = self._no(call, bad, message_id, transaction_id)
        self._remember(call, message_id, body, answer)
        return answer

    def _said_before(self, call: Call, message_id: str, body: bytes) -> Answer | None:
        """The stored answer to the same bytes; other bytes under a known id raise an alarm."""
        row = self._store.one("SELECT body_sha256, path, status, answer FROM messages WHERE message_id = ?", message_id)
        if row is None:
            return None
        if (row["body_sha256"], row["path"]) == (_sha256(body), call.path):
            self._store.run("UPDATE messages SET times = times + 1 WHERE message_id = ?", message_id)
            return Answer(row["status"], row["answer"], {"Content-Type": JSON})
        self._store.run(
            "INSERT INTO alarms (at, what, message_id) VALUES (?, 'other bytes under a known message id', ?)",
            stamp(call.at),
            message_id,
        )
        bad = BadMessage("rjct.message_id.duplicate", "this message_id came before with other bytes")
        return self._no(call, bad, message_id, named_ids(body)[1])

    def _remember(self, call: Call, message_id: str, body: bytes, answer: Answer) -> None:
        self._store.run(
            "INSERT INTO messages (message_id, path, body_sha256, status, answer, seen_at) VALUES (?, ?, ?, ?, ?, ?)",
            message_id,
            call.path,
            _sha256(body),
            answer.status,
            answer.body,
            stamp(call.at),
        )

    def _no(self, call: Call, bad: BadMessage, message_id: str, transaction_id: str) -> Answer:
        return answering.refusal(
            self._config,
            call.route,
            bad,
            message_id=message_id,
            transaction_id=transaction_id,
            now=call.at,
        )

    def _keep(self, envelope: Envelope, now: datetime) -> Packet:
        refuse_unfit(self._store, envelope)
        head = envelope.head
        self._store.run(
            "INSERT INTO packets (code, list_code, version, replaces, message_id, stage, area, period, kind, "
            "line_count, total_vnd, sha256, received_at, changed_at) "
            "VALUES (?, ?, ?, ?, ?, 'received', ?, ?, ?, ?, ?, ?, ?, ?)",
            head.transaction_id,
            head.packet,
            head.version,
            head.replaces,
            head.message_id,
            head.area,
            head.period,
            head.kind,
            head.line_count,
            head.total_vnd,
            head.line_set_sha256,
            stamp(now),
            stamp(now),
        )
        self._store.run_many(
            "INSERT INTO lines (packet_code, reference_id, position, payee_name, payee_fa, amount_vnd, area) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    head.transaction_id,
                    line.reference,
                    position,
                    line.payee_name,
                    line.payee_fa,
                    line.amount_vnd,
                    line.area,
                )
                for position, line in enumerate(envelope.lines, start=1)
            ),
        )
        packet = self._store.packet(head.transaction_id)
        assert packet is not None
        return packet

    def _recall(self, envelope: Envelope, now: datetime) -> Packet:
        """A recall waits for the clerk while the packet can be sent back; else it is declined at once."""
        head = envelope.head
        packet = self._store.packet(head.transaction_id)
        if packet is None:
            raise BadMessage(NOT_FOUND_CODE, f"Không có gói tin {head.transaction_id}.")
        if packet.stage in DEAD_STAGES:
            return packet
        open_already = self._store.one("SELECT 1 FROM recalls WHERE packet_code = ? AND stage = 'open'", packet.code)
        if packet.stage in ("received", "accepted"):
            if open_already is None:
                self._note_recall(envelope, "open", "", now)
            return packet
        too_late = "Đã chi trả, không thu hồi được gói tin"
        self._note_recall(envelope, "declined", too_late, now)
        outbox.say(self._store, self._config, now, packet, outbox.recall_declined(too_late))
        return packet

    def _hear(self, envelope: Envelope, now: datetime) -> Packet:
        """A decision about the days we asked for is kept with the packet."""
        packet, said = self._store.packet(envelope.head.transaction_id), envelope.notice
        if packet is None or said is None:
            raise BadMessage(NOT_FOUND_CODE, f"Không có gói tin {envelope.head.transaction_id}.")
        self._store.run(
            "INSERT INTO notices (packet_code, message_id, decision, days, due_on, reason, at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            packet.code,
            envelope.head.message_id,
            said.decision,
            said.days,
            said.due_on.isoformat(),
            said.reason,
            stamp(now),
        )
        return packet

    def _note_recall(self, envelope: Envelope, stage: str, answer: str, now: datetime) -> None:
        self._store.run(
            "INSERT INTO recalls (packet_code, message_id, reason, stage, asked_at, decided_at, answer) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            envelope.head.transaction_id,
            envelope.head.message_id,
            envelope.recall_reason,
            stage,
            stamp(now),
            stamp(now) if answer else "",
            answer,
        )

    def _keep_refused(self, code: str, message_id: str, refusal: BadMessage, now: datetime) -> None:
        """Remember a packet that does not match, for status questions; never over a known one."""
        try:
            list_code, version = split_code(code)
        except BadMessage:
            return
        self._store.run(
            "INSERT INTO packets (code, list_code, version, replaces, message_id, stage, area, period, kind, "
            "line_count, total_vnd, sha256, received_at, changed_at, reason_code, reason) "
            "VALUES (?, ?, ?, '', ?, 'refused', '', '', '', 0, 0, '', ?, ?, ?, ?) "
            "ON CONFLICT (code) DO NOTHING",
            code,
            list_code,
            version,
            message_id,
            stamp(now),
            stamp(now),
            refusal.code,
            refusal.text,
        )


def _is_about_a_packet(body: bytes) -> bool:
    """A recall or a notice, which bring no packet."""
    try:
        meta = json.loads(body)["header"]["meta"]
        return meta.get("recall") is True or "extension_decision" in meta
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
