"""The table of jobs: every sweep with how often it looks for due work. What a sweep does is a service's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from app import clock
from app.agency import adapters
from app.agency.port import Endpoint
from app.extensions import transaction
from app.jobs import heartbeat, mail, recoveries
from app.jobs.imports import expire_imports
from app.jobs.reports import expire_exports
from app.jobs.work import KINDS
from app.services import auto_sending, digests, extensions, inbox, mailing, notices, polling, sending, work
from app.services.accounts import attempts
from app.services.books import checking
from app.services.sending import Connect, Connection
from config import Settings

US = "chitra"
"""Our sender id, and our client at every agency."""

HEARTBEAT_EVERY_S = 60


@dataclass(frozen=True, slots=True)
class Job:
    """A sweep: `step` does one due thing and says whether there was one.

    `every_s` is the trigger, `late_after_s` without a success the alarm. `lease_s` is how long a claimed thing is left
    to whoever claimed it; 0 where a sweep claims nothing, because doing it twice at once changes nothing.
    """

    name: str
    every_s: float
    step: Callable[[], bool]
    late_after_s: int = 120
    lease_s: int = 0


def jobs(settings: Settings) -> tuple[Job, ...]:
    """Every job of the program."""
    connect, quiet = connections(settings), timedelta(seconds=settings.poll_after_s)
    return (
        Job("send_packets", 1, lambda: sending.send_next(connect), lease_s=sending.LEASE_S),
        Job("ask_in_doubt", 5, lambda: sending.ask_next(connect), lease_s=sending.LEASE_S),
        Job("deliver_recalls", 2, lambda: sending.recall_next(connect), lease_s=sending.LEASE_S),
        Job("deliver_notices", 2, lambda: notices.deliver_next(connect), lease_s=sending.LEASE_S),
        Job("lapse_extensions", 600, extensions.lapse_overdue, late_after_s=7200),
        Job("poll_quiet", 10, lambda: polling.poll_next(connect, quiet), lease_s=sending.LEASE_S),
        Job("send_at_cutoff", 60, auto_sending.sweep, late_after_s=600),
        Job("apply_inbox", 1, inbox.apply_next, lease_s=inbox.LEASE_S),
        Job("long_work", 1, lambda: work.perform_next(KINDS), lease_s=work.LEASE_S),
        Job("find_recoveries", 900, recoveries.find, late_after_s=3600),
        Job("forget_attempts", 600, forget_attempts, late_after_s=7200),
        Job("check_books", 600, checking.sweep, late_after_s=900),
        Job("expire_exports", 3600, lambda: expire_exports(settings.home), late_after_s=4 * 3600),
        Job("expire_imports", 3600, lambda: expire_imports(settings.home), late_after_s=4 * 3600),
        *_letters(settings),
        *_heartbeat(settings.heartbeat_url),
    )


def _letters(settings: Settings) -> tuple[Job, ...]:
    """Only where there is a mail server."""
    if settings.smtp_host is None:
        return ()
    link, post = mail.links(settings.public_url), mail.server(settings)
    return (
        Job("make_digests", 60, lambda: digests.make_next(link), late_after_s=900),
        Job(
            "send_mail",
            10,
            lambda: mailing.send_next(post, settings.mail_from),
            late_after_s=900,
            lease_s=mailing.LEASE_S,
        ),
    )


def _heartbeat(url: str | None) -> tuple[Job, ...]:
    """Only where somebody listens for it."""
    if url is None:
        return ()
    return (Job("heartbeat", HEARTBEAT_EVERY_S, lambda: heartbeat.beat(url), late_after_s=600),)


def forget_attempts() -> bool:
    """Counts of failed sign-ins that no longer make anybody wait."""
    with transaction() as session:
        attempts.sweep(session)
    return False


def connections(settings: Settings) -> Connect:
    """Agencies by the adapters of their contracts. Signatures carry real time, never a shifted clock."""
    reached = {name: adapter.connect(settings.home, now=clock.wall) for name, adapter in adapters.ADAPTERS.items()}
    callback_url = f"{settings.public_url}/agency"

    def connect(code: str, address: str) -> Connection:
        return Connection(reached[adapters.at(address)], Endpoint(address, US, code, US, callback_url=callback_url))

    return connect
