"""The knobs of the sandbox: name, bounds, Vietnamese text, stored value; what each does is elsewhere."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from app.agency.sandbox.store import Store


@dataclass(frozen=True)
class Knob:
    """One knob; the type of `default` is the type of the value."""

    name: str
    default: Any
    text: str
    group: str
    low: float = 0
    high: float = 1


class KnobRefused(Exception):
    """There is no such knob, or the value is of the wrong kind or out of bounds."""


COUNTER, SHARE, FAULT, SETTLEMENT, DELIVERY = (
    "Quầy chi trả",
    "Tỷ lệ",
    "Lỗi đường truyền",
    "Quyết toán",
    "Gửi trả lời",
)

# Every fault of the wire: `before` leaves no trace here, `after` has kept the message and lost the answer.
WIRE_FAULTS: dict[str, str] = {
    "timeout_before": "Treo máy trước khi ghi nhận",
    "timeout_after": "Treo máy sau khi đã ghi nhận",
    "reset_before": "Ngắt kết nối trước khi ghi nhận",
    "reset_after": "Ngắt kết nối sau khi đã ghi nhận",
    "late_request": "Ngắt kết nối, yêu cầu đến muộn",
    "http_500_before": "Lỗi 500 trước khi ghi nhận",
    "http_500_after": "Lỗi 500 sau khi đã ghi nhận",
    "http_503_before": "Lỗi 503 trước khi ghi nhận",
    "html_502_before": "Trang HTML 502 trước khi ghi nhận",
    "html_502_after": "Trang HTML 502 sau khi đã ghi nhận",
    "http_429": "Quá nhiều yêu cầu (429)",
    "truncated_json": "Câu trả lời bị cắt cụt",
    "wrong_packet": "Câu trả lời của gói tin khác",
    "bad_signature": "Câu trả lời có chữ ký sai",
    "drip": "Trả lời từng byte một",
}

SETTLEMENT_FAULTS: dict[str, str] = {
    "wrong_totals": "Tổng kiểm soát sai",
    "wrong_amount": "Một dòng sai số tiền",
    "missing_line": "Thiếu một dòng",
    "foreign_line": "Thừa một dòng lạ",
    "double_line": "Một dòng lặp lại",
    "missing_part": "Thiếu một phần",
    "contradiction": "Báo đã trả rồi lại báo chưa trả",
}

DELIVERY_FAULTS: dict[str, str] = {
    "callback_duplicate": "Gửi hai lần",
    "callback_reorder": "Gửi đảo thứ tự",
    "callback_drop": "Không bao giờ gửi",
    "callback_bad_signature": "Lần đầu gửi với chữ ký sai",
}

_PLAIN = (
    Knob("seed", 1, "Hạt giống ngẫu nhiên", COUNTER, 0, 2**53),
    Knob("auto_accept", False, "Tự tiếp nhận", COUNTER),
    Knob("auto_pay", False, "Tự chi trả", COUNTER),
    Knob("auto_settle", False, "Tự gửi quyết toán", COUNTER),
    Knob("auto_after_s", 1.0, "Giãn cách giữa các bước tự động (giây)", COUNTER, 0, 86_400),
    Knob("day_offset", 0, "Số ngày mô phỏng đã trôi qua", COUNTER, -36_500, 36_500),
    Knob("pay_days", 1, "Chi trả trong mấy ngày", COUNTER, 1, 31),
    Knob("part_lines", 5_000, "Số dòng mỗi phần quyết toán", COUNTER, 1, 5_000),
    Knob("max_lines", 100_000, "Số dòng tối đa mỗi gói tin", COUNTER, 1, 1_000_000),
    Knob("takes_gzip", True, "Nhận nội dung nén gzip", COUNTER),
    Knob("known_areas", [], "Địa bàn phục vụ (mã hoặc đầu mã; để trống là tất cả)", COUNTER),
    Knob("paid_share", 0.975, "Tỷ lệ người nhận được tiền", SHARE),
    Knob("death_share", 0.002, "Tỷ lệ người mất sau khi đã nhận", SHARE),
    Knob("fault_script", [], "Lỗi cho các lần gọi kế tiếp, theo thứ tự", FAULT),
    Knob("fault_actions", ["disburse", "status"], "Lời gọi nào bị lỗi", FAULT),
    Knob("delay_s", 0.0, "Trả lời chậm (giây)", FAULT, 0, 600),
    Knob("hang_s", 30.0, "Treo máy bao lâu (giây)", FAULT, 0, 600),
    Knob("late_s", 5.0, "Yêu cầu đến muộn bao lâu (giây)", FAULT, 0, 86_400),
    Knob("drip_s", 1.0, "Giãn cách giữa hai byte (giây)", FAULT, 0, 60),
    Knob("retry_after_s", 1, "Retry-After (giây)", FAULT, 0, 3_600),
    Knob("callback_late_s", 0.0, "Gửi trả lời muộn (giây)", DELIVERY, 0, 86_400),
    Knob("settlement_late_s", 0.0, "Gửi quyết toán muộn (giây)", DELIVERY, 0, 40 * 86_400),
)

KNOBS: dict[str, Knob] = {
    knob.name: knob
    for knob in (
        *_PLAIN,
        *(Knob(name, 0.0, text, FAULT) for name, text in WIRE_FAULTS.items()),
        *(Knob(name, 0.0, text, SETTLEMENT) for name, text in SETTLEMENT_FAULTS.items()),
        *(Knob(name, 0.0, text, DELIVERY) for name, text in DELIVERY_FAULTS.items()),
    )
}

# One press on the page: every fault now and then, so that a whole day of a demo can be played under it. All but the drip,
# which takes longer than a caller's patience each time.
STORM: dict[str, float] = {
    **dict.fromkeys(("timeout_before", "timeout_after", "reset_before", "reset_after", "late_request"), 0.03),
    **dict.fromkeys(("http_500_before", "http_500_after", "html_502_after", "http_429"), 0.04),
    **dict.fromkeys(("truncated_json", "wrong_packet", "bad_signature"), 0.03),
    **dict.fromkeys(("http_503_before", "html_502_before"), 0.02),
    **dict.fromkeys(("callback_duplicate", "callback_reorder", "callback_bad_signature"), 0.2),
    **dict.fromkeys(("callback_drop", "wrong_totals", "missing_part", "contradiction"), 0.05),
    **dict.fromkeys(("wrong_amount", "missing_line", "foreign_line", "double_line"), 0.05),
    "hang_s": 5.0,
    "callback_late_s": 2.0,
}


def all_knobs(store: Store) -> dict[str, Any]:
    """Every knob with its present value."""
    stored = {row["name"]: json.loads(row["value"]) for row in store.rows("SELECT name, value FROM knobs")}
    return {name: stored.get(name, knob.default) for name, knob in KNOBS.items()}


def knob(store: Store, name: str) -> Any:
    """The present value of one knob."""
    row = store.one("SELECT value FROM knobs WHERE name = ?", name)
    return KNOBS[name].default if row is None else json.loads(row["value"])


def turn(store: Store, values: dict[str, Any]) -> None:
    """Set several knobs at once, or none of them; raises KnobRefused."""
    checked = {name: _checked(name, value) for name, value in values.items()}
    with store.transaction():
        for name, value in checked.items():
            store.run(
                "INSERT INTO knobs (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                name,
                json.dumps(value),
            )


def clear_faults(store: Store) -> None:
    """Put every fault back to its default; the counter's own settings and the seed stay."""
    for knob_ in KNOBS.values():
        if knob_.group in (FAULT, SETTLEMENT, DELIVERY):
            store.run("DELETE FROM knobs WHERE name = ?", knob_.name)


def share(seed: int, *parts: object) -> float:
    """A number in [0, 1) that depends on the seed and the parts only."""
    text = ":".join(str(part) for part in (seed, *parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7]) / 2**56


def happens(store: Store, name: str) -> bool:
    """Draw for the fault of that name: the n-th draw of a seed always falls the same way."""
    likelihood = float(knob(store, name))
    if likelihood <= 0:
        return False
    with store.transaction():
        store.run(
            "INSERT INTO draws (name, drawn) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET drawn = drawn + 1",
            name,
        )
        row = store.one("SELECT drawn FROM draws WHERE name = ?", name)
        assert row is not None
        met = share(int(knob(store, "seed")), name, row["drawn"]) < likelihood
        if met:
            count(store, name)
        return met


def count(store: Store, name: str) -> None:
    """One more fault of that name has been met."""
    store.run(
        "INSERT INTO met (name, times) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET times = times + 1",
        name,
    )


def faults_met(store: Store) -> dict[str, int]:
    """How often each fault was met since this file was last emptied, the most frequent first."""
    return {row["name"]: row["times"] for row in store.rows("SELECT name, times FROM met ORDER BY times DESC, name")}


def _checked(name: str, value: Any) -> Any:
    found = KNOBS.get(name)
    if found is None:
        raise KnobRefused(f"Không có núm chỉnh «{name}».")
    if isinstance(found.default, bool):
        if not isinstance(value, bool):
            raise KnobRefused(f"«{name}» phải là đúng hoặc sai.")
        return value
    if isinstance(found.default, list):
        return _checked_list(name, value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise KnobRefused(f"«{name}» phải là một số.")
    if not found.low <= value <= found.high:
        raise KnobRefused(f"«{name}» phải từ {found.low:g} đến {found.high:g}.")
    if isinstance(found.default, int) and value != int(value):
        raise KnobRefused(f"«{name}» phải là số nguyên.")
    return int(value) if isinstance(found.default, int) else float(value)


def _checked_list(name: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise KnobRefused(f"«{name}» phải là một danh sách.")
    allowed = {"fault_script": {*WIRE_FAULTS, "none"}, "fault_actions": {"disburse", "status", "token"}}.get(name)
    strange = [item for item in value if allowed is not None and item not in allowed]
    if strange:
        raise KnobRefused(f"«{name}» không nhận «{strange[0]}».")
    return value
