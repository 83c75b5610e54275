"""One database and one post office for a whole module of proofs: every case takes a list of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app import clock
from app.extensions import acting_as, db
from app.rules.actors import SYSTEM
from tests import conftest
from tests.proof import many
from tests.proof.counterpart import Counterpart, running


@pytest.fixture(scope="module")
def books(app: Flask, server: Any) -> Iterator[Session]:
    """A session acting as the system in mid-November, on a database that is clean again after the module."""
    with app.app_context():
        with acting_as(SYSTEM), clock.at(many.MID_NOVEMBER):
            opened: Session = db.session()
            yield opened
            opened.rollback()
        db.session.remove()
    conftest.clean(server)


@pytest.fixture(scope="module")
def counterpart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counterpart]:
    with running(tmp_path_factory.mktemp("post-office")) as there:
        yield there
