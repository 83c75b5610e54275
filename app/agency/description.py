"""The contract of docs/agency-api.md as two OpenAPI 3 descriptions: our inbound side, and an agency's (the sandbox)."""

from __future__ import annotations

from typing import Any

from app.agency.envelope import ACK, ACK_CODES, DECISIONS, ERR, HEADER_CODES, LINE_REASONS, NACK, VERSION
from app.agency.tokens import TOKEN_PATH

Json = dict[str, Any]

OFFICE_PATHS = ("/on-disburse", "/disburse/txn/on-status")
"""Where an agency calls the office, below the office's base address."""

_NO_CONTROLS = r"^[^\u0000-\u001f\u007f]*$"
_CODE = r"^[A-Za-z0-9-]{1,90}-V[1-9][0-9]{0,3}$"
_AMOUNT = r"^(0|[1-9][0-9]{0,12})\.00?$"
_MOMENT: Json = {"type": "string", "format": "date-time", "description": "RFC 3339 with an offset"}


_NOTHING: Json = {"type": "array", "maxItems": 0}
_REASON: Json = {"type": "string", "minLength": 1, "maxLength": 999, "pattern": _NO_CONTROLS}
_RECALL: Json = {"recall": {"type": "boolean", "enum": [True]}, "reason": _REASON}
_NOTICE: Json = {
    "extension_decision": {"type": "string", "enum": sorted(DECISIONS)},
    "extension_days": {"type": "integer", "minimum": 0, "maximum": 19},
    "due_on": {"type": "string", "format": "date"},
}
"""Members of a header's `meta`, all required, that make a message of `/disburse` something else than a packet."""


def office(base_url: str = "/agency") -> Json:
    """What an agency calls: the office's side."""
    paths = {
        OFFICE_PATHS[0]: _callback("on_disburse", "Accepted, rejected, settled", "OnDisburse"),
        OFFICE_PATHS[1]: _callback("on_status", "The answer to an asynchronous question", "OnStatus"),
    }
    return _document("Chitra: the office's side of the agency contract", base_url, paths)


def agency(base_url: str = "/") -> Json:
    """What the office calls: an agency's side, as the sandbox post office has it."""
    message = {"oneOf": [_ref("Packet"), _ref("Recall"), _ref("Notice")]}
    said = {"oneOf": [_ref("OnDisburse"), _ref("Ack")]}
    told = {"oneOf": [_ref("OnStatus"), _ref("OnDisburse"), _ref("Ack")]}
    paths = {
        "/disburse": _call(
            "disburse", "A packet, the recall of one, or what was decided about it", message, _ref("Ack")
        ),
        "/disburse/sync/disburse": _call("disburse_sync", "The same, answered at once", message, said),
        "/disburse/txn/status": _call("status", "A question, answered by callback", _ref("Question"), _ref("Ack")),
        "/disburse/sync/txn/status": _call("status_sync", "A question, answered at once", _ref("Question"), told),
    }
    return _document("Chitra: the agency's side of the contract", base_url, paths)


def _document(title: str, base_url: str, paths: Json) -> Json:
    about = (
        "A profile of G2P Connect disburse 1.0.0. The words are in docs/agency-api.md: signatures over the raw body,"
        " ids kept for good, what a no means. Bodies may be packed with gzip; limits are on what is inside."
    )
    bearer = {"type": "http", "scheme": "bearer", "description": f"From {TOKEN_PATH}, by client credentials"}
    return {
        "openapi": "3.0.3",
        "info": {"title": title, "version": VERSION, "description": about},
        "servers": [{"url": base_url}],
        "paths": {TOKEN_PATH: {"post": _token()}, **paths},
        "components": {"schemas": _schemas(), "securitySchemes": {"bearer": bearer}},
    }


def _token() -> Json:
    form = _object(
        {
            "grant_type": {"type": "string", "enum": ["client_credentials"]},
            "client_id": {"type": "string", "maxLength": 64},
            "client_secret": {"type": "string", "maxLength": 200},
        },
        required=["grant_type"],
    )
    refused = _json({"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}})
    return {
        "operationId": "token",
        "summary": "An access token for client credentials, in the form or by HTTP Basic",
        "requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": form}}},
        "responses": {
            "200": {"description": "A token", **_json(_ref("Token"))},
            "400": {"description": "unsupported_grant_type", **refused},
            "401": {"description": "invalid_client", **refused},
            "413": {"description": "More than a form of credentials"},
            "503": {"description": "Keys cannot be read", **refused},
        },
    }


def _callback(name: str, summary: str, schema: str) -> Json:
    answers = {
        "202": "Kept: ACK, also when the same message came before",
        "400": "Breaks the contract: NACK with the code; kept for a person",
        "401": "No valid token or signature: ERR",
        "403": "Not an agency in use: ERR",
        "409": "The message_id came before with other bytes: NACK",
        "413": "More than 64 MiB, unpacked: ERR",
        "415": "Not application/json, or packed otherwise than with gzip: ERR",
        "503": "Not now: ERR",
    }
    return {
        "post": _operation(name, summary, _ref(schema), {code: (text, _ref("Ack")) for code, text in answers.items()})
    }


def _call(name: str, summary: str, message: Json, answer: Json) -> Json:
    turned_away = {
        "400": "Cannot be unpacked: ERR",
        "401": "No valid token or signature: ERR",
        "403": "Not our partner: ERR",
        "413": "More than 64 MiB, unpacked",
        "415": "Not application/json, or packed otherwise than with gzip",
    }
    answers: dict[str, tuple[str, Json | None]] = {"200": ("Looked at: ACK or NACK, or the state at once", answer)}
    answers |= {code: (text, _ref("Ack") if int(code) < 413 else None) for code, text in turned_away.items()}
    return {"post": _operation(name, summary, message, answers)}


def _operation(name: str, summary: str, message: Json, answers: Any) -> Json:
    signature = {"type": "string", "maxLength": 2048, "description": "Detached JWS over the raw body"}
    packed = {"type": "string", "enum": ["gzip", "identity"]}
    signed = {"Signature": {"schema": signature, "required": True}}
    return {
        "operationId": name,
        "summary": summary,
        "security": [{"bearer": []}],
        "parameters": [
            {"name": "Signature", "in": "header", "required": True, "schema": signature},
            {"name": "Content-Encoding", "in": "header", "required": False, "schema": packed},
        ],
        "requestBody": {"required": True, **_json(message)},
        "responses": {
            code: {"description": text} if schema is None else {"description": text, "headers": signed, **_json(schema)}
            for code, (text, schema) in answers.items()
        },
    }


def _schemas() -> Json:
    lines = {"type": "array", "items": _ref("Line"), "minItems": 1}
    known = _object({"transaction_id": _ref("Code"), "disbursements_status": _array("LineStatus")})
    response = _object({"txn_type": {"type": "string"}, "txn_status": known}, required=["txn_status"])
    question = _object(
        {
            "reference_id": _short(),
            "txn_type": {"type": "string", "enum": ["disburse"]},
            "attribute_type": {"type": "string", "enum": ["transaction_id"]},
            "attribute_value": _ref("Code"),
            "locale": {"type": "string"},
        },
        required=["attribute_type", "attribute_value"],
    )
    return {
        "Code": {"type": "string", "pattern": _CODE, "description": "A packet's code with its version"},
        "Amount": {"type": "string", "pattern": _AMOUNT, "description": "Whole đồng with two zeros"},
        "Token": _object(
            {
                "access_token": {"type": "string", "maxLength": 4096},
                "token_type": {"type": "string", "enum": ["Bearer"]},
                "expires_in": {"type": "integer", "minimum": 1},
            }
        ),
        "Ack": _object({"message": _ack()}),
        "Packet": _envelope(_request_header("disburse"), "disbursements", lines),
        "Recall": _envelope(_request_header("disburse", more=_RECALL), "disbursements", _NOTHING),
        "Notice": _envelope(_request_header("disburse", more=_NOTICE), "disbursements", _NOTHING),
        "Question": _envelope(_request_header("search", "on-disburse"), "txnstatus_request", question),
        "Line": _object(
            {
                "reference_id": {"type": "string", "pattern": "^[A-Za-z0-9._/-]{1,64}$"},
                "payer_fa": {"type": "string"},
                "payee_fa": {"type": "string", "maxLength": 160},
                "amount": _ref("Amount"),
                "payee_name": _short(200),
                "purpose": _short(),
                "currency_code": {"type": "string", "enum": ["VND"]},
                "locale": {"type": "string"},
                "meta": {"type": "object"},
            },
            required=["reference_id", "payer_fa", "payee_fa", "amount"],
        ),
        "OnDisburse": _envelope(_callback_header(), "disbursements_status", _array("LineStatus")),
        "OnStatus": _envelope(_callback_header(), "txnstatus_response", response),
        "LineStatus": _line_status(),
    }


def _envelope(header: Json, name: str, content: Json) -> Json:
    message = _object(
        {"transaction_id": _ref("Code"), "correlation_id": {"type": "string", "maxLength": 99}, name: content},
        required=["transaction_id", name],
    )
    return _object({"header": header, "message": message})


def _request_header(*actions: str, more: Json | None = None) -> Json:
    meta = {"packet": {"type": "string"}, "version": {"type": "integer", "minimum": 1}, **(more or {})}
    members = _header(actions) | {"sender_uri": {"type": "string", "maxLength": 999}, "meta": _object(meta)}
    return _object(members, required=["message_id", "message_ts", "action", "sender_id", "receiver_id", "meta"])


def _callback_header() -> Json:
    actions = ("on-disburse", "on-search")
    members = _header(actions) | {
        "status": {"type": "string", "enum": ["rcvd", "pdng", "succ", "rjct"]},
        "status_reason_code": {"type": "string", "enum": sorted(HEADER_CODES)},
        "status_reason_message": _short(999),
        "completed_count": {"type": "integer", "minimum": 0},
        "meta": _object(
            {
                "reason_code": _short(),
                "in_reply_to": _short(),
                "recall": {"type": "string", "enum": ["confirmed", "refused"]},
                "extension_days": {"type": "integer", "minimum": 0, "maximum": 19},
                "settlement": _settlement(),
            },
            required=[],
        ),
    }
    return _object(members, required=["message_id", "message_ts", "action", "status", "sender_id", "receiver_id"])


def _header(actions: tuple[str, ...]) -> Json:
    return {
        "version": {"type": "string", "enum": [VERSION]},
        "message_id": _short(),
        "message_ts": _MOMENT,
        "action": {"type": "string", "enum": list(actions)},
        "sender_id": _short(),
        "receiver_id": _short(),
        "total_count": {"type": "integer", "minimum": 0},
        "is_msg_encrypted": {"type": "boolean", "enum": [False]},
    }


def _settlement() -> Json:
    figures = _object({"people": {"type": "integer", "minimum": 0}, "amount": _ref("Amount")})
    number = {"type": "integer", "minimum": 0, "maximum": 10_000}
    totals = _object(dict.fromkeys(("paid", "unpaid", "recover"), figures))
    receipt = _object(
        {"receipt": _short(64), "reference_id": _short(64), "amount": _ref("Amount"), "timestamp": _MOMENT}
    )
    receipts = {"type": "array", "items": receipt, "maxItems": 5_000}
    count = {"type": "integer", "minimum": 0}
    members = {
        "settlement_id": _short(),
        "part": number,
        "parts": number | {"minimum": 1},
        "totals": totals,
        "collected": _object({"count": count, "amount": _ref("Amount"), "receipts": receipts}),
    }
    return _object(members, required=["settlement_id", "part", "parts", "totals"])


def _line_status() -> Json:
    meta = {
        "settlement": {"type": "string", "enum": ["recover"]},
        "reason_code": {"type": "string", "enum": sorted(LINE_REASONS)},
    }
    return _object(
        {
            "reference_id": _short(64),
            "timestamp": _MOMENT,
            "status": {"type": "string", "enum": ["succ", "rjct"]},
            "status_reason_code": {"type": "string"},
            "status_reason_message": _short(999),
            "amount": _ref("Amount"),
            "currency_code": {"type": "string", "enum": ["VND"]},
            "locale": {"type": "string"},
            "meta": _object(meta, required=[]),
        },
        required=["reference_id", "timestamp", "status", "amount"],
    )


def _ack() -> Json:
    error = _object(
        {
            "code": {"type": "string", "enum": sorted(ACK_CODES)},
            "message": {"type": "string", "maxLength": 999},
            "reason_code": {"type": "string", "maxLength": 99},
        },
        required=["code", "message"],
    )
    named = _object({key: {"type": "string", "maxLength": 99} for key in ("in_reply_to", "transaction_id")})
    return _object(
        {
            "ack_status": {"type": "string", "enum": [ACK, NACK, ERR]},
            "timestamp": _MOMENT,
            "error": error,
            "correlation_id": {"type": "string", "maxLength": 99},
            "meta": named,
        },
        required=["ack_status", "timestamp", "correlation_id", "meta"],
    )


def _object(members: Json, *, required: list[str] | None = None) -> Json:
    """An object; all of its members are required unless said otherwise. Unknown members are ignored by both sides."""
    wanted = list(members) if required is None else required
    return {"type": "object", "properties": members} | ({"required": wanted} if wanted else {})


def _array(name: str) -> Json:
    return {"type": "array", "items": _ref(name), "maxItems": 5_000}


def _short(most: int = 99) -> Json:
    return {"type": "string", "minLength": 1, "maxLength": most, "pattern": _NO_CONTROLS}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(schema: Json) -> Json:
    return {"content": {"application/json": {"schema": schema}}}
