"""Dates as people write them: days, months, and birth dates of which perhaps only the year is known."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime

from app.clock import LOCAL
from app.rules.problems import UnreadableError
from app.rules.states import N_

FIRST_YEAR, LAST_YEAR = 1900, 2100

_DAY = re.compile(r"([0-9]{1,2})([/.-])([0-9]{1,2})\2([0-9]{4})")
_ISO_DAY = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
_MONTH = re.compile(r"([0-9]{1,2})[/.-]([0-9]{4})")
_ISO_MONTH = re.compile(r"([0-9]{4})-([0-9]{1,2})")
_YEAR = re.compile(r"[0-9]{4}")


class DateError(UnreadableError):
    """A text that is no date, or a date that cannot be."""

    texts = {
        "empty": N_("Chưa nhập ngày."),
        "format": N_("Không đọc được ngày. Hãy viết ngày/tháng/năm, ví dụ 05/03/2026."),
        "month_format": N_("Không đọc được tháng. Hãy viết tháng/năm, ví dụ 03/2026."),
        "birth_format": N_("Không đọc được ngày sinh. Hãy viết 05/03/1950, 03/1950 hoặc 1950."),
        "no_such_day": N_("Ngày này không có trong lịch."),
        "century": N_("Năm phải từ 1900 đến 2100."),
        "day_without_month": N_("Có ngày sinh thì phải có tháng sinh."),
    }


@dataclass(frozen=True, slots=True)
class BirthDate:
    """A birth date as far as it is known; an unknown month or day stays unknown. Raises DateError."""

    year: int
    month: int | None = None
    day: int | None = None

    def __post_init__(self) -> None:
        if self.month is None and self.day is not None:
            raise DateError("day_without_month")
        _real_day(self.year, 1 if self.month is None else self.month, 1 if self.day is None else self.day)

    @classmethod
    def parse(cls, value: str | int | float | date) -> BirthDate:
        """From "1950", "03/1950", "05/03/1950", "1950-03-05", or a workbook's date or number 1950.0."""
        if isinstance(value, date):
            return cls(value.year, value.month, value.day)
        text = value.strip() if isinstance(value, str) else f"{value:.15g}"
        if not text:
            raise DateError("empty")
        parts = _day_parts(text) or _month_parts(text) or ((int(text),) if _YEAR.fullmatch(text) else None)
        if parts is None:
            raise DateError("birth_format")
        return cls(*parts)

    @property
    def earliest(self) -> date:
        """The first day it can have been; after today means a birth in the future."""
        return date(self.year, self.month or 1, self.day or 1)

    @property
    def latest(self) -> date:
        """The last day it can have been."""
        month = self.month or 12
        return date(self.year, month, self.day or monthrange(self.year, month)[1])

    def show(self) -> str:
        """dd/mm/yyyy, mm/yyyy or yyyy: what is known."""
        if self.month is None:
            return str(self.year)
        month = f"{self.month:02}/{self.year}"
        return month if self.day is None else f"{self.day:02}/{month}"


def age_on(birth: BirthDate, day: date) -> int:
    """Full years certainly reached on `day`: an unknown month or day counts as the last possible one.

    Somebody born "1950" is 75 from 31/12/2025 on, "03/1950" from 31/03/2025 on. Born on 29 February, a
    year is full on 1 March in other years. 0 before birth.
    """
    born = birth.latest
    before_birthday = (day.month, day.day) < (born.month, born.day)
    return max(0, day.year - born.year - before_birthday)


def parse_date(text: str) -> date:
    """dd/mm/yyyy (also with - or .), d/m/yyyy or yyyy-mm-dd, of 1900 to 2100. Raises DateError."""
    written = text.strip()
    if not written:
        raise DateError("empty")
    parts = _day_parts(written)
    if parts is None:
        raise DateError("format")
    return _real_day(*parts)


def format_date(day: date) -> str:
    """dd/mm/yyyy; an instant is shown as its day in Vietnam."""
    return f"{_local(day):%d/%m/%Y}"


def format_moment(instant: datetime) -> str:
    """dd/mm/yyyy HH:MM in Vietnam, of an aware instant."""
    return f"{_local(instant):%d/%m/%Y %H:%M}"


def parse_month(text: str) -> date:
    """The first day of "03/2026", "3/2026" or "2026-03". Raises DateError."""
    written = text.strip()
    if not written:
        raise DateError("empty")
    parts = _month_parts(written)
    if parts is None:
        raise DateError("month_format")
    return _real_day(*parts, 1)


def format_month(day: date) -> str:
    """MM/YYYY."""
    return f"{day:%m/%Y}"


def add_months(day: date, months: int) -> date:
    """The same day `months` later (or earlier, when negative), or that month's last day if it is shorter."""
    year, month_index = divmod(day.year * 12 + day.month - 1 + months, 12)
    month = month_index + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def days_left(due: date, today: date) -> int:
    """Days until `due`: 0 on the last day, negative when overdue."""
    return (due - today).days


def _day_parts(text: str) -> tuple[int, int, int] | None:
    if found := _DAY.fullmatch(text):
        return int(found[4]), int(found[3]), int(found[1])
    if found := _ISO_DAY.fullmatch(text):
        return int(found[1]), int(found[2]), int(found[3])
    return None


def _month_parts(text: str) -> tuple[int, int] | None:
    if found := _MONTH.fullmatch(text):
        return int(found[2]), int(found[1])
    if found := _ISO_MONTH.fullmatch(text):
        return int(found[1]), int(found[2])
    return None


def _real_day(year: int, month: int, day: int) -> date:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise DateError("century")
    try:
        return date(year, month, day)
    except ValueError:
        raise DateError("no_such_day") from None


def _local(day: date) -> date:
    return day.astimezone(LOCAL) if isinstance(day, datetime) else day
