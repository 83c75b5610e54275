"""Checking all the books at once, and keeping what was found for the pages that show it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.extensions import current_actor, limit, transaction
from app.rules.actors import SYSTEM
from app.services.books import course, money, recoveries
from app.services.books.shape import Check

CHECKS: tuple[Check, ...] = (*money.CHECKS, *recoveries.CHECKS, *course.CHECKS)
"""Every check, by name."""

NAMED: dict[str, Check] = {check.name: check for check in CHECKS}

IDS_SHOWN = 5
AREAS_MOST = 1_000
KEPT = timedelta(days=30)

log = logging.getLogger(__name__)


class BooksWrong(Exception):
    """The books break a promise; the text names the checks. Nobody may take this for a passing fault."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """So much breaks one check in one area; `ids` are the first few, of the check's table."""

    check: Check
    area_path: str
    count: int
    ids: list[int]


def _statement(checks: Iterable[Check]) -> str:
    rows = " UNION ALL ".join(
        f"SELECT '{check.name}' AS name, id::bigint AS id, area_path FROM ({check.sql}) q" for check in checks
    )
    return (
        f"WITH {', '.join((*money.READINGS, *course.READINGS))} SELECT name, area_path, count(*) AS row_count,"
        f" (array_agg(id ORDER BY id))[1\\:{IDS_SHOWN}] AS ids FROM ({rows}) x"
        f" GROUP BY name, area_path ORDER BY name, area_path LIMIT {AREAS_MOST}"
    )


_ALL = text(_statement(CHECKS))


# Sums of lists are few, whatever the planner thinks: without the hint it adds up a million lines on one core.
_PLANNED = text(
    "SELECT set_config('work_mem', '64MB', true), set_config('jit', 'off', true),"
    " set_config('parallel_tuple_cost', '0.01', true)"
)


def check(session: Session) -> list[Wrong]:
    """Everything that breaks a promise, of all areas whoever asks: one statement, nothing when all is well."""
    limit(session.connection(), SYSTEM)
    session.execute(_PLANNED)
    rows = session.execute(_ALL).all()
    limit(session.connection(), current_actor())
    return [Wrong(NAMED[row.name], row.area_path, row.row_count, list(row.ids)) for row in rows]


def sweep() -> bool:
    """Check, keep what was found, and raise BooksWrong when there is something, so that the job is seen to fail."""
    started = time.monotonic()
    with transaction() as session:
        found = check(session)
        _keep(session, found, int((time.monotonic() - started) * 1000))
    if found:
        names = ", ".join(sorted({wrong.check.name for wrong in found}))
        log.error("books_wrong", extra={"checks": names})
        raise BooksWrong(names)
    return False


def _keep(session: Session, found: list[Wrong], duration_ms: int) -> None:
    now = clock.now()
    check_id = session.execute(
        text("INSERT INTO book_checks (at, duration_ms, wrong) VALUES (:now, :ms, :wrong) RETURNING id"),
        {"now": now, "ms": duration_ms, "wrong": len({wrong.check.name for wrong in found})},
    ).scalar_one()
    if found:
        session.execute(
            text(
                "INSERT INTO book_findings (check_id, name, area_path, row_count, ids) VALUES (:check, :name, :path, :count,"
                " CAST(:ids AS bigint[]))"
            ),
            [
                {"check": check_id, "name": one.check.name, "path": one.area_path, "count": one.count, "ids": one.ids}
                for one in found
            ],
        )
    session.execute(text("DELETE FROM book_checks WHERE at < :until"), {"until": now - KEPT})


@dataclass(frozen=True, slots=True)
class Last:
    """When the books were last checked, how long it took, and how many checks they broke."""

    at: datetime
    duration_ms: int
    wrong: int


def last(session: Session) -> Last | None:
    """The last check that ended; None before the first."""
    row = session.execute(text("SELECT at, duration_ms, wrong FROM book_checks ORDER BY id DESC LIMIT 1")).one_or_none()
    return None if row is None else Last(row.at, row.duration_ms, row.wrong)


def last_found(session: Session) -> list[Wrong]:
    """What the last check found in the areas the actor sees."""
    rows = session.execute(
        text(
            "SELECT name, area_path, row_count, ids FROM book_findings"
            " WHERE check_id = (SELECT max(id) FROM book_checks) ORDER BY name, area_path"
        )
    )
    return [Wrong(NAMED[row.name], row.area_path, row.row_count, list(row.ids)) for row in rows if row.name in NAMED]
