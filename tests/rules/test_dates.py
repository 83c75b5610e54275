"""Truth tables of app/rules/dates.py."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from app.rules.dates import (
    BirthDate,
    DateError,
    add_months,
    age_on,
    days_left,
    format_date,
    format_moment,
    format_month,
    parse_date,
    parse_month,
)


def refused_with(code: str):
    return pytest.raises(DateError, check=lambda error: error.code == code and error.text == DateError.texts[code])


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("05/03/2026", date(2026, 3, 5)),
        ("5/3/2026", date(2026, 3, 5)),
        ("05-03-2026", date(2026, 3, 5)),
        ("5.3.2026", date(2026, 3, 5)),
        ("2026-03-05", date(2026, 3, 5)),
        (" 05/03/2026\n", date(2026, 3, 5)),
        ("29/02/2024", date(2024, 2, 29)),
        ("01/01/1900", date(1900, 1, 1)),
        ("31/12/2100", date(2100, 12, 31)),
    ],
)
def test_a_date_is_read(written, day):
    assert parse_date(written) == day


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("hôm nay", "format"),
        ("05/03/26", "format"),
        ("05/03", "format"),
        ("03/2026", "format"),
        ("05/03-2026", "format"),
        ("05/03/20260", "format"),
        ("2026/03/05", "format"),
        ("2026-03-05T00:00:00", "format"),
        ("٠٥/٠٣/٢٠٢٦", "format"),
        ("05/03/2026\x00", "format"),
        ("29/02/2026", "no_such_day"),
        ("31/04/2026", "no_such_day"),
        ("03/13/2026", "no_such_day"),
        ("00/01/2026", "no_such_day"),
        ("2026-00-05", "no_such_day"),
        ("31/12/1899", "century"),
        ("01/01/2101", "century"),
        ("05/03/0026", "century"),
        ("9999-12-31", "century"),
    ],
)
def test_what_is_no_date_is_refused(written, code):
    with refused_with(code):
        parse_date(written)


def test_a_date_is_shown():
    assert format_date(date(2026, 3, 5)) == "05/03/2026"
    assert format_date(date(1900, 12, 31)) == "31/12/1900"


@pytest.mark.parametrize(
    ("instant", "day", "moment"),
    [
        (datetime(2026, 3, 5, 16, 59, tzinfo=UTC), "05/03/2026", "05/03/2026 23:59"),
        (datetime(2026, 3, 5, 17, 0, tzinfo=UTC), "06/03/2026", "06/03/2026 00:00"),
        (datetime(2026, 3, 5, 9, 5, tzinfo=timezone(timedelta(hours=7))), "05/03/2026", "05/03/2026 09:05"),
    ],
)
def test_an_instant_is_shown_as_it_is_in_vietnam(instant, day, moment):
    assert format_date(instant) == day
    assert format_moment(instant) == moment


@pytest.mark.parametrize(
    ("written", "month"),
    [
        ("03/2026", date(2026, 3, 1)),
        ("3/2026", date(2026, 3, 1)),
        (" 12-2026 ", date(2026, 12, 1)),
        ("2026-03", date(2026, 3, 1)),
    ],
)
def test_a_month_is_read(written, month):
    assert parse_month(written) == month


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("", "empty"),
        ("2026", "month_format"),
        ("03/26", "month_format"),
        ("01/03/2026", "month_format"),
        ("2026/03", "month_format"),
        ("13/2026", "no_such_day"),
        ("00/2026", "no_such_day"),
        ("12/1899", "century"),
        ("01/2101", "century"),
    ],
)
def test_what_is_no_month_is_refused(written, code):
    with refused_with(code):
        parse_month(written)


def test_a_month_is_shown():
    assert format_month(date(2026, 3, 1)) == "03/2026"
    assert format_month(parse_month("11/2026")) == "11/2026"


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        (date(2026, 3, 1), 0, date(2026, 3, 1)),
        (date(2026, 3, 1), 1, date(2026, 4, 1)),
        (date(2026, 3, 1), -1, date(2026, 2, 1)),
        (date(2026, 12, 1), 1, date(2027, 1, 1)),
        (date(2026, 1, 1), -1, date(2025, 12, 1)),
        (date(2026, 11, 15), 14, date(2028, 1, 15)),
        (date(2026, 11, 15), -23, date(2024, 12, 15)),
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2024, 1, 31), 1, date(2024, 2, 29)),
        (date(2026, 3, 31), 1, date(2026, 4, 30)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
    ],
)
def test_months_are_added(day, months, later):
    assert add_months(day, months) == later


@pytest.mark.parametrize(
    ("due", "left"),
    [
        (date(2026, 3, 8), 3),
        (date(2026, 3, 6), 1),
        (date(2026, 3, 5), 0),
        (date(2026, 3, 4), -1),
        (date(2026, 4, 5), 31),
        (date(2025, 3, 5), -365),
    ],
)
def test_days_left_until_a_deadline(due, left):
    assert days_left(due, date(2026, 3, 5)) == left


@pytest.mark.parametrize(
    ("value", "birth", "shown"),
    [
        ("1950", BirthDate(1950), "1950"),
        (" 1950 ", BirthDate(1950), "1950"),
        (1950, BirthDate(1950), "1950"),
        (1950.0, BirthDate(1950), "1950"),
        ("03/1950", BirthDate(1950, 3), "03/1950"),
        ("3/1950", BirthDate(1950, 3), "03/1950"),
        ("1950-03", BirthDate(1950, 3), "03/1950"),
        ("05/03/1950", BirthDate(1950, 3, 5), "05/03/1950"),
        ("5-3-1950", BirthDate(1950, 3, 5), "05/03/1950"),
        ("1950-03-05", BirthDate(1950, 3, 5), "05/03/1950"),
        (date(1950, 3, 5), BirthDate(1950, 3, 5), "05/03/1950"),
        (datetime(1950, 3, 5, 0, 0), BirthDate(1950, 3, 5), "05/03/1950"),
        ("29/02/1952", BirthDate(1952, 2, 29), "29/02/1952"),
        # a known first of January is not an unknown day
        ("01/01/1950", BirthDate(1950, 1, 1), "01/01/1950"),
    ],
)
def test_a_birth_date_is_read_as_far_as_it_is_known(value, birth, shown):
    assert BirthDate.parse(value) == birth
    assert birth.show() == shown
    assert BirthDate.parse(shown) == birth


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("", "empty"),
        (" ", "empty"),
        ("không rõ", "birth_format"),
        ("50", "birth_format"),
        ("1950.0", "birth_format"),
        ("19500", "birth_format"),
        ("05/03/50", "birth_format"),
        (1950.5, "birth_format"),
        (float("nan"), "birth_format"),
        (True, "birth_format"),
        # a workbook's day number
        (18326.0, "birth_format"),
        ("13/1950", "no_such_day"),
        ("29/02/1950", "no_such_day"),
        ("00/00/1950", "no_such_day"),
        ("1899", "century"),
        (2101, "century"),
        ("31/12/1899", "century"),
        (date(1899, 12, 31), "century"),
    ],
)
def test_what_is_no_birth_date_is_refused(value, code):
    with refused_with(code):
        BirthDate.parse(value)


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ((1950, None, 5), "day_without_month"),
        ((1950, 0), "no_such_day"),
        ((1950, 13), "no_such_day"),
        ((1950, 4, 31), "no_such_day"),
        ((1950, 4, 0), "no_such_day"),
        ((1899,), "century"),
        ((2101, 1, 1), "century"),
    ],
)
def test_a_birth_date_that_cannot_be_is_refused(parts, code):
    with refused_with(code):
        BirthDate(*parts)


@pytest.mark.parametrize(
    ("birth", "earliest", "latest"),
    [
        (BirthDate(1950), date(1950, 1, 1), date(1950, 12, 31)),
        (BirthDate(1950, 2), date(1950, 2, 1), date(1950, 2, 28)),
        (BirthDate(1952, 2), date(1952, 2, 1), date(1952, 2, 29)),
        (BirthDate(1950, 3, 5), date(1950, 3, 5), date(1950, 3, 5)),
    ],
)
def test_the_days_a_birth_can_have_been(birth, earliest, latest):
    assert (birth.earliest, birth.latest) == (earliest, latest)


@pytest.mark.parametrize(
    ("birth", "day", "age"),
    [
        # the day is known
        (BirthDate(1950, 3, 5), date(2025, 3, 4), 74),
        (BirthDate(1950, 3, 5), date(2025, 3, 5), 75),
        (BirthDate(1950, 3, 5), date(2025, 12, 31), 75),
        (BirthDate(1950, 3, 5), date(2026, 1, 1), 75),
        # only the month: certain on its last day
        (BirthDate(1950, 3), date(2025, 3, 30), 74),
        (BirthDate(1950, 3), date(2025, 3, 31), 75),
        (BirthDate(1950, 3), date(2025, 4, 1), 75),
        # only the year: certain on 31 December
        (BirthDate(1950), date(2025, 12, 30), 74),
        (BirthDate(1950), date(2025, 12, 31), 75),
        (BirthDate(1950), date(2026, 1, 1), 75),
        # born on a leap day
        (BirthDate(2012, 2, 29), date(2028, 2, 28), 15),
        (BirthDate(2012, 2, 29), date(2028, 2, 29), 16),
        (BirthDate(2012, 2, 29), date(2027, 2, 28), 14),
        (BirthDate(2012, 2, 29), date(2027, 3, 1), 15),
        # the first year, and before
        (BirthDate(2026, 3, 5), date(2026, 3, 5), 0),
        (BirthDate(2026, 3, 5), date(2027, 3, 4), 0),
        (BirthDate(2026, 3, 5), date(2026, 3, 4), 0),
        (BirthDate(2026), date(2020, 1, 1), 0),
    ],
)
def test_the_age_certainly_reached(birth, day, age):
    assert age_on(birth, day) == age


def test_a_birth_date_cannot_be_changed():
    with pytest.raises(AttributeError):
        BirthDate(1950).year = 1951  # type: ignore[misc]
