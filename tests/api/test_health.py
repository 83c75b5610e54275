"""Health for machines: alive without a database, ready only with everything that holds us to our promises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

import config
from app import clock, create_app, embedded
from app.api import health
from app.extensions import acting_as, db
from app.rules.actors import SYSTEM, Role
from app.services.books import checking
from tests import factories as make
from tests.accounts import people
from tests.browsing import Browser


def test_a_process_that_can_work_is_ready(client: FlaskClient) -> None:
    answer = client.get("/health/ready")
    assert answer.status_code == 200
    assert set(answer.json) == {"status", "checks", "jobs", "books"}
    assert answer.json["status"] == "ready"
    assert answer.json["checks"] == {"database": True, "migrations": True, "role": True}


def test_health_is_kept_by_no_cache_and_sets_no_cookie(client: FlaskClient) -> None:
    for path in ("/health/live", "/health/ready"):
        headers = client.get(path).headers
        assert headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in headers


def ran(session: Session, name: str, succeeded_s_ago: int) -> None:
    session.execute(
        text(
            "INSERT INTO job_runs (name, owner, started_at, succeeded_at, error)"
            " SELECT :name, 'host:1', at - interval '30 seconds', at, 'Nguyễn Thị Bình 001150012345'"
            "   FROM (SELECT CAST(:now AS timestamptz) - make_interval(secs => :ago) AS at) then_"
        ),
        {"name": name, "ago": succeeded_s_ago, "now": clock.now()},
    )


def test_the_age_of_each_sweep_is_told_and_nothing_else_of_it(client: FlaskClient, session: Session) -> None:
    ran(session, "send_packets", 60)
    session.commit()
    answer = client.get("/health/ready")
    told = {run.pop("name"): run for run in answer.json["jobs"]}
    run = told["send_packets"]
    assert set(run) == {"started_s_ago", "succeeded_s_ago", "failed_s_ago", "duration_ms", "failing", "late"}
    assert run["succeeded_s_ago"] in range(60, 90) and run["started_s_ago"] in range(90, 120)
    assert (run["failed_s_ago"], run["duration_ms"], run["failing"], run["late"]) == (None, None, True, False)
    assert "Bình" not in answer.text and "host" not in answer.text


def test_a_late_sweep_and_one_that_never_ran_are_told_and_the_web_goes_on(
    client: FlaskClient, session: Session
) -> None:
    ran(session, "send_packets", 121)
    ran(session, "forget_attempts", 3600)
    session.commit()
    answer = client.get("/health/ready")
    late = {run["name"]: run["late"] for run in answer.json["jobs"]}
    assert (late["send_packets"], late["apply_inbox"], late["forget_attempts"]) == (True, True, False)
    assert answer.status_code == 200


def test_wrong_books_are_told_without_saying_whose(client: FlaskClient, session: Session) -> None:
    unchecked = {"checked_s_ago": None, "duration_ms": None, "wrong": None}
    assert client.get("/health/ready").json["books"] == unchecked
    make.made_list(session, people=1)
    session.execute(text("UPDATE payout_batches SET people_count = 2"))
    session.commit()
    with pytest.raises(checking.BooksWrong), acting_as(SYSTEM):
        checking.sweep()
    answer = client.get("/health/ready")
    assert answer.status_code == 200
    told = answer.json["books"]
    assert (told["wrong"], set(told)) == (1, set(unchecked)) and told["checked_s_ago"] in range(30)
    assert "list_counts_people" not in answer.text


def test_nothing_of_the_inside_is_told(client: FlaskClient) -> None:
    for path in ("/health/live", "/health/ready"):
        answer = client.get(path)
        assert not {"Server", "X-Powered-By"} & set(answer.headers)
        for word in ("chitra_app", "postgres", "0001", "3.11", "5.3"):
            assert word not in answer.text


@pytest.fixture
def away(settings: config.Settings) -> Flask:
    """A program whose database is not there."""
    nowhere = "postgresql+psycopg://nobody@127.0.0.1:1/nothing?connect_timeout=1"
    made = create_app(settings, addresses=(nowhere, nowhere))
    made.test_client_class = Browser
    return made


def test_a_process_without_its_database_lives_and_is_not_ready(away: Flask) -> None:
    client = away.test_client()
    assert client.get("/health/live").json == {"status": "live"}
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json["checks"] == {"database": False, "migrations": False, "role": False}
    assert "127.0.0.1" not in answer.text


def test_a_cookie_is_not_looked_up_by_a_process_without_its_database(database: Flask, away: Flask) -> None:
    """A browser's cookie would ask the database who that is."""
    people.issue("xa.canbo", Role.CLERK, area=people.BA_DINH)
    cookie = people.sign_in(database, "xa.canbo").get_cookie("chitra")
    assert cookie is not None
    client = away.test_client()
    client.set_cookie("chitra", cookie.value)
    assert client.get("/health/live").status_code == 200


@pytest.fixture
def as_superuser(server: Any, settings: config.Settings, database: Flask) -> Iterator[FlaskClient]:
    """The same program, run on an address that passes row-level security."""
    uri = embedded.address(server, role="postgres").render_as_string(False)
    made = create_app(replace(settings), addresses=(uri, uri + "?application_name=other"))
    made.test_client_class = Browser
    with made.app_context():
        engine = db.engine
    yield made.test_client()
    engine.dispose()


def test_a_process_that_passes_row_level_security_is_not_ready(as_superuser: FlaskClient) -> None:
    answer = as_superuser.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json["checks"] == {"database": True, "migrations": True, "role": False}


@pytest.fixture
def owned(server: Any) -> Iterator[None]:
    """The role we run as owns a table, as after a migration by the wrong login."""
    uri = embedded.address(server, role="postgres").set(drivername="postgresql").render_as_string(False)
    with psycopg.connect(uri, autocommit=True) as admin:
        admin.execute("CREATE TABLE stray (id int)")
        admin.execute("ALTER TABLE stray OWNER TO chitra_app")
        try:
            yield
        finally:
            admin.execute("DROP TABLE stray")


def test_a_process_that_owns_a_table_is_not_ready(client: FlaskClient, owned: None) -> None:
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json["checks"]["role"]) == (503, False)


@pytest.fixture
def behind(addresses: tuple[str, str]) -> Iterator[None]:
    """The database is of a release before."""
    engine = create_engine(addresses[1])
    with engine.begin() as owner:
        head = owner.scalar(text("SELECT version_num FROM alembic_version"))
        owner.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    yield
    with engine.begin() as owner:
        owner.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": head})
    engine.dispose()


def test_a_process_before_its_migrations_is_not_ready(client: FlaskClient, behind: None) -> None:
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json["checks"]) == (503, {"database": True, "migrations": False, "role": True})


@pytest.fixture
def stuck(server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Somebody holds what readiness reads."""
    monkeypatch.setattr(health, "PATIENCE_MS", 200)
    uri = embedded.address(server, role="postgres").set(drivername="postgresql").render_as_string(False)
    with psycopg.connect(uri) as admin:
        admin.execute("LOCK TABLE job_runs IN ACCESS EXCLUSIVE MODE")
        yield
        admin.rollback()


def test_a_database_that_does_not_answer_in_time_is_not_ready(client: FlaskClient, stuck: None) -> None:
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert (answer.json["status"], answer.json["checks"]["database"]) == ("not_ready", False)


def test_health_takes_no_other_method(client: FlaskClient) -> None:
    for path in ("/health/live", "/health/ready"):
        assert client.post(path).status_code in (400, 405)
