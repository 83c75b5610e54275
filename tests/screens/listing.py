"""A draft made, a button of its page pressed, and the fixtures of tests of lists; imported `as` themselves."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from flask import Flask

from app import clock
from tests import factories as make
from tests.screens.desk import Desk


@pytest.fixture(autouse=True)
def mid_november() -> Any:
    with clock.at(date(2026, 11, 10)):
        yield


@pytest.fixture
def desk(database: Flask) -> Desk:
    return Desk(database)


def draft(desk: Desk, *, people: int = 3, **more: Any) -> int:
    with desk.books() as session:
        return make.made_list(session, people=people, **more)


def state(desk: Desk, batch_id: int) -> str:
    return str(desk.value("SELECT state FROM payout_batches WHERE id = :id", id=batch_id))


def prepared(desk: Desk, people: int = 2) -> None:
    with desk.books() as session:
        make.agency(session)
        for number in range(people):
            make.entitled(session, f"Trần Văn {number + 1}")


def asked(desk: Desk, **changes: str) -> dict[str, str]:
    area = desk.value("SELECT id FROM areas WHERE code = :code", code=make.COMMUNE)
    return {"area": str(area), "month": "11/2026", "kind": "monthly"} | changes


def first_line(desk: Desk, batch_id: int) -> int:
    return int(desk.value("SELECT min(id) FROM payout_lines WHERE batch_id = :id", id=batch_id))
