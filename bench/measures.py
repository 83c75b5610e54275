"""What is measured: each step of a province's month as the call its screen or job makes, with the limit promised for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.extensions import acting_as, transaction
from app.rules.actors import Actor, Role
from app.services.batches import approval, making
from bench.data import MONTH, PATH, PROVINCE

CLERK = Actor("tinh.canbo", frozenset({Role.CLERK}), PATH)
SUPERVISOR = Actor("tinh.lanhdao", frozenset({Role.SUPERVISOR}), PATH)
LISTS = "SELECT id FROM payout_batches WHERE period_id = (SELECT id FROM periods WHERE month = :month) ORDER BY id"
"""The lists of the month being measured."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One measurement: `run` on a copy of the database that the measure before it left behind."""

    name: str
    limit_seconds: float
    run: Callable[[], None]
    limit_mb: float | None = None


def make() -> None:
    """Lập danh sách: the whole province as one action."""
    with acting_as(CLERK), transaction() as session:
        area_id = session.execute(text("SELECT id FROM areas WHERE code = :code"), {"code": PROVINCE}).scalar_one()
        making.make_lists(session, making.ListRequest(area_id, MONTH, "monthly"), by=CLERK)


def lock() -> None:
    """Duyệt: all lists of the province, checked and locked in one transaction."""
    with acting_as(SUPERVISOR), transaction() as session:
        approval.lock_many(session, lists(session), by=SUPERVISOR)


def lists(session: Session) -> list[int]:
    """Keys of the month's lists."""
    return list(session.execute(text(LISTS), {"month": MONTH}).scalars())


MEASURES: tuple[Measure, ...] = (
    Measure("make", 3, make),
    Measure("lock", 2, lock),
)
"""In the order of the month: each starts where the one before it ended."""


def find(name: str) -> Any:
    """The measure called `name`."""
    return next(measure for measure in MEASURES if measure.name == name)
