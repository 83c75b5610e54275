"""When things are due: cut-off days, extensions, the instant at which a day in Vietnam ends; no wording."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta

from app.clock import LOCAL
from app.rules.dates import add_months

MAX_EXTENSION_DAYS_TOTAL = 19
"""All extensions of one settlement together stay under 20 days."""

_LONGEST_HOLIDAY_DAYS = 31


def cutoff(
    period_month: date,
    day_of_month: int,
    month_offset: int,
    *,
    is_day_off: Callable[[date], bool],
    shift_to_working_day: bool,
) -> date:
    """The last day to act: `day_of_month`, in the month `month_offset` after the period's (-1: before).

    Clipped to the length of the month (31 in February is its last day). With `shift_to_working_day` a day off
    gives the working day before it.
    """
    month = add_months(period_month.replace(day=1), month_offset)
    due = month.replace(day=min(day_of_month, monthrange(month.year, month.month)[1]))
    if not shift_to_working_day:
        return due
    for days_before in range(_LONGEST_HOLIDAY_DAYS):
        working_day = due - timedelta(days=days_before)
        if not is_day_off(working_day):
            return working_day
    raise ValueError(f"the calendar has no working day in the month before {due}")


def extension_allowed(granted_days: Iterable[int], asked: int) -> bool:
    """True when `asked` more days keep the total under 20."""
    return asked >= 1 and sum(granted_days) + asked <= MAX_EXTENSION_DAYS_TOTAL


def extended(due: date, granted_days: Iterable[int]) -> date:
    """The due day after all granted extensions; calendar days, not moved again to a working day."""
    days = list(granted_days)
    assert all(granted >= 1 for granted in days) and sum(days) <= MAX_EXTENSION_DAYS_TOTAL, days
    return due + timedelta(days=sum(days))


def ends_at(due: date) -> datetime:
    """The first instant after `due`, in UTC: the next midnight in Vietnam (UTC+7, no daylight saving)."""
    return datetime.combine(due + timedelta(days=1), time(), LOCAL).astimezone(UTC)
