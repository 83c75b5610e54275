"""The only place that reads the clock; everything else asks here, so that a test or a demo can move time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, timedelta, timezone

LOCAL = timezone(timedelta(hours=7), "Asia/Ho_Chi_Minh")
"""Vietnam's civil time: UTC+7 without daylight saving since 1975."""

_shift: ContextVar[timedelta] = ContextVar("clock_shift", default=timedelta())


def wall() -> datetime:
    """The real instant, also where a test or a demo moves the clock: for signatures and for what goes on the wire."""
    return datetime.fromtimestamp(time.time(), UTC)  # noqa: TID251 - the one reader


def now() -> datetime:
    """The present instant, aware, in UTC."""
    return wall() + _shift.get()


def today() -> date:
    """Today's date in Vietnam; a day ends at local midnight (promise P13)."""
    return now().astimezone(LOCAL).date()


@contextmanager
def at(day: date, hour: int = 9) -> Iterator[None]:
    """Within the block the clock starts at `hour`:00 local time of `day` and runs on from there."""
    wanted = datetime(day.year, day.month, day.day, hour, tzinfo=LOCAL)
    token = _shift.set(wanted - wall())
    try:
        yield
    finally:
        _shift.reset(token)
