"""What we and the sandbox put on the wire validates against the published G2P Connect disburse 1.0.0 schema."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from app.agency import messages
from app.agency.envelope import ACK_CODES, HEADER_CODES, LINE_REASONS
from app.agency.g2p import NO_MEANS
from app.agency.messages import Ack, ControlTotals, LineStatus, PacketLine, SettlementPart
from tests.agency.contract_samples import NOW, callback_head, head_of

SPECIFICATION = Path(__file__).parent / "specification" / "disburse_core_api_v1.0.0.yaml"

AT = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def specification() -> dict[str, Any]:
    """The specification with its two typos mended that no message can satisfy.

    `disburemsents` is required where the property is called `disbursements`; and `attribute_value` is "one
    of" three types two of which are the same short text, so that any text matches twice.
    """
    loaded: dict[str, Any] = yaml.safe_load(SPECIFICATION.read_text(encoding="utf-8"))
    schemas = loaded["components"]["schemas"]
    assert schemas["DisburseRequest"]["required"] == ["transaction_id", "disburemsents"]
    schemas["DisburseRequest"]["required"] = ["transaction_id", "disbursements"]
    question = schemas["TxnStatusRequest"]["properties"]["txnstatus_request"]["properties"]["attribute_value"]
    question["anyOf"] = question.pop("oneOf")
    return loaded


Valid = Callable[..., None]


@pytest.fixture(scope="module")
def valid(specification: dict[str, Any]) -> Valid:
    def check(body: bytes, path: str, where: str = "requestBody") -> None:
        operation = specification["paths"][path]["post"]
        holder = operation["responses"]["default"] if where == "answer" else operation["requestBody"]
        if "$ref" in holder:
            holder = specification["components"]["responses"][holder["$ref"].rsplit("/", 1)[1]]
        schema = copy.deepcopy(holder["content"]["application/json"]["schema"])
        schema["components"] = specification["components"]
        validator = jsonschema.Draft202012Validator(
            schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
        )
        errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(json.loads(body))]
        assert errors == []

    return check


def test_the_check_itself_sees_a_fault(valid: Valid, lines: list[PacketLine]) -> None:
    body = messages.disburse(head_of(lines), lines)
    for old, new in (
        (b'"1250000.00"', b'"1250000"'),
        (b'"vie"', b'"vi"'),
        (b'"action":"disburse"', b'"action":"pay"'),
        (b'"total_count":3', b'"total_count":"3"'),
        (b'"payee_fa"', b'"payee"'),
    ):
        assert old in body
        with pytest.raises(AssertionError):
            valid(body.replace(old, new), "/disburse")


def test_our_packet_is_valid(valid: Valid, lines: list[PacketLine]) -> None:
    body = messages.disburse(head_of(lines), lines)
    valid(body, "/disburse")
    valid(messages.disburse(head_of(lines, sender_uri="", replaces=""), lines), "/disburse")


def test_our_recall_is_valid(valid: Valid, lines: list[PacketLine]) -> None:
    valid(messages.recall(head_of(lines), "Một người mới mất"), "/disburse")


def test_our_notice_is_valid(valid: Valid, lines: list[PacketLine]) -> None:
    valid(messages.notice(head_of(lines), messages.Notice("granted", 3, date(2026, 11, 28), "Mưa")), "/disburse")


@pytest.mark.parametrize("part", [0, 2])
def test_our_question_is_valid(valid: Valid, part: int) -> None:
    valid(messages.txn_status(head_of([]), part=part, sync=True), "/disburse/sync/txn/status")
    valid(messages.txn_status(head_of([]), part=part, sync=False), "/disburse/txn/status")


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "rcvd"},
        {"status": "pdng"},
        {"status": "rjct", "reason_code": "AREA_UNKNOWN", "reason_message": "Sai địa bàn"},
        {"status": "rjct", "reason_code": messages.NOT_FOUND_CODE},
        {"status": "rjct", "recall": "confirmed"},
        {"status": "pdng", "recall": "refused"},
        {"status": "pdng", "extension_days": 7},
        *({"status": "rjct", "reason_code": code} for code in sorted(HEADER_CODES)),
    ],
)
def test_a_callback_without_lines_is_valid(valid: Valid, changes: dict[str, Any]) -> None:
    valid(messages.on_disburse(callback_head(**changes)), "/on-disburse")
    valid(messages.on_disburse(callback_head(**changes), sync=True), "/disburse/sync/disburse", "answer")
    valid(messages.on_status(callback_head(**changes), sync=False), "/disburse/txn/on-status")
    valid(messages.on_status(callback_head(**changes, in_reply_to="q1")), "/disburse/sync/txn/status", "answer")


def test_a_settlement_is_valid(valid: Valid) -> None:
    lines = [
        LineStatus("1", "paid", 1_250_000, AT),
        LineStatus("2", "recover", 500_000, AT, "DEAD", "Đã mất"),
        *(LineStatus(f"x-{code}", "unpaid", 1, AT, code, "Lý do") for code in sorted(LINE_REASONS)),
    ]
    head = callback_head(status="succ", settlement=SettlementPart("QT-1", 1, 1, ControlTotals.of(lines)))
    valid(messages.on_disburse(head, lines), "/on-disburse")
    valid(messages.on_status(head, lines, sync=False), "/disburse/txn/on-status")
    valid(messages.on_status(head, lines), "/disburse/sync/txn/status", "answer")


def test_an_acknowledgement_is_valid_whatever_its_code(valid: Valid) -> None:
    valid(messages.ack(Ack("ACK", NOW, "m1", "CT-1-V1", "BD-1")), "/disburse", "answer")
    for code in sorted(NO_MEANS):
        for status in ("ERR", "NACK"):
            valid(messages.ack(Ack(status, NOW, "m1", "CT-1-V1", "", code, "vì sao")), "/on-disburse", "answer")


def test_our_lists_of_codes_are_the_specification_s(specification: dict[str, Any]) -> None:
    schemas = specification["components"]["schemas"]
    assert set(schemas["MsgHeaderStatusReasonCode"]["enum"]) == HEADER_CODES
    assert set(schemas["Error"]["properties"]["code"]["enum"]) == ACK_CODES
    assert messages.NOT_FOUND_CODE in schemas["SearchStatusReasonCode"]["enum"]
    unlisted = {"rjct.timestamp.invalid", "rjct.schedule_ts.invalid"}  # of fields we never send
    named = HEADER_CODES | ACK_CODES | set(schemas["DisburseStatusReasonCode"]["enum"])
    assert set(NO_MEANS) - {""} == named - unlisted
