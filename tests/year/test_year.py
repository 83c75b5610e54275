"""A year of two or three communes, lived many times over: at its end the books, the reports, the drawer and an account agree.

`CHITRA_SEED=7 pytest tests/year` lives the year of that seed again, `CHITRA_SEED=21-60` those of all these seeds.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock, embedded
from app.reports.catalogue import REPORTS
from app.reports.shape import Request
from app.services import balances
from tests import factories as make
from tests.scale import NIGHT, scale
from tests.year.bugs import BUGS, Bug
from tests.year.clerks import FEE_CAP_OF_THE_BANK_VND, FEE_OF_THE_BANK_VND
from tests.year.office import Office
from tests.year.oracle import agree
from tests.year.plan import COMMUNES, YEAR, Plan, month
from tests.year.post import PostOffice

ONE = os.environ.get("CHITRA_SEED")
TRIED = BUGS[: scale(4, len(BUGS))]
FIRST, _, LAST = (ONE or f"1-{scale(20, 1_000)}").partition("-")
SEEDS = range(int(FIRST), int(LAST or FIRST) + 1)

OUTCOMES = {"paid": "paid", "unpaid": "unpaid", "unpaid_stopped": "stopped", "to_recover": "recover"}


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostOffice]:
    made = PostOffice(tmp_path_factory.mktemp("year"))
    yield made
    made.inside.close()


@pytest.fixture
def areas(session: Session, server: Any) -> Iterator[None]:
    """Communes that end in a year are there again afterwards: areas are never emptied."""
    yield
    session.rollback()
    uri = embedded.address(server, role="postgres").set(drivername="postgresql").render_as_string(False)
    with psycopg.connect(uri, autocommit=True) as admin:
        admin.execute("UPDATE areas SET valid_to = NULL WHERE code = ANY(%s)", [list(COMMUNES)])
        admin.execute(
            "DELETE FROM area_predecessors WHERE old_commune_code = ANY(%s) AND old_district = ''", [list(COMMUNES)]
        )


def live(session: Session, post: PostOffice, plan: Plan) -> None:
    """A year, and what must hold at its end."""
    post.begin(plan.seed)
    office = Office(session, post, plan)
    office.live()
    with clock.at(date(YEAR + 1, 1, 5)):
        check(office)


@pytest.mark.usefixtures("areas")
@pytest.mark.parametrize("seed", SEEDS)
def test_at_the_end_of_a_year_everything_agrees_to_the_dong(session: Session, post: PostOffice, seed: int) -> None:
    try:
        live(session, post, Plan(seed))
    except Exception as error:
        again = f"CHITRA_SEED={seed}{' CHITRA_NIGHT=1' if NIGHT else ''}"
        raise AssertionError(f"{again}: {type(error).__name__}: {error}") from error


@pytest.mark.skipif(bool(ONE), reason="only these years are lived")
@pytest.mark.usefixtures("areas")
@pytest.mark.parametrize("bug", TRIED, ids=[bug.name for bug in TRIED])
def test_the_account_notices_every_mistake(
    session: Session, post: PostOffice, bug: Bug, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as here:
        bug.patch(here)
        try:
            live(session, post, Plan(bug.seed, whole=False))
        except Exception as error:
            session.rollback()
            print(f"{bug.name}: {type(error).__name__}: {str(error)[:300]}")
            return
    pytest.fail(f"nobody noticed: {bug.name}")


def check(office: Office) -> None:
    """Drawer, books, reports and account, to the đồng; and nothing is left that nobody has to do."""
    session, oracle, drawer = office.session, office.oracle, office.post.drawer()
    booked = office.post.bank.booked
    handed_out = drawer | office.counter | booked
    assert len(handed_out) == len(drawer) + len(office.counter) + len(booked), "handed out by two"
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
    accounts(office, handed_out)
    office.books()
    assert not office.post.inside.store.rows("SELECT what FROM alarms")
    left = session.execute(_LEFT).scalars().all()
    assert left == []
    came_about(office)


def came_about(office: Office) -> None:
    """What the plan had in store for this year did happen."""
    plan, did = office.plan, office.did
    assert bool(plan.mistake) == bool(did["undone"])
    assert bool(plan.absence) == bool(did["suspended"])
    assert bool(plan.merger) == bool(did["merged"])
    assert ("accounts" in plan.events) == any(line.payer == "bank" for line in office.oracle.lines.values())
    assert not office.mistakes


def accounts(office: Office, handed_out: dict[str, int]) -> None:
    """What each agency was given, paid, has earned and still holds, place by place and month by month."""
    oracle = office.oracle
    for place in office.plan.places:
        for payer in ("counter", "bank") if place.kind != "office" else ():
            path, agency = f"VN/01/{place.code}/", office.agency(place, payer)
            rows = balances.history(office.session, path, month(1), month(12), agency_id=agency)
            said = {row.month: (row.transferred_vnd, row.paid_people, row.paid_vnd, row.fee_vnd) for row in rows}
            for number in range(1, 13):
                of = month(number)
                paid = oracle.paid_by_sheet(place.code, payer, of)
                foretold = (
                    oracle.transferred[place.code, payer, of],
                    sum(people for people, _vnd in paid),
                    sum(vnd for _people, vnd in paid),
                    sum(fee(payer, people, vnd) for people, vnd in paid),
                )
                agree(f"account of {place.code}, {payer}, {of:%m/%Y}", said.get(of, (0, 0, 0, 0)), foretold)
            closing = rows[0].closing_vnd if rows else 0
            agree(f"balance of {place.code}, {payer}", closing, oracle.held(place.code, payer, handed_out))


def fee(payer: str, people: int, vnd: int) -> int:
    """0,8 % of what the post office paid, rounded; of the bank so much for each person, with a cap."""
    if payer == "bank":
        return min(people * FEE_OF_THE_BANK_VND, FEE_CAP_OF_THE_BANK_VND)
    return (vnd * 8 + 500) // 1000


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
