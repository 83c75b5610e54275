"""Long work and the scheduler's jobs: started once, done by whoever claims it, progress seen, errors told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.errors import NotFound, RuleBroken
from app.extensions import acting_as, db, transaction
from app.jobs import running
from app.jobs.table import Job, connections, jobs
from app.jobs.work import KINDS
from app.rules.actors import SYSTEM, Actor, Role
from app.services import work
from app.services.work import Done, Progress
from tests import factories as make
from tests.accounts import people


@pytest.fixture
def clerk(database: Flask) -> Iterator[Actor]:
    people.issue("xa.lam", Role.CLERK, area=make.COMMUNE)
    with clock.at(date(2026, 11, 10)):
        yield people.actor("xa.lam")


def started(by: Actor, work_kind: str = "try", **params: Any) -> int:
    with acting_as(by), transaction() as session:
        return work.start(session, work_kind, params, by=by, title="Việc thử", once_key=f"{work_kind}:{params}").id


def item(key: int) -> Any:
    with acting_as(SYSTEM):
        db.session.rollback()
        return db.session.execute(text("SELECT * FROM work_items WHERE id = :id"), {"id": key}).one()


def test_work_is_done_as_who_started_it_and_tells_its_progress(clerk: Actor) -> None:
    seen = []

    def perform(params: dict[str, Any], by: Actor, progress: Progress) -> Done:
        progress(3, 10)
        seen.append((params, by, item(key).done_count, item(key).phase))
        return Done("Xong", {"n": 1}, "a.xlsx", "exports/a.xlsx")

    key = started(clerk, area=7)
    assert work.perform_next({"try": perform})
    assert seen == [({"area": 7}, clerk, 3, "running")]
    done = item(key)
    assert (done.phase, done.message, done.result, done.file_name) == ("done", "Xong", {"n": 1}, "a.xlsx")
    assert (done.done_count, done.total_count) == (10, 10)
    assert not work.perform_next({"try": perform})


def test_the_same_work_is_not_started_twice_while_unfinished(clerk: Actor) -> None:
    started(clerk)
    with pytest.raises(work.AlreadyStarted):
        started(clerk)
    work.perform_next({"try": lambda *_: Done("Xong")})
    started(clerk)


def test_a_refusal_ends_the_work_in_words(clerk: Actor) -> None:
    def refuse(*_: Any) -> Done:
        raise RuleBroken("Không được")

    key = started(clerk)
    work.perform_next({"try": refuse})
    assert (item(key).phase, item(key).message) == ("failed", "Không được")


def test_work_cut_off_is_taken_over_and_given_up_after_three_times(clerk: Actor) -> None:
    def die(*_: Any) -> Done:
        raise SystemExit

    key = started(clerk, locale="en")
    for _attempt in range(work.ATTEMPTS):
        with pytest.raises(SystemExit):
            work.perform_next({"try": die})
        assert not work.perform_next({"try": die})  # the lease still holds
        with acting_as(SYSTEM), transaction() as session:
            session.execute(text("UPDATE work_items SET lease_until = now() - interval '1 second'"))
    assert work.perform_next({"try": die})
    assert (item(key).phase, item(key).message) == (
        "failed", "Tried several times without getting done. Please tell an administrator.",
    )  # fmt: skip


def test_only_who_started_work_sees_it(clerk: Actor) -> None:
    key = started(clerk)
    with acting_as(clerk):
        assert work.mine(db.session(), key, by=clerk).title == "Việc thử"
    other = Actor("xa.khac", frozenset({Role.CLERK}), make.COMMUNE_PATH, user_id=clerk.user_id or 0 + 1)
    with acting_as(SYSTEM), pytest.raises(NotFound):
        work.mine(db.session(), key, by=Actor("x", other.roles, make.COMMUNE_PATH, user_id=-1))


def test_somebody_without_an_area_starts_nothing(session: Session) -> None:
    with pytest.raises(work.NoArea):
        work.start(session, "try", {}, by=Actor("x", frozenset(), None), title="", once_key="x")


def test_lists_are_made_approved_and_sent_as_long_work(clerk: Actor) -> None:
    with acting_as(SYSTEM), transaction() as session:
        make.agency(session)
        make.entitled(session)
        area_id = make.area(session).id
    started(clerk, "make_lists", area_id=area_id, month="2026-11-01", kind="monthly")
    again = started(clerk, "make_lists", area_id=area_id, month="2026-11-01", kind="monthly", again=1)
    assert work.perform_next(KINDS)
    assert work.perform_next(KINDS)
    assert item(again).phase == "failed"
    ids = [row.id for row in _rows("SELECT id FROM payout_batches")]
    people.issue("xa.duyet", Role.SUPERVISOR, area=make.COMMUNE)
    started(people.actor("xa.duyet"), "lock_lists", batch_ids=ids)
    assert work.perform_next(KINDS)
    started(clerk, "send_lists", batch_ids=ids)
    assert work.perform_next(KINDS)
    assert [row.state for row in _rows("SELECT state FROM payout_batches")] == ["sent"]
    assert [row.state for row in _rows("SELECT state FROM packets")] == ["queued"]


def test_a_province_in_part_says_what_was_left_out(clerk: Actor) -> None:
    with acting_as(SYSTEM), transaction() as session:
        make.made_list(session, people=1)
        make.entitled(session, commune=make.OTHER_COMMUNE)
        province = make.area(session, "01").id
    people.issue("tinh.lam", Role.CLERK, area="01")
    key = started(people.actor("tinh.lam"), "make_lists", area_id=province, month="2026-11-01", kind="monthly")
    assert work.perform_next(KINDS)
    assert [one["area"] for one in item(key).result["left_out"]] == ["Phường Ba Đình"]


def _rows(sql: str) -> list[Any]:
    with acting_as(SYSTEM):
        db.session.rollback()
        return list(db.session.execute(text(sql)))


def test_a_job_runs_every_due_step_and_leaves_a_row(database: Flask) -> None:
    left = [True, True, False]
    assert running.run(database, Job("try", 1, lambda: left.pop(0)), owner="me") == 2
    row = _rows("SELECT owner, error, run_count, succeeded_at IS NOT NULL AS ok FROM job_runs WHERE name = 'try'")[0]
    assert tuple(row) == ("me", None, 1, True)


def test_a_job_that_fails_is_recorded_and_the_next_run_goes_on(database: Flask) -> None:
    def fail() -> bool:
        raise ValueError("hỏng")

    assert running.run(database, Job("try", 1, fail), owner="me") == 0
    assert _rows("SELECT error FROM job_runs")[0].error == "ValueError: hỏng"
    running.run(database, Job("try", 1, lambda: False), owner="me")
    assert _rows("SELECT error, run_count FROM job_runs")[0] == (None, 2)


def test_every_job_of_the_table_runs_on_an_empty_program(database: Flask) -> None:
    assert running.once(database) == 0
    assert {row.name for row in _rows("SELECT name FROM job_runs WHERE error IS NULL")} == {
        job.name for job in jobs(database.config["CHITRA"])
    }


def test_an_agency_is_reached_at_its_address_as_ourselves(database: Flask) -> None:
    there = connections(database.config["CHITRA"])("vnpost", "http://127.0.0.1:9").endpoint
    assert (there.base_url, there.sender_id, there.receiver_id) == ("http://127.0.0.1:9", "chitra", "vnpost")
    assert there.callback_url.endswith("/agency")
