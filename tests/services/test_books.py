"""Checking the books: by everybody all of them, kept for the pages, seen by the job and by the command."""

from __future__ import annotations

import logging
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.extensions import acting_as
from app.jobs.running import run
from app.jobs.table import jobs
from app.rules.actors import Actor, Role
from app.services import attention
from app.services.books import checking
from app.services.books.checking import Wrong
from tests import factories as make

WARD_PATH = "VN/01/00008/"


@pytest.fixture(autouse=True)
def mid_november() -> Any:
    with clock.at(date(2026, 11, 10)):
        yield


@pytest.fixture
def checked_books() -> None:
    """Here books are broken, and checked, by the tests themselves."""


@pytest.fixture
def wrong_list(session: Session) -> int:
    """A list that says it has one person more than it has; committed."""
    batch_id = make.made_list(session, people=2)
    session.execute(text("UPDATE payout_batches SET people_count = 3"))
    session.commit()
    return batch_id


def sweep() -> str:
    with pytest.raises(checking.BooksWrong) as error:
        checking.sweep()
    return str(error.value)


def test_whoever_asks_all_areas_are_checked_and_the_asker_sees_no_more_than_before(
    session: Session, wrong_list: int
) -> None:
    elsewhere = Actor("xa.khac", frozenset({Role.CLERK}), WARD_PATH)
    with acting_as(elsewhere):
        found = checking.check(session)
        assert found == [Wrong(checking.NAMED["list_counts_people"], make.COMMUNE_PATH, 1, [wrong_list])]
        assert session.execute(text("SELECT count(*) FROM payout_batches")).scalar_one() == 0


def test_good_books_leave_a_check_without_findings(session: Session) -> None:
    make.locked_list(session)
    session.commit()
    assert checking.last(session) is None and checking.last_found(session) == []
    assert checking.sweep() is False
    last = checking.last(session)
    assert last is not None and last.wrong == 0 and last.duration_ms >= 0
    assert timedelta() <= clock.now() - last.at < timedelta(minutes=1)
    assert checking.last_found(session) == []


def test_wrong_books_are_kept_and_said_loudly(
    session: Session, wrong_list: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        assert sweep() == "list_counts_people"
    assert [record.message for record in caplog.records] == ["books_wrong"]
    last = checking.last(session)
    assert last is not None and last.wrong == 1
    kept = [Wrong(checking.NAMED["list_counts_people"], make.COMMUNE_PATH, 1, [wrong_list])]
    assert checking.last_found(session) == kept
    with acting_as(Actor("xa.khac", frozenset({Role.AUDITOR}), WARD_PATH)):
        assert checking.last_found(session) == []


def test_a_check_that_is_no_longer_made_is_not_shown(session: Session, wrong_list: int) -> None:
    sweep()
    session.execute(
        text(
            "INSERT INTO book_findings (check_id, name, area_path, row_count, ids)"
            " SELECT max(id), 'of_an_older_release', 'VN/', 1, '{1}' FROM book_checks"
        )
    )
    assert [wrong.check.name for wrong in checking.last_found(session)] == ["list_counts_people"]


def test_checks_older_than_a_month_are_forgotten_with_what_they_found(session: Session, wrong_list: int) -> None:
    sweep()
    session.execute(text("UPDATE payout_batches SET people_count = 2"))
    session.commit()
    with clock.at(clock.today() + timedelta(days=32)):
        checking.sweep()
    for table, rows in (("book_checks", 1), ("book_findings", 0)):
        assert session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == rows


def test_the_workbench_counts_what_is_wrong_below_it(session: Session, wrong_list: int) -> None:
    sweep()

    def counted(path: str) -> list[tuple[str, int]]:
        return [(one.kind.name, one.count) for one in attention.items(session, path, make.NOVEMBER)]

    assert counted("VN/01/") == counted(make.COMMUNE_PATH) == [("books", 1)]
    assert counted(WARD_PATH) == []
    session.execute(text("UPDATE payout_batches SET people_count = 2"))
    session.commit()
    checking.sweep()
    assert counted("VN/01/") == []


def test_the_job_of_wrong_books_is_seen_to_fail_until_they_are_right(
    session: Session, app: Flask, wrong_list: int
) -> None:
    job = next(job for job in jobs(app.config["CHITRA"]) if job.name == "check_books")
    assert job.every_s <= 600 and job.late_after_s <= 900
    run(app, job, owner="test")
    run_row = text("SELECT error, succeeded_at IS NOT NULL FROM job_runs WHERE name = 'check_books'")
    assert tuple(session.execute(run_row).one()) == ("BooksWrong: list_counts_people", False)
    session.execute(text("UPDATE payout_batches SET people_count = 2"))
    session.commit()
    run(app, job, owner="test")
    assert tuple(session.execute(run_row).one()) == (None, True)


def test_the_command_says_every_sentence_and_ends_with_1_when_one_is_broken(session: Session, app: Flask) -> None:
    batch_id = make.made_list(session, people=2)
    session.commit()
    good = app.test_cli_runner().invoke(args=["check-books"])
    assert good.exit_code == 0 and good.output.count("đúng") >= len(checking.CHECKS)
    session.execute(text("UPDATE payout_batches SET people_count = 3"))
    session.commit()
    bad = app.test_cli_runner().invoke(args=["check-books"])
    assert bad.exit_code == 1
    assert "SAI  P2  list_counts_people" in bad.output
    assert f"list_counts_people: 1 × payout_batches ({make.COMMUNE_PATH}): {batch_id}" in bad.output


def test_every_check_has_a_name_a_sentence_and_a_promise_of_its_own() -> None:
    assert len(checking.NAMED) == len(checking.CHECKS)
    assert len({check.words for check in checking.CHECKS}) == len(checking.CHECKS)
    assert {check.promise for check in checking.CHECKS} >= {"P1", "P2", "P3", "P4", "P5", "P6", "P13"}
