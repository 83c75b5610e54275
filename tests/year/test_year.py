"""A year of three communes, lived many times over: at its end the books, the reports, the drawer and an account agree.

`CHITRA_SEED=7 pytest tests/year` lives the year of that seed again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.reports.catalogue import REPORTS
from app.reports.shape import Request
from app.services import balances
from tests import factories as make
from tests.scale import NIGHT, scale
from tests.year.office import Office
from tests.year.oracle import agree
from tests.year.plan import YEAR, Plan, month
from tests.year.post import PostOffice

ONE = os.environ.get("CHITRA_SEED")
SEEDS = [int(ONE)] if ONE else range(1, scale(20, 1_000) + 1)

OUTCOMES = {"paid": "paid", "unpaid": "unpaid", "unpaid_stopped": "stopped", "to_recover": "recover"}


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostOffice]:
    made = PostOffice(tmp_path_factory.mktemp("year"))
    yield made
    made.inside.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_at_the_end_of_a_year_everything_agrees_to_the_dong(session: Session, post: PostOffice, seed: int) -> None:
    post.begin(seed)
    try:
        office = Office(session, post, Plan(seed))
        office.live()
        with clock.at(date(YEAR + 1, 1, 5)):
            check(office)
    except Exception as error:
        again = f"CHITRA_SEED={seed}{' CHITRA_NIGHT=1' if NIGHT else ''}"
        raise AssertionError(f"{again}: {type(error).__name__}: {error}") from error


def check(office: Office) -> None:
    """Drawer, books, reports and account, to the đồng; and nothing is left that nobody has to do."""
    session, oracle, drawer = office.session, office.oracle, office.post.drawer()
    assert not drawer.keys() & office.counter.keys()
    handed_out = drawer | office.counter
    oracle.check(handed_out)
    for line in oracle.lines.values():
        due = line.total if line.live and line.result in ("paid", "recover") else None
        assert handed_out.get(line.reference) == due, line.reference
    assert handed_out.keys() <= oracle.lines.keys()
    rows = session.execute(text("SELECT reference, total_vnd, result FROM payout_lines WHERE live")).all()
    agree(
        "the books",
        sorted((row.reference, row.total_vnd, OUTCOMES[row.result]) for row in rows),
        sorted((line.reference, line.total, line.result) for line in oracle.lines.values() if line.live),
    )
    reports(office, drawer)
    for place in office.plan.places:
        if place.kind != "office":
            path = f"VN/01/{place.code}/"
            account = balances.of_account(session, path, office.agency(place), month(12))
            agree(f"balance of {place.code}", account and account.closing_vnd, oracle.held(place.code, handed_out))
    office.books()
    assert not office.post.inside.store.rows("SELECT what FROM alarms")
    left = session.execute(_LEFT).scalars().all()
    assert left == []


def reports(office: Office, drawer: dict[str, int]) -> None:
    """DVCT_01 and DVCT_02 of the province, and of the connected agency alone."""
    sums, whole = office.oracle.sums(), Request("DVCT_01", "VN/01/", month(1), month(12))
    totals = REPORTS["DVCT_01"].totals(office.session, whole).sums
    assert {name: (totals[f"{name}_people"], totals[f"{name}_vnd"]) for name in sums} == sums
    assert (totals["pending_people"], totals["pending_vnd"]) == (0, 0)
    agency = make.agency(office.session).id
    connected = Request("DVCT_01", "VN/01/", month(1), month(12), agency_id=agency)
    found = REPORTS["DVCT_01"].totals(office.session, connected).sums
    assert found["paid_vnd"] + found["recover_vnd"] == sum(drawer.values())
    assert found["paid_people"] + found["recover_people"] == len(drawer)
    for outcome in ("", "paid", "unpaid", "to_recover"):
        named = Request("DVCT_02", "VN/01/", month(1), month(12), outcome=outcome)
        listed = REPORTS["DVCT_02"].totals(office.session, named)
        assert (listed.rows, listed.sums["total_vnd"]) == sums[
            {"": "sent", "to_recover": "recover"}.get(outcome, outcome)
        ]


_LEFT = text(
    "SELECT 'packet ' || code || ' ' || state FROM packets WHERE state NOT IN ('settled', 'rejected', 'refused', 'withdrawn')"
    " UNION ALL SELECT 'settlement ' || id || ' ' || state FROM settlements WHERE state NOT IN ('locked', 'void')"
    " UNION ALL SELECT 'list ' || code || ' ' || state FROM payout_batches WHERE state NOT IN ('settled', 'cancelled')"
    " UNION ALL SELECT 'extension ' || id FROM deadline_extensions WHERE state = 'asked'"
    " UNION ALL SELECT 'period ' || id FROM area_periods WHERE state <> 'closed'"
    " UNION ALL SELECT 'message ' || id || ' ' || coalesce(outcome, 'waits') FROM inbox"
    "  WHERE outcome IS NULL OR outcome NOT IN ('applied', 'ignored')"
)
