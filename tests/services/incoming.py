"""A message as it comes into the inbox of a test, and the fixture of its day; imported `as` itself."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app import clock
from app.services import inbox
from tests import factories as make


@pytest.fixture(autouse=True)
def mid_november() -> Any:
    with clock.at(date(2026, 11, 10)):
        yield


def incoming(session: Session, body: bytes, message_id: str = "m-1") -> inbox.Incoming:
    agency = make.agency(session)
    return inbox.Incoming(agency.id, message_id, "on-disburse", "CT-1-V1", body, {"Signature": "x"}, "key-1")
