"""How the contract spells money, time and the line set."""

from __future__ import annotations

import hashlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.agency import messages
from app.agency.messages import (
    BadMessage,
    PacketLine,
)
from tests.agency.contract_samples import NOW

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
