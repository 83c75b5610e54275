"""The messages of the contract: what is built is read back, and what is wrong is refused with its code."""

from __future__ import annotations

import hashlib
import json
import random
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from contract_samples import NOW, callback_head, head_of
from hypothesis import given
from hypothesis import strategies as st

from app.agency import messages
from app.agency.messages import (
    Ack,
    BadMessage,
    ControlTotals,
    LinesDiffer,
    LineStatus,
    PacketLine,
    SettlementPart,
)

AT = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
PAID = LineStatus("202611-1", "paid", 1_250_000, AT)
UNPAID = LineStatus("202611-2", "unpaid", 500_000, AT, "ABSENT", "Vắng mặt, không đến nhận")
RECOVER = LineStatus("202611-3", "recover", 1, AT, "DEAD", "Đã mất")
TOTALS = ControlTotals(1, 1_250_000, 1, 500_000, 1, 1)


def altered(body: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    parsed = json.loads(body)
    change(parsed)
    return json.dumps(parsed, ensure_ascii=False).encode()


def refusal(body: bytes, read: Callable[..., object] = messages.read_request) -> str:
    with pytest.raises(BadMessage) as caught:
        read(body, now=NOW)
    return caught.value.code


# --- the packet


def test_a_packet_is_read_as_it_was_built(lines: list[PacketLine]) -> None:
    envelope = messages.read_request(messages.disburse(head_of(lines), lines), now=NOW)
    assert envelope.kind == messages.DISBURSE
    assert envelope.head == head_of(lines)
    assert envelope.lines == tuple(lines)
    assert (envelope.head.packet, envelope.head.version) == ("CT-202611-00004-M", 2)


def test_the_same_packet_is_the_same_bytes(lines: list[PacketLine]) -> None:
    again = messages.disburse(head_of(lines), iter(lines))
    assert again == messages.disburse(head_of(lines), lines)
    assert again.startswith(b'{"header":{"version":"1.0.0","message_id":"CT-')
    assert "Nguyễn Thị Hoà".encode() in again and b"\\u" not in again


def test_a_line_on_the_wire_is_a_code_an_address_and_an_amount(lines: list[PacketLine]) -> None:
    parsed = json.loads(messages.disburse(head_of(lines), lines))
    assert parsed["message"]["disbursements"][0] == {
        "reference_id": "202611-1",
        "payer_fa": "account:3713.0.1234567@treasury",
        "payee_fa": "cash:CT0001@vnpost",
        "amount": "1250000.00",
        "payee_name": "Nguyễn Thị Hoà",
        "purpose": "CT-M",
        "currency_code": "VND",
        "locale": "vie",
        "meta": {"area": "00004"},
    }
    assert parsed["header"]["meta"] == {
        "packet": "CT-202611-00004-M",
        "version": 2,
        "replaces": "CT-202611-00004-M-V1",
        "area": "00004",
        "period": "202611",
        "kind": "M",
        "line_count": 3,
        "total_amount": "1750001.00",
        "line_set_sha256": head_of(lines).line_set_sha256,
    }
    assert parsed["header"]["message_ts"] == "2026-11-12T09:30:05.000+07:00"


@pytest.mark.parametrize("kind", ["", "monthly", "hiv", "M M", "M-HIV"])
def test_a_purpose_is_a_neutral_code(lines: list[PacketLine], kind: str) -> None:
    with pytest.raises(ValueError, match="kind"):
        messages.disburse(head_of(lines, kind=kind), lines)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda lines: lines[:-1],
        lambda lines: [*lines, PacketLine("202611-4", "cash:CT9@vnpost", "A", 1)],
        lambda lines: [replace(lines[0], amount_vnd=1_250_001), *lines[1:]],
        lambda lines: [replace(lines[0], payee_fa="cash:CT0002@vnpost"), *lines[1:]],
        lambda lines: [lines[1], lines[0], lines[2]],
        lambda lines: [lines[0], *lines],
        lambda lines: [],
        # the same total, moved between two people
        lambda lines: [
            replace(lines[0], amount_vnd=1_250_001 - 2),
            lines[1],
            replace(lines[2], amount_vnd=2),
        ],
    ],
)
def test_only_the_lines_that_were_locked_are_built(
    lines: list[PacketLine], spoil: Callable[[list[PacketLine]], list[PacketLine]]
) -> None:
    with pytest.raises(LinesDiffer):
        messages.disburse(head_of(lines), spoil(lines))


@pytest.mark.parametrize(
    "change",
    [
        {"reference": ""},
        {"reference": "a|b"},
        {"reference": "a\nb"},
        {"payee_fa": "cash:1|2@vnpost"},
        {"payee_fa": "vnpost"},
        {"payee_fa": "cash:@vnpost"},
        {"amount_vnd": 0},
        {"amount_vnd": -1},
        {"amount_vnd": 10_000_000_000_000},
    ],
)
def test_a_line_that_would_not_survive_the_wire_is_not_sent(change: dict[str, Any]) -> None:
    line = replace(PacketLine("202611-1", "cash:CT1@vnpost", "A", 1), **change)
    with pytest.raises((ValueError, LinesDiffer)):
        messages.disburse(head_of([line]), [line])


def test_a_hundred_thousand_lines_are_built_in_two_seconds_holding_the_bytes_twice() -> None:
    lines = [
        PacketLine(f"202611-{n:06d}", f"cash:CT{n:06d}@vnpost", "Nguyễn Thị Hoà", 500_000 + n, "00004")
        for n in range(100_000)
    ]
    head = head_of(lines)
    began = time.perf_counter()
    body = messages.disburse(head, lines)
    assert time.perf_counter() - began <= 2
    tracemalloc.start()
    try:
        messages.disburse(head, iter(lines))
        assert tracemalloc.get_traced_memory()[1] <= 2.3 * len(body)
    finally:
        tracemalloc.stop()


# --- the hash of the line set


def test_the_hash_of_the_line_set_is_the_documented_text(lines: list[PacketLine]) -> None:
    text = (
        "202611-1|1250000|cash:CT0001@vnpost\n"
        "202611-2|500000|account:0011001234567@bidv\n"
        "202611-3|1|id:012345678901@vnpost\n"
    )
    rows = [(line.reference, line.payee_fa, line.amount_vnd) for line in lines]
    random.Random(4).shuffle(rows)
    assert messages.line_set_sha256(rows) == hashlib.sha256(text.encode()).hexdigest()


def test_the_hash_sorts_by_code_point() -> None:
    rows = [
        ("a", "cash:1@v", 1),
        ("Z", "cash:1@v", 1),
        ("-", "cash:1@v", 1),
        ("10", "cash:1@v", 1),
        ("9", "c:1@v", 1),
    ]
    text = "-|1|cash:1@v\n10|1|cash:1@v\n9|1|c:1@v\nZ|1|cash:1@v\na|1|cash:1@v\n"
    assert messages.line_set_sha256(rows) == hashlib.sha256(text.encode()).hexdigest()


# --- money and time


@given(st.integers(0, 9_999_999_999_999))
def test_an_amount_comes_back_as_it_went(vnd: int) -> None:
    assert messages.amount_vnd(messages.amount_text(vnd)) == vnd


@pytest.mark.parametrize(
    "text",
    ["1.5", "1.01", "1", "-1.00", "+1.00", "1e3", "1,00", " 1.00", "1.00\n", "01.00", "10000000000000.00", "",
     "1.000", "١.00", 1, 1.0, None, True, ["1.00"]],
)  # fmt: skip
def test_an_amount_that_is_not_whole_dong_is_refused(text: object) -> None:
    with pytest.raises(BadMessage) as caught:
        messages.amount_vnd(text)
    assert caught.value.code == "rjct.amount.invalid"


@pytest.mark.parametrize("text", ["2026-11-12T09:30:05+07:00", "2026-11-12T02:30:05Z", "2026-11-12t02:30:05.000z"])
def test_a_time_is_read_whatever_its_offset(text: str) -> None:
    assert messages.moment_of(text) == NOW


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-12T09:30:05",
        "2026-11-12",
        "2026-13-12T09:30:05Z",
        "1795477129",
        "",
        None,
        5,
        "٢026-11-12T09:30:05Z",
    ],
)
def test_a_time_without_an_offset_is_refused(text: object) -> None:
    with pytest.raises(BadMessage) as caught:
        messages.moment_of(text)
    assert caught.value.code == "rjct.message_ts.invalid"


# --- what is refused of a packet


REQUEST_FAULTS: list[tuple[str, Callable[[dict[str, Any]], Any]]] = [
    ("rjct.version.invalid", lambda m: m["header"].update(version="2.0.0")),
    ("err.encryption.invalid", lambda m: m["header"].update(is_msg_encrypted=True)),
    ("rjct.action.invalid", lambda m: m["header"].update(action="pay")),
    ("rjct.action.invalid", lambda m: m["header"].pop("action")),
    ("rjct.message_ts.invalid", lambda m: m["header"].update(message_ts="yesterday")),
    ("rjct.message_ts.invalid", lambda m: m["header"].update(message_ts="2026-11-12T02:35:06Z")),
    ("rjct.total_count.invalid", lambda m: m["header"].update(total_count=2)),
    ("rjct.total_count.invalid", lambda m: m["header"].update(total_count="3")),
    ("err.sender_id.invalid", lambda m: m["header"].pop("sender_id")),
    ("err.receiver_id.invalid", lambda m: m["header"].update(receiver_id=5)),
    ("err.request.bad", lambda m: m["header"].update(message_id="x" * 100)),
    ("err.request.bad", lambda m: m["header"].update(message_id="a\x00b")),
    ("err.request.bad", lambda m: m["header"].update(meta=[])),
    ("err.request.bad", lambda m: m["header"]["meta"].update(version=3)),
    ("err.request.bad", lambda m: m["header"]["meta"].update(packet="CT-202611-00005-M")),
    ("err.request.bad", lambda m: m["header"]["meta"].update(line_set_sha256="0" * 64)),
    ("rjct.total_count.invalid", lambda m: m["header"]["meta"].update(line_count=4)),
    ("rjct.amount.invalid", lambda m: m["header"]["meta"].update(total_amount="1750002.00")),
    ("err.request.bad", lambda m: m["message"].update(transaction_id="CT-202611-00004-M")),
    ("err.request.bad", lambda m: m["message"].update(transaction_id="x" * 98 + "-V1")),
    ("err.request.bad", lambda m: m["message"].pop("disbursements")),
    ("err.request.bad", lambda m: m["message"].update(disbursements={})),
    ("err.request.bad", lambda m: m["message"].update(disbursements=["x"])),
    ("err.request.bad", lambda m: m["message"].update(disburemsents=[])),
    ("err.request.bad", lambda m: m.pop("message")),
    ("rjct.amount.invalid", lambda m: m["message"]["disbursements"][1].update(amount="500000.50")),
    ("rjct.amount.invalid", lambda m: m["message"]["disbursements"][1].update(amount="-500000.00")),
    ("rjct.amount.invalid", lambda m: m["message"]["disbursements"][1].update(amount=500000)),
    ("rjct.amount.invalid", lambda m: m["message"]["disbursements"][1].update(amount="0.00")),
    ("rjct.amount.invalid", lambda m: m["message"]["disbursements"][1].update(amount="500001.00")),
    ("rjct.reference_id.invalid", lambda m: m["message"]["disbursements"][1].update(reference_id="")),
    (
        "rjct.reference_id.duplicate",
        lambda m: m["message"]["disbursements"][1].update(reference_id="202611-1"),
    ),
    ("rjct.payee_fa.invalid", lambda m: m["message"]["disbursements"][1].pop("payee_fa")),
    ("rjct.currency_code.invalid", lambda m: m["message"]["disbursements"][1].update(currency_code="USD")),
    ("err.request.bad", lambda m: m["message"]["disbursements"][1].update(payer_fa="account:9@other")),
    ("err.request.bad", lambda m: m["message"]["disbursements"][1].update(payee_name="\ud800")),
]


@pytest.mark.parametrize(("code", "change"), REQUEST_FAULTS)
def test_a_packet_that_breaks_the_contract_is_refused_with_its_code(
    lines: list[PacketLine], code: str, change: Callable[[dict[str, Any]], None]
) -> None:
    parsed = json.loads(messages.disburse(head_of(lines), lines))
    change(parsed)
    assert refusal(json.dumps(parsed).encode()) == code


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff{}",
        b"<html>",
        b"[" * 100_000,
        b'{"header":NaN,"message":{}}',
        b'{"header":' + b"9" * 5000 + b"}",
        b'{"header":{},"header":{},"message":{}}',
        b'{"header":[],"message":{}}',
    ],
)
def test_what_is_not_a_message_is_refused(body: bytes) -> None:
    assert refusal(body) == "err.request.bad"
    assert refusal(body, messages.read_callback) == "err.request.bad"
    with pytest.raises(BadMessage):
        messages.read_ack(body)
    assert messages.named_ids(body) == ("", "")


def replacements(value: Any) -> Iterator[Any]:
    """The message with every part of it replaced, one at a time, by every kind of nonsense."""
    yield from (None, True, 0, -1, 1.5, "", "x", "\ud800", [], [1], [{}], {}, {"a": []})
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for at, child in children:
        for junk in replacements(child):
            changed = value.copy()
            changed[at] = junk
            yield changed


def test_nonsense_anywhere_in_a_message_is_read_or_refused_never_an_error(lines: list[PacketLine]) -> None:
    settled = callback_head(status="succ", settlement=SettlementPart("QT-1", 1, 1, TOTALS), extension_days=2)
    read_now = {"now": NOW}
    for read, body, facts in (
        (messages.read_request, messages.disburse(head_of(lines), lines), read_now),
        (messages.read_request, messages.recall(head_of([]), "vì sao"), read_now),
        (messages.read_request, messages.txn_status(head_of([]), part=1), read_now),
        (messages.read_callback, messages.on_disburse(settled, [UNPAID, RECOVER]), read_now),
        (messages.read_callback, messages.on_status(settled, [PAID]), read_now),
        (messages.read_ack, messages.ack(Ack("ERR", NOW, "m", "t", "c", "err.request.bad")), {}),
    ):
        refused = 0
        for changed in replacements(json.loads(body)):
            spoilt = json.dumps(changed).encode()
            messages.named_ids(spoilt)
            try:
                read(spoilt, **facts)
            except BadMessage:
                refused += 1
        assert refused > 50


def test_a_first_attempt_of_long_ago_is_still_the_same_message(lines: list[PacketLine]) -> None:
    body = messages.disburse(head_of(lines), lines)
    assert messages.read_request(body, now=NOW + timedelta(days=40)).head.message_ts == NOW
    assert messages.read_request(body, now=NOW - timedelta(minutes=5)).head.message_ts == NOW
    with pytest.raises(BadMessage) as caught:
        messages.read_request(body, now=NOW - timedelta(minutes=5, seconds=1))
    assert caught.value.code == "rjct.message_ts.invalid"


def test_the_specification_s_typos_are_tolerated(lines: list[PacketLine]) -> None:
    def misspell(m: dict[str, Any]) -> None:
        m["message"]["disburemsents"] = m["message"].pop("disbursements")
        m["header"]["action"] = "search"

    body = altered(messages.disburse(head_of(lines), lines), misspell)
    assert messages.read_request(body, now=NOW).lines == tuple(lines)
    for action in ("on-search'", "on-search", "on-disburse", "notify"):
        stray = altered(messages.on_status(callback_head()), lambda m, a=action: m["header"].update(action=a))
        assert messages.read_callback(stray, now=NOW).head.packet_state == "accepted"
    for action in ("on-search", "search", "subscribe", "on-disburse"):
        stray = altered(messages.txn_status(head_of([])), lambda m, a=action: m["header"].update(action=a))
        assert messages.read_request(stray, now=NOW).kind == messages.TXN_STATUS


def test_a_message_without_a_version_is_of_this_version(lines: list[PacketLine]) -> None:
    body = altered(messages.disburse(head_of(lines), lines), lambda m: m["header"].pop("version"))
    assert messages.read_request(body, now=NOW).kind == messages.DISBURSE


# --- recall and question


def test_a_recall_is_a_disburse_without_lines(lines: list[PacketLine]) -> None:
    body = messages.recall(head_of(lines, message_id="r1"), "Một người mới mất")
    envelope = messages.read_request(body, now=NOW)
    assert (envelope.kind, envelope.recall_reason, envelope.lines) == ("recall", "Một người mới mất", ())
    assert envelope.head.transaction_id == "CT-202611-00004-M-V2"
    assert json.loads(body)["header"]["meta"]["recall"] is True


@pytest.mark.parametrize("recall", [1, "true", "yes", None, False])
def test_nothing_but_true_is_a_recall(lines: list[PacketLine], recall: object) -> None:
    body = altered(messages.disburse(head_of(lines), lines), lambda m: m["header"]["meta"].update(recall=recall))
    assert messages.read_request(body, now=NOW).kind == messages.DISBURSE


def test_a_recall_needs_a_reason(lines: list[PacketLine]) -> None:
    assert refusal(messages.recall(head_of(lines), "")) == "err.request.bad"


def test_a_question_may_ask_for_a_part_of_a_settlement() -> None:
    state = messages.read_request(messages.txn_status(head_of([])), now=NOW)
    assert (state.kind, state.part, state.settlement_id) == ("txn_status", 0, "")
    body = messages.txn_status(head_of([]), settlement_id="QT-1", part=3)
    part = messages.read_request(body, now=NOW)
    assert (part.part, part.settlement_id) == (3, "QT-1")


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("rjct.action.not_supported", {"attribute_type": "reference_id_list"}),
        ("err.request.bad", {"attribute_value": "CT-202611-00005-M-V1"}),
        ("err.request.bad", {"attribute_value": ["CT-202611-00004-M-V2"]}),
    ],
)
def test_a_question_about_something_else_is_refused(code: str, change: dict[str, Any]) -> None:
    body = altered(messages.txn_status(head_of([])), lambda m: m["message"]["txnstatus_request"].update(change))
    assert refusal(body) == code


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
