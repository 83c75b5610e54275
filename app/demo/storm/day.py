"""The day itself: everything sent into the storm, everybody at work in rounds, quiet awaited, lists worked off, counted."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import text

from app import clock
from app.demo.history import offices_of
from app.demo.places import DEMO_COMMUNE
from app.demo.running import Running
from app.demo.storm import counting
from app.demo.storm.banks import Banks
from app.demo.storm.desks import Desks
from app.demo.storm.fates import fates
from app.demo.storm.office import Offices
from app.demo.storm.post import PostOffice
from app.extensions import acting_as, transaction
from app.jobs.table import connections
from app.rules.actors import SYSTEM
from app.rules.dates import add_months
from config import Settings

Summary = dict[str, Any]

PAUSE_S = 0.5
QUIET_ROUNDS = 3
"""So many rounds in a row in which nothing was done and nothing is on its way."""
DESK_ROUNDS = 8

_COMMUNES = text("SELECT a.code FROM areas a WHERE EXISTS (SELECT 1 FROM beneficiaries b WHERE b.area_id = a.id)")

# What no sweep may leave behind once the line is good: a late settlement that is held waits for a person.
_UNDER_WAY = text("""
SELECT (SELECT count(*) FROM packets WHERE state IN ('queued', 'in_doubt', 'received')) AS packets,
       (SELECT count(*) FROM packets WHERE recall_asked_at IS NOT NULL AND recall_delivered_at IS NULL
                                       AND state = 'accepted') AS recalls,
       (SELECT count(*) FROM agency_notices WHERE delivered_at IS NULL) AS notices,
       (SELECT count(*) FROM inbox WHERE outcome IS NULL) AS messages,
       (SELECT count(*) FROM settlements s JOIN packets k ON k.id = s.packet_id
         WHERE s.state IN ('waiting', 'partial') AND NOT EXISTS (
             SELECT 1 FROM inbox i WHERE i.transaction_id = k.code AND i.outcome = 'held')) AS settlements
""")


class Day:
    """One day of a running demo whose registry is loaded and whose past months are closed."""

    def __init__(
        self, settings: Settings, *, seed: int, patience_s: int, part_lines: int, fury: float = 1, ahead: int = 1
    ) -> None:
        """The lists are those of the month `ahead` of this one: this month's settlements may be late, the next's are not."""
        found = Running.found(settings)
        assert found is not None, "the parts of the demo have answered"
        self._seed, self._part_lines, self._fury = seed, part_lines, fury
        self._month = add_months(clock.today().replace(day=1), ahead)
        connect = connections(settings)
        with acting_as(SYSTEM), transaction() as session:
            offices = offices_of(session, DEMO_COMMUNE, list(session.scalars(_COMMUNES)))
        self._offices = Offices(offices, connect, patience_s=patience_s)
        self._post = PostOffice(found.desk(""), self._offices.fates)
        self._banks = Banks(settings.home, self._offices.fates, seed=seed)
        self._desks = Desks(self._offices, self._post)
        self._began = time.monotonic()

    def live(self, *, storm_s: int, calm_s: int, kills: int = 0, kill: Callable[[], None] = lambda: None) -> Summary:
        """The whole day; `well` says whether it ended as it must.

        `kill` is done `kills` times in the storm. What a killed scheduler had claimed rests until its lease is over.
        """
        with acting_as(SYSTEM):
            self._send_everything()
            for _blow in range(kills):
                self._rounds(storm_s // (kills + 1))
                kill()
                self._say("the scheduler was killed and started again")
            self._rounds(storm_s // (kills + 1))
            self._post.clear()
            self._say("the faults have stopped")
            when_quiet: Summary = {"after_s": self._until_quiet(calm_s), "under_way": self._under_way()}
            with transaction() as session:
                when_quiet |= counting.standing(session, self._offices.batch_ids, self._month)
            quiet = when_quiet["after_s"] is not None
            for _round in range(DESK_ROUNDS):
                still_open = self._desks.work(self._drawer()) if quiet else 0
                quiet = quiet and self._until_quiet(calm_s) is not None
                if not still_open:
                    break
            return self._summary(when_quiet, quiet=quiet)

    def _send_everything(self) -> None:
        offices = self._offices
        with transaction() as session:
            offices.make_and_approve(session, self._month)
            online, by_file = (offices.codes(session, online=online) for online in (True, False))
            offices.fates |= fates(online, by_file, self._seed)
        self._post.storm(self._seed, part_lines=self._part_lines, fury=self._fury)
        with transaction() as session:
            offices.send(session)
        self._say(f"{len(online)} lists for the post office, {len(by_file)} for a bank, into the storm")

    def _rounds(self, most_s: int) -> bool:
        """Everybody acts in rounds until all is quiet; False when `most_s` were over before."""
        ends, still = time.monotonic() + most_s, 0
        while still < QUIET_ROUNDS:
            if time.monotonic() > ends:
                return False
            done = self._post.act() + self._offices.act() + self._banks.act() + self._post.on_the_way()
            still = still + 1 if not done and not self._under_way() else 0
            time.sleep(PAUSE_S)
        return True

    def _until_quiet(self, most_s: int) -> float | None:
        """Seconds it took, None when it did not get quiet, which is said."""
        began = time.monotonic()
        if self._rounds(most_s):
            self._say("quiet")
            return round(time.monotonic() - began, 1)
        self._say(f"not quiet after {most_s} s: {self._under_way()}")
        return None

    def _under_way(self) -> dict[str, int]:
        with transaction() as session:
            row = session.execute(_UNDER_WAY).one()
        return {name: count for name, count in row._mapping.items() if count}

    def _drawer(self) -> counting.Money:
        """What post office and banks handed out."""
        return self._post.drawer() | self._banks.ledger()

    def _summary(self, when_quiet: Summary, *, quiet: bool) -> Summary:
        drawer = self._drawer()
        with transaction() as session:
            books = counting.paid(session, self._offices.batch_ids)
            end = counting.standing(session, self._offices.batch_ids, self._month)
            calls = counting.calls(session, self._offices.batch_ids)
            wrong = counting.wrong_books(session)
            failed = counting.failed_jobs(session)
            disagreed = counting.disagreements(session, self._offices.batch_ids, self._post.stages())
        differing = counting.differences(drawer, books)
        met = self._post.desk.see("/faults")["met"] | self._banks.met
        alarms = self._post.desk.see("/alarms")["alarms"]
        trouble = when_quiet["stray"] + end["stray"] + differing + disagreed + wrong + failed + alarms
        return {
            "well": quiet and not trouble,
            "seed": self._seed,
            "month": f"{self._month:%Y-%m}",
            "lists": len(self._offices.batch_ids),
            **end,
            "drawer_vnd": sum(drawer.values()),
            "books_vnd": sum(books.values()),
            "lines_handed_out": len(drawer),
            "differences": differing[: counting.SHOWN],
            "disagreements": disagreed,
            "check_books": wrong,
            "failed_jobs": failed,
            "alarms": alarms,
            "when_quiet": when_quiet,
            "people_did": self._desks.done,
            "faults_met": met,
            "calls": calls,
            "seconds": round(time.monotonic() - self._began, 1),
        }

    def _say(self, what: str) -> None:
        sys.stderr.write(f"{time.monotonic() - self._began:7.1f} s  {what}\n")
