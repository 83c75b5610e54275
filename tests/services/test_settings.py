"""Settings in force: the nearest area's latest value, and the cut-off days that follow from them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.extensions import acting_as, db
from app.services import settings, statistics
from tests import factories as make

NOVEMBER = date(2026, 11, 1)


def setting(session: Session, code: str, valid_from: date, **values: Any) -> None:
    names = ", ".join(values)
    places = ", ".join(f":{name}" for name in values)
    session.execute(
        text(
            f"INSERT INTO payment_settings (area_id, valid_from, {names})"
            f" VALUES ((SELECT id FROM areas WHERE code = :code), :valid_from, {places})"
        ),
        {"code": code, "valid_from": valid_from, **values},
    )


def test_the_country_settings_hold_where_nobody_says_otherwise(session: Session) -> None:
    found = settings.effective(session, make.COMMUNE_PATH, NOVEMBER)
    assert found == settings.Effective(
        list_cutoff_day=25,
        settlement_cutoff_day=25,
        months_per_settlement=1,
        through_agency=True,
        payment_day_from=5,
        payment_day_to=15,
        paying_level="commune",
        shift_to_working_day=True,
        unusual_change_percent=50,
        transfer_level=None,
        recovery_share_percent=30,
        extension_past_cutoff=None,
        auto_send=False,
        remind_days=3,
    )


def test_each_value_comes_from_the_nearest_area_and_its_latest_row(session: Session) -> None:
    setting(session, "01", date(2026, 1, 1), settlement_cutoff_day=20, payment_day_to=12)
    setting(session, "01", date(2026, 6, 1), settlement_cutoff_day=22)
    setting(session, make.COMMUNE, date(2026, 1, 1), through_agency=False)
    setting(session, make.COMMUNE, date(2026, 12, 1), settlement_cutoff_day=1)
    found = settings.effective(session, make.COMMUNE_PATH, NOVEMBER)
    assert (found.settlement_cutoff_day, found.payment_day_to, found.through_agency) == (22, 12, False)
    assert settings.effective(session, make.COMMUNE_PATH, date(2026, 12, 1)).settlement_cutoff_day == 1
    assert settings.effective(session, "VN/01/00008/", NOVEMBER).through_agency is True
    assert settings.effective(session, "VN/25/", NOVEMBER).settlement_cutoff_day == 25


def test_a_commune_sees_what_it_inherits(session: Session) -> None:
    with acting_as(make.CLERK):
        assert settings.effective(db.session(), make.COMMUNE_PATH, NOVEMBER).list_cutoff_day == 25


def test_before_the_first_row_nothing_is_set(session: Session) -> None:
    assert settings.effective(session, make.COMMUNE_PATH, date(2000, 1, 1)).list_cutoff_day is None
    for cutoff in (settings.list_cutoff, settings.settlement_cutoff):
        with pytest.raises(settings.SettingMissing):
            cutoff(session, make.COMMUNE_PATH, date(2000, 1, 1))


# 25/10/2026 is a Sunday, 24/10 a Saturday; 25/11/2026 a Wednesday.
def test_lists_are_due_in_the_month_before_on_a_working_day(session: Session) -> None:
    assert settings.list_cutoff(session, make.COMMUNE_PATH, date(2026, 11, 18)) == date(2026, 10, 23)


def test_settlements_are_due_in_the_month_itself(session: Session) -> None:
    assert settings.settlement_cutoff(session, make.COMMUNE_PATH, NOVEMBER) == date(2026, 11, 25)


def test_a_cutoff_may_stay_on_a_day_off(session: Session) -> None:
    setting(session, make.COMMUNE, date(2026, 1, 1), shift_to_working_day=False)
    assert settings.list_cutoff(session, make.COMMUNE_PATH, NOVEMBER) == date(2026, 10, 25)


@pytest.fixture
def calendar(session: Session) -> Iterator[None]:
    """A holiday on Friday, and the Saturday before worked in exchange."""
    session.execute(
        text(
            "INSERT INTO holidays (day, name, is_workday) VALUES ('2026-10-23', 'Ngày lễ', false),"
            " ('2026-10-24', 'Làm bù', true)"
        )
    )
    yield
    session.rollback()


def test_holidays_and_working_days_in_exchange_move_the_cutoff(session: Session, calendar: None) -> None:
    assert settings.list_cutoff(session, make.COMMUNE_PATH, NOVEMBER) == date(2026, 10, 24)
    session.execute(text("DELETE FROM holidays WHERE day = '2026-10-24'"))
    assert settings.list_cutoff(session, make.COMMUNE_PATH, NOVEMBER) == date(2026, 10, 22)


def test_a_table_that_has_grown_is_analysed_once(session: Session) -> None:
    statistics.refresh(session)
    session.commit()
    assert statistics.refresh(session) == 0
    session.execute(
        text(
            "INSERT INTO access_log (area_path, actor, what)"
            " SELECT 'VN/', 'x', repeat('x', 400) FROM generate_series(1, 5000)"
        )
    )
    session.commit()
    assert statistics.refresh(session) == 1
    assert session.execute(text("SELECT reltuples FROM pg_class WHERE relname = 'access_log'")).scalar() > 4_000
    assert statistics.refresh(session) == 0
