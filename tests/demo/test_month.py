"""One month of the demo's commune, played without a browser: every figure of its summary ties out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.demo import running
from app.demo.counterpart import Undelivered
from app.demo.history import play_history
from app.demo.load import POST, LoadedDemo
from app.demo.month import MonthUnderWay, run_month
from app.demo.places import DEMO_COMMUNE
from app.demo.running import RemoteDesk, Running
from app.extensions import transaction
from app.rules.actors import SYSTEM
from app.services import packets
from app.services.batches import approval
from app.services.batches.making import ListRequest, NobodyEligible, make_lists
from config import Settings
from tests import factories as make


def value(session: Session, sql: str, **facts: Any) -> Any:
    session.rollback()
    return session.execute(text(sql), facts).scalar_one()


def ties_out(summary: dict[str, Any]) -> bool:
    outcomes = [summary["settlement"][name] for name in ("paid", "unpaid", "recover")]
    return (
        sum(outcome["people"] for outcome in outcomes) == summary["batch"]["lines"]
        and sum(outcome["vnd"] for outcome in outcomes) == summary["batch"]["total_vnd"]
        and summary["carried_over"] == summary["settlement"]["unpaid"]
    )


@pytest.mark.usefixtures("checked_books")
def test_the_month_is_settled_and_ties_out(session: Session, app: Flask, office: Settings) -> None:
    summary = run_month(app)
    assert set(summary) == {"batch", "packet", "settlement", "carried_over"}
    assert ties_out(summary), summary
    assert summary["packet"] == {"code": f"CT-202611-{DEMO_COMMUNE}-M-V2", "version": 2, "state": "settled"}
    assert summary["settlement"]["state"] == "locked"
    assert summary["settlement"]["unpaid"]["people"] >= 2
    assert summary["settlement"]["recover"]["people"] >= 1


def test_version_one_came_back_and_one_extension_was_granted(session: Session, app: Flask, office: Settings) -> None:
    run_month(app)
    states = session.execute(text("SELECT code, state FROM packets WHERE code LIKE '%-M-V%' ORDER BY code")).all()
    assert [row.state for row in states] == ["rejected", "settled"]
    assert value(session, "SELECT string_agg(state, ',') FROM deadline_extensions") == "granted"
    assert value(session, "SELECT count(*) FROM settlements WHERE state <> 'locked'") == 0
    assert value(session, "SELECT state FROM area_periods a JOIN periods p ON p.id = a.period_id"
                          " WHERE p.month = DATE '2026-11-01'") == "closed"  # fmt: skip


def test_people_blocked_by_the_checks_are_held_out_with_the_reason(
    session: Session, app: Flask, office: Settings
) -> None:
    run_month(app)
    held = session.execute(text("SELECT DISTINCT excluded_reason, excluded_by FROM payout_lines WHERE NOT live")).all()
    assert {row.excluded_by for row in held} == {"xa.canbo"}
    assert all(row.excluded_reason for row in held)


def test_next_month_s_draft_carries_what_was_not_paid(session: Session, app: Flask, office: Settings) -> None:
    summary = run_month(app)
    carried = value(
        session,
        "SELECT b.carried_vnd FROM payout_batches b JOIN periods p ON p.id = b.period_id"
        " WHERE b.kind = 'monthly' AND b.state = 'draft' AND p.month = :month",
        month=date(2026, 12, 1),
    )
    assert carried == summary["carried_over"]["vnd"] > 0


@pytest.mark.usefixtures("checked_books")
def test_after_past_months_it_pays_what_they_left_and_can_be_played_again(
    session: Session, app: Flask, loaded: LoadedDemo, office: Settings
) -> None:
    play_history(session, loaded, months=1)
    first = run_month(app)
    assert ties_out(first)
    assert value(session, "SELECT sum(arrears_vnd) FROM payout_batches WHERE state = 'settled'") > 0
    second = run_month(app)
    assert ties_out(second)
    assert second["packet"]["code"] == f"CT-202612-{DEMO_COMMUNE}-M-V2"


def test_a_month_somebody_is_working_on_is_left_alone(session: Session, app: Flask, office: Settings) -> None:
    request = ListRequest(make.area(session, DEMO_COMMUNE).id, date(2026, 11, 1), "social_pension")
    with transaction() as open_session:
        batch_ids = make_lists(open_session, request, by=SYSTEM).batch_ids
        open_session.execute(
            text("UPDATE payout_lines SET live = false, excluded_reason = 'x' WHERE id IN (SELECT line_id"
                 " FROM batch_findings WHERE severity = 'blocking')")
        )  # fmt: skip
        approval.lock_many(open_session, batch_ids, by=make.SUPERVISOR)
    with pytest.raises(MonthUnderWay, match="P"):
        run_month(app)


def test_a_packet_that_waits_for_the_real_post_office_is_not_taken(
    session: Session, app: Flask, office: Settings
) -> None:
    with transaction() as open_session:
        batch_id = make.locked_list(open_session, people=2, month=date(2026, 11, 1))
        packets.queue(open_session, batch_id, by=make.CLERK)
    with pytest.raises(MonthUnderWay):
        run_month(app)
    assert value(session, "SELECT string_agg(state, ',') FROM packets") == "queued"


def test_without_anybody_entitled_there_is_no_month_to_play(session: Session, app: Flask, office: Settings) -> None:
    session.execute(text("UPDATE entitlements SET status = 'ended'"))
    session.commit()
    with pytest.raises(NobodyEligible):
        run_month(app)


def test_a_running_demo_plays_the_month_over_http(session: Session, app: Flask, demo_running: Settings) -> None:
    summary = run_month(app)
    assert ties_out(summary)
    assert summary["packet"]["version"] == 2
    assert value(session, "SELECT count(*) FROM inbox WHERE outcome = 'applied'") >= 6


def test_another_home_s_sandbox_is_not_taken_for_ours(app: Flask, demo_running: Settings) -> None:
    assert Running.found(demo_running) is not None
    (demo_running.home / "sandbox" / "control.token").write_text("of-another-home\n")
    assert Running.found(demo_running) is None
    assert Running.found(replace(demo_running, home=demo_running.home / "elsewhere")) is None


def test_the_post_office_s_no_is_said(demo_running: Settings) -> None:
    desk = Running.found(demo_running)
    assert desk is not None
    with pytest.raises(Undelivered, match="409"):
        desk.desk(POST).accept("CT-202611-00000-M-V1")


def test_patience_with_a_running_demo_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "CARRIED_WITHIN_S", 0.0)
    monkeypatch.setattr(running, "PAUSE_S", 0.01)
    with (
        Running(RemoteDesk("http://127.0.0.1:9", "t")) as beside,
        pytest.raises(Undelivered, match="the packet arrives"),
    ):
        beside.wait("the packet arrives", lambda: False)
