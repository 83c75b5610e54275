"""The past months of a demo: settled, closed, tied out to the đồng, and dated when they happened."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.demo import month
from app.demo.history import play_history
from app.demo.load import load
from app.demo.places import DEMO_COMMUNE
from app.demo.staff import staff_of
from app.extensions import acting_as, db, transaction
from app.rules.actors import SYSTEM
from app.services.arrears import noticing
from app.services.batches.making import ListRequest, make_lists
from app.services.books import checking
from tests import factories as make
from tests.conftest import clean
from tests.demo.conftest import TODAY, WARD

MONTHS = [date(2026, 8, 1), date(2026, 9, 1), date(2026, 10, 1)]
NOVEMBER = date(2026, 11, 1)


@pytest.fixture(scope="module")
def past(app: Flask, server: Any) -> Iterator[None]:
    """A demo with its past months, played once for the tests of this file, which only read it."""
    with clock.at(TODAY), app.app_context(), acting_as(SYSTEM):
        with transaction() as session:
            loaded = load(session, people=240, communes=[DEMO_COMMUNE, WARD])
        play_history(db.session(), loaded)
        db.session.remove()
    yield
    clean(server)


@pytest.fixture
def played(app: Flask, past: None) -> Iterator[Session]:
    with app.app_context(), acting_as(SYSTEM):
        opened: Session = db.session()
        yield opened
        opened.rollback()
        db.session.remove()


def rows(session: Session, sql: str, **facts: Any) -> list[Any]:
    return list(session.execute(text(sql), facts))


def value(session: Session, sql: str, **facts: Any) -> Any:
    return session.execute(text(sql), facts).scalar_one()


def test_three_months_are_settled_and_closed_and_this_one_waits(played: Session) -> None:
    months = rows(
        played,
        "SELECT p.month, array_agg(DISTINCT b.state) AS states, count(DISTINCT b.kind) AS kinds,"
        "       count(DISTINCT b.area_id) AS areas FROM payout_batches b JOIN periods p ON p.id = b.period_id"
        " GROUP BY p.month ORDER BY p.month",
    )
    assert [(row.month, row.states, row.kinds, row.areas) for row in months] == [
        (month, ["settled"], 2, 2) for month in MONTHS
    ]
    assert rows(played, "SELECT DISTINCT state FROM packets") == [("settled",)]
    assert rows(played, "SELECT DISTINCT state FROM settlements") == [("locked",)]
    assert rows(played, "SELECT state, count(*) FROM area_periods GROUP BY state") == [("closed", 6)]
    assert rows(played, "SELECT DISTINCT outcome, note FROM inbox") == [("applied", None)]


def test_nothing_is_wrong_with_their_books(played: Session) -> None:
    assert checking.check(played) == []


def test_both_agencies_were_sent_their_own_lists(played: Session) -> None:
    agencies = rows(
        played,
        "SELECT g.code, array_agg(DISTINCT l.method ORDER BY l.method) AS methods FROM packets p"
        "  JOIN agencies g ON g.id = p.agency_id JOIN payout_lines l ON l.batch_id = p.batch_id GROUP BY g.code",
    )
    assert {row.code: row.methods for row in agencies} == {
        "agribank": ["bank"],
        "vnpost": ["bank", "cash", "wallet"],
    }


def test_the_journal_adds_up_to_every_settlement(played: Session) -> None:
    settlements = rows(
        played,
        "SELECT id, sent_count, sent_vnd, paid_count, paid_vnd, unpaid_count, unpaid_vnd, recover_count, recover_vnd"
        "  FROM settlements",
    )
    assert settlements
    for row in settlements:
        assert row.paid_count + row.unpaid_count + row.recover_count == row.sent_count
        assert row.paid_vnd + row.unpaid_vnd + row.recover_vnd == row.sent_vnd
        moved = rows(
            played,
            "SELECT to_bucket, count(*) AS lines, sum(amount_vnd) AS vnd FROM money_movements"
            " WHERE settlement_id = :id AND from_bucket = 'with_agency' GROUP BY to_bucket",
            id=row.id,
        )
        books = {(found.to_bucket, found.lines, int(found.vnd)) for found in moved}
        said = {
            ("paid", row.paid_count, row.paid_vnd),
            ("unpaid", row.unpaid_count, row.unpaid_vnd),
            ("to_recover", row.recover_count, row.recover_vnd),
        }
        assert books == {entry for entry in said if entry[1]}
    handed = value(played, "SELECT sum(amount_vnd) FROM money_movements WHERE to_bucket = 'with_agency'")
    assert handed == sum(row.sent_vnd for row in settlements)


def test_some_were_not_paid_and_are_carried_over_once(played: Session) -> None:
    unpaid = value(played, "SELECT count(*) FROM payout_lines WHERE result = 'unpaid'")
    assert unpaid > 0
    wrong = rows(
        played,
        "SELECT c.* FROM carry_overs c JOIN payout_lines u ON u.id = c.from_line_id JOIN payout_lines l ON l.id = c.to_line_id"
        " WHERE u.result <> 'unpaid' OR u.total_vnd <> c.amount_vnd OR u.entitlement_id <> l.entitlement_id",
    )
    assert wrong == []
    assert value(played, "SELECT count(*) FROM carry_overs") > 0
    assert rows(
        played,
        "SELECT l.id FROM payout_lines l WHERE l.carried_vnd <>"
        " (SELECT coalesce(sum(c.amount_vnd), 0) FROM carry_overs c WHERE c.to_line_id = l.id)",
    ) == []  # fmt: skip


def test_each_step_is_dated_when_it_happened(played: Session) -> None:
    for table, column in (
        ("payout_batches", "made_at"),
        ("payout_batches", "locked_at"),
        ("packets", "sent_at"),
        ("settlements", "locked_at"),
        ("state_changes", "at"),
        ("money_movements", "at"),
        ("inbox", "received_at"),
    ):
        low, high = played.execute(text(f"SELECT min({column})::date, max({column})::date FROM {table}")).one()
        assert date(2026, 7, 20) <= low <= high <= date(2026, 10, 18), (table, column)
    days = rows(played, "SELECT DISTINCT happened_at::date FROM settlement_entries ORDER BY 1")
    assert [day for (day,) in days] == [month.replace(day=12) for month in MONTHS]


def test_nobody_approved_what_they_made_and_who_was_held_out_has_a_reason(played: Session) -> None:
    assert rows(played, "SELECT code FROM payout_batches WHERE locked_by = made_by") == []
    assert rows(played, "SELECT DISTINCT made_by FROM payout_batches WHERE code LIKE :code", code=f"%{DEMO_COMMUNE}%") == [
        ("xa.canbo",)
    ]  # fmt: skip
    assert value(played, "SELECT count(*) FROM payout_lines WHERE NOT live AND excluded_by LIKE '%.canbo'") > 0


def owe_rise(session: Session) -> None:
    """Each province proposes what the rise owes, and approves it; rolled back with the test."""
    for code in ("66", "01"):
        area = make.area(session, code)
        month.owe_rise(session, area.id, area.path, staff_of(session, area.path, prefix=f"tinh{code}"), due=NOVEMBER)


def test_the_rise_waits_to_be_proposed_and_then_owes_every_month_paid_at_the_old_amount(played: Session) -> None:
    assert value(played, "SELECT count(*) FROM arrears") == 0
    found = noticing.uncounted(played, "VN/66/")
    assert found is not None and (found.first, found.last) == (MONTHS[0], MONTHS[-1])
    owe_rise(played)
    owed = rows(
        played,
        "SELECT r.for_month, r.due_month, r.amount_vnd, l.standard_vnd, l.coefficient * l.units AS times"
        "  FROM arrears r JOIN periods p ON p.month = r.for_month"
        "  JOIN payout_lines l ON l.entitlement_id = r.entitlement_id AND l.period_id = p.id AND l.live",
    )
    assert {row.for_month for row in owed} == set(MONTHS)
    for row in owed:
        assert row.due_month == NOVEMBER
        assert row.standard_vnd == 500_000
        assert row.amount_vnd == 40_000 * row.times
    entitled = value(
        played, "SELECT count(*) FROM payout_lines WHERE live AND benefit_vnd > 0 AND standard_vnd = 500000"
    )
    held_out = value(played, "SELECT count(*) FROM arrears_proposal_lines WHERE NOT live")
    assert len(owed) + held_out == entitled, "one row each; nothing where the province pays more already"
    assert held_out < entitled / 10
    assert noticing.uncounted(played, "VN/66/") is None


def test_the_dead_are_no_longer_paid_and_have_a_funeral_to_be_paid(played: Session) -> None:
    dead = rows(
        played,
        "SELECT b.id, b.died_on, y.kind, (SELECT count(*) FROM entitlements e JOIN benefit_types t"
        "   ON t.id = e.benefit_type_id WHERE e.beneficiary_id = b.id AND t.code = 'MT01' AND e.status = 'active'"
        "    AND e.starts_on = :november) AS funerals"
        "  FROM beneficiaries b JOIN payees y ON y.beneficiary_id = b.id AND y.is_current WHERE b.died_on >= :first",
        november=NOVEMBER,
        first=MONTHS[0],
    )
    assert dead
    assert {(row.kind, row.funerals) for row in dead} == {("organiser", 1)}
    late = rows(
        played,
        "SELECT l.id FROM payout_lines l JOIN periods p ON p.id = l.period_id JOIN beneficiaries b ON b.id = l.beneficiary_id"
        "  JOIN payout_batches k ON k.id = l.batch_id"
        " WHERE l.benefit_vnd > 0 AND b.died_on < p.month - 40",
    )
    assert late == [], "a list made before the death was known is the latest that pays them"


def test_whom_the_agency_reports_dead_is_dead_in_the_registry(played: Session) -> None:
    assert rows(
        played,
        "SELECT b.code FROM payout_lines l JOIN beneficiaries b ON b.id = l.beneficiary_id"
        " WHERE l.result_reason = 'DEAD' AND b.status = 'active'",
    ) == []  # fmt: skip


def test_the_month_that_waits_carries_the_unpaid_and_pays_the_arrears(played: Session) -> None:
    area_id = make.area(played, DEMO_COMMUNE).id
    owe_rise(played)
    for kind in ("monthly", "social_pension", "funeral"):
        make_lists(played, ListRequest(area_id, NOVEMBER, kind), by=SYSTEM)
    totals = rows(
        played,
        "SELECT sum(arrears_vnd) AS arrears, sum(carried_vnd) AS carried FROM payout_batches b"
        "  JOIN periods p ON p.id = b.period_id WHERE p.month = :month",
        month=NOVEMBER,
    )[0]
    assert totals.arrears > 0
    assert totals.carried == value(
        played, "SELECT coalesce(sum(c.amount_vnd), 0) FROM carry_overs c JOIN payout_lines l ON l.id = c.to_line_id"
        " JOIN periods p ON p.id = l.period_id WHERE p.month = :month", month=NOVEMBER,
    )  # fmt: skip
