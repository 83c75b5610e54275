"""Running one job of the table once: its due work one step after another, and a row that says how it went."""

from __future__ import annotations

import logging
import threading
import time

from flask import Flask
from sqlalchemy import text

from app import clock
from app.extensions import acting_as, db, transaction
from app.jobs.table import Job, jobs
from app.rules.actors import SYSTEM
from app.services import statistics

STEPS_MOST = 1000
STEPS_BETWEEN_LOOKS = 20
"""Steps after which tables may have grown so much that the planner must be told; a look costs 7 ms."""

log = logging.getLogger("app.jobs")


def run(app: Flask, job: Job, *, owner: str, stopping: threading.Event | None = None) -> int:
    """Do what is due; returns how many steps were made. An error is recorded and logged, never raised."""
    with app.app_context(), acting_as(SYSTEM):
        try:
            return _run(job, owner, stopping or threading.Event())
        finally:
            db.session.remove()


def once(app: Flask) -> int:
    """Run every job one time, for tests and for playing a month without a scheduler; returns the steps made."""
    return sum(run(app, job, owner="once") for job in jobs(app.config["CHITRA"]))


def _run(job: Job, owner: str, stopping: threading.Event) -> int:
    started, steps, error = time.monotonic(), 0, None
    try:
        _started(job, owner)
        while steps < STEPS_MOST and not stopping.is_set() and job.step():
            steps += 1
            if steps % STEPS_BETWEEN_LOOKS == 0:
                _look_at_growth()
    except Exception as caught:
        error = f"{type(caught).__name__}: {caught}"[:500]
        log.exception("job failed", extra={"job": job.name})
        db.session.rollback()
    _ended(job, int((time.monotonic() - started) * 1000), error)
    return steps


def _started(job: Job, owner: str) -> None:
    _look_at_growth()
    with transaction() as session:
        session.execute(
            text(
                "INSERT INTO job_runs (name, owner, started_at, run_count) VALUES (:name, :owner, :now, 1)"
                " ON CONFLICT (name) DO UPDATE SET owner = :owner, started_at = :now,"
                " run_count = job_runs.run_count + 1"
            ),
            {"name": job.name, "owner": owner, "now": clock.now()},
        )


def _look_at_growth() -> None:
    with transaction() as session:
        statistics.refresh(session)


def _ended(job: Job, duration_ms: int, error: str | None) -> None:
    column = "succeeded_at" if error is None else "failed_at"
    with transaction() as session:
        session.execute(
            text(f"UPDATE job_runs SET {column} = :now, error = :error, duration_ms = :ms WHERE name = :name"),
            {"name": job.name, "now": clock.now(), "error": error, "ms": duration_ms},
        )
