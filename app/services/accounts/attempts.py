"""Attempts to sign in, counted in the database so that every web process on every host waits together.

An attempt is counted before the password is looked at and taken back when it was right: a hundred tries at the same
moment are a hundred tries. Names nobody has wait like names somebody has, so the pause tells nothing.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.errors import ChitraError
from app.rules.passwords import Patience, still_counting, wait_left

FORGOTTEN_AFTER = timedelta(days=1)


class TooManyAttempts(ChitraError):
    """Đăng nhập sai quá nhiều lần. Hãy thử lại sau %(minutes)s phút %(seconds)s giây."""

    status = 429
    code = "too_many_attempts"

    def __init__(self, wait: timedelta) -> None:
        self.retry_after_s = max(1, int(-(-wait.total_seconds() // 1)))
        super().__init__(minutes=self.retry_after_s // 60, seconds=self.retry_after_s % 60)


def claim(session: Session, key: str, patience: Patience) -> None:
    """Count one attempt of `key`. Raises TooManyAttempts, and counts nothing, while its pause lasts."""
    session.execute(
        text(
            "INSERT INTO sign_in_attempts (key, failures, failed_at) VALUES (:key, 0, :now)"
            " ON CONFLICT (key) DO NOTHING"
        ),
        {"key": key, "now": clock.now()},
    )
    counted = session.execute(
        text("SELECT failures, failed_at FROM sign_in_attempts WHERE key = :key FOR UPDATE"), {"key": key}
    ).one()
    now = clock.now()
    wait = wait_left(counted.failures, counted.failed_at, now=now, patience=patience)
    if wait:
        raise TooManyAttempts(wait)
    before = still_counting(counted.failures, since=now - counted.failed_at, patience=patience)
    session.execute(
        text("UPDATE sign_in_attempts SET failures = :failures, failed_at = :now WHERE key = :key"),
        {"key": key, "now": now, "failures": before + 1},
    )


def take_back(session: Session, key: str) -> None:
    """The attempt just claimed was right; earlier failures of `key` still count."""
    session.execute(
        text("UPDATE sign_in_attempts SET failures = greatest(0, failures - 1) WHERE key = :key"), {"key": key}
    )


def forgive(session: Session, key: str) -> None:
    """Forget every failure of `key`."""
    session.execute(text("DELETE FROM sign_in_attempts WHERE key = :key"), {"key": key})


def sweep(session: Session) -> None:
    """Drop counts older than a day, those nobody holds just now."""
    session.execute(
        text(
            "DELETE FROM sign_in_attempts WHERE key IN (SELECT key FROM sign_in_attempts WHERE failed_at < :before"
            " ORDER BY failed_at LIMIT 100 FOR UPDATE SKIP LOCKED)"
        ),
        {"before": clock.now() - FORGOTTEN_AFTER},
    )
