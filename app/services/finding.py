"""Finding people by what somebody types into one box: a code, an identity number, or a name with or without marks."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session, joinedload

from app.models import Beneficiary
from app.rules import names

MOST = 20


def people(session: Session, typed: str) -> Sequence[Beneficiary]:
    """At most MOST people in scope, in Vietnamese order of names; nobody when nothing was typed.

    A number of 9 to 12 digits is an identity number in full, never a part of one: parts would let anybody list them.
    """
    wanted = typed.strip()
    if not wanted:
        return []
    statement = (
        select(Beneficiary)
        .where(_matches(wanted))
        .options(joinedload(Beneficiary.area))
        .order_by(Beneficiary.name_sort, Beneficiary.id)
        .limit(MOST)
    )
    return session.scalars(statement).all()


def _matches(wanted: str) -> ColumnElement[bool]:
    if wanted.isdecimal():
        return Beneficiary.id_number == wanted
    return or_(
        func.starts_with(Beneficiary.name_fold, names.fold(wanted)),
        Beneficiary.code == wanted.upper(),
    )
