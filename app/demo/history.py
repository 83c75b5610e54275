"""Plays the past months of a demo through the services, day by day; what changed in the registry is in changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

import psycopg
from flask import current_app
from sqlalchemy import make_url, text
from sqlalchemy.orm import Session

from app import clock
from app.demo import changes, treasury
from app.demo.counterpart import Counterpart, Undelivered
from app.demo.load import BANK, POST, LoadedDemo
from app.demo.staff import Staff, staff_of
from app.extensions import transaction
from app.rules.dates import add_months
from app.services import packets, periods
from app.services.batches import approval, lines, making
from app.services.batches.checks import LABELS
from app.services.batches.making import ListExists, ListRequest, NobodyEligible
from app.services.settlements import locking

KINDS = ("monthly", "social_pension")

MADE, APPROVED, SENT, TRANSFERRED = 20, 21, 22, 23
"""Days of the month before: within the cut-off by decree, the 25th."""
PAID, SETTLED, CHECKED, CLOSED = 12, 16, 17, 18
"""Days of the month itself."""


@dataclass(frozen=True, slots=True)
class Office:
    """An area whose lists are made together, and who works there."""

    area_id: int
    path: str
    staff: Staff


def play_history(session: Session, loaded: LoadedDemo, *, months: int = 3) -> None:
    """Make, send, settle and close the `months` before the current one.

    What the rise of 2026 owes for them is left for somebody to propose: the workbench says so.

    Every step is committed. The agencies are post offices in this process. Raises Undelivered.
    """
    this_month = clock.today().replace(day=1)
    past = [add_months(this_month, -back) for back in range(months, 0, -1)]
    offices = offices_of(session, loaded.commune_code, loaded.communes)
    with Counterpart((POST,), banks=(BANK,), seed=loaded.seed) as agencies:
        for month in past:
            _gather_statistics()
            _play(offices, agencies, month)
            with _on(month, CLOSED) as session:
                changes.register_absences(session, month, seed=loaded.seed)
    with transaction() as session:
        changes.register_funerals(session, past, due=this_month, seed=loaded.seed)
    _gather_statistics()


def exclude_blocked(session: Session, batch_ids: list[int], staff: Staff) -> int:
    """Hold out of drafts whoever a check blocks; of a double registration, the younger one. Returns how many."""
    rows = session.execute(
        text(
            "SELECT f.line_id, min(f.code) AS code FROM batch_findings f JOIN payout_lines l ON l.id = f.line_id"
            "  JOIN beneficiaries b ON b.id = l.beneficiary_id"
            " WHERE f.batch_id = ANY(:ids) AND f.severity = 'blocking' AND (f.code <> 'double_by_id' OR EXISTS ("
            "   SELECT 1 FROM beneficiaries o WHERE o.id_number = b.id_number AND o.id < b.id))"
            " GROUP BY f.line_id ORDER BY f.line_id"
        ),
        {"ids": batch_ids},
    ).all()
    for row in rows:
        lines.exclude(session, row.line_id, by=staff.clerk, because=LABELS[row.code])
    return len(rows)


def offices_of(session: Session, own: str, communes: Iterable[str]) -> list[Office]:
    """The demo's own commune, then the provinces, which make the lists of all their other communes."""
    rows = session.execute(
        text(
            "SELECT id, path, code = :own AS is_own FROM areas WHERE code = :own OR id IN"
            " (SELECT parent_id FROM areas WHERE code = ANY(:communes)) ORDER BY is_own DESC, path"
        ),
        {"own": own, "communes": list(communes)},
    ).all()
    prefixes = ["xa" if row.is_own else f"tinh{row.path.split('/')[1]}" for row in rows]
    return [
        Office(row.id, row.path, staff_of(session, row.path, prefix=prefix))
        for row, prefix in zip(rows, prefixes, strict=True)
    ]


def _gather_statistics() -> None:
    """What the database would do by itself within minutes; only the owner of the tables may."""
    owner = make_url(current_app.config["OWNER_DATABASE_URI"]).set(drivername="postgresql")
    with psycopg.connect(owner.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute("ANALYZE")


@contextmanager
def _on(month: date, day: int) -> Iterator[Session]:
    """A transaction on a day of that month."""
    with clock.at(month.replace(day=day)), transaction() as session:
        yield session


def _play(offices: list[Office], agencies: Counterpart, month: date) -> None:
    before = add_months(month, -1)
    made: list[tuple[Office, list[int]]] = []
    with _on(before, MADE) as session:
        for office in offices:
            batch_ids = make_lists(session, office, month)
            exclude_blocked(session, batch_ids, office.staff)
            made.append((office, batch_ids))
    with _on(before, APPROVED) as session:
        for office, batch_ids in made:
            approval.lock_many(session, batch_ids, by=office.staff.supervisor)
    with _on(before, SENT) as session:
        for office, batch_ids in made:
            packets.queue_many(session, batch_ids, by=office.staff.clerk)
    everything = [batch_id for _office, batch_ids in made for batch_id in batch_ids]
    with clock.at(before.replace(day=SENT), hour=14):
        _let_accept(agencies, everything)
    with _on(before, TRANSFERRED) as session:
        for office, _batch_ids in made:
            treasury.transfer_due(session, office.path, office.staff, month)
    with clock.at(month.replace(day=SETTLED)):
        _let_settle(agencies, everything, paid_on=month.replace(day=PAID))
    with _on(month, CHECKED) as session:
        for office, batch_ids in made:
            if batch_ids:
                locking.lock_many(session, settlements_of(session, batch_ids), by=office.staff.accountant)
    with _on(month, CLOSED) as session:
        for office, batch_ids in made:
            for key in _area_periods(session, batch_ids):
                periods.close(session, key, by=office.staff.accountant)


def make_lists(session: Session, office: Office, month: date) -> list[int]:
    """The lists of every kind that an office's area still lacks for the month."""
    made: list[int] = []
    for kind in KINDS:
        try:
            request = ListRequest(office.area_id, month, kind)
            made += making.make_lists(session, request, by=office.staff.clerk).batch_ids
        except (NobodyEligible, ListExists):
            continue
    return made


def _let_accept(agencies: Counterpart, batch_ids: list[int]) -> None:
    agencies.carry()
    for agency, code in _packets(batch_ids, "received"):
        agencies.counter(agency).accept(code)
    agencies.carry()


def _let_settle(agencies: Counterpart, batch_ids: list[int], *, paid_on: date) -> None:
    agencies.counter_on((paid_on - clock.wall().date()).days)
    for agency, code in _packets(batch_ids, "accepted"):
        agencies.counter(agency).pay(code)
        agencies.counter(agency).settle(code)
    agencies.carry()


def _packets(batch_ids: list[int], state: str) -> list[tuple[str, str]]:
    """(agency, code) of every list's latest packet, which must be in that state. Raises Undelivered."""
    with transaction() as session:
        rows = session.execute(
            text(
                "SELECT DISTINCT ON (p.batch_id) g.code AS agency, p.code, p.state,"
                "       coalesce(p.answer_reason, p.last_error, '-') AS why"
                "  FROM packets p JOIN agencies g ON g.id = p.agency_id WHERE p.batch_id = ANY(:ids)"
                " ORDER BY p.batch_id, p.version DESC"
            ),
            {"ids": batch_ids},
        ).all()
    for row in rows:
        if row.state != state:
            raise Undelivered(f"{row.code}: {row.state}, {row.why}")
    return [(row.agency, row.code) for row in rows]


def settlements_of(session: Session, batch_ids: list[int]) -> list[int]:
    """The settlements of lists that still count."""
    statement = text("SELECT id FROM settlements WHERE batch_id = ANY(:ids) AND state <> 'void' ORDER BY id")
    return list(session.scalars(statement, {"ids": batch_ids}))


def _area_periods(session: Session, batch_ids: list[int]) -> list[int]:
    statement = text(
        "SELECT a.id FROM area_periods a WHERE a.state = 'open' AND (a.area_id, a.period_id) IN"
        " (SELECT area_id, period_id FROM payout_batches WHERE id = ANY(:ids)) ORDER BY a.id"
    )
    return list(session.scalars(statement, {"ids": batch_ids}))
