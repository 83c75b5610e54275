"""What becomes of each person at the counter: a function of the seed and the line's reference alone."""

from __future__ import annotations

from dataclasses import dataclass

from app.agency.envelope import PAID, RECOVER, UNPAID, Outcome
from app.agency.sandbox.knobs import share

REASONS: dict[str, str] = {
    "ABSENT": "Vắng mặt, không đến nhận",
    "MOVED": "Đã chuyển nơi cư trú",
    "DEAD": "Đã mất",
    "NO_CONTACT": "Không liên lạc được",
    "REFUSED": "Từ chối nhận",
    "WRONG_DATA": "Sai thông tin người nhận",
    "NO_AUTHORISATION": "Không có giấy uỷ quyền hợp lệ",
    "ACCOUNT_INVALID": "Tài khoản không hợp lệ",
    "OTHER": "Lý do khác",
}

# How often each reason is met among those who got nothing: cash at the counter, and money to an account.
_CASH = (("ABSENT", 46), ("NO_CONTACT", 16), ("MOVED", 13), ("DEAD", 11), ("WRONG_DATA", 6))
_CASH_REST = (("NO_AUTHORISATION", 5), ("REFUSED", 2), ("OTHER", 1))
_ACCOUNT = (("ACCOUNT_INVALID", 70), ("WRONG_DATA", 18), ("DEAD", 8), ("OTHER", 4))


@dataclass(frozen=True)
class Fate:
    """How one line ends, and on which pay day (1 = the first)."""

    outcome: Outcome
    reason_code: str
    day: int


@dataclass(frozen=True)
class Chances:
    """The knobs a fate depends on."""

    seed: int
    paid_share: float
    death_share: float
    pay_days: int


def fate(chances: Chances, reference_id: str, payee_fa: str, *, planned: str = "") -> Fate:
    """`planned` is what somebody wants: `paid`, `recover`, `unpaid:<reason>`; empty is by the seed."""
    day = 1 + int(share(chances.seed, reference_id, "day") * chances.pay_days)
    if planned:
        wish, _, reason_code = planned.partition(":")
        if wish == UNPAID:
            return Fate(UNPAID, reason_code, day)
        return Fate(RECOVER, "DEAD", day) if wish == RECOVER else Fate(PAID, "", day)
    if share(chances.seed, reference_id, "paid") < chances.paid_share:
        if share(chances.seed, reference_id, "death") < chances.death_share:
            return Fate(RECOVER, "DEAD", day)
        return Fate(PAID, "", day)
    return Fate(UNPAID, _reason(chances.seed, reference_id, payee_fa), day)


def is_plan(text: str) -> bool:
    """Whether a text is one that `fate` understands as planned."""
    outcome, colon, reason_code = text.partition(":")
    return text in ("", PAID, RECOVER) or (outcome == UNPAID and bool(colon) and reason_code in REASONS)


def _reason(seed: int, reference_id: str, payee_fa: str) -> str:
    weights = (*_CASH, *_CASH_REST) if payee_fa.startswith(("cash:", "id:")) else _ACCOUNT
    left = share(seed, reference_id, "reason") * sum(weight for _, weight in weights)
    for reason_code, weight in weights:
        left -= weight
        if left < 0:
            return reason_code
    return weights[-1][0]
