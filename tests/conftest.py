"""Fixtures: a real PostgreSQL started from the wheel, one migrated database for each worker, cleaned between tests."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import Session
from werkzeug.security import generate_password_hash

import config
from app import clock, create_app, embedded, security
from app.extensions import _aborted, acting_as, db, transaction
from app.rules.actors import SYSTEM
from app.services import reference
from app.services.accounts import issuing
from app.services.books import checking
from tests.browsing import Browser

KEEP = {
    "alembic_version", "areas", "area_predecessors", "benefit_types", "benefit_rates", "holidays",
    "ab_permission", "ab_view_menu", "ab_permission_view", "ab_permission_view_role", "ab_role",
}  # fmt: skip
"""Reference tables that no test changes; all others are emptied after each test that opened the database."""


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """One round of hashing instead of 32.768: hundreds of tests sign in, none measures the hash."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(issuing, "generate_password_hash", partial(generate_password_hash, method="pbkdf2:sha256:1"))
        yield


@pytest.fixture(autouse=True)
def an_ordinary_day() -> Iterator[None]:
    """10 November 2026, unless the test says otherwise: no deadline of November has passed, whenever the tests run."""
    with clock.at(date(2026, 11, 10)):
        yield


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Data folder of this worker; short, because a socket's path must be."""
    return Path(tempfile.mkdtemp(prefix=f"chitra-{worker_id}-"))


@pytest.fixture(scope="session")
def server(home: Path) -> Iterator[Any]:
    """The embedded server of this worker, without fsync: nothing here outlives the run."""
    handle = embedded.start(home)
    with psycopg.connect(handle.get_uri(), autocommit=True) as admin:
        for name, value in {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}.items():
            admin.execute(f"ALTER SYSTEM SET {name} = {value}")
        admin.execute("SELECT pg_reload_conf()")
    embedded.create_database(handle)
    yield handle
    db_engines_closed()
    embedded.stop(handle)


def db_engines_closed() -> None:
    """Let go of every pooled connection so that the server can stop at once."""
    for engine in list(_engines):
        engine.dispose()


_engines: list[Any] = []


@pytest.fixture(scope="session")
def addresses(server: Any) -> tuple[str, str]:
    """(address the program runs on, address that migrates)."""
    return tuple(
        embedded.address(server, role=role).render_as_string(False) for role in (config.APP_ROLE, config.OWNER_ROLE)
    )  # type: ignore[return-value]


@pytest.fixture(scope="session")
def settings(home: Path) -> config.Settings:
    """Configuration of the tests: development, demo off."""
    return config.load(
        {"CHITRA_HOME": str(home), "SECRET_KEY": "a key of the tests, long enough for HS256", **_passed_on()}
    )


def _passed_on() -> dict[str, str]:
    return {key: os.environ[key] for key in ("CHITRA_LOG_LEVEL",) if key in os.environ}


@pytest.fixture(scope="session")
def app(settings: config.Settings, addresses: tuple[str, str]) -> Flask:
    """The migrated program with reference data and roles."""
    app = create_app(settings, addresses=addresses)
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    app.test_client_class = Browser
    with app.app_context():
        upgrade()
        _engines.append(db.engine)
        with acting_as(SYSTEM), transaction() as session:
            reference.load(session)
            security.sync(session)
    return app


@pytest.fixture
def database(app: Flask, server: Any) -> Iterator[Flask]:
    """An application context on a database that is clean again afterwards; acts as nobody until told otherwise."""
    with app.app_context():
        yield app
        db.session.remove()
    clean(server)


@pytest.fixture
def session(database: Flask) -> Iterator[Session]:
    """A session acting as the system, in a transaction the test may commit or that is rolled back at its end."""
    with acting_as(SYSTEM):
        opened: Session = db.session()
        yield opened
        opened.rollback()


@pytest.fixture
def checked_books(session: Session, request: pytest.FixtureRequest) -> Iterator[None]:
    """After the test, nothing is wrong with the books it leaves behind, committed or not.

    A test that breaks them on purpose names what it breaks: `@pytest.mark.wrong_books("list_adds_up")`.
    """
    yield
    try:
        lost = _aborted(session.connection())
    except InvalidRequestError:  # its commit failed
        lost = True
    if lost:
        session.rollback()
    marker = request.node.get_closest_marker("wrong_books")
    found = checking.check(session)
    assert {wrong.check.name for wrong in found} == set(marker.args if marker else ()), found


@pytest.fixture
def client(database: Flask) -> FlaskClient:
    """A browser-like client that is nobody yet."""
    return database.test_client()


@pytest.fixture(scope="session")
def worker_id(request: pytest.FixtureRequest) -> str:
    """Name of the xdist worker, `main` without xdist."""
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


def clean(server: Any) -> None:
    """Empty every table but reference data, past every trigger."""
    uri = embedded.address(server, role="postgres").set(drivername="postgresql").render_as_string(False)
    with psycopg.connect(uri, autocommit=True) as admin:
        admin.execute("SET session_replication_role = replica")
        names = [row[0] for row in admin.execute("SELECT relname FROM pg_stat_user_tables").fetchall()]
        emptied = [
            f'DELETE FROM "{name}"' for name in sorted(set(names) - KEEP - {"standard_amounts", "payment_settings"})
        ]
        shared = [f"DELETE FROM {name} WHERE area_path <> 'VN/'" for name in ("standard_amounts", "payment_settings")]
        admin.execute("; ".join(emptied + shared))
