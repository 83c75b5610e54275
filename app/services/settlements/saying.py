"""Words for what is in a settlement: reasons, findings, how a line stands. Codes in, Vietnamese msgids out; no query."""

from __future__ import annotations

from app.rules.states import LINE_RESULTS, N_

REASONS: dict[str, str] = {
    "ABSENT": N_("Vắng mặt, không đến nhận"),
    "MOVED": N_("Đã chuyển nơi cư trú"),
    "DEAD": N_("Đã chết"),
    "NO_CONTACT": N_("Không liên lạc được"),
    "REFUSED": N_("Từ chối nhận"),
    "WRONG_DATA": N_("Sai thông tin người nhận"),
    "NO_AUTHORISATION": N_("Không có giấy ủy quyền hợp lệ"),
    "ACCOUNT_INVALID": N_("Tài khoản không hợp lệ"),
    "OTHER": N_("Lý do khác"),
}
"""Why an agency did not pay, or paid what must come back."""

FINDINGS: dict[str, str] = {
    "matched": N_("Khớp"),
    "missing": N_("Chưa được báo"),
    "extra": N_("Không có trong gói tin đã gửi"),
    "wrong_amount": N_("Sai số tiền"),
    "duplicate": N_("Báo nhiều lần, giống nhau"),
    "dispute": N_("Báo mâu thuẫn"),
    "by_hand": N_("Nhập tay"),
}
"""What comparing the agency's words with the packet found."""

OUTCOMES: dict[str, str] = {code: LINE_RESULTS[code] for code in ("paid", "unpaid", "to_recover")}
DECISIONS: dict[str, str] = OUTCOMES | {"unpaid_stopped": LINE_RESULTS["unpaid_stopped"]}

STANDINGS: dict[str, str] = DECISIONS | {
    "pending": N_("Chưa có kết quả"),
    "dispute": N_("Chờ quyết định"),
    "foreign": N_("Ngoài gói tin"),
}
"""How a line stands, by `arithmetic.STANDING`; `foreign` is a reference that is no line of ours."""

STANDING_TONES = {
    "paid": "good",
    "unpaid": "warn",
    "unpaid_stopped": "off",
    "to_recover": "bad",
    "pending": "plain",
    "dispute": "bad",
    "foreign": "off",
}
