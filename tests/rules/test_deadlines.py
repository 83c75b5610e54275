"""Truth tables of app/rules/deadlines.py."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.rules.deadlines import MAX_EXTENSION_DAYS_TOTAL, cutoff, ends_at, extended, extension_allowed

TET_2026 = {date(2026, 2, 16) + timedelta(days=n) for n in range(5)}


def weekend_or_tet(day: date) -> bool:
    return day.weekday() >= 5 or day in TET_2026


@pytest.mark.parametrize(
    ("month", "day", "offset", "due"),
    [
        (date(2026, 12, 1), 24, -1, date(2026, 11, 24)),
        (date(2026, 12, 1), 15, 0, date(2026, 12, 15)),
        (date(2026, 12, 1), 5, 1, date(2027, 1, 5)),
        (date(2026, 1, 1), 24, -1, date(2025, 12, 24)),
        (date(2026, 12, 1), 1, -2, date(2026, 10, 1)),
        # clipped to the length of the month
        (date(2026, 3, 1), 31, -1, date(2026, 2, 28)),
        (date(2024, 3, 1), 30, -1, date(2024, 2, 29)),
        (date(2026, 4, 1), 31, 0, date(2026, 4, 30)),
        (date(2026, 5, 1), 31, 0, date(2026, 5, 31)),
        # any day of the month stands for its period
        (date(2026, 3, 31), 10, -1, date(2026, 2, 10)),
        (date(2026, 3, 31), 31, 0, date(2026, 3, 31)),
    ],
)
def test_a_cut_off_is_a_day_of_a_month_counted_from_the_period(month, day, offset, due):
    assert cutoff(month, day, offset, is_day_off=lambda _: True, shift_to_working_day=False) == due
    assert cutoff(month, day, offset, is_day_off=lambda _: False, shift_to_working_day=True) == due


@pytest.mark.parametrize(
    ("day", "due"),
    [
        # February 2026: the 14th is a Saturday, Tết from Monday 16 to Friday 20
        (13, date(2026, 2, 13)),
        (14, date(2026, 2, 13)),
        (15, date(2026, 2, 13)),
        (18, date(2026, 2, 13)),
        (22, date(2026, 2, 13)),
        (23, date(2026, 2, 23)),
        # back into the month before: 1 February is a Sunday
        (1, date(2026, 1, 30)),
    ],
)
def test_a_cut_off_on_a_day_off_moves_to_the_working_day_before(day, due):
    moved = cutoff(date(2026, 2, 1), day, 0, is_day_off=weekend_or_tet, shift_to_working_day=True)
    assert moved == due


def test_a_calendar_without_working_days_is_an_error_not_an_endless_loop():
    with pytest.raises(ValueError, match="no working day"):
        cutoff(date(2026, 2, 1), 10, 0, is_day_off=lambda _: True, shift_to_working_day=True)


@pytest.mark.parametrize(
    ("granted", "asked", "allowed"),
    [
        ([], 1, True),
        ([], 19, True),
        ([], 20, False),
        ([10], 9, True),
        ([10], 10, False),
        ([5, 5, 5], 4, True),
        ([5, 5, 5], 5, False),
        ([19], 1, False),
        ([], 0, False),
        ([], -1, False),
        ([19], -1, False),
        ([], 10**9, False),
    ],
)
def test_extensions_stay_under_20_days_in_total(granted, asked, allowed):
    assert MAX_EXTENSION_DAYS_TOTAL == 19
    assert extension_allowed(granted, asked) is allowed
    assert extension_allowed(iter(granted), asked) is allowed


@pytest.mark.parametrize(
    ("granted", "due"),
    [
        ([], date(2026, 12, 25)),
        ([1], date(2026, 12, 26)),
        ([3], date(2026, 12, 28)),
        ([3, 5], date(2027, 1, 2)),
        ([19], date(2027, 1, 13)),
    ],
)
def test_an_extension_moves_the_deadline(granted, due):
    assert extended(date(2026, 12, 25), granted) == due
    assert extended(date(2026, 12, 25), iter(granted)) == due


@pytest.mark.parametrize("granted", [[20], [10, 10], [0], [5, -1]])
def test_extensions_that_were_never_allowed_are_an_error_of_the_program(granted):
    with pytest.raises(AssertionError):
        extended(date(2026, 12, 25), granted)


@pytest.mark.parametrize(
    ("due", "instant"),
    [
        (date(2026, 11, 24), datetime(2026, 11, 24, 17, 0, tzinfo=UTC)),
        (date(2026, 12, 31), datetime(2026, 12, 31, 17, 0, tzinfo=UTC)),
        (date(2024, 2, 28), datetime(2024, 2, 28, 17, 0, tzinfo=UTC)),
    ],
)
def test_a_day_ends_at_local_midnight(due, instant):
    over = ends_at(due)
    assert over == instant
    assert over.tzinfo is UTC


def test_the_fixed_offset_equals_the_time_zone_of_vietnam():
    hanoi = ZoneInfo("Asia/Ho_Chi_Minh")
    for day in (date(1976, 1, 1) + timedelta(days=97 * n) for n in range(250)):
        after = day + timedelta(days=1)
        assert ends_at(day) == datetime(after.year, after.month, after.day, tzinfo=hanoi)
