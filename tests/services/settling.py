"""What tests of settlements say to a settlement and read from it, and their fixtures; imported `as` themselves."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.models import Packet, SettlementRecord
from app.services.settlements import arithmetic, deciding, locking
from app.services.settlements.arithmetic import Figures
from tests import factories as make
from tests import office

AMOUNT = 540_000


@pytest.fixture(autouse=True)
def mid_november() -> Any:
    with clock.at(date(2026, 11, 10)):
        yield


def record(session: Session, reference: str) -> SettlementRecord:
    return session.scalars(
        select(SettlementRecord)
        .where(SettlementRecord.reference == reference)
        .execution_options(populate_existing=True)
    ).one()


def figures(session: Session, packet: Packet) -> Figures:
    return arithmetic.figures(session, office.settlement_of(session, packet).id)


def decide(session: Session, packet: Packet, reference: str, outcome: str, because: str = "Biên bản đối chiếu") -> None:
    settlement_id = office.settlement_of(session, packet).id
    deciding.decide(session, settlement_id, reference, outcome, by=make.CLERK, because=because)
    session.commit()


def lock(session: Session, packet: Packet) -> None:
    locking.lock(session, office.settlement_of(session, packet).id, by=make.ACCOUNTANT)
    session.commit()
