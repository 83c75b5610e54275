"""Packets, recalls and questions: what is built is read back, and what is wrong is refused with its code."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.agency import messages
from app.agency.messages import (
    Ack,
    BadMessage,
    Collected,
    LinesDiffer,
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


def test_a_reference_twice_is_never_built_even_if_it_was_locked_so(lines: list[PacketLine]) -> None:
    doubled = [lines[0], *lines]
    with pytest.raises(LinesDiffer, match="202611-1"):
        messages.disburse(head_of(doubled), doubled)


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


def test_a_large_packet_is_built_holding_its_bytes_twice_at_most() -> None:
    lines = [
        PacketLine(f"202611-{n:06d}", f"cash:CT{n:06d}@vnpost", "Nguyễn Thị Hoà", 500_000 + n, "00004")
        for n in range(20_000)
    ]
    head = head_of(lines)
    body = messages.disburse(head, lines)
    tracemalloc.start()
    try:
        messages.disburse(head, iter(lines))
        assert tracemalloc.get_traced_memory()[1] <= 2.3 * len(body)
    finally:
        tracemalloc.stop()


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


def test_money_that_came_back_of_recoveries_travels_beside_the_lines() -> None:
    receipts = (Collected("PT-1", "202609-4", 200_000, AT), Collected("PT-2", "LA 5", 1, AT))
    place = SettlementPart("QT-1", 1, 1, TOTALS, receipts)
    body = messages.on_disburse(callback_head(status="succ", settlement=place), [PAID, UNPAID, RECOVER])
    said = json.loads(body)["header"]["meta"]["settlement"]["collected"]
    assert (said["count"], said["amount"]) == (2, "200001.00")
    read = messages.read_callback(body, now=NOW)
    assert (read.head.settlement, read.faults) == (place, ())


@pytest.mark.parametrize(
    "change",
    [
        {"count": 2},
        {"amount": "1.00"},
        {"receipts": [{"receipt": "PT-1", "reference_id": "202609-4", "amount": "0.00", "timestamp": "2026-11-20T01:00:00Z"}]},
        {"receipts": [{"receipt": "", "reference_id": "202609-4", "amount": "1.00", "timestamp": "2026-11-20T01:00:00Z"}]},
        {"receipts": [{"receipt": "PT-1", "reference_id": "202609-4", "amount": "1.00"}]},
        {"receipts": "PT-1"},
    ],
)  # fmt: skip
def test_receipts_that_cannot_be_read_or_do_not_add_up_are_a_fault_and_the_lines_stand(change: dict[str, Any]) -> None:
    place = SettlementPart("QT-1", 1, 1, TOTALS, (Collected("PT-1", "202609-4", 200_000, AT),))
    body = messages.on_disburse(callback_head(status="succ", settlement=place), [PAID])

    def spoil(message: dict[str, Any]) -> None:
        message["header"]["meta"]["settlement"]["collected"] |= change

    read = messages.read_callback(altered(body, spoil), now=NOW)
    assert read.head.settlement is not None and read.head.settlement.collected == ()
    assert (read.lines, [(one.position, one.reference) for one in read.faults]) == ((PAID,), [(0, "")])


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
    receipts = (Collected("PT-1", "202609-4", 200_000, AT),)
    settled = callback_head(status="succ", settlement=SettlementPart("QT-1", 1, 1, TOTALS, receipts), extension_days=2)
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
