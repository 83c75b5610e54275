"""Numbers that identify people and their accounts: ID, bank account, telephone; no look-up of any of them."""

from __future__ import annotations

import re

from app.rules.problems import UnreadableError
from app.rules.states import N_

ID_FINDINGS: dict[str, str] = {
    "id_format": N_("Số định danh chỉ gồm chữ số."),
    "id_length": N_("Số định danh phải có 12 chữ số."),
    "id_place": N_("Ba số đầu không phải mã tỉnh hoặc mã nước nơi đăng ký khai sinh."),
    "id_century": N_("Số thứ tư chỉ thế kỷ chưa tới."),
    "id_sex": N_("Số thứ tư không khớp với giới tính."),
    "id_birth_year": N_("Số thứ tư đến thứ sáu không khớp với năm sinh."),
}
"""Code of a finding -> message id. All are warnings: people without, or with an odd, number are normal."""

_OLD_PROVINCES = frozenset(
    {
        "001", "002", "004", "006", "008", "010", "011", "012", "014", "015", "017", "019", "020",
        "022", "024", "025", "026", "027", "030", "031", "033", "034", "035", "036", "037", "038",
        "040", "042", "044", "045", "046", "048", "049", "051", "052", "054", "056", "058", "060",
        "062", "064", "066", "067", "068", "070", "072", "074", "075", "077", "079", "080", "082",
        "083", "084", "086", "087", "089", "091", "092", "093", "094", "095", "096",
    }
)  # fmt: skip
"""The 63 provinces of before July 2025: codes of birth registration, never to be compared with today's."""

_WRITTEN_APART = re.compile(r"[\s.\-'()]")
_PHONE = re.compile(r"(?:(?:\+|00)?840?|0)([1-9][0-9]{8}|2[0-9]{9})")


class IdentityError(UnreadableError):
    """A number that cannot be kept in its field."""

    texts = {
        "empty": N_("Chưa nhập số."),
        "id": N_("Số định danh phải có 12 chữ số (số cũ hoặc thiếu số 0 ở đầu: 9 đến 11 chữ số)."),
        "account": N_("Số tài khoản phải có từ 6 đến 19 chữ số."),
        "phone": N_("Số điện thoại phải có 10 chữ số, bắt đầu bằng số 0."),
    }


def parse_id(text: str) -> str:
    """The 9 to 12 digits of an ID number; whether they make sense is for `check_id`. Raises IdentityError."""
    digits = _compact(text)
    if re.fullmatch("[0-9]{9,12}", digits) is None:
        raise IdentityError("id")
    return digits


def check_id(number: str, sex: str | None = None, birth_year: int | None = None) -> list[str]:
    """Codes of ID_FINDINGS about a CCCD / số định danh; `sex` is "male", "female" or unknown.

    The number has no check digit: 1–3 place of birth registration, 4 century and sex, 5–6 year of birth.
    """
    if re.fullmatch("[0-9]+", number) is None:
        return ["id_format"]
    if len(number) != 12:
        return ["id_length"]
    place, marker = number[:3], int(number[3])
    year = 1900 + 100 * (marker // 2) + int(number[4:6])
    claimed_sex = "female" if marker % 2 else "male"
    # 000 and 100 upwards are countries
    wrong = {
        "id_place": "000" < place < "100" and place not in _OLD_PROVINCES,
        "id_century": marker > 3,
        "id_sex": sex in ("male", "female") and sex != claimed_sex,
        "id_birth_year": birth_year is not None and birth_year != year,
    }
    return [code for code, applies in wrong.items() if applies]


def zero_fill_offer(text: str, sex: str | None, birth_year: int | None) -> str | None:
    """The 12 digits that Excel may have shortened to 9–11 by dropping leading zeros, or None.

    Offered only when sex and birth year are both known and agree with the filled number: old ID card numbers
    (CMND) have 9 digits too.
    """
    digits = _WRITTEN_APART.sub("", text)
    if re.fullmatch("[1-9][0-9]{8,10}", digits) is None or sex is None or birth_year is None:
        return None
    filled = digits.zfill(12)
    return None if check_id(filled, sex, birth_year) else filled


def mask_id(number: str | None) -> str:
    """First and last three characters, the rest as stars: "001090012345" -> "001******345"."""
    if not number:
        return ""
    if len(number) < 9:
        return "*" * len(number)
    return number[:3] + "*" * (len(number) - 6) + number[-3:]


def parse_account(text: str) -> str:
    """The digits of a bank account, 6 to 19. Raises IdentityError."""
    digits = _compact(text)
    if re.fullmatch("[0-9]{6,19}", digits) is None:
        raise IdentityError("account")
    return digits


def parse_phone(text: str) -> str:
    """A Vietnamese number from 0: "+84 912 345 678", "84912345678" and "0912.345.678" are "0912345678".

    Ten digits, or the eleven of a fixed line (02…). Raises IdentityError.
    """
    found = _PHONE.fullmatch(_compact(text))
    if found is None:
        raise IdentityError("phone")
    return "0" + found[1]


def _compact(text: str) -> str:
    compact = _WRITTEN_APART.sub("", text)
    if not compact:
        raise IdentityError("empty")
    return compact
