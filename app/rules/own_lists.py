"""Words of the states and moves of a list that the office pays itself: its cashier in place of a payment agency.

States and moves are those of every list (docs/decisions/002-lists-without-an-agency.md); only what people read differs.
"""

from __future__ import annotations

from app.rules.machines import N_

STATES: dict[tuple[str, str], str] = {
    ("batch", "sent"): N_("Đang giao"),
    ("batch", "accepted"): N_("Đã giao thủ quỹ"),
    ("batch", "returned"): N_("Đã lấy lại"),
    ("packet", "queued"): N_("Đang giao"),
    ("packet", "in_doubt"): N_("Đang giao"),
    ("packet", "accepted"): N_("Đã giao thủ quỹ"),
    ("packet", "rejected"): N_("Đã lấy lại"),
}
MOVES: dict[tuple[str, str], str] = {
    ("batch", "send"): N_("Giao thủ quỹ"),
    ("batch", "accept"): N_("Thủ quỹ nhận"),
    ("batch", "return"): N_("Lấy lại từ thủ quỹ"),
    ("packet", "create"): N_("Lập gói tin cho thủ quỹ"),
    ("packet", "claim"): N_("Giao thủ quỹ"),
    ("packet", "accept"): N_("Thủ quỹ nhận"),
    ("packet", "reject"): N_("Lấy lại từ thủ quỹ"),
}
STEPS: dict[str, str] = {
    "send": N_("Giao thủ quỹ"),
    "receive": N_("Thủ quỹ nhận"),
    "settle": N_("Nhập kết quả"),
}
"""Steps of the month where nothing goes through an agency."""

CASHIER = N_("Thủ quỹ")
