"""An agency's user sees and writes what is its agency's and nothing else of the area: by the ORM alone, by the database alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import extensions
from app.errors import NotAllowed
from app.extensions import acting_as
from app.models import AppUser, Beneficiary, DeadlineExtension, PaymentSetting, PayoutBatch, Settlement, StateChange
from app.rules.actors import SYSTEM, Actor, Role
from tests import factories as make

SEEN = {"payout_batches", "payout_lines", "packets", "settlements", "settlement_records"}
GOES_WITH_THEM = {"state_changes", "deadline_extensions", "ab_user", "ab_user_role"}


@pytest.fixture
def two_agencies(session: Session) -> Session:
    """A list with a packet and a settlement with an extension, of each of two agencies in one commune."""
    make.agency(session)
    make.agency(session, "viettel", methods=())
    make.entitled(session)
    session.execute(text("INSERT INTO periods (month) VALUES ('2026-11-01')"))
    for number, code in enumerate(("vnpost", "viettel")):
        _packet_with_settlement(session, code, number)
    return session


def _packet_with_settlement(session: Session, agency: str, number: int) -> None:
    facts = {"agency": agency, "number": number, "kind": ("monthly", "funeral")[number]}
    session.execute(
        text(
            "INSERT INTO payout_batches (code, area_id, period_id, kind, agency_id, seq) SELECT 'CT-' || :agency, a.id,"
            " p.id, :kind, g.id, 1 FROM areas a, periods p, agencies g WHERE a.code = '00004' AND g.code = :agency"
        ),
        facts,
    )
    session.execute(
        text(
            "INSERT INTO packets (code, batch_id, agency_id, version, message_id, line_count, people_count, total_vnd,"
            " lines_sha256, queued_by, area_path) SELECT b.code || '-V1', b.id, b.agency_id, 1, b.code, 0, 0, 0, '',"
            " 'x', b.area_path FROM payout_batches b WHERE b.code = 'CT-' || :agency"
        ),
        facts,
    )
    session.execute(
        text(
            "INSERT INTO settlements (packet_id, batch_id, agency_id, period_id, due_on, sent_count, sent_vnd, area_path)"
            " SELECT k.id, k.batch_id, k.agency_id, b.period_id, '2026-11-20', 0, 0, k.area_path FROM packets k"
            " JOIN payout_batches b ON b.id = k.batch_id WHERE k.code = 'CT-' || :agency || '-V1'"
        ),
        facts,
    )
    session.execute(
        text(
            "INSERT INTO deadline_extensions (settlement_id, days, reason, asked_by, entered_by, area_path)"
            " SELECT s.id, 3, 'mưa bão', 'x', 'x', s.area_path FROM settlements s JOIN agencies g ON g.id = s.agency_id"
            " WHERE g.code = :agency"
        ),
        facts,
    )
    for machine, table in (("batch", "payout_batches"), ("packet", "packets"), ("settlement", "settlements")):
        session.execute(
            text(
                "INSERT INTO state_changes (machine, entity_id, area_path, move, to_state, actor)"
                f" SELECT :machine, t.id, t.area_path, 'create', t.state, 'x' FROM {table} t"
                " JOIN agencies g ON g.id = t.agency_id WHERE g.code = :agency"
            ),
            facts | {"machine": machine},
        )
    session.execute(
        text(
            "INSERT INTO state_changes (machine, entity_id, area_path, move, to_state, actor)"
            " SELECT 'extension', x.id, x.area_path, 'create', x.state, 'x' FROM deadline_extensions x"
            " JOIN settlements s ON s.id = x.settlement_id JOIN agencies g ON g.id = s.agency_id WHERE g.code = :agency"
        ),
        facts,
    )


def post_office(session: Session) -> Actor:
    agency = session.execute(text("SELECT id FROM agencies WHERE code = 'vnpost'")).scalar_one()
    return Actor("buudien", frozenset({Role.AGENCY_USER}), "VN/01/", user_id=1, agency_id=agency)


@contextmanager
def orm_alone(actor: Actor) -> Iterator[None]:
    """The program's scope without the database's: the transaction keeps the system's row-level security."""
    token = extensions._actor.set(actor)
    try:
        yield
    finally:
        extensions._actor.reset(token)


def test_the_database_alone_shows_an_agencys_user_its_own_only(two_agencies: Session) -> None:
    with acting_as(post_office(two_agencies)):
        for table in ("payout_batches", "packets", "settlements", "deadline_extensions"):
            assert two_agencies.execute(text(f"SELECT count(*) FROM {table}")).scalar() == 1, table
        seen = two_agencies.execute(text("SELECT machine FROM state_changes ORDER BY 1")).scalars().all()
    assert seen == ["batch", "extension", "packet", "settlement"]


def test_the_database_alone_shows_an_agencys_user_nothing_else_of_the_area(two_agencies: Session) -> None:
    scoped = two_agencies.execute(
        text(
            "SELECT c.table_name FROM information_schema.columns c JOIN pg_policies p ON p.tablename = c.table_name"
            " WHERE c.column_name = 'area_path' AND c.table_schema = 'public' GROUP BY 1"
        )
    ).scalars()
    inherited = {"agency_contracts", "payment_settings", "standard_amounts"}
    for table in set(scoped) - SEEN - GOES_WITH_THEM - inherited:
        with acting_as(post_office(two_agencies)):
            plan = two_agencies.execute(text(f"SELECT count(*) FROM {table}")).scalar()
        assert plan == 0, table


def test_the_orm_alone_shows_an_agencys_user_its_own_only(two_agencies: Session) -> None:
    with orm_alone(post_office(two_agencies)):
        for model in (PayoutBatch, Settlement, DeadlineExtension):
            assert len(two_agencies.scalars(select(model)).all()) == 1, model
        machines = sorted(change.machine for change in two_agencies.scalars(select(StateChange)))
        people = two_agencies.scalar(select(func.count()).select_from(Beneficiary))
    assert machines == ["batch", "extension", "packet", "settlement"]
    assert people == 0


def test_the_database_lets_an_agencys_user_write_nothing_that_holds_for_an_area(two_agencies: Session) -> None:
    with acting_as(post_office(two_agencies)):
        for statement in (
            "INSERT INTO payment_settings (area_id, valid_from) SELECT id, '2030-01-01' FROM areas WHERE code = '01'",
            "INSERT INTO ab_user (username, first_name, last_name, email, area_id) SELECT 'x', 'x', 'x', 'x', id"
            " FROM areas WHERE code = '01'",
        ):
            with pytest.raises(DBAPIError), two_agencies.begin_nested():
                two_agencies.execute(text(statement))
        assert two_agencies.execute(text("UPDATE agency_contracts SET fee_vnd = 1")).rowcount == 0
        assert two_agencies.execute(text("UPDATE areas SET name = 'x'")).rowcount == 0


def test_the_orm_lets_an_agencys_user_write_nothing_that_holds_for_an_area(two_agencies: Session) -> None:
    area = make.area(two_agencies)
    with orm_alone(post_office(two_agencies)), pytest.raises(NotAllowed):
        two_agencies.add(PaymentSetting(area_id=area.id, valid_from=make.NOVEMBER))
        two_agencies.flush()


def test_the_orm_alone_limits_an_update_of_many_rows(session: Session) -> None:
    session.execute(
        text(
            "INSERT INTO ab_user (username, first_name, last_name, email, area_id)"
            " SELECT 'u' || code, 'x', 'x', 'u' || code, id FROM areas WHERE code IN ('00004', '66')"
        )
    )
    with orm_alone(Actor("hn.quantri", frozenset({Role.PROVINCE_ADMIN}), "VN/01/")):
        session.execute(update(AppUser).values(first_name="đổi"))
    with acting_as(SYSTEM):
        changed = session.execute(text("SELECT username FROM ab_user WHERE first_name = 'đổi'")).scalars().all()
    assert changed == ["u00004"]
