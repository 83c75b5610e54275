"""Areas are reference data that no test leaves changed: those that a test has ended live again after it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import text

from app.extensions import acting_as, db, transaction
from app.rules.actors import SYSTEM


@pytest.fixture
def areas_that_end(database: Flask) -> Iterator[None]:
    """For tests that commit the end of an area."""
    yield
    with acting_as(SYSTEM):
        db.session.rollback()
        with transaction() as session:
            session.execute(text("UPDATE areas SET valid_to = NULL WHERE valid_to IS NOT NULL AND level = 'commune'"))
            session.execute(
                text(
                    "DELETE FROM area_predecessors WHERE old_district_code = '' AND old_commune_code IN"
                    " (SELECT old.code FROM areas old JOIN kept_areas k ON k.old_area_id = old.id)"
                )
            )
