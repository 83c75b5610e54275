"""Letters on their way: claimed with a lease, tried again after a pause, given up when they have become old news.

A mail server that is away hurts nobody: letters wait in their table and everything else goes on. A letter may arrive
twice, never with another Message-ID.
"""

from __future__ import annotations

import logging
import smtplib
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from sqlalchemy import text

from app import clock
from app.extensions import transaction

LEASE_S = 120
OLD_AFTER_S = 86_400
"""Tomorrow's digest says more."""

Post = Callable[[EmailMessage], None]
"""Hands a letter to a mail server; raises OSError or SMTPException."""

log = logging.getLogger(__name__)

_TAKE = text(
    "UPDATE mails m SET attempts = attempts + 1, lease_until = clock_timestamp() + make_interval(secs => :lease)"
    "  FROM digests d WHERE d.id = m.digest_id AND m.id = ("
    "   SELECT id FROM mails WHERE sent_at IS NULL AND given_up_at IS NULL AND next_attempt_at <= clock_timestamp()"
    "    AND (lease_until IS NULL OR lease_until < clock_timestamp())"
    "    ORDER BY next_attempt_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)"
    " RETURNING m.id, m.address, d.subject, d.body, d.made_at"
)
_PUT_OFF = text(
    "UPDATE mails SET lease_until = NULL, last_error = :why, next_attempt_at = clock_timestamp()"
    " + make_interval(secs => least(21600, 60 * 2 ^ least(attempts, 9)) * (0.5 + random())),"
    " given_up_at = CASE WHEN :old THEN CAST(:now AS timestamptz) END WHERE id = :id"
)


def send_next(post: Post, sender: str) -> bool:
    """Send one letter that is due; False when none is."""
    with transaction() as session:
        letter = session.execute(_TAKE, {"lease": LEASE_S}).one_or_none()
    if letter is None:
        return False
    try:
        post(written(letter, sender))
    except (OSError, smtplib.SMTPException) as error:
        log.warning("mail_put_off", extra={"mail_id": letter.id, "error": type(error).__name__})
        now = clock.now()
        old = (now - letter.made_at).total_seconds() > OLD_AFTER_S
        with transaction() as session:
            session.execute(_PUT_OFF, {"id": letter.id, "why": type(error).__name__, "old": old, "now": now})
        return True
    with transaction() as session:
        session.execute(
            text("UPDATE mails SET sent_at = :now, lease_until = NULL, last_error = NULL WHERE id = :id"),
            {"id": letter.id, "now": clock.now()},
        )
    return True


def written(letter: Any, sender: str) -> EmailMessage:
    """The letter as it travels; the same each time it is tried."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = letter.address
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(letter.made_at)
    message["Message-ID"] = f"<digest.{letter.id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.body)
    return message
