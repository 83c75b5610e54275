"""Words of codes in reports: kinds of list, payment methods, how a line stands. Codes in, Vietnamese msgids out."""

from __future__ import annotations

from flask_babel import gettext

from app.rules.states import N_, RECOVERY
from app.services.settlements.saying import REASONS, STANDINGS

KINDS: dict[str, str] = {
    "monthly": N_("Trợ cấp hằng tháng"),
    "social_pension": N_("Hưu trí xã hội"),
    "funeral": N_("Mai táng phí"),
    "supplementary": N_("Bổ sung"),
}
METHODS: dict[str, str] = {
    "cash": N_("Tiền mặt"),
    "bank": N_("Tài khoản ngân hàng"),
    "wallet": N_("Ví điện tử"),
}
OUTCOMES: dict[str, str] = {code: words for code, words in STANDINGS.items() if code != "foreign"}
"""How a line that was sent stands."""

SECTIONS: dict[str, str] = {
    "came": N_("Tăng"),
    "left": N_("Giảm"),
    "changed": N_("Thay đổi"),
}
"""How a line differs from what it was before."""

WORDS: dict[str, dict[str, str]] = {
    "agency": {"": N_("Không qua đơn vị chi trả")},
    "method": METHODS,
    "outcome": OUTCOMES,
    "reason": REASONS,
    "kind": KINDS,
    "section": SECTIONS,
    "arrears": OUTCOMES | {"waiting": N_("Chờ đưa vào danh sách")},
    "recovery": dict(RECOVERY.states),
}
"""Kind of a column whose cells may be codes -> code -> words; a text that is no code is its own words."""


def worded(kind: str, text: str) -> str:
    """A cell of a column as people read it, in the language of the page."""
    words = WORDS.get(kind, {}).get(text)
    return text if words is None else gettext(words)
