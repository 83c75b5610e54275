"""Mistakes with money that somebody could make tomorrow, each as a patch of the product, and a year in which it bites.

The account of the year must notice every one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import text

from app.agency import iso_answers
from app.services import balances, suspensions
from app.services.arrears import computing
from app.services.batches import candidates, lines
from app.services.lives import deaths
from app.services.recoveries import finding, withholding
from app.services.settlements import locking, reopening

Patch = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True, slots=True)
class Bug:
    """`seed`: a year in which it does harm."""

    name: str
    seed: int
    patch: Patch


def sql(owner: ModuleType, name: str, before: str, after: str) -> Patch:
    """A statement of the product says something else."""

    def patch(here: pytest.MonkeyPatch) -> None:
        said = getattr(owner, name)
        words = said if isinstance(said, str) else said.text
        assert before in words, f"{name} no longer says {before!r}"
        changed = words.replace(before, after)
        here.setattr(owner, name, changed if isinstance(said, str) else text(changed))

    return patch


def _unpaid_of_the_old_commune_left_behind(here: pytest.MonkeyPatch) -> None:
    own = (
        "l.result = 'unpaid' AND l.area_path = (SELECT b.area_path FROM beneficiaries b"
        " JOIN entitlements e ON e.beneficiary_id = b.id WHERE e.id = l.entitlement_id)"
    )
    sql(candidates, "_OWED", "l.result = 'unpaid'", own)(here)
    sql(lines, "_CARRY", "u.result = 'unpaid'", "u.result = 'unpaid' AND u.area_path = l.area_path")(here)


def _fee_on_what_was_sent(here: pytest.MonkeyPatch) -> None:
    fee = locking._fee
    here.setattr(locking, "_fee", lambda terms, found: fee(terms, replace(found, paid=found.sent)))


def _fee_on_what_must_come_back(here: pytest.MonkeyPatch) -> None:
    fee = locking._fee
    here.setattr(locking, "_fee", lambda terms, found: fee(terms, replace(found, paid=found.paid + found.to_recover)))


def _entitlements_stay_ended(here: pytest.MonkeyPatch) -> None:
    restore = deaths._restore
    here.setattr(deaths, "_restore", lambda session, person, before: restore(session, person, before | {"ends_on": {}}))


def _organiser_stays(here: pytest.MonkeyPatch) -> None:
    restore = deaths._restore
    here.setattr(
        deaths, "_restore", lambda session, person, before: restore(session, person, before | {"payee_id": None})
    )


def _month_of_death_asked_back(here: pytest.MonkeyPatch) -> None:
    for name in ("_HOLD", "_FIND", "_DROP"):
        sql(finding, name, "p.month > b.died_on", "p.month >= date_trunc('month', b.died_on)")(here)


def _nothing(owner: Any, name: str) -> Patch:
    return lambda here: here.setattr(owner, name, lambda *_facts, **_named: None)


BUGS: tuple[Bug, ...] = (
    Bug("drafts keep what a reopened settlement took back", 6, _nothing(reopening, "remake_later_drafts")),
    Bug("twice the share withheld", 1, sql(withholding, "_ATTACH", ", 0) / 100 AS room_vnd", ", 0) / 50 AS room_vnd")),
    Bug(
        "unpaid money carried twice",
        1,
        sql(candidates, "_OWED", "NOT EXISTS (SELECT 1 FROM carry_overs c WHERE c.from_line_id = l.id)", "true"),
    ),
    Bug("no entitlement after a death undone", 1, _entitlements_stay_ended),
    Bug("what is stopped not counted as unpaid in a row", 2, sql(suspensions, "_UNPAID", "'unpaid_stopped'", "'x'")),
    Bug("the organiser of a funeral stays the payee", 10, _organiser_stays),
    Bug("arrears of a resumption paid by a list as well", 16, sql(candidates, "_PROPOSED", "x.live", "false")),
    Bug("what a bank sends back lost", 3, lambda here: here.setattr(iso_answers, "_came_back", lambda *_: False)),
    Bug(
        "an instalment of a recovery not heeded",
        1,
        sql(withholding, "_ATTACH", "r.instalment_vnd\n", "r.amount_vnd\n"),
    ),
    Bug(
        "withheld money counted before its line is paid",
        1,
        sql(withholding, "_COUNT", "CASE k.result WHEN 'paid' THEN 'recovered' ELSE 'released' END", "'recovered'"),
    ),
    Bug("arrears paid by every list", 16, sql(candidates, "_OWED", "r.line_id IS NULL AND ", "")),
    Bug(
        "money of somebody suspended carried on",
        2,
        sql(candidates, "_OWED", "('active', 'stopped', 'dead')", "('active', 'stopped', 'dead', 'suspended')"),
    ),
    Bug("the rise forgets months missed", 8, sql(computing, "_MISSED", "x.owed_vnd > x.was_vnd", "false")),
    Bug("unpaid money of the old commune left behind", 19, _unpaid_of_the_old_commune_left_behind),
    Bug(
        "the last lists of a merged commune without its people",
        19,
        sql(candidates, "_STAYS", "first_month > :month", "false"),
    ),
    Bug("fee on what was sent", 1, _fee_on_what_was_sent),
    Bug("fee on what must come back", 5, _fee_on_what_must_come_back),
    Bug("the month of a death asked back", 1, _month_of_death_asked_back),
    Bug(
        "what is withheld taken for cash at the agency", 1, sql(balances, "_SOURCE", "AND m.other_line_id IS NULL", "")
    ),
    Bug("what a line held out withheld is not given back", 16, _nothing(withholding, "give_back")),
    Bug(
        "who has an account paid over the counter",
        3,
        sql(candidates, "_LINES", "k.method = coalesce(m.kind, 'cash')", "k.method = 'cash'"),
    ),
)
"""The first four are tried by day."""
