"""What is measured: each step of a province's month as the call its screen or job makes, with the limit promised for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from flask import current_app
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.extensions import acting_as, transaction
from app.jobs import running
from app.jobs.table import jobs
from app.models import Packet
from app.reports import exporting
from app.reports.shape import Request
from app.rules.actors import SYSTEM, Actor, Role
from app.services import composing, inbox, packets, sending
from app.services.arrears import proposing
from app.services.arrears.proposing import RiseRequest
from app.services.batches import approval, making
from app.services.books import checking
from app.services.settlements import locking
from bench import agency, imports
from bench.data import MONTH, PATH, PROVINCE

CLERK = Actor("tinh.canbo", frozenset({Role.CLERK}), PATH)
SUPERVISOR = Actor("tinh.lanhdao", frozenset({Role.SUPERVISOR}), PATH)
ACCOUNTANT = Actor("tinh.ketoan", frozenset({Role.ACCOUNTANT}), PATH)
OF_THE_MONTH = "period_id = (SELECT id FROM periods WHERE month = :month)"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the month, on what the step before it left behind; without a limit it is made and not measured."""

    name: str
    run: Callable[[], None]
    limit_seconds: float | None = None
    limit_mb: float | None = None


def make_lists() -> None:
    """Lập danh sách: the whole province as one action."""
    with acting_as(CLERK), transaction() as session:
        area_id = session.execute(text("SELECT id FROM areas WHERE code = :code"), {"code": PROVINCE}).scalar_one()
        making.make_lists(session, making.ListRequest(area_id, MONTH, "monthly"), by=CLERK)


def lock_lists() -> None:
    """Duyệt: all lists of the province, checked and locked in one transaction."""
    with acting_as(SUPERVISOR), transaction() as session:
        approval.lock_many(
            session, _keys(session, f"SELECT id FROM payout_batches WHERE {OF_THE_MONTH}"), by=SUPERVISOR
        )


def queue_packets() -> None:
    """Gửi bưu điện: a packet of every list waits for the scheduler."""
    with acting_as(CLERK), transaction() as session:
        for batch_id in _keys(session, f"SELECT id FROM payout_batches WHERE {OF_THE_MONTH}"):
            packets.queue(session, batch_id, by=CLERK)


def build_bytes() -> None:
    """The bytes of every packet, each stored with its hash in a transaction of its own, as the scheduler does."""
    with acting_as(SYSTEM):
        with transaction() as session:
            waiting = _keys(session, "SELECT id FROM packets WHERE state = 'queued' AND :month IS NOT NULL")
        for packet_id in waiting:
            with transaction() as session:
                composing.write_body(session, session.get_one(Packet, packet_id), agency.ENDPOINT)


def hand_over() -> None:
    """Every packet is sent and accepted, and its settlement waits in the inbox."""
    with acting_as(SYSTEM):
        while sending.send_next(agency.connect):
            pass
        with transaction() as session:
            for message in agency.settlements(session):
                inbox.keep(session, message, answer={})


def apply_settlements() -> None:
    """Every settlement message, each in its own transaction, as the scheduler does."""
    job = next(job for job in jobs(current_app.config["CHITRA"]) if job.name == "apply_inbox")
    assert running.run(current_app._get_current_object(), job, owner="bench") < running.STEPS_MOST


def lock_settlements() -> None:
    """Chốt quyết toán: all settlements of the province at once."""
    with acting_as(ACCOUNTANT), transaction() as session:
        ids = _keys(session, f"SELECT id FROM settlements WHERE state = 'received' AND {OF_THE_MONTH}")
        locking.lock_many(session, ids, by=ACCOUNTANT)


def write_report(code: str, form: str) -> Callable[[], None]:
    """A report of the province and month as a file."""

    def write() -> None:
        with acting_as(ACCOUNTANT):
            request = Request(code, PATH, MONTH, MONTH)
            exporting.export(request, form, by=ACCOUNTANT, home=current_app.config["CHITRA"].home)

    return write


def check_books() -> None:
    """`flask check-books`: everything that must hold of all lines there are."""
    with transaction() as session:
        found = checking.check(session)
    assert not found, [(one.check.name, one.ids[:3]) for one in found[:5]]


def propose_arrears() -> None:
    """Truy lĩnh: what the rise of 2026 owes the whole province for July to October, as a proposal."""
    with acting_as(CLERK), transaction() as session:
        area_id = session.execute(text("SELECT id FROM areas WHERE code = :code"), {"code": PROVINCE}).scalar_one()
        months = {"from_month": date(2026, 7, 1), "to_month": date(2026, 10, 1), "due_month": MONTH}
        proposing.propose_rise(session, RiseRequest(area_id, reason="Nâng mức chuẩn", **months), by=CLERK)


def _keys(session: Session, sql: str) -> list[int]:
    return list(session.execute(text(f"{sql} ORDER BY id"), {"month": MONTH}).scalars())


STEPS: tuple[Step, ...] = (
    Step("make_lists", make_lists, 3),
    Step("lock_lists", lock_lists, 2),
    Step("queue_packets", queue_packets),
    Step("build_bytes", build_bytes, 4),
    Step("hand_over", hand_over),
    Step("apply_settlements", apply_settlements, 6),
    Step("lock_settlements", lock_settlements, 6),
    Step("dvct_02_xlsx", write_report("DVCT_02", "xlsx"), 8, limit_mb=150),
    Step("dvct_08_xlsx", write_report("DVCT_08", "xlsx"), 8, limit_mb=150),
    Step("dvct_10_xlsx", write_report("DVCT_10", "xlsx"), 8, limit_mb=150),
    Step("dvct_08_pdf", write_report("DVCT_08", "pdf"), 30, limit_mb=320),
    Step("write_workbook", imports.write_workbook),
    Step("import_read", imports.import_read, 10, limit_mb=400),
    Step("import_apply", imports.import_apply, 10, limit_mb=400),
)
"""In the order of the month."""

CHECK_BOOKS = Step("check_books", check_books, 2)
"""Measured over many settled months; no step of the month."""

ARREARS = Step("arrears", propose_arrears, 30)
"""On a past of its own: RISEN_MONTHS listed at the old amount."""

RISEN_MONTHS = 4
"""July to October 2026, the months the rise applies back to."""

PROOFS: dict[str, str] = {
    "arrears": "SELECT sum(line_count) FROM arrears_proposals WHERE :month IS NOT NULL",
    "make_lists": f"SELECT sum(line_count) FROM payout_batches WHERE {OF_THE_MONTH}",
    "lock_lists": f"SELECT sum(line_count) FROM payout_batches WHERE state = 'locked' AND {OF_THE_MONTH}",
    "build_bytes": "SELECT sum(line_count) FROM packets WHERE body_sha256 IS NOT NULL AND state = 'queued'",
    "apply_settlements": f"SELECT sum(sent_count) FROM settlements WHERE state = 'received' AND {OF_THE_MONTH}",
    "lock_settlements": (
        f"SELECT sum(paid_count + unpaid_count + recover_count) FROM settlements WHERE state = 'locked' AND {OF_THE_MONTH}"
    ),
}
"""Measure -> SQL over the month that counts the lines it should have dealt with; a fast step that did nothing is caught."""


def find(name: str) -> Step:
    """The step called `name`."""
    return next(step for step in (*STEPS, ARREARS, CHECK_BOOKS) if step.name == name)
