"""A row held for a change: as it is now, and nobody else's until the transaction ends."""

from __future__ import annotations

from typing import TypeVar

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from app.errors import NotFound

Row = TypeVar("Row")


def held(session: Session, model: type[Row], key: int) -> Row:
    """The row with this key within the actor's scope. Raises NotFound."""
    statement = select(model).where(inspect(model).primary_key[0] == key).with_for_update()
    found = session.scalars(statement.execution_options(populate_existing=True)).one_or_none()
    if found is None:
        raise NotFound
    return found
