"""The sandbox's own clock: real time for the wire, and the calendar day of the counter."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from app.agency.envelope import VIETNAM

Clock = Callable[[], datetime]


def wall_clock() -> datetime:
    """The real time, UTC, aware."""
    return datetime.fromtimestamp(time.time_ns() / 1_000_000_000, tz=UTC)


def day_of(moment: datetime) -> str:
    """The Vietnamese calendar day, yyyy-mm-dd."""
    return moment.astimezone(VIETNAM).date().isoformat()
