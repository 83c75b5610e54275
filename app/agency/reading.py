"""Reads the contract's messages: shape and spelling, nothing of what a message means for our books.

Import these through messages.py. Everything read here may have been written by anybody: call the readers
only on bytes whose size is bounded, and believe them only after signing.verify.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime
from typing import Any, NoReturn

from app.agency.envelope import (
    ACK,
    CURRENCY,
    DECISIONS,
    DISBURSE,
    ERR,
    FUTURE_TOLERANCE_S,
    NACK,
    NOTICE,
    PAID,
    PDNG,
    RCVD,
    RECALL,
    RECOVER,
    RJCT,
    SUCC,
    TXN_STATUS,
    UNPAID,
    VERSION,
    Ack,
    BadMessage,
    Callback,
    CallbackHead,
    Collected,
    ControlTotals,
    Envelope,
    LineFault,
    LineStatus,
    Notice,
    Outcome,
    PacketHead,
    PacketLine,
    SettlementPart,
    amount_vnd,
    line_set_sha256,
    moment_of,
    split_code,
)
from app.agency.members import CONTROL, Json, child_of, rows_of, text_of, whole_of

# The specification names actions inconsistently (and once with a stray quote): what each path tolerates.
_REQUEST_ACTIONS = ("disburse", "search")
_QUESTION_ACTIONS = ("on-disburse", "on-search", "on-search'", "search", "subscribe", "txn-status")
_CALLBACK_ACTIONS = ("on-disburse", "on-search", "on-search'", "on-status", "notify")

_SPEC_LINE_CODES = {"rjct.payee_fa.invalid": "ACCOUNT_INVALID", "rjct.reference_id.invalid": "WRONG_DATA"}


def read_request(body: bytes, *, now: datetime) -> Envelope:
    """A `disburse`, recall or `txn_status` message; BadMessage with a reason code for anything else.

    Count, total and line-set hash of a packet must be those its head states.
    """
    header, message = _open(body)
    head = _request_head(header, message, now)
    meta = child_of(header, "meta")
    if "txnstatus_request" in message:
        _action(header, _QUESTION_ACTIONS)
        return _question(head, message, meta)
    _action(header, _REQUEST_ACTIONS)
    if meta.get("recall") is True:
        return Envelope(RECALL, head, recall_reason=text_of(meta, "reason", 999))
    if "extension_decision" in meta:
        return Envelope(NOTICE, head, notice=_notice(meta))
    rows = rows_of(message, "disbursements", "disburemsents")
    if header.get("total_count") != len(rows):
        raise BadMessage("rjct.total_count.invalid", f"total_count is not {len(rows)}")
    lines = tuple(_packet_line(row, position) for position, row in enumerate(rows, start=1))
    payers = {text_of(row, "payer_fa", 160) for row in rows}
    if len(payers) > 1:
        raise BadMessage("err.request.bad", "payer_fa: one payer per packet")
    head = _with_figures(head, meta, payer_fa=payers.pop() if payers else "")
    _tie_out(head, lines)
    return Envelope(DISBURSE, head, lines)


def _notice(meta: Json) -> Notice:
    decision, days = text_of(meta, "extension_decision", 20), meta.get("extension_days")
    if decision not in DECISIONS or type(days) is not int or not 1 <= days <= 19:
        raise BadMessage("err.request.bad", "meta.extension_decision, meta.extension_days")
    try:
        due_on = date.fromisoformat(text_of(meta, "due_on", 10))
    except ValueError as error:
        raise BadMessage("err.request.bad", "meta.due_on: YYYY-MM-DD") from error
    return Notice(decision, days, due_on, text_of(meta, "reason", 2_000, default=""))


def read_callback(body: bytes, *, now: datetime) -> Callback:
    """An `on-disburse` or `on-status` message; a line that cannot be read becomes a LineFault."""
    header, message = _open(body)
    _action(header, _CALLBACK_ACTIONS)
    transaction_id = text_of(message, "transaction_id", 99)
    known = message
    if "txnstatus_response" in message:
        known = child_of(child_of(message, "txnstatus_response"), "txn_status")
        if known.get("transaction_id") != transaction_id:
            raise BadMessage("err.request.bad", "txn_status names another transaction_id")
    rows = rows_of(known, "disbursements_status", "disburemsents_status")
    head = _callback_head(header, message, transaction_id, now)
    if rows and (head.settlement is None or head.settlement.part == 0 or head.status != SUCC):
        raise BadMessage("err.request.bad", "lines belong to part n of a settlement with status succ")
    lines: list[LineStatus] = []
    faults: list[LineFault] = []
    for position, row in enumerate(rows, start=1):
        try:
            lines.append(_line_status(row))
        except BadMessage as error:
            faults.append(LineFault(position, _reference_of(row), error.code, error.text))
    if head.settlement is not None and head.settlement.part:
        try:
            collected = _collected(child_of(child_of(header, "meta"), "settlement"))
            head = replace(head, settlement=replace(head.settlement, collected=collected))
        except BadMessage as error:
            faults.append(LineFault(0, "", error.code, error.text))
    return Callback(head, tuple(lines), tuple(faults))


def read_ack(body: bytes) -> Ack:
    """An acknowledgement; BadMessage when it is none."""
    message = child_of(_parse(body), "message")
    status = message.get("ack_status")
    if status not in (ACK, NACK, ERR):
        raise BadMessage("err.request.bad", "ack_status: ACK, NACK or ERR")
    error = child_of(message, "error")
    meta = child_of(message, "meta")
    return Ack(
        status=status,
        at=moment_of(message.get("timestamp")),
        in_reply_to=text_of(meta, "in_reply_to", 99, default=""),
        transaction_id=text_of(meta, "transaction_id", 99, default=""),
        correlation_id=text_of(message, "correlation_id", 99, default=""),
        code=text_of(error, "reason_code", 99, default="") or text_of(error, "code", 99, default=""),
        text=text_of(error, "message", 999, default=""),
    )


def named_ids(body: bytes) -> tuple[str, str]:
    """(message_id, transaction_id) as far as they can be read, to address the refusal of a bad message."""
    try:
        parsed = _parse(body)
        header, message = child_of(parsed, "header"), child_of(parsed, "message")
        return text_of(header, "message_id", 99, default=""), text_of(message, "transaction_id", 99, default="")
    except BadMessage:
        return "", ""


def _parse(body: bytes) -> Json:
    try:
        parsed = json.loads(body.decode(), object_pairs_hook=_once, parse_constant=_not_json)
    except (ValueError, RecursionError) as error:
        raise BadMessage("err.request.bad", "not readable as JSON in UTF-8") from error
    if not isinstance(parsed, dict):
        raise BadMessage("err.request.bad", "not a JSON object")
    return parsed


def _once(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice")
    return found


def _not_json(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _open(body: bytes) -> tuple[Json, Json]:
    parsed = _parse(body)
    header, message = child_of(parsed, "header"), child_of(parsed, "message")
    if header.get("version", VERSION) != VERSION:
        raise BadMessage("rjct.version.invalid", f"version: {VERSION}")
    if header.get("is_msg_encrypted", False) is not False:
        raise BadMessage("err.encryption.invalid", "is_msg_encrypted: false, TLS and signatures protect the message")
    return header, message


def _action(header: Json, tolerated: tuple[str, ...]) -> None:
    if header.get("action") not in tolerated:
        raise BadMessage("rjct.action.invalid", f"action: one of {', '.join(tolerated)}")


def _request_head(header: Json, message: Json, now: datetime) -> PacketHead:
    head = PacketHead(
        transaction_id=text_of(message, "transaction_id", 99),
        message_id=text_of(header, "message_id", 99),
        message_ts=_not_future(header, now),
        sender_id=text_of(header, "sender_id", 99, code="err.sender_id.invalid"),
        receiver_id=text_of(header, "receiver_id", 99, code="err.receiver_id.invalid"),
        sender_uri=text_of(header, "sender_uri", 999, default=""),
    )
    split_code(head.transaction_id)
    return head


def _with_figures(head: PacketHead, meta: Json, *, payer_fa: str) -> PacketHead:
    if (meta.get("packet"), meta.get("version")) != (head.packet, head.version):
        raise BadMessage("err.request.bad", "meta.packet and meta.version are not those of transaction_id")
    return PacketHead(
        transaction_id=head.transaction_id,
        message_id=head.message_id,
        message_ts=head.message_ts,
        sender_id=head.sender_id,
        receiver_id=head.receiver_id,
        sender_uri=head.sender_uri,
        payer_fa=payer_fa,
        area=text_of(meta, "area", 20, default=""),
        period=text_of(meta, "period", 20, default=""),
        kind=text_of(meta, "kind", 8, default=""),
        replaces=text_of(meta, "replaces", 99, default=""),
        line_count=whole_of(meta, "line_count"),
        total_vnd=amount_vnd(meta.get("total_amount")),
        line_set_sha256=text_of(meta, "line_set_sha256", 64),
    )


def _tie_out(head: PacketHead, lines: tuple[PacketLine, ...]) -> None:
    seen: set[str] = set()
    for line in lines:
        if line.reference in seen:
            raise BadMessage("rjct.reference_id.duplicate", f"reference_id {line.reference} twice")
        seen.add(line.reference)
    if head.line_count != len(lines):
        raise BadMessage("rjct.total_count.invalid", "meta.line_count is not the number of lines")
    if head.total_vnd != sum(line.amount_vnd for line in lines):
        raise BadMessage("rjct.amount.invalid", "meta.total_amount is not the sum of the lines")
    rows = ((line.reference, line.payee_fa, line.amount_vnd) for line in lines)
    if head.line_set_sha256 != line_set_sha256(rows):
        raise BadMessage("err.request.bad", "meta.line_set_sha256 is not that of the lines")


def _question(head: PacketHead, message: Json, meta: Json) -> Envelope:
    question = child_of(message, "txnstatus_request")
    if question.get("attribute_type") != "transaction_id":
        raise BadMessage("rjct.action.not_supported", "attribute_type: transaction_id")
    if question.get("attribute_value") != head.transaction_id:
        raise BadMessage("err.request.bad", "attribute_value is not the transaction_id")
    part = whole_of(meta, "part", default=0)
    return Envelope(TXN_STATUS, head, settlement_id=text_of(meta, "settlement_id", 99, default=""), part=part)


def _packet_line(row: Json, position: int) -> PacketLine:
    try:
        if row.get("currency_code", CURRENCY) != CURRENCY:
            raise BadMessage("rjct.currency_code.invalid", f"currency_code: {CURRENCY}")
        line = PacketLine(
            reference=text_of(row, "reference_id", 64, code="rjct.reference_id.invalid"),
            payee_fa=text_of(row, "payee_fa", 160, code="rjct.payee_fa.invalid"),
            payee_name=text_of(row, "payee_name", 200, default=""),
            amount_vnd=amount_vnd(row.get("amount")),
            area=text_of(child_of(row, "meta"), "area", 20, default=""),
        )
        if line.amount_vnd == 0:
            raise BadMessage("rjct.amount.invalid", "amount: above zero")
    except BadMessage as error:
        raise BadMessage(error.code, f"line {position}: {error.text}") from None
    return line


def _callback_head(header: Json, message: Json, transaction_id: str, now: datetime) -> CallbackHead:
    status = header.get("status")
    if status not in (RCVD, PDNG, SUCC, RJCT):
        raise BadMessage("err.request.bad", "status: rcvd, pdng, succ or rjct")
    meta = child_of(header, "meta")
    recall = text_of(meta, "recall", 20, default="")
    if recall not in ("", "confirmed", "refused"):
        raise BadMessage("err.request.bad", "meta.recall: confirmed or refused")
    split_code(transaction_id)
    return CallbackHead(
        transaction_id=transaction_id,
        message_id=text_of(header, "message_id", 99),
        message_ts=_not_future(header, now),
        sender_id=text_of(header, "sender_id", 99, code="err.sender_id.invalid"),
        receiver_id=text_of(header, "receiver_id", 99, code="err.receiver_id.invalid"),
        status=status,
        reason_code=text_of(meta, "reason_code", 99, default="")
        or text_of(header, "status_reason_code", 99, default=""),
        reason_message=text_of(header, "status_reason_message", 999, default=""),
        correlation_id=text_of(message, "correlation_id", 99, default=""),
        in_reply_to=text_of(meta, "in_reply_to", 99, default=""),
        recall=recall,
        extension_days=whole_of(meta, "extension_days", default=0),
        settlement=_settlement(child_of(meta, "settlement")) if "settlement" in meta else None,
    )


def _settlement(meta: Json) -> SettlementPart:
    part, parts = whole_of(meta, "part"), whole_of(meta, "parts")
    if part > parts or parts < 1:
        raise BadMessage("err.request.bad", "settlement: part n of m")
    figures: list[int] = []
    for outcome in (PAID, UNPAID, RECOVER):
        of_outcome = child_of(child_of(meta, "totals"), outcome)
        figures += (whole_of(of_outcome, "people"), amount_vnd(of_outcome.get("amount")))
    return SettlementPart(text_of(meta, "settlement_id", 99), part, parts, ControlTotals(*figures))


def _collected(meta: Json) -> tuple[Collected, ...]:
    """Receipts of money taken back; all of them or BadMessage, as their count and sum must be those announced."""
    if "collected" not in meta:
        return ()
    said = child_of(meta, "collected")
    found = tuple(
        Collected(
            receipt=text_of(row, "receipt", 64),
            reference=text_of(row, "reference_id", 64, code="rjct.reference_id.invalid"),
            amount_vnd=amount_vnd(row.get("amount")),
            at=moment_of(row.get("timestamp")),
        )
        for row in rows_of(said, "receipts")
    )
    if not all(one.amount_vnd for one in found):
        raise BadMessage("rjct.amount.invalid", "collected: every amount above zero")
    if (whole_of(said, "count"), amount_vnd(said.get("amount"))) != (len(found), sum(one.amount_vnd for one in found)):
        raise BadMessage("rjct.amount.invalid", "collected: count and amount are not those of the receipts")
    return found


def _line_status(row: Json) -> LineStatus:
    meta = child_of(row, "meta")
    reason_code = text_of(meta, "reason_code", 40, default="")
    if not reason_code:
        spec_code = text_of(row, "status_reason_code", 99, default="")
        reason_code = _SPEC_LINE_CODES.get(spec_code, "OTHER" if spec_code else "")
    outcome: Outcome
    if row.get("status") == RJCT:
        outcome = UNPAID
        reason_code = reason_code or "OTHER"
    elif row.get("status") == SUCC:
        outcome = RECOVER if meta.get("settlement") == RECOVER else PAID
    else:
        raise BadMessage("err.request.bad", "status of a settled line: succ or rjct")
    if row.get("currency_code", CURRENCY) != CURRENCY:
        raise BadMessage("rjct.currency_code.invalid", f"currency_code: {CURRENCY}")
    return LineStatus(
        reference=text_of(row, "reference_id", 64, code="rjct.reference_id.invalid"),
        outcome=outcome,
        amount_vnd=amount_vnd(row.get("amount")),
        at=moment_of(row.get("timestamp")),
        reason_code=reason_code,
        reason_message=text_of(row, "status_reason_message", 999, default=""),
    )


def _reference_of(row: Json) -> str:
    reference = row.get("reference_id")
    return reference[:64] if isinstance(reference, str) and not CONTROL.search(reference) else ""


def _not_future(header: Json, now: datetime) -> datetime:
    """A retry keeps its first `message_ts`, so only the future is refused; freshness is the signature's."""
    moment = moment_of(header.get("message_ts"))
    if (moment - now).total_seconds() > FUTURE_TOLERANCE_S:
        raise BadMessage("rjct.message_ts.invalid", "message_ts lies in the future")
    return moment
