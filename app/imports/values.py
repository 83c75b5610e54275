"""Cells as values: what a person or Excel made of an amount, a date, a number that identifies. Never a guess."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from flask_babel import gettext as _

from app.imports.columns import Column
from app.imports.reading import Converted, Value
from app.rules import dates, identity, money, names
from app.rules.problems import UnreadableError
from app.rules.states import N_

_EXCEL_EPOCH = date(1899, 12, 30)
_SERIALS = (2_101, 80_000)
"""Numbers between are days of Excel (from 01/10/1905); below they are years."""
_EXACT_DIGITS = 15


class CellError(UnreadableError):
    """A cell that cannot be taken as what its column holds."""

    texts = {
        "number_for_text": N_("Ô này phải là chữ, không phải số hay ngày."),
        "rounded": N_("Excel chỉ giữ 15 chữ số nên số này đã bị làm tròn. Hãy định dạng ô là Text rồi gõ lại."),
        "choice": N_("Không hiểu “%(text)s”. Hãy ghi một trong: %(choices)s."),
        "whole": N_("Hãy ghi một số nguyên."),
        "decimal": N_("Hãy ghi một số, ví dụ 1,5."),
        "code": N_("Mã đối tượng không hợp lệ."),
        "date_kind": N_("Ô này phải là ngày."),
    }


def read(column: Column, value: Value) -> Any:
    """The value of a cell that is not empty, as JSON holds it: text, whole number, date as text. Raises UnreadableError."""
    if isinstance(value, Converted):
        value = value.after
    if isinstance(value, str):
        value = value[1:] if value.startswith("'") else value
        if not value.strip():
            return None
    return _READERS[column.kind](column, value)


def text_of(value: Value) -> str:
    """A cell as a person would read it out."""
    if isinstance(value, Converted):
        return value.after
    if isinstance(value, date):
        return dates.format_date(value)
    if isinstance(value, float):
        return f"{value:.15g}"
    return "" if value is None else str(value)


def _text(column: Column, value: Any) -> str:
    if isinstance(value, bool):
        raise CellError("number_for_text")
    text = value if isinstance(value, str) else text_of(value)
    if text.isprintable() and len(text) <= column.most and unicodedata.is_normalized("NFC", text):
        return text if text[:1] != " " and text[-1:] != " " and "  " not in text else " ".join(text.split())
    return names.clean_text(text, max_length=column.most)


def _name(column: Column, value: Any) -> str:
    if not isinstance(value, str):
        raise CellError("number_for_text")
    if value.isprintable() and unicodedata.is_normalized("NFC", value) and 0 < len(value) <= names.MAX_NAME_LENGTH:
        return names.clean_name(value) if not value[0].isalpha() or "  " in value or value[-1] == " " else value
    return names.clean_name(value)


def _code(_column: Column, value: Any) -> str:
    text = _digits(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    if not isinstance(text, str):
        raise CellError("code")
    code = text.strip(" \t\r\n\u00a0").upper()
    if re.fullmatch(r"[A-Z0-9][A-Z0-9._/-]{0,39}", code) is None:
        raise CellError("code")
    return code


def _money(_column: Column, value: Any) -> int:
    if isinstance(value, date):
        raise money.MoneyError("not_a_number")
    return money.parse_vnd(value)


def _whole(_column: Column, value: Any) -> int:
    text = text_of(value).strip()
    if re.fullmatch("[0-9]{1,9}", text) is None:
        raise CellError("whole")
    return int(text)


def _decimal(_column: Column, value: Any) -> str:
    text = text_of(value).strip().replace(",", ".")
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise CellError("decimal") from None
    exponent = number.as_tuple().exponent
    if not number.is_finite() or not 0 < number <= 100 or not isinstance(exponent, int) or exponent < -2:
        raise CellError("decimal")
    return format(number, "f")


def _day(_column: Column, value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _serial(value).isoformat()
    if isinstance(value, date):
        return _in_time(value).isoformat()
    if not isinstance(value, str):
        raise CellError("date_kind")
    return dates.parse_date(value).isoformat()


def _birth(_column: Column, value: Any) -> list[int | None]:
    if isinstance(value, bool):
        raise CellError("date_kind")
    if isinstance(value, int | float) and value >= _SERIALS[0]:
        value = _serial(value)
    birth = dates.BirthDate.parse(value)
    return [birth.year, birth.month, birth.day]


def _serial(number: float) -> date:
    if number != int(number) or not _SERIALS[0] <= number <= _SERIALS[1]:
        raise dates.DateError("format")
    return _EXCEL_EPOCH + timedelta(days=int(number))


def _in_time(day: date) -> date:
    if not dates.FIRST_YEAR <= day.year <= dates.LAST_YEAR:
        raise dates.DateError("century")
    return day


def _digits(value: float) -> str:
    if value != int(value):
        raise CellError("whole")
    digits = str(int(value))
    if len(digits) > _EXACT_DIGITS:
        raise CellError("rounded")
    return digits


def _number_text(value: Any) -> str:
    if isinstance(value, bool | date):
        raise CellError("number_for_text")
    return value if isinstance(value, str) else _digits(value)


def _id_number(_column: Column, value: Any) -> str | None:
    text = _number_text(value)
    return None if names.fold(text) in ("khong", "khong co", "chua co", "-") else identity.parse_id(text)


def _account(_column: Column, value: Any) -> str:
    return identity.parse_account(_number_text(value))


def _phone(_column: Column, value: Any) -> str:
    text = _number_text(value)
    # Excel drops the zero of a number it takes for an amount
    return identity.parse_phone(f"0{text}" if re.fullmatch("[1-9][0-9]{8}", text) else text)


def _choice(column: Column, value: Any) -> str:
    text = text_of(value).strip()
    found = column.choices.get(names.fold(text))
    if found is None:
        raise CellError("choice", text=text[:40], choices=", ".join(str(_(choice)) for choice in column.shown))
    return found


_READERS: dict[str, Callable[[Column, Any], Any]] = {
    "text": _text, "name": _name, "code": _code, "money": _money, "whole": _whole, "decimal": _decimal, "day": _day,
    "birth": _birth, "id": _id_number, "account": _account, "phone": _phone, "choice": _choice,
}  # fmt: skip
