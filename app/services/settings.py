"""Payment settings as they hold in one area on one day, and the cut-off days that follow from them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.errors import RuleBroken
from app.rules import dates, deadlines

_CALENDAR_MONTHS = 2
"""Months of the holiday calendar read before a cut-off: a shift to a working day never goes further back."""


class SettingMissing(RuleBroken):
    """Chưa thiết lập ngày chốt cho địa bàn này."""


@dataclass(frozen=True, slots=True)
class Effective:
    """The settings in force; None where neither the area nor any area above it says anything."""

    list_cutoff_day: int | None
    settlement_cutoff_day: int | None
    months_per_settlement: int | None
    through_agency: bool | None
    payment_day_from: int | None
    payment_day_to: int | None
    paying_level: str | None
    shift_to_working_day: bool | None
    extension_past_cutoff: bool | None
    unusual_change_percent: int | None
    auto_send: bool | None
    remind_days: int | None
    transfer_level: str | None
    recovery_share_percent: int | None


_NEAREST = ", ".join(
    f"(array_agg({field.name} ORDER BY length(area_path) DESC, valid_from DESC)"
    f" FILTER (WHERE {field.name} IS NOT NULL))[1] AS {field.name}"
    for field in fields(Effective)
)


def effective(session: Session, area_path: str, on: date) -> Effective:
    """What holds in the area on that day: each value from the nearest area that has one, its latest row."""
    row = session.execute(
        text(f"SELECT {_NEAREST} FROM payment_settings WHERE starts_with(:path, area_path) AND valid_from <= :on"),
        {"path": area_path, "on": on},
    ).one()
    return Effective(**row._mapping)


# First of the months settled at once with a month: counted from the month in which the winning row came into force, so that
# a setting made for Tết pairs the months it was made for. `{path}` and `{month}` are SQL.
GROUP_MONTH = """(SELECT coalesce((
    SELECT ({month} - make_interval(months => (
               (12 * (extract(year FROM {month}) - extract(year FROM f.first))
                + extract(month FROM {month}) - extract(month FROM f.first))::int % f.n)))::date
      FROM (SELECT s.months_per_settlement AS n,
                   date_trunc('month', s.valid_from + interval '1 month - 1 day')::date AS first
              FROM payment_settings s
             WHERE starts_with({path}, s.area_path) AND s.valid_from <= {month} AND s.months_per_settlement IS NOT NULL
             ORDER BY length(s.area_path) DESC, s.valid_from DESC LIMIT 1) f), {month}))"""

_TOGETHER = text(
    "SELECT m.month::date AS month FROM generate_series(CAST(:month AS date) - interval '2 months',"
    " CAST(:month AS date) + interval '2 months', interval '1 month') m(month)"
    f" WHERE {GROUP_MONTH.format(path='CAST(:path AS text)', month='m.month::date')}"
    f"     = {GROUP_MONTH.format(path='CAST(:path AS text)', month='CAST(:month AS date)')} ORDER BY 1"
)


def months_together(session: Session, area_path: str, month: date) -> list[date]:
    """The months settled at once with `month` (its first day) in the area, in order: one, two or three."""
    return list(session.execute(_TOGETHER, {"path": area_path, "month": month}).scalars())


def list_cutoff(session: Session, area_path: str, month: date) -> date:
    """The cut-off day of the lists of `month`: in the month before the first of the months settled at once.

    Raises SettingMissing.
    """
    first = months_together(session, area_path, month.replace(day=1))[0]
    setting = effective(session, area_path, first)
    return _cutoff(session, first, setting.list_cutoff_day, -1, shift=setting.shift_to_working_day)


def settlement_cutoff(session: Session, area_path: str, month: date) -> date:
    """The last day of the agency's settlement for `month`: in the last of the months settled at once.

    Raises SettingMissing.
    """
    first = months_together(session, area_path, month.replace(day=1))[-1]
    setting = effective(session, area_path, first)
    return _cutoff(session, first, setting.settlement_cutoff_day, 0, shift=setting.shift_to_working_day)


def latest_extension(session: Session, area_path: str, month: date, due: date) -> date | None:
    """The last day that extensions of the settlement of `month`, due on `due`, may reach; None for any.

    That is the day before the first cut-off of lists after the settlement's own deadline: those lists need its result.
    With both cut-offs on the same day (as by default) the lists of the month after are already made without it, and
    the cut-off that counts is the next one. A payment setting may allow more; so does an area without any cut-off.
    """
    setting = effective(session, area_path, month)
    if setting.extension_past_cutoff or setting.list_cutoff_day is None:
        return None
    cutoffs = (list_cutoff(session, area_path, dates.add_months(month, ahead)) for ahead in (1, 2))
    first = next((cutoff for cutoff in cutoffs if cutoff > due), None)
    return None if first is None else first - timedelta(days=1)


def _cutoff(session: Session, month: date, day: int | None, month_offset: int, *, shift: bool | None) -> date:
    if day is None:
        raise SettingMissing
    calendar = _calendar(session, dates.add_months(month, month_offset))

    def is_day_off(asked: date) -> bool:
        return not calendar.get(asked, asked.weekday() < 5)

    return deadlines.cutoff(month, day, month_offset, is_day_off=is_day_off, shift_to_working_day=shift is not False)


def _calendar(session: Session, month: date) -> dict[date, bool]:
    """Days around `month` that are not what their weekday says: True for worked, False for off."""
    rows = session.execute(
        text("SELECT day, is_workday FROM holidays WHERE day >= :low AND day < :high"),
        {"low": dates.add_months(month, -_CALENDAR_MONTHS), "high": dates.add_months(month, 1)},
    )
    return {row.day: row.is_workday for row in rows}
