"""Callbacks, status answers and acknowledgements: read as built, and no fault of one line loses the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from app.agency import messages
from app.agency.messages import (
    Ack,
    BadMessage,
    ControlTotals,
    LineStatus,
    PacketLine,
    SettlementPart,
)
from tests.agency.contract_samples import (
    AT,
    NOW,
    PAID,
    RECOVER,
    TOTALS,
    UNPAID,
    altered,
    callback_head,
    head_of,
    refusal,
)

# --- callbacks and answers


def test_a_settlement_part_is_read_as_it_was_built() -> None:
    head = callback_head(status="succ", settlement=SettlementPart("QT-1", 2, 3, TOTALS), correlation_id="")
    callback = messages.read_callback(messages.on_disburse(head, [PAID, UNPAID, RECOVER]), now=NOW)
    assert callback.head == head
    assert callback.lines == (PAID, UNPAID, RECOVER)
    assert callback.faults == ()
    assert callback.head.meaning == "settled"
    assert ControlTotals.of(callback.lines) == TOTALS
    assert (TOTALS.people, TOTALS.total_vnd) == (3, 1_750_001)


@pytest.mark.parametrize(
    ("meaning", "state", "changes"),
    [
        ("received", "received", {"status": "rcvd"}),
        ("accepted", "accepted", {"status": "pdng"}),
        (
            "rejected",
            "rejected",
            {"status": "rjct", "reason_code": "AREA_UNKNOWN", "reason_message": "Sai địa bàn"},
        ),
        ("rejected", "rejected", {"status": "rjct", "recall": "confirmed"}),
        ("rejected", "rejected", {"status": "rjct", "reason_code": "rjct.total_count.invalid"}),
        ("recall_refused", "accepted", {"recall": "refused", "reason_message": "Đã chi"}),
        ("extension_asked", "accepted", {"extension_days": 7, "reason_message": "Mưa lũ"}),
        ("not_found", "not_found", {"status": "rjct", "reason_code": messages.NOT_FOUND_CODE}),
    ],
)
def test_what_a_callback_means(meaning: str, state: str, changes: dict[str, Any]) -> None:
    head = callback_head(**changes)
    read = messages.read_callback(messages.on_status(head), now=NOW).head
    assert read == head
    assert (read.meaning, read.packet_state) == (meaning, state)
    asynchronous = messages.read_callback(messages.on_disburse(head), now=NOW).head
    assert asynchronous == replace(head, correlation_id="")


def test_one_unreadable_line_does_not_lose_the_others() -> None:
    head = callback_head(status="succ", settlement=SettlementPart("QT-1", 1, 1, TOTALS))
    body = messages.on_disburse(head, [PAID, UNPAID, RECOVER, PAID])

    def spoil(m: dict[str, Any]) -> None:
        rows = m["message"]["disbursements_status"]
        rows[0]["amount"] = "1250000.25"
        rows[1]["status"] = "pdng"
        rows[2] = {"reference_id": "x" * 70, "status": "succ", "amount": "1.00", "timestamp": "now"}

    callback = messages.read_callback(altered(body, spoil), now=NOW)
    assert callback.lines == (PAID,)
    assert [(fault.position, fault.reference, fault.code) for fault in callback.faults] == [
        (1, "202611-1", "rjct.amount.invalid"),
        (2, "202611-2", "err.request.bad"),
        (3, "x" * 64, "rjct.reference_id.invalid"),
    ]


def test_a_line_said_twice_is_kept_twice() -> None:
    head = callback_head(status="succ", settlement=SettlementPart("QT-1", 1, 1, TOTALS))
    body = messages.on_disburse(head, [PAID, replace(UNPAID, reference=PAID.reference)])
    assert [line.outcome for line in messages.read_callback(body, now=NOW).lines] == ["paid", "unpaid"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"status_reason_code": "rjct.payee_fa.invalid"}, "ACCOUNT_INVALID"),
        ({"status_reason_code": "rjct.amount.invalid"}, "OTHER"),
        ({}, "OTHER"),
        ({"meta": {"reason_code": "MOVED"}, "status_reason_code": "rjct.payee_fa.invalid"}, "MOVED"),
    ],
)
def test_an_unpaid_line_always_has_a_reason(row: dict[str, Any], reason: str) -> None:
    head = callback_head(status="succ", settlement=SettlementPart("QT-1", 1, 1, TOTALS))
    body = messages.on_disburse(head, [replace(UNPAID, reason_code="", reason_message="")])
    changed = altered(body, lambda m: m["message"]["disbursements_status"][0].update(row))
    assert messages.read_callback(changed, now=NOW).lines[0].reason_code == reason


CALLBACK_FAULTS: list[Callable[[dict[str, Any]], Any]] = [
    lambda m: m["header"].update(status="done"),
    lambda m: m["header"].pop("status"),
    lambda m: m["header"]["meta"]["settlement"].update(part=4),
    lambda m: m["header"]["meta"]["settlement"].update(part=0),
    lambda m: m["header"]["meta"]["settlement"].update(parts=True),
    lambda m: m["header"]["meta"]["settlement"].pop("totals"),
    lambda m: m["header"]["meta"]["settlement"]["totals"]["paid"].update(amount="1.5"),
    lambda m: m["header"]["meta"].pop("settlement"),
    lambda m: m["header"].update(status="rjct"),
    lambda m: m["header"]["meta"].update(recall="maybe"),
    lambda m: m["header"]["meta"].update(extension_days=-1),
    lambda m: m["message"].pop("disbursements_status"),
    lambda m: m["message"].update(transaction_id="CT"),
]


@pytest.mark.parametrize("change", CALLBACK_FAULTS)
def test_a_callback_that_breaks_the_contract_is_refused(change: Callable[[dict[str, Any]], None]) -> None:
    head = callback_head(status="succ", settlement=SettlementPart("QT-1", 2, 3, TOTALS))
    body = altered(messages.on_disburse(head, [PAID, UNPAID, RECOVER]), change)
    with pytest.raises(BadMessage):
        messages.read_callback(body, now=NOW)


def test_a_status_answer_that_names_two_packets_is_refused() -> None:
    body = altered(
        messages.on_status(callback_head()),
        lambda m: m["message"]["txnstatus_response"]["txn_status"].update(transaction_id="CT-1-V1"),
    )
    assert refusal(body, messages.read_callback) == "err.request.bad"


def test_a_settlement_of_fifty_thousand_lines_in_parts_comes_back_whole() -> None:
    lines = [LineStatus(f"202611-{n:06d}", "paid", 500_000, AT) for n in range(50_000)]
    totals = ControlTotals.of(lines)
    read: list[LineStatus] = []
    for part in range(10):
        head = callback_head(status="succ", settlement=SettlementPart("QT-1", part + 1, 10, totals))
        body = messages.on_disburse(head, lines[part * 5000 : part * 5000 + 5000])
        read += messages.read_callback(body, now=NOW).lines
    assert read == lines


# --- acknowledgements


@pytest.mark.parametrize(
    "answer",
    [
        Ack("ACK", NOW, "m1", "CT-1-V1", "BD-1"),
        Ack("ERR", NOW, "m1", "CT-1-V1", "", "err.signature.invalid"),
        Ack("NACK", NOW, "m1", "CT-1-V1", "", "rjct.message_id.duplicate"),
        Ack("ERR", NOW, "", "", "", "err.request.bad"),
    ],
)
def test_an_acknowledgement_is_read_as_it_was_built(answer: Ack) -> None:
    assert messages.read_ack(messages.ack(answer)) == answer


def test_an_acknowledgement_without_our_extensions_is_read_too() -> None:
    body = b'{"message":{"ack_status":"ERR","timestamp":"2026-11-12T02:30:05Z","correlation_id":"9",'
    ack = messages.read_ack(body + b'"error":{"code":"err.request.bad","message":"no"}}}')
    assert (ack.code, ack.text, ack.in_reply_to, ack.correlation_id) == ("err.request.bad", "no", "", "9")


def test_a_bad_message_can_still_be_answered_by_name(lines: list[PacketLine]) -> None:
    body = altered(messages.disburse(head_of(lines), lines), lambda m: m["header"].update(version="9"))
    assert messages.named_ids(body) == ("CT-202611-00004-M-V2-5f0c", "CT-202611-00004-M-V2")
