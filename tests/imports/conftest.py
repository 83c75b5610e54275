"""Files sent through the service: kept in a folder of the test, read in their own process, applied by people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app import clock
from app.extensions import acting_as
from app.imports import files, staging
from app.imports.kinds import KINDS
from app.imports.staging import Upload
from app.models import FileImport, Settlement
from app.rules.actors import Actor
from tests import factories as make
from tests import office

Send = Callable[..., FileImport]


class Desk:
    """Somebody who sends files and applies them."""

    def __init__(self, session: Session, home: Path, by: Actor) -> None:
        self.session, self.home, self.by = session, home, by

    def send(
        self,
        kind: str,
        content: bytes,
        *,
        settlement: Settlement | None = None,
        area: str = make.COMMUNE,
        **options: Any,
    ) -> FileImport:
        """A file sent and read."""
        with acting_as(self.by):
            item = staging.accept(
                self.session, kind, Upload("tep.xlsx", content), area=make.area(self.session, area), by=self.by, home=self.home,
                settlement=settlement, options=options,
            )  # fmt: skip
            key = item.id
            self.session.commit()
            staging.read(key, KINDS, home=self.home)
        office.refresh(self.session)
        return self.session.get_one(FileImport, key)

    def apply(self, item: FileImport, **changes: Any) -> str:
        """Applied as previewed."""
        key, stamp = item.id, item.stamp or ""
        with acting_as(self.by):
            said = staging.apply(key, KINDS, by=changes.get("by", self.by), stamp=stamp, home=self.home)
        office.refresh(self.session)
        return said

    def said(self, item: FileImport) -> list[str]:
        """Everything found, errors first."""
        return [finding.said() for finding in files.findings(self.session, item.id)]


@pytest.fixture
def desk(session: Session, tmp_path: Path) -> Desk:
    return Desk(session, tmp_path, make.CLERK)


@pytest.fixture
def mid_november() -> Iterator[None]:
    with clock.at(date(2026, 11, 10)):
        yield


@pytest.fixture
def language(database: Flask) -> Iterator[None]:
    with database.test_request_context():
        yield
