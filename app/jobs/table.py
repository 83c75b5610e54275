"""The table of jobs: every sweep with how often it looks for due work. What a sweep does is a service's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app import clock
from app.agency import adapters
from app.agency.port import Endpoint
from app.extensions import transaction
from app.jobs import recoveries
from app.jobs.imports import expire_imports
from app.jobs.reports import expire_exports
from app.jobs.work import KINDS
from app.services import extensions, inbox, notices, sending, work
from app.services.accounts import attempts
from app.services.books import checking
from app.services.sending import Connect, Connection
from config import Settings

US = "chitra"
"""Our sender id, and our client at every agency."""


@dataclass(frozen=True, slots=True)
class Job:
    """A sweep: `step` does one due thing and says whether there was one; `late_after_s` is when health complains."""

    name: str
    every_s: float
    step: Callable[[], bool]
    late_after_s: int = 120


def jobs(settings: Settings) -> tuple[Job, ...]:
    """Every job of the program."""
    connect = connections(settings)
    return (
        Job("send_packets", 1, lambda: sending.send_next(connect)),
        Job("ask_in_doubt", 5, lambda: sending.ask_next(connect)),
        Job("deliver_recalls", 2, lambda: sending.recall_next(connect)),
        Job("deliver_notices", 2, lambda: notices.deliver_next(connect)),
        Job("lapse_extensions", 600, extensions.lapse_overdue, late_after_s=7200),
        Job("apply_inbox", 1, inbox.apply_next),
        Job("long_work", 1, lambda: work.perform_next(KINDS)),
        Job("find_recoveries", 900, recoveries.find, late_after_s=3600),
        Job("forget_attempts", 600, forget_attempts, late_after_s=7200),
        Job("check_books", 600, checking.sweep, late_after_s=900),
        Job("expire_exports", 3600, lambda: expire_exports(settings.home), late_after_s=4 * 3600),
        Job("expire_imports", 3600, lambda: expire_imports(settings.home), late_after_s=4 * 3600),
    )


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
