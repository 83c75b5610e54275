"""Lists that are sent by themselves at their cut-off, where an area's settings say so; and what is due soon.

Only a list somebody approved is sent, and none that somebody withdrew after approving it; months settled at once go
together or not at all. The last day to send is the
day before the cut-off of lists; the system sends at the end of its working hours, so that people have the day.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.errors import ChitraError
from app.extensions import transaction
from app.rules.actors import ROOT_PATH, SYSTEM, bounds_of
from app.services import packets, settings
from app.services.settings import SettingMissing

SENDS_AT = time(17)
"""End of the working day, local time."""

log = logging.getLogger(__name__)

# Each value from the nearest area that has one, its latest row, as in `settings.effective`; one look for all lists.
_LISTS = """
SELECT b.id, b.code, b.state, b.area_path, p.month, e.auto_send, e.remind_days, e.list_cutoff_day, e.shift
  FROM payout_batches b JOIN periods p ON p.id = b.period_id CROSS JOIN LATERAL (
    SELECT (array_agg(s.auto_send ORDER BY length(s.area_path) DESC, s.valid_from DESC)
                FILTER (WHERE s.auto_send IS NOT NULL))[1] AS auto_send,
           (array_agg(s.remind_days ORDER BY length(s.area_path) DESC, s.valid_from DESC)
                FILTER (WHERE s.remind_days IS NOT NULL))[1] AS remind_days,
           (array_agg(s.list_cutoff_day ORDER BY length(s.area_path) DESC, s.valid_from DESC)
                FILTER (WHERE s.list_cutoff_day IS NOT NULL))[1] AS list_cutoff_day,
           (array_agg(s.shift_to_working_day ORDER BY length(s.area_path) DESC, s.valid_from DESC)
                FILTER (WHERE s.shift_to_working_day IS NOT NULL))[1] AS shift
      FROM payment_settings s WHERE starts_with(b.area_path, s.area_path) AND s.valid_from <= p.month) e
 WHERE b.state IN ('draft', 'locked') AND b.agency_id IS NOT NULL AND b.line_count > 0
   AND p.month >= :this_month AND b.area_path >= :low AND b.area_path < :high
"""
_TO_SEND = (
    " AND b.state = 'locked' AND e.auto_send AND NOT EXISTS (SELECT 1 FROM payout_batches g JOIN state_changes c"
    " ON c.machine = 'batch' AND c.entity_id = g.id AND c.move = 'withdraw' AND c.at > g.locked_at WHERE g.id = b.id"
    " OR (g.area_id = b.area_id AND g.kind = b.kind AND g.group_month = b.group_month AND g.agency_id = b.agency_id"
    " AND g.state = 'locked')) ORDER BY b.id"
)
_TO_REMIND = " AND e.remind_days > 0 ORDER BY p.month, b.id"


@dataclass(frozen=True, slots=True)
class Reminder:
    """A list not sent yet whose last day to send is near; `sends_itself` when it is approved and the setting is on."""

    batch_id: int
    code: str
    last_day: date
    approved: bool
    sends_itself: bool


def sweep() -> bool:
    """Queue every list that is due. One that cannot be sent is logged and keeps none of the others back."""
    with transaction() as session:
        waiting = due(session)
    sent: set[int] = set()
    for batch_id in waiting:
        try:
            with transaction() as session:
                if batch_id not in sent:
                    sent.update(packets.queue_many(session, [batch_id], by=SYSTEM))
        except ChitraError as error:
            log.warning("not_sent_by_itself", extra={"batch_id": batch_id, "why": type(error).__name__})
    return False


def due(session: Session) -> list[int]:
    """Approved lists whose hour has come: areas that send by themselves, months that are not over."""
    last_day = _last_days(session)
    return [row.id for row in _lists(session, ROOT_PATH, _TO_SEND) if _hour(last_day(row)) <= clock.now()]


def reminders(session: Session, path: str) -> list[Reminder]:
    """Lists of an area and below that are not sent and whose last day is as near as the settings say."""
    last_day, today = _last_days(session), clock.today()
    return [
        Reminder(row.id, row.code, last_day(row), row.state == "locked", row.state == "locked" and bool(row.auto_send))
        for row in _lists(session, path, _TO_REMIND)
        if last_day(row) - timedelta(days=row.remind_days) <= today <= last_day(row)
    ]


def _lists(session: Session, path: str, which: str) -> list[Any]:
    low, high = bounds_of(path)
    facts = {"low": low, "high": high, "this_month": clock.today().replace(day=1)}
    return list(session.execute(text(_LISTS + which), facts))


def _hour(day: date) -> datetime:
    return datetime.combine(day, SENDS_AT, clock.LOCAL)


def _last_days(session: Session) -> Callable[[Any], date]:
    """The last day to send a list: areas with the same cut-off share one look at the calendar. Never without one."""
    known: dict[tuple[date, int | None, bool | None], date] = {}

    def last_day(row: Any) -> date:
        key = (row.month, row.list_cutoff_day, row.shift)
        if key not in known:
            try:
                known[key] = settings.list_cutoff(session, row.area_path, row.month) - timedelta(days=1)
            except SettingMissing:
                known[key] = date.max
        return known[key]

    return last_day
