"""Builds the contract's messages as exact bytes: compact JSON, UTF-8, one key order; reading.py reads them.

This is the module both sides import: it also offers the nouns of envelope.py and the readers of reading.py.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from app.agency.envelope import (
    ACK,
    ACK_CODES,
    CURRENCY,
    DISBURSE,
    ERR,
    HEADER_CODES,
    LINE_REASONS,
    LOCALE,
    NACK,
    NOT_FOUND_CODE,
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
    LinesDiffer,
    LineStatus,
    Notice,
    PacketHead,
    PacketLine,
    SettlementPart,
    amount_text,
    amount_vnd,
    line_set_sha256,
    moment_of,
    split_code,
    stamp,
)
from app.agency.reading import named_ids, read_ack, read_callback, read_request

__all__ = [
    "ACK",
    "DISBURSE",
    "ERR",
    "LINE_REASONS",
    "NACK",
    "NOTICE",
    "NOT_FOUND_CODE",
    "PAID",
    "PDNG",
    "RCVD",
    "RECALL",
    "RECOVER",
    "RJCT",
    "SUCC",
    "TXN_STATUS",
    "UNPAID",
    "Ack",
    "BadMessage",
    "Callback",
    "CallbackHead",
    "Collected",
    "ControlTotals",
    "Envelope",
    "LineFault",
    "LineStatus",
    "LinesDiffer",
    "Notice",
    "PacketHead",
    "PacketLine",
    "SettlementPart",
    "ack",
    "amount_text",
    "amount_vnd",
    "disburse",
    "line_set_sha256",
    "moment_of",
    "named_ids",
    "notice",
    "on_disburse",
    "on_status",
    "read_ack",
    "read_callback",
    "read_request",
    "recall",
    "split_code",
    "stamp",
    "txn_status",
]

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
_REFERENCE = re.compile(r"[A-Za-z0-9._/-]{1,64}")
_ADDRESS = re.compile(r"[a-z][a-z_-]{0,19}:[^\s|@:]{1,64}@[A-Za-z0-9][A-Za-z0-9.-]{0,63}")

# A line's reason as the specification's own code, where it has one; ours travels in the line's meta.
_SPEC_LINE_CODES = {"ACCOUNT_INVALID": "rjct.payee_fa.invalid", "WRONG_DATA": "rjct.reference_id.invalid"}


def disburse(head: PacketHead, lines: Iterable[PacketLine]) -> bytes:
    """The packet. Lines come once each, in code point order of `reference`, every amount above zero.

    The bytes are built only if count, total and hash are those of the head, the ones the list was locked
    with; else LinesDiffer. ValueError for a reference or an address that would not survive the wire.
    """
    body = bytearray()
    digest = hashlib.sha256()
    total_vnd = count = 0
    last = ""
    common = {"purpose": head.purpose, "currency_code": CURRENCY, "locale": LOCALE}
    for line in lines:
        if line.reference <= last:
            raise LinesDiffer(f"line {line.reference} is repeated or out of order")
        last = line.reference
        _refuse_unfit(line)
        if count:
            body += b","
        body += _encode(_disbursement(head.payer_fa, line, common)).encode()
        digest.update(f"{line.reference}|{line.amount_vnd}|{line.payee_fa}\n".encode())
        total_vnd += line.amount_vnd
        count += 1
    if (count, total_vnd, digest.hexdigest()) != (head.line_count, head.total_vnd, head.line_set_sha256):
        raise LinesDiffer("the lines are not those the list was locked with")
    meta = {
        "packet": head.packet,
        "version": head.version,
        "replaces": head.replaces,
        "area": head.area,
        "period": head.period,
        "kind": head.kind,
        "line_count": count,
        "total_amount": amount_text(total_vnd),
        "line_set_sha256": head.line_set_sha256,
    }
    header = _encode(_request_header(head, "disburse", count, meta))
    start = f'{{"header":{header},"message":{{"transaction_id":{_encode(head.transaction_id)},"disbursements":['
    return b"".join((start.encode(), body, b"]}}"))


def recall(head: PacketHead, reason: str) -> bytes:
    """Our request that the agency reject a packet it already has: profile extension `meta.recall`."""
    meta = {"packet": head.packet, "version": head.version, "recall": True, "reason": reason}
    message = {"transaction_id": head.transaction_id, "disbursements": []}
    return _envelope(_request_header(head, "disburse", 0, meta), message)


def notice(head: PacketHead, said: Notice) -> bytes:
    """Our word about an extension that was asked for a packet's settlement: extension `meta.extension_decision`."""
    meta = {
        "packet": head.packet,
        "version": head.version,
        "extension_decision": said.decision,
        "extension_days": said.days,
        "due_on": said.due_on.isoformat(),
        "reason": said.reason,
    }
    message = {"transaction_id": head.transaction_id, "disbursements": []}
    return _envelope(_request_header(head, "disburse", 0, meta), message)


def txn_status(head: PacketHead, *, settlement_id: str = "", part: int = 0, sync: bool = True) -> bytes:
    """What do you know of this packet? Part 0 asks for the state, part n for those lines of a settlement.

    The action names are the specification's own: it calls the asynchronous question `on-disburse` and the
    synchronous one `search`.
    """
    meta: dict[str, Any] = {"packet": head.packet, "version": head.version}
    if part:
        meta |= {"settlement_id": settlement_id, "part": part}
    question = {
        "reference_id": head.message_id,
        "txn_type": "disburse",
        "attribute_type": "transaction_id",
        "attribute_value": head.transaction_id,
        "locale": LOCALE,
    }
    message = {"transaction_id": head.transaction_id, "txnstatus_request": question}
    return _envelope(_request_header(head, "search" if sync else "on-disburse", 1, meta), message)


def on_disburse(head: CallbackHead, lines: Iterable[LineStatus] = (), *, sync: bool = False) -> bytes:
    """The agency's word about a packet: `pdng` accepted, `rjct` rejected, `succ` one part of a settlement."""
    statuses = [_line_status(line) for line in lines]
    header = _callback_header(head, "on-search" if sync else "on-disburse", len(statuses))
    return _envelope(header, {"transaction_id": head.transaction_id, "disbursements_status": statuses})


def on_status(head: CallbackHead, lines: Iterable[LineStatus] = (), *, sync: bool = True) -> bytes:
    """The answer to `txn_status`; an unknown packet is status `rjct` with reason NOT_FOUND_CODE."""
    statuses = [_line_status(line) for line in lines]
    header = _callback_header(head, "on-search" if sync else "on-disburse", len(statuses))
    known = {"transaction_id": head.transaction_id, "disbursements_status": statuses}
    message = {
        "transaction_id": head.transaction_id,
        "correlation_id": head.correlation_id,
        "txnstatus_response": {"txn_type": "on-disburse", "txn_status": known},
    }
    return _envelope(header, message)


def ack(answer: Ack) -> bytes:
    """The immediate answer to an asynchronous call.

    A reason code the schema does not know for acknowledgements (`rjct.…`) travels as
    `error.reason_code` beside the general `err.request.bad`.
    """
    message: dict[str, Any] = {"ack_status": answer.status, "timestamp": stamp(answer.at)}
    if answer.code:
        message["error"] = {
            "code": answer.code if answer.code in ACK_CODES else "err.request.bad",
            "message": answer.text[:999],
            "reason_code": answer.code,
        }
    message["correlation_id"] = answer.correlation_id
    message["meta"] = {"in_reply_to": answer.in_reply_to, "transaction_id": answer.transaction_id}
    return _encode({"message": message}).encode()


def _envelope(header: dict[str, Any], message: dict[str, Any]) -> bytes:
    return _encode({"header": header, "message": message}).encode()


def _refuse_unfit(line: PacketLine) -> None:
    if not _REFERENCE.fullmatch(line.reference):
        raise ValueError("reference: 1 to 64 of A-Z a-z 0-9 . _ / -")
    if not _ADDRESS.fullmatch(line.payee_fa):
        raise ValueError(f"payee_fa of {line.reference}: type:id@provider")
    if line.amount_vnd <= 0:
        raise ValueError(f"amount of {line.reference}: a line with nothing to pay is not sent")


def _disbursement(payer_fa: str, line: PacketLine, common: dict[str, str]) -> dict[str, Any]:
    return {
        "reference_id": line.reference,
        "payer_fa": payer_fa,
        "payee_fa": line.payee_fa,
        "amount": amount_text(line.amount_vnd),
        "payee_name": line.payee_name,
        **common,
        "meta": {"area": line.area} if line.area else {},
    }


def _request_header(head: PacketHead, action: str, total_count: int, meta: dict[str, Any]) -> dict[str, Any]:
    header = {
        "version": VERSION,
        "message_id": head.message_id,
        "message_ts": stamp(head.message_ts),
        "action": action,
        "sender_id": head.sender_id,
        "sender_uri": head.sender_uri,
        "receiver_id": head.receiver_id,
        "total_count": total_count,
        "is_msg_encrypted": False,
        "meta": meta,
    }
    if not head.sender_uri:
        del header["sender_uri"]
    return header


def _callback_header(head: CallbackHead, action: str, count: int) -> dict[str, Any]:
    header: dict[str, Any] = {
        "version": VERSION,
        "message_id": head.message_id,
        "message_ts": stamp(head.message_ts),
        "action": action,
        "status": head.status,
    }
    if head.reason_code in HEADER_CODES:
        header["status_reason_code"] = head.reason_code
    if head.reason_message:
        header["status_reason_message"] = head.reason_message[:999]
    header |= {
        "total_count": count,
        "completed_count": count,
        "sender_id": head.sender_id,
        "receiver_id": head.receiver_id,
        "is_msg_encrypted": False,
        "meta": _callback_meta(head),
    }
    return header


def _callback_meta(head: CallbackHead) -> dict[str, Any]:
    meta: dict[str, Any] = {
        "reason_code": head.reason_code,
        "in_reply_to": head.in_reply_to,
        "recall": head.recall,
        "extension_days": head.extension_days,
    }
    meta = {name: value for name, value in meta.items() if value}
    if head.settlement is not None:
        totals = head.settlement.totals
        meta["settlement"] = {
            "settlement_id": head.settlement.settlement_id,
            "part": head.settlement.part,
            "parts": head.settlement.parts,
            "totals": {
                PAID: {"people": totals.paid_people, "amount": amount_text(totals.paid_vnd)},
                UNPAID: {"people": totals.unpaid_people, "amount": amount_text(totals.unpaid_vnd)},
                RECOVER: {"people": totals.recover_people, "amount": amount_text(totals.recover_vnd)},
            },
        }
        if head.settlement.collected:
            meta["settlement"]["collected"] = _collected(head.settlement.collected)
    return meta


def _collected(receipts: Sequence[Collected]) -> dict[str, Any]:
    rows = [
        {
            "receipt": one.receipt,
            "reference_id": one.reference,
            "amount": amount_text(one.amount_vnd),
            "timestamp": stamp(one.at),
        }
        for one in receipts
    ]
    return {"count": len(rows), "amount": amount_text(sum(one.amount_vnd for one in receipts)), "receipts": rows}


def _line_status(line: LineStatus) -> dict[str, Any]:
    status: dict[str, Any] = {
        "reference_id": line.reference,
        "timestamp": stamp(line.at),
        "status": RJCT if line.outcome == UNPAID else SUCC,
    }
    if line.outcome == UNPAID and line.reason_code in _SPEC_LINE_CODES:
        status["status_reason_code"] = _SPEC_LINE_CODES[line.reason_code]
    if line.reason_message:
        status["status_reason_message"] = line.reason_message[:999]
    status |= {"amount": amount_text(line.amount_vnd), "currency_code": CURRENCY, "locale": LOCALE}
    meta = {"settlement": RECOVER if line.outcome == RECOVER else "", "reason_code": line.reason_code}
    if any(meta.values()):
        status["meta"] = {name: value for name, value in meta.items() if value}
    return status
