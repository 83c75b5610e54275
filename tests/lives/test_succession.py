"""Sáp nhập, chia tách: everybody goes over at once, old lists stay with the old area."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.models import Beneficiary
from app.rules.actors import Actor, Role
from app.services.batches import making
from app.services.lives import relocating, succession
from app.services.lives.succession import Succession, Successor
from tests import factories as make

CENTRE = Actor("tw.quantri", frozenset({Role.CENTRAL_ADMIN}), "VN/")
DECEMBER = date(2026, 12, 1)


def wanted(session: Session, *hamlets: str, first: date = DECEMBER, to: str = make.OTHER_COMMUNE) -> Succession:
    return Succession(
        make.area(session).id, first, "Nghị quyết 1", (Successor(make.area(session, to).id, hamlets),), ends=not hamlets
    )


def test_a_merged_area_goes_over_as_a_whole(session: Session) -> None:
    make.agency(session)
    for number in range(3):
        make.entitled(session, f"Trần Văn {'ABC'[number]}")
    make.entitled(session, "Người Sẵn Có", commune=make.OTHER_COMMUNE)
    assert succession.succeed(session, wanted(session), by=CENTRE) == 3
    old = make.area(session)
    assert old.valid_to == date(2026, 11, 30)
    assert {person.area.code for person in session.query(Beneficiary)} == {make.OTHER_COMMUNE}
    november = making.make_lists(session, making.ListRequest(old.id, make.NOVEMBER, "monthly"), by=make.CLERK)
    count = "SELECT count(*) FROM payout_lines WHERE batch_id = ANY(:ids) AND area_path = :path"
    assert session.execute(text(count), {"ids": november.batch_ids, "path": make.COMMUNE_PATH}).scalar() == 3
    there = make.actor(Role.CLERK, "noi.den", f"VN/01/{make.OTHER_COMMUNE}/")
    new = make.area(session, make.OTHER_COMMUNE)
    made = making.make_lists(session, making.ListRequest(new.id, DECEMBER, "monthly"), by=there)
    assert session.execute(text(count), {"ids": made.batch_ids, "path": new.path}).scalar() == 4
    assert (
        session.execute(
            text("SELECT area_id FROM area_predecessors WHERE old_commune_code = '00004' AND old_district = ''")
        ).scalar()
        == new.id
    )


def test_a_divided_area_goes_over_by_hamlets(session: Session) -> None:
    make.agency(session)
    make.entitled(session, "Ở Thôn Một", hamlet="Thôn 1")
    make.entitled(session, "Ở Thôn Hai", hamlet="Thôn 2")
    assert succession.succeed(session, wanted(session, "Thôn 2"), by=CENTRE) == 1
    assert make.area(session).valid_to is None
    assert {(one.full_name, one.area.code) for one in session.query(Beneficiary)} == {
        ("Ở Thôn Một", make.COMMUNE),
        ("Ở Thôn Hai", make.OTHER_COMMUNE),
    }


def test_an_empty_area_ends_too(session: Session) -> None:
    assert succession.succeed(session, wanted(session), by=CENTRE) == 0
    assert make.area(session).valid_to is not None


def test_what_cannot_be_is_refused(session: Session) -> None:
    make.agency(session)
    entitlement = make.entitled(session)
    with pytest.raises(succession.NotTheCentre):
        succession.succeed(session, wanted(session), by=make.CLERK)
    with pytest.raises(succession.NotFound):
        succession.succeed(session, Succession(0, DECEMBER, "x", (Successor(1),)), by=CENTRE)
    for to in (make.COMMUNE, "01"):
        with pytest.raises(succession.NotACommune):
            succession.succeed(session, wanted(session, to=to), by=CENTRE)
    with pytest.raises(succession.NotACommune):
        succession.succeed(session, Succession(make.area(session).id, DECEMBER, "x", ()), by=CENTRE)
    for first in (date(2026, 12, 2), date(2026, 10, 1), date(2028, 1, 1)):
        with pytest.raises(succession.NotAMonth):
            succession.succeed(session, wanted(session, first=first), by=CENTRE)
    with pytest.raises(succession.HamletUnknown):
        succession.succeed(session, wanted(session, "Thôn Không Có"), by=CENTRE)
    relocating.ask(session, entitlement.beneficiary_id, make.OTHER_COMMUNE, by=make.CLERK, reason="Về quê")
    with pytest.raises(succession.StillAsked):
        succession.succeed(session, wanted(session), by=CENTRE)
