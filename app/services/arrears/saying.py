"""The words of arrears: causes of proposals, why a person-month is held out. Nothing is decided here."""

from __future__ import annotations

from app.rules.states import N_

CAUSES: dict[str, str] = {
    "manual": N_("Nhập tay"),
    "rates": N_("Nâng mức hưởng áp dụng từ trước"),
    "resumption": N_("Hưởng lại sau tạm dừng"),
}

EXCLUSIONS: dict[str, str] = {
    "dead": N_("Đã chết trước tháng đó"),
    "ended": N_("Chính sách đã kết thúc trước tháng đó"),
    "stopped": N_("Đã dừng hưởng, chưa rõ từ tháng nào"),
    "to_recover": N_("Tiền tháng đó phải thu hồi"),
    "suspended": N_("Đang tạm dừng"),
    "moved": N_("Đã chuyển đi nơi khác"),
    "by_hand": N_("Loại ra theo quyết định"),
    "reopened": N_("Danh sách tháng đó được mở lại"),
    "rejected": N_("Đề nghị không được duyệt"),
    "withdrawn": N_("Đề nghị đã rút"),
}
