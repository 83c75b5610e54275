"""Past months of a demo at their edges: rates already known, no months at all, a message that gets lost."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.demo.counterpart import Counterpart, Undelivered
from app.demo.history import play_history
from app.demo.load import POST, LoadedDemo


def value(session: Session, sql: str) -> int:
    return int(session.execute(text(sql)).scalar_one())


def test_what_was_paid_at_the_rate_of_today_is_not_owed_again(session: Session, loaded: LoadedDemo) -> None:
    with clock.at(date(2027, 2, 10)):
        play_history(session, loaded, months=1)
    assert value(session, "SELECT count(*) FROM payout_lines WHERE standard_vnd = 540000") > 0
    assert value(session, "SELECT count(*) FROM arrears") == 0


def test_no_past_months_leave_the_registry_as_it_was_loaded(session: Session, loaded: LoadedDemo) -> None:
    play_history(session, loaded, months=0)
    assert value(session, "SELECT count(*) FROM payout_batches") == 0


def test_a_message_without_its_effect_is_reported(session: Session, loaded: LoadedDemo) -> None:
    with Counterpart((POST,), seed=1) as agencies, pytest.raises(Undelivered, match="the moon is sent"):
        agencies.wait("the moon is sent", lambda: False)
