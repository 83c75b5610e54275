"""Whole đồng: reading, showing, spelling out, and the two computations of an amount; no tables, no rates."""

from __future__ import annotations

import re
import unicodedata
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from app.rules.problems import UnreadableError
from app.rules.states import N_

MAX_VND = 10**15 - 1
"""Fifteen digits: what Excel keeps exactly, and far above any budget."""

_GROUPED = re.compile(r"[1-9][0-9]{0,2}([., ])[0-9]{3}(?:\1[0-9]{3})*")
_CURRENCY = re.compile(r" *(?:đồng|vnđ|vnd|đ|₫)$")
_BLANKS = str.maketrans(dict.fromkeys("\u00a0\u2007\u2009\u202f", " "))

_DIGITS = ("không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín")
_AFTER_MUOI = (*_DIGITS[:5], "lăm", *_DIGITS[6:])
_AFTER_TENS = ("", "mốt", "hai", "ba", "tư", "lăm", *_DIGITS[6:])

ZeroWord = Literal["linh", "lẻ"]
ThousandWord = Literal["nghìn", "ngàn"]


class MoneyError(UnreadableError):
    """A value that is not an amount of whole đồng."""

    texts = {
        "empty": N_("Chưa nhập số tiền."),
        "not_a_number": N_("Đây không phải là một số tiền."),
        "fraction": N_("Số tiền phải là số đồng nguyên, không có phần lẻ."),
        "ambiguous": N_(
            "Không rõ dấu chấm, dấu phẩy ngăn cách hàng nghìn hay phần lẻ. Hãy viết 1.250.000 hoặc 1250000."
        ),
        "leading_zero": N_("Số tiền không bắt đầu bằng số 0."),
        "negative": N_("Số tiền không được âm."),
        "too_large": N_("Số tiền quá lớn (hơn 15 chữ số)."),
    }


def parse_vnd(value: str | int | float | Decimal, *, allow_negative: bool = False) -> int:
    """Đồng from what a person typed or a workbook held: "1.250.000", "1,250,000 đ", "1 250 000", 1250000.0.

    Never guesses: groups must be of three digits with one kind of separator. Raises MoneyError.
    """
    amount = _from_text(value) if isinstance(value, str) else _from_number(value)
    if amount < 0 and not allow_negative:
        raise MoneyError("negative")
    return amount


def _from_number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise MoneyError("not_a_number")
    # Excel keeps 15 significant digits; what lies below them is the residue of binary arithmetic
    exact = Decimal(f"{value:.15g}") if isinstance(value, float) else Decimal(value)
    if not exact.is_finite():
        raise MoneyError("not_a_number")
    if not -MAX_VND <= exact <= MAX_VND:
        raise MoneyError("too_large")
    if exact != exact.to_integral_value():
        raise MoneyError("fraction")
    return int(exact)


def _from_text(text: str) -> int:
    written = unicodedata.normalize("NFC", text).translate(_BLANKS).strip().removeprefix("'").lower()
    if not written:
        raise MoneyError("empty")
    body = _CURRENCY.sub("", written)
    negative = body.startswith(("-", "\u2212"))
    body = body[1:].lstrip(" ") if negative else body
    digits = re.sub("[., ]", "", body)
    if re.fullmatch("[0-9]+", digits) is None:
        raise MoneyError("not_a_number")
    if digits != body and _GROUPED.fullmatch(body) is None:
        raise MoneyError("ambiguous")
    if len(digits) > 1 and digits.startswith("0"):
        raise MoneyError("leading_zero")
    if len(digits) > 15:
        raise MoneyError("too_large")
    return -int(digits) if negative else int(digits)


def group_thousands(number: int) -> str:
    """1250000 -> "1.250.000"."""
    return f"{number:,}".replace(",", ".")


def format_vnd(amount_vnd: int) -> str:
    """1250000 -> "1.250.000 đ"."""
    return f"{group_thousands(amount_vnd)} đ"


def in_words(amount_vnd: int, *, zero_word: ZeroWord = "linh", thousand_word: ThousandWord = "nghìn") -> str:
    """The amount in official Vietnamese: 1005000 -> "Một triệu không trăm linh năm nghìn đồng".

    "mốt", "tư" and "lăm" follow "mươi"; after "linh" the digits keep their plain names, as in school books.
    Raises MoneyError beyond fifteen digits.
    """
    if abs(amount_vnd) > MAX_VND:
        raise MoneyError("too_large")
    words = _number_words(abs(amount_vnd), zero_word, thousand_word) or [_DIGITS[0]]
    if amount_vnd < 0:
        words.insert(0, "âm")
    sentence = " ".join([*words, "đồng"])
    return sentence[0].upper() + sentence[1:]


def _number_words(number: int, zero_word: str, thousand_word: str) -> list[str]:
    """Words of a number, none for 0; above a billion the count of billions is itself such a number."""
    billions, rest = divmod(number, 10**9)
    words = [*_number_words(billions, zero_word, thousand_word), "tỷ"] if billions else []
    for scale, name in ((10**6, "triệu"), (10**3, thousand_word), (1, "")):
        group, rest = divmod(rest, scale)
        if group:
            words += _group_words(group, zero_word, padded=bool(words))
            words += [name] if name else []
    return words


def _group_words(group: int, zero_word: str, *, padded: bool) -> list[str]:
    """1 to 999; `padded` when larger groups precede, so that an empty hundreds place is spoken."""
    hundreds, tens, units = group // 100, group // 10 % 10, group % 10
    words = [_DIGITS[hundreds], "trăm"] if hundreds or padded else []
    if tens == 0:
        if units:
            words += [zero_word, _DIGITS[units]] if words else [_DIGITS[units]]
        return words
    words += ["mười"] if tens == 1 else [_DIGITS[tens], "mươi"]
    if units:
        words.append(_AFTER_MUOI[units] if tens == 1 else _AFTER_TENS[units])
    return words


def benefit_vnd(coefficient: Decimal, standard_vnd: int, units: int = 1) -> int:
    """Coefficient × standard amount × units (children), rounded half up to whole đồng.

    The same as PostgreSQL's `round(coefficient * standard * units)` on numeric, which set-based code uses.
    """
    return _whole_dong(coefficient * standard_vnd * units)


def fee_vnd(
    paid_vnd: int, paid_people: int, *, kind: str, percent: Decimal, per_person_vnd: int, cap_vnd: int | None
) -> int:
    """The agency's fee for one settlement, by its contract.

    `kind` "percent": `percent` (0.8 means 0,8 %) of the money actually paid, rounded half up to whole đồng;
    "per_person": đồng per person actually paid. Never more than `cap_vnd`, when there is a cap.
    """
    if kind == "percent":
        fee = _whole_dong(percent * paid_vnd / 100)
    elif kind == "per_person":
        fee = per_person_vnd * paid_people
    else:
        raise ValueError(f"no such kind of fee: {kind}")
    return fee if cap_vnd is None else min(fee, cap_vnd)


def _whole_dong(amount: Decimal) -> int:
    return int(amount.to_integral_value(ROUND_HALF_UP))
