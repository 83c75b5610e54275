"""What an ended area leaves is read by the one area that keeps it, and by nobody else; nothing is changed so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import clock
from app.errors import NotAllowed
from app.extensions import acting_as
from app.models import Area, Beneficiary, KeptArea, Packet, PayoutBatch, PayoutLine, Settlement, StateChange
from app.reports.catalogue import find as report
from app.reports.shape import Request
from app.rules.actors import Actor, Role
from app.services import access, packets, periods
from app.services.batches import approval
from app.services.lives import keeping, succession
from app.services.lives.succession import Succession, Successor
from app.services.settlements import reopening
from tests import factories as make
from tests import stages

CENTRE = Actor("tw.quantri", frozenset({Role.CENTRAL_ADMIN}), "VN/")
KEEPER, OTHER, THIRD = make.OTHER_COMMUNE, "00025", "00013"
DECEMBER = date(2026, 12, 1)


pytestmark = pytest.mark.usefixtures("areas_that_end")


@pytest.fixture(autouse=True)
def mid_november() -> Iterator[None]:
    with clock.at(date(2026, 11, 10)):
        yield


def of(code: str, role: Role = Role.CLERK) -> Actor:
    return make.actor(role, f"{role}.{code}", f"VN/01/{code}/")


def end(session: Session, old: str = make.COMMUNE, to: tuple[Successor, ...] = (), *, ends: bool = True) -> None:
    """The commune ends: its people go to the successors."""
    wanted = to or (Successor(make.area(session, KEEPER).id),)
    succession.succeed(
        session, Succession(make.area(session, old).id, DECEMBER, "Nghị quyết 1", wanted, ends=ends), by=CENTRE
    )
    session.commit()


@contextmanager
def reading(session: Session, actor: Actor, code: str = make.COMMUNE) -> Iterator[Actor]:
    """The actor reads what the old area leaves."""
    with acting_as(actor):
        reader = keeping.reader(session, actor, code)
    assert reader is not None
    session.expire_all()
    with acting_as(reader):
        yield reader
        session.rollback()


TABLES = (
    "payout_batches",
    "payout_lines",
    "packets",
    "settlements",
    "settlement_records",
    "area_periods",
    "state_changes",
)


def seen_in_the_database(session: Session) -> dict[str, int]:
    """Rows that row-level security alone shows."""
    return {table: session.scalar(text(f"SELECT count(*) FROM {table}")) or 0 for table in TABLES}


def test_the_keeper_reads_lists_settlements_and_history_of_the_old_area(session: Session) -> None:
    settled = stages.settled(session, "paid", "unpaid", people=2).id
    end(session)
    with acting_as(of(KEEPER)):
        session.expire_all()
        assert session.scalars(select(PayoutBatch)).all() == [] and set(seen_in_the_database(session).values()) == {0}
    with reading(session, of(KEEPER)) as reader:
        assert (reader.reading, reader.roles, reader.area_path) == (True, frozenset(), make.COMMUNE_PATH)
        assert [one.id for one in session.scalars(select(PayoutBatch))] == [settled]
        for model in (PayoutLine, Packet, Settlement, StateChange):
            assert session.scalars(select(model)).first() is not None, model
        assert all(seen_in_the_database(session).values())
        assert session.scalars(select(Area).where(Area.level == "commune")).one().code == make.COMMUNE
        assert session.scalars(select(Beneficiary)).all() == [], "the people are the successor's"


def test_reports_of_the_old_area_are_read_and_add_up(session: Session) -> None:
    stages.settled(session, "paid", "unpaid", people=2)
    end(session)
    asked = Request("DVCT_02", make.COMMUNE_PATH, make.NOVEMBER, make.NOVEMBER)
    with acting_as(of(KEEPER)):
        assert report("DVCT_02").totals(session, asked).rows == 0
    with reading(session, of(KEEPER)):
        totals = report("DVCT_02").totals(session, asked)
        assert (totals.rows, totals.sums["total_vnd"]) == (2, 1_080_000)


def test_nobody_else_reads(session: Session) -> None:
    stages.settled(session, people=1)
    end(session)
    agency_user = Actor("bd", frozenset({Role.AGENCY_USER}), f"VN/01/{KEEPER}/", agency_id=1)
    for actor in (of(OTHER), of(THIRD, Role.SUPERVISOR), agency_user, Actor("ai đó", frozenset(), None)):
        with acting_as(actor):
            session.expire_all()
            assert keeping.kept_for(session, actor) == [] or keeping.kept_for(session, actor) == ()
            assert keeping.reader(session, actor, make.COMMUNE) is None
            assert set(seen_in_the_database(session).values()) == {0}
    with acting_as(of(KEEPER)):
        for code in (OTHER, KEEPER, "01", "VN", ""):
            assert keeping.reader(session, of(KEEPER), code) is None
    with acting_as(make.PROVINCE_CLERK):
        assert keeping.kept_for(session, make.PROVINCE_CLERK) == [], "the province sees it anyway"
    with reading(session, of(KEEPER)) as reader:
        assert keeping.kept_for(session, reader) == ()


def test_of_a_divided_area_only_the_successor_that_keeps_its_papers_reads(session: Session) -> None:
    make.entitled(session, "Ở Thôn Hai", hamlet="Thôn 2")
    stages.settled(session, people=1)
    to = (Successor(make.area(session, OTHER).id, ("Thôn 2",)), Successor(make.area(session, KEEPER).id))
    end(session, to=to)
    with acting_as(of(OTHER)):
        assert session.scalars(select(Beneficiary.full_name)).all() == ["Ở Thôn Hai"]
        assert keeping.reader(session, of(OTHER), make.COMMUNE) is None
    with reading(session, of(KEEPER)):
        assert len(session.scalars(select(PayoutLine)).all()) == 2, "the list is one document"


def test_an_area_that_lives_on_keeps_its_lists_itself(session: Session) -> None:
    make.entitled(session, "Ở Thôn Hai", hamlet="Thôn 2")
    stages.settled(session, people=1)
    end(session, to=(Successor(make.area(session, KEEPER).id, ("Thôn 2",)),), ends=False)
    with acting_as(of(KEEPER)):
        assert keeping.reader(session, of(KEEPER), make.COMMUNE) is None
    assert session.query(KeptArea).count() == 0


def test_when_the_keeper_ends_too_the_next_one_reads_both(session: Session) -> None:
    stages.settled(session, people=1)
    end(session)
    end(session, KEEPER, (Successor(make.area(session, OTHER).id),))
    with acting_as(of(OTHER)):
        assert {one.code for one in keeping.kept_for(session, of(OTHER))} == {make.COMMUNE, KEEPER}
    with acting_as(of(KEEPER)):
        assert keeping.reader(session, of(KEEPER), make.COMMUNE) is None
    with reading(session, of(OTHER)):
        assert session.scalars(select(PayoutBatch)).one().state == "settled"


def test_services_refuse_every_change(session: Session) -> None:
    batch_id = stages.settled(session, people=1).id
    draft = make.made_list(session, kind="supplementary", people=1)
    settlement, period = session.scalar(select(Settlement.id)), session.scalar(text("SELECT id FROM area_periods"))
    end(session)
    for role in (Role.CLERK, Role.SUPERVISOR, Role.ACCOUNTANT):
        with reading(session, of(KEEPER, role)) as reader:
            for act in (
                lambda by: approval.lock(session, draft, by=by),
                lambda by: approval.cancel(session, draft, by=by, because="x"),
                lambda by: periods.close(session, period, by=by),
                lambda by: periods.close_list(session, batch_id, by=by),
                lambda by: reopening.reopen(session, settlement, by=by, because="x"),
                lambda by: packets.queue(session, draft, by=by),
            ):
                with pytest.raises(Exception) as refused:
                    act(reader)
                assert getattr(refused.value, "status", None) in (403, 404, 409), refused.value
                session.rollback()


def test_the_program_writes_nothing_for_a_reader_but_that_they_looked(session: Session) -> None:
    batch_id = stages.settled(session, people=1).id
    end(session)
    with reading(session, of(KEEPER)) as reader:
        session.get_one(PayoutBatch, batch_id).return_reason = "khác"
        with pytest.raises(NotAllowed):
            session.flush()
        session.rollback()
        session.add(KeptArea(old_area_id=1, old_path="x", code="x", full_name="x", ended_on=DECEMBER, decision=""))
        with pytest.raises(NotAllowed):
            session.flush()
        session.rollback()
        with pytest.raises(NotAllowed):
            session.execute(update(PayoutBatch).values(return_reason="khác"))
        access.seen(session, "batch", by=reader, area_path=make.COMMUNE_PATH, entity_id=batch_id)
        session.commit()
    assert session.scalar(text("SELECT count(*) FROM access_log WHERE actor = 'clerk.00008'")) == 1


def test_the_database_writes_nothing_for_a_reader_either(session: Session) -> None:
    stages.settled(session, people=1)
    end(session)
    with reading(session, of(KEEPER)):
        for statement in (
            "UPDATE payout_batches SET return_reason = 'x'",
            "UPDATE settlements SET state = 'received'",
            "UPDATE area_periods SET state = 'closed'",
            "DELETE FROM batch_findings",
            "UPDATE areas SET full_name = 'x'",
        ):
            assert session.execute(text(statement)).rowcount == 0, statement
        with pytest.raises(DBAPIError, match="row-level security"), session.begin_nested():
            session.execute(
                text(
                    "INSERT INTO state_changes (machine, entity_id, area_path, move, to_state, actor, at)"
                    " SELECT 'batch', id, area_path, 'lock', 'locked', 'x', now() FROM payout_batches"
                )
            )
        assert session.scalars(text("SELECT id FROM payout_batches FOR UPDATE")).all() == []
    assert session.scalar(text("SELECT count(*) FROM payout_batches WHERE return_reason = 'x'")) == 0


def test_every_table_under_row_level_security_refuses_readers(session: Session) -> None:
    rows = session.execute(
        text(
            "SELECT c.relname, count(p.policyname) FROM pg_class c LEFT JOIN pg_policies p ON p.tablename = c.relname"
            " AND p.permissive = 'RESTRICTIVE' AND coalesce(p.qual, p.with_check) LIKE '%chitra.reading%'"
            " WHERE c.relrowsecurity GROUP BY 1"
        )
    )
    assert {name for name, count in rows if count != 3} == {"access_log", "work_items"}
